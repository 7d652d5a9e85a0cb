#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "bourse/program/call_task.h"
#include "bourse/program/channel.h"
#include "bourse/program/endpoint.h"
#include "bourse/program/frame_socket.h"
#include "bourse/program/reactor.h"

namespace bourse::program {

class NodeHost;

/// Answers the calls of other processes. One for each process of a program; the frames say which
/// node is called.
class Server {
 public:
  using FindHost = std::function<NodeHost*(std::uint32_t node)>;
  struct Options {
    Agreement agreement;
    std::uint32_t incarnation = 0;
  };

  Server(Reactor& reactor, ListeningSocket listening, Options options, FindHost find_host);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] const Address& address() const;
  /// Takes no more connections and no more calls; answers still go out.
  void refuse();
  /// Waits until every answer has been taken by the system; false if `until` has passed first.
  bool drain(Deadline until);
  /// Ends all connections.
  void close();

 private:
  class Connection;
  class Acceptor;
  struct Shared;

  static void show_life_later(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;  ///< Owned by us and by connections that are still in use.
};

/// While it lives, answers of this thread's handlers wait for each other if the next handler is
/// likely to be quick; they go out together. See NodeHost::work().
class ReplyCork {
 public:
  ReplyCork();
  ~ReplyCork();
  ReplyCork(const ReplyCork&) = delete;
  ReplyCork& operator=(const ReplyCork&) = delete;

  /// Says, before a handler begins, whether another is to follow at once.
  static void expect_more(bool more);

 private:
  ReplyCork* outer_;
};

}  // namespace bourse::program
