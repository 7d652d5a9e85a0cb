#include "bourse/training/ring_lead.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

#include "bourse/world/descriptor.h"
#include "bourse/world/real_files.h"

namespace bourse::training {

nlohmann::json read_members(const std::string& members_file) {
  RealFiles files;
  const Result<std::string> text = files.read(members_file);
  if (!text) return nlohmann::json::object();
  nlohmann::json json = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  return json.is_object() ? json : nlohmann::json::object();
}

std::optional<RingLead> read_lead(const std::string& members_file, const std::string& task) {
  const nlohmann::json json = read_members(members_file);
  if (!json.contains("members") || !json["members"].is_array()) return std::nullopt;
  try {
    RingLead lead{.leader = {},
                  .address = fmt::format("tcp:{}:{}", json.at("master_address").get<std::string>(),
                                         json.at("master_port").get<int>())};
    for (const nlohmann::json& member : json["members"]) {
      if (member.at("role") != "worker") continue;
      const auto rank = member.at("rank").get<std::size_t>();
      const auto name = member.at("task").get<std::string>();
      if (rank == 0) lead.leader = name;
      if (name != task) continue;
      lead.is_listed = true;
      lead.rank = rank;
    }
    if (lead.leader.empty()) return std::nullopt;
    return lead;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

Result<std::string> local_host_towards(const std::string& address) {
  const std::string_view rest = std::string_view(address).substr(address.find(':') + 1);
  const std::size_t colon = rest.rfind(':');
  std::string host(rest.substr(0, colon));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string port(colon == std::string_view::npos ? "" : rest.substr(colon + 1));
  const auto fault = [&](std::string_view why) {
    return fail(ErrorCode::unavailable, fmt::format("no way to '{}': {}", address, why));
  };
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0)
    return fault(gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> kept(found, freeaddrinfo);
  // Connecting a datagram socket sends nothing; it chooses the way.
  const Descriptor socket(::socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  if (!socket.is_open() || connect(socket.number(), found->ai_addr, found->ai_addrlen) != 0 ||
      getsockname(socket.number(), reinterpret_cast<sockaddr*>(&own), &size) != 0)
    return fault("there is no route");
  std::array<char, NI_MAXHOST> text{};
  if (getnameinfo(reinterpret_cast<const sockaddr*>(&own), size, text.data(), text.size(), nullptr,
                  0, NI_NUMERICHOST) != 0)
    return fault("the local address has no name");
  const std::string name(text.data());
  return name.find(':') == std::string::npos ? name : "[" + name + "]";
}

}  // namespace bourse::training
