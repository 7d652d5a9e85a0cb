#pragma once

#include <string>
#include <string_view>

#include "bourse/base/error.h"
#include "bourse/program/deadline.h"
#include "bourse/world/descriptor.h"
#include "bourse/world/network.h"

namespace bourse::program {

/// A socket that listens, and the address that others reach it at.
struct ListeningSocket {
  Descriptor socket;
  Address address;
};

/// Listens at "unix:/path" or "tcp:host:port"; port 0 takes one that is free, so that nobody can
/// take it in between. With host "*" every address of the machine, IPv4 and IPv6, is listened at,
/// and `address` names the machine by its host name. Errors: as Network::listen.
[[nodiscard]] Result<ListeningSocket> listen_at(const Address& address);

/// Connects, waiting no longer than `until`; the socket blocks. Errors: unavailable,
/// deadline_exceeded, invalid_argument.
[[nodiscard]] Result<Descriptor> connect_to(const Address& address, Deadline until);

/// Small messages go out at once; on a link within the machine or a private network, where nothing
/// is to be learned from delays, TCP uses `kLocalCongestion` in the place of a default that paces
/// itself (bbr runs at a third of the speed there). Nothing for unix sockets.
void tune(int socket);

/// The address of this end of a connection by TCP, without the port; empty for others.
[[nodiscard]] std::string host_of_this_end(int socket);

/// What TCP uses where links are short and lossless.
inline constexpr std::string_view kLocalCongestion = "cubic";

/// What the socket uses, e.g. "cubic"; empty for one that is no TCP.
[[nodiscard]] std::string congestion_of(int socket);

}  // namespace bourse::program
