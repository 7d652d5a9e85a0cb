#include "bourse/world/simulated_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/base/text.h"
#include "bourse/world/simulated_connection.h"
#include "bourse/world/system_error.h"

namespace bourse {
namespace {

constexpr Seconds kNoAnswer{5};

std::pair<std::string, std::string> ordered(const std::string& one, const std::string& other) {
  return {std::min(one, other), std::max(one, other)};
}

bool is_own_name(const std::string& host) {
  return host == "localhost" || host == "127.0.0.1" || host == "::1";
}

Error refused(const Address& address) {
  Error error = system_error("connect to", address.text, ECONNREFUSED);
  error.code = ErrorCode::unavailable;
  return error;
}

Error reset(const SimulatedLink& link) {
  Error error = system_error("keep the connection to", link.name, ECONNRESET);
  error.code = ErrorCode::unavailable;
  return error;
}

}  // namespace

SimulatedNetworkHub::SimulatedNetworkHub(SimulatedSchedule& schedule,
                                         const SimulatedWorldOptions& options)
    : schedule_(schedule), options_(options), random_(options.seed, Purpose::network) {}

Seconds SimulatedNetworkHub::delay() {
  return Seconds(random_.uniform(options_.delay_min.value, options_.delay_max.value));
}

bool SimulatedNetworkHub::is_cut(const std::string& one, const std::string& other) const {
  return partitions_.contains(ordered(one, other));
}

std::string SimulatedNetworkHub::key_of(const NetworkUser& user, const AddressParts& parts) const {
  if (parts.is_unix) return fmt::format("{} {}", user.host, parts.path);
  const bool is_ours = is_own_name(parts.host) || parts.host == "0.0.0.0" || parts.host == "::";
  return fmt::format("{} {}", is_ours ? user.host : parts.host, parts.port);
}

std::uint16_t SimulatedNetworkHub::free_port(const std::string& host) {
  constexpr std::uint16_t kFirst = 40'000;
  std::uint16_t& port = last_port_[host];
  do {
    port = port < kFirst ? kFirst : static_cast<std::uint16_t>(port + 1);
  } while (listeners_.contains(fmt::format("{} {}", host, port)));
  return port;
}

Result<std::unique_ptr<Listener>> SimulatedNetworkHub::listen(
    const NetworkUser& user, const Address& address,
    std::function<void(std::unique_ptr<Connection>)> on_accept) {
  BOURSE_TRY(AddressParts parts, parse_address(address));
  if (!*user.life)
    return fail(ErrorCode::unavailable, fmt::format("cannot listen at '{}': this process is dead",
                                                    quotable(address.text, 200)));
  if (!parts.is_unix && !is_own_name(parts.host) && parts.host != "0.0.0.0" && parts.host != "::" &&
      parts.host != user.host)
    return system_failure("listen at", address.text, EADDRNOTAVAIL);
  if (!parts.is_unix && parts.port == 0) parts.port = free_port(user.host);
  const std::string key = key_of(user, parts);
  if (listeners_.contains(key)) return system_failure("listen at", address.text, EADDRINUSE);
  if (parts.is_unix) {
    if (user.disk->is_special(parts.path)) {
      BOURSE_TRY_VOID(user.disk->remove(parts.path));
    }
    BOURSE_TRY_VOID(user.disk->make_special(parts.path));
  }
  return std::make_unique<SimulatedListener>(
      *this, user, key, parts.is_unix ? address : tcp_address(parts.host, parts.port), parts.path,
      std::move(on_accept));
}

void SimulatedNetworkHub::connect(const NetworkUser& user, const Address& address,
                                  const Callback& on_result) {
  if (!*user.life) return;
  const Seconds now = schedule_.now();
  const Result<AddressParts> parts = parse_address(address);
  if (!parts || (!parts->is_unix && parts->port == 0)) {
    const Error error =
        parts ? Error{ErrorCode::invalid_argument,
                      fmt::format("cannot connect to '{}': port 0 is none to connect to",
                                  quotable(address.text, 200))}
              : parts.error();
    schedule_.at(now, user.life, [error, on_result] { on_result(tl::unexpected<Error>(error)); });
    return;
  }
  schedule_.at(now + delay(), user.life, [=, this, parts = *parts] {
    arrive_at_listener(user, address, parts, now + kNoAnswer, on_result);
  });
}

void SimulatedNetworkHub::arrive_at_listener(const NetworkUser& user, const Address& address,
                                             const AddressParts& parts, Seconds deadline,
                                             const Callback& on_result) {
  const std::string host = parts.is_unix || is_own_name(parts.host) ? user.host : parts.host;
  if (is_cut(user.host, host) || !up_.contains(host)) {
    const Error error{ErrorCode::deadline_exceeded,
                      fmt::format("cannot connect to '{}': no answer within {} s",
                                  quotable(address.text, 200), kNoAnswer.value)};
    schedule_.at(deadline, user.life,
                 [error, on_result] { on_result(tl::unexpected<Error>(error)); });
    return;
  }
  const auto entry = listeners_.find(key_of(user, parts));
  if (entry == listeners_.end()) {
    schedule_.at(schedule_.now() + delay(), user.life, [error = refused(address), on_result] {
      on_result(tl::unexpected<Error>(error));
    });
    return;
  }
  accept(user, address, *entry->second, on_result);
}

void SimulatedNetworkHub::accept(const NetworkUser& client, const Address& address,
                                 SimulatedListener& listener, const Callback& on_result) {
  const auto link = std::make_shared<SimulatedLink>();
  link->name = address.text;
  link->is_unix = address.text.starts_with("unix:");
  link->ends[0].user = client;
  link->ends[1].user = listener.user();
  std::erase_if(links_, [](const auto& other) { return other.expired(); });
  links_.push_back(link);
  // Nothing that the server sends arrives before the client has its connection.
  const Seconds connected = schedule_.now() + delay();
  link->ends[0].last_arrival = connected;
  schedule_.at(connected, client.life, [this, link, on_result] {
    on_result(std::make_unique<SimulatedConnection>(*this, link, 0));
  });
  listener.accept(std::make_unique<SimulatedConnection>(*this, link, 1));
}

void SimulatedNetworkHub::send(const LinkPointer& link, int from, std::string_view bytes) {
  SimulatedLink::End& target = link->ends[1 - from];
  if (link->ends[from].is_closed || target.is_closed) return;
  while (!bytes.empty()) {
    const auto largest = std::min<std::uint64_t>(bytes.size(), options_.piece_max);
    const auto smallest = std::min<std::uint64_t>(largest, options_.piece_min);
    const auto size = static_cast<std::size_t>(
        random_.integer(static_cast<std::int64_t>(smallest), static_cast<std::int64_t>(largest)));
    target.arriving.emplace_back(bytes.substr(0, size));
    target.arriving_size += size;
    bytes.remove_prefix(size);
    // Pieces of one message follow each other closely.
    target.last_arrival = std::max(target.last_arrival, schedule_.now() + delay());
    schedule_arrival(link, 1 - from, target.last_arrival);
  }
}

void SimulatedNetworkHub::schedule_arrival(const LinkPointer& link, int end, Seconds when) {
  schedule_.at(when, [this, link, end] { arrive(link, end); });
}

void SimulatedNetworkHub::arrive(const LinkPointer& link, int end) {
  SimulatedLink::End& target = link->ends[end];
  if (target.is_closed) return;
  if (is_cut(target.user.host, link->ends[1 - end].user.host)) {
    ++target.held;
    return;
  }
  if (target.arriving.empty()) {
    if (target.closing) tell_closed(link, end, *target.closing);
    return;
  }
  const std::string piece = std::move(target.arriving.front());
  target.arriving.pop_front();
  target.arriving_size -= piece.size();
  if (options_.cut_probability > 0 && random_.uniform() < options_.cut_probability)
    return cut(link);
  if (target.connection && *target.user.life) target.connection->receive(piece);
}

void SimulatedNetworkHub::tell_closed(const LinkPointer& link, int end, const Error& error) {
  SimulatedLink::End& target = link->ends[end];
  if (target.is_closed) return;
  target.is_closed = true;
  target.arriving.clear();
  target.arriving_size = 0;
  if (target.connection && *target.user.life) target.connection->closed(error);
}

void SimulatedNetworkHub::close(const LinkPointer& link, int from, Seconds more_delay) {
  SimulatedLink::End& target = link->ends[1 - from];
  if (std::exchange(link->ends[from].is_closed, true)) return;
  link->ends[from].arriving.clear();
  link->ends[from].arriving_size = 0;
  if (target.is_closed || target.closing) return;
  target.closing = Error{ErrorCode::unavailable,
                         fmt::format("'{}' closed the connection", quotable(link->name, 200))};
  target.last_arrival = std::max(target.last_arrival, schedule_.now() + delay() + more_delay);
  schedule_arrival(link, 1 - from, target.last_arrival);
}

void SimulatedNetworkHub::cut(const LinkPointer& link) {
  for (const int index : {0, 1}) {
    SimulatedLink::End& end = link->ends[index];
    end.arriving.clear();
    end.arriving_size = 0;
    const Seconds when = std::max(end.last_arrival, schedule_.now() + delay());
    schedule_.at(when, [this, link, index] { tell_closed(link, index, reset(*link)); });
  }
}

std::vector<SimulatedNetworkHub::LinkPointer> SimulatedNetworkHub::links() {
  std::vector<LinkPointer> living;
  for (const std::weak_ptr<SimulatedLink>& link : links_)
    if (LinkPointer pointer = link.lock()) living.push_back(std::move(pointer));
  return living;
}

void SimulatedNetworkHub::set_up(const std::string& host, bool is_up) {
  if (is_up)
    up_.insert(host);
  else
    up_.erase(host);
}

void SimulatedNetworkHub::partition(const std::string& one, const std::string& other,
                                    bool is_cut_now) {
  BOURSE_CHECK(one != other);
  if (is_cut_now) {
    partitions_.insert(ordered(one, other));
    return;
  }
  partitions_.erase(ordered(one, other));
  for (const LinkPointer& link : links()) {
    for (const int end : {0, 1}) {
      SimulatedLink::End& target = link->ends[end];
      if (ordered(target.user.host, link->ends[1 - end].user.host) != ordered(one, other)) continue;
      // What was held comes now, before what is still on its way.
      for (; target.held > 0; --target.held) {
        target.last_arrival = std::max(target.last_arrival, schedule_.now() + delay());
        schedule_arrival(link, end, target.last_arrival);
      }
    }
  }
}

void SimulatedNetworkHub::cut_connections(const std::string& one, const std::string& other) {
  for (const LinkPointer& link : links())
    if (ordered(link->ends[0].user.host, link->ends[1].user.host) == ordered(one, other)) cut(link);
}

void SimulatedNetworkHub::process_died(const Life& life, bool is_silent) {
  std::erase_if(listeners_, [&](const auto& entry) { return entry.second->user().life == life; });
  for (const LinkPointer& link : links())
    for (const int end : {0, 1})
      if (link->ends[end].user.life == life)
        close(link, end, Seconds(is_silent ? random_.uniform() * options_.silence_max.value : 0));
}

}  // namespace bourse
