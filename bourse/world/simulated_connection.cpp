#include "bourse/world/simulated_connection.h"

#include <utility>

namespace bourse {

SimulatedConnection::SimulatedConnection(SimulatedNetworkHub& hub,
                                         std::shared_ptr<SimulatedLink> link, int end)
    : hub_(hub), link_(std::move(link)), end_(end) {
  link_->ends[end_].connection = this;
}

SimulatedConnection::~SimulatedConnection() {
  SimulatedLink::End& end = link_->ends[end_];
  end.connection = nullptr;
  if (*end.user.life) hub_.close(link_, end_, Seconds(0));
}

void SimulatedConnection::send(std::string_view bytes) {
  if (*link_->ends[end_].user.life) hub_.send(link_, end_, bytes);
}

std::size_t SimulatedConnection::unsent() const {
  // What the system takes is what is on its way, up to so much.
  constexpr std::size_t kWindow = 64 << 10;
  const std::size_t on_its_way = link_->ends[1 - end_].arriving_size;
  return on_its_way > kWindow ? on_its_way - kWindow : 0;
}

void SimulatedConnection::on_data(std::function<void(std::string_view)> callback) {
  on_data_ = std::make_shared<DataCallback>(std::move(callback));
}

void SimulatedConnection::on_close(std::function<void(const Error&)> callback) {
  on_close_ = std::move(callback);
}

std::int64_t SimulatedConnection::peer_user() const {
  constexpr std::int64_t kOnlyUser = 1000;
  return link_->is_unix ? kOnlyUser : -1;
}

void SimulatedConnection::receive(std::string_view bytes) {
  const std::shared_ptr<DataCallback> callback = on_data_;
  if (callback && *callback) (*callback)(bytes);
}

void SimulatedConnection::closed(const Error& error) {
  const auto callback = std::move(on_close_);
  if (callback) callback(error);
}

SimulatedListener::SimulatedListener(SimulatedNetworkHub& hub, NetworkUser user, std::string key,
                                     Address address, std::string path, Callback on_accept)
    : hub_(hub),
      user_(std::move(user)),
      key_(std::move(key)),
      address_(std::move(address)),
      path_(std::move(path)),
      on_accept_(std::make_shared<Callback>(std::move(on_accept))) {
  hub_.listeners_[key_] = this;
}

SimulatedListener::~SimulatedListener() {
  if (!*user_.life) return;  // the hub has forgotten it; the file of the socket stays
  hub_.listeners_.erase(key_);
  if (!path_.empty() && user_.disk->is_special(path_)) (void)user_.disk->remove(path_);
}

void SimulatedListener::accept(std::unique_ptr<Connection> connection) {
  const std::shared_ptr<Callback> callback = on_accept_;
  (*callback)(std::move(connection));
}

}  // namespace bourse
