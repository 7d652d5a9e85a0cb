#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/bourse/server_address.h"
#include "bourse/base/error.h"

namespace bourse {

/// Asks a daemon. Errors of all requests: unavailable if no daemon answers (one sentence that says
/// how to start one); else the error that the daemon stated.
class DaemonClient {
 public:
  explicit DaemonClient(ServerAddress address);
  DaemonClient(const DaemonClient&) = delete;
  DaemonClient& operator=(const DaemonClient&) = delete;
  ~DaemonClient();

  /// Parameters of a query; written in this order.
  using Query = std::vector<std::pair<std::string, std::string>>;

  [[nodiscard]] Result<std::string> get(const std::string& path, const Query& query = {});
  [[nodiscard]] Result<std::string> post(const std::string& path, const Query& query = {},
                                         const std::string& json = {});
  [[nodiscard]] Result<std::string> remove(const std::string& path);
  /// Hands over what comes until the daemon ends it or `take` returns false.
  [[nodiscard]] Result<void> stream(const std::string& path, const Query& query,
                                    const std::function<bool(std::string_view)>& take);
  /// Ends a stream of another thread.
  void stop();

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

/// The part of a path for this name: what is special in URLs is escaped.
[[nodiscard]] std::string url_part(std::string_view name);

/// Splits server-sent events into the data of each.
class EventLines {
 public:
  /// Takes a piece of the stream; calls `event` with the data of each event that is complete.
  void take(std::string_view piece, const std::function<void(const std::string&)>& event);

 private:
  std::string line_;
  std::string data_;
};

}  // namespace bourse
