#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bourse/base/random.h"
#include "bourse/world/address.h"
#include "bourse/world/network.h"
#include "bourse/world/simulated_disk.h"
#include "bourse/world/simulated_schedule.h"
#include "bourse/world/simulation_options.h"

namespace bourse {

class SimulatedConnection;
class SimulatedListener;

/// Who uses the network: a process on a host.
struct NetworkUser {
  std::string host;
  Life life;
  SimulatedDisk* disk = nullptr;  ///< Where its unix sockets are.
};

/// A stream between two ends. Owned by both connections and by the events on their way.
struct SimulatedLink {
  struct End {
    NetworkUser user;
    SimulatedConnection* connection = nullptr;  ///< Null before it is made and once it is gone.
    std::deque<std::string> arriving;           ///< Pieces on their way to this end.
    std::size_t arriving_size = 0;
    Seconds last_arrival{0};       ///< Nothing overtakes it.
    std::optional<Error> closing;  ///< Comes after the pieces.
    std::size_t held = 0;          ///< Arrivals that a partition holds up.
    bool is_closed = false;        ///< The end has closed it or has been told.
  };
  std::string name;  ///< Where the server listens, for messages.
  bool is_unix = false;
  End ends[2];  ///< Client, server.
};

/// The network of all simulated hosts. Bytes come late, in pieces and in order; connections break
/// by chance; hosts can be cut off from each other: nothing arrives then, and connecting times out,
/// until the partition heals. A dead process's connections close; a crashed host's fall silent.
class SimulatedNetworkHub {
 public:
  SimulatedNetworkHub(SimulatedSchedule& schedule, const SimulatedWorldOptions& options);

  [[nodiscard]] Result<std::unique_ptr<Listener>> listen(
      const NetworkUser& user, const Address& address,
      std::function<void(std::unique_ptr<Connection>)> on_accept);
  void connect(const NetworkUser& user, const Address& address,
               const std::function<void(Result<std::unique_ptr<Connection>>)>& on_result);

  void set_up(const std::string& host, bool is_up);
  /// Hosts are cut off from each other, or no more.
  void partition(const std::string& one, const std::string& other, bool is_cut);
  /// Breaks every connection between them.
  void cut_connections(const std::string& one, const std::string& other);
  /// Closes what belongs to a process that has died. `is_silent`: peers hear of it much later.
  void process_died(const Life& life, bool is_silent);

 private:
  friend class SimulatedConnection;
  friend class SimulatedListener;
  using Callback = std::function<void(Result<std::unique_ptr<Connection>>)>;
  using LinkPointer = std::shared_ptr<SimulatedLink>;

  [[nodiscard]] Seconds delay();
  [[nodiscard]] bool is_cut(const std::string& one, const std::string& other) const;
  [[nodiscard]] std::string key_of(const NetworkUser& user, const AddressParts& parts) const;
  [[nodiscard]] std::uint16_t free_port(const std::string& host);
  void arrive_at_listener(const NetworkUser& user, const Address& address,
                          const AddressParts& parts, Seconds deadline, const Callback& on_result);
  void accept(const NetworkUser& client, const Address& address, SimulatedListener& listener,
              const Callback& on_result);
  void send(const LinkPointer& link, int from, std::string_view bytes);
  void schedule_arrival(const LinkPointer& link, int end, Seconds when);
  void arrive(const LinkPointer& link, int end);
  void close(const LinkPointer& link, int from, Seconds more_delay);
  void cut(const LinkPointer& link);
  void tell_closed(const LinkPointer& link, int end, const Error& error);
  [[nodiscard]] std::vector<LinkPointer> links();

  SimulatedSchedule& schedule_;
  const SimulatedWorldOptions& options_;
  RandomStream random_;
  std::map<std::string, SimulatedListener*> listeners_;
  std::vector<std::weak_ptr<SimulatedLink>> links_;
  std::set<std::pair<std::string, std::string>> partitions_;
  std::set<std::string> up_;
  std::map<std::string, std::uint16_t> last_port_;
};

/// The network as one simulated process sees it.
class SimulatedNetwork final : public Network {
 public:
  SimulatedNetwork(SimulatedNetworkHub& hub, NetworkUser user)
      : hub_(hub), user_(std::move(user)) {}

  [[nodiscard]] Result<std::unique_ptr<Listener>> listen(
      const Address& address, std::function<void(std::unique_ptr<Connection>)> on_accept) override {
    return hub_.listen(user_, address, std::move(on_accept));
  }
  void connect(const Address& address,
               std::function<void(Result<std::unique_ptr<Connection>>)> on_result) override {
    hub_.connect(user_, address, on_result);
  }

 private:
  SimulatedNetworkHub& hub_;
  NetworkUser user_;
};

}  // namespace bourse
