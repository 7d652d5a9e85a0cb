#include "bourse/program/control.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "bourse/program/runtime.h"

namespace bourse::program {
namespace {

constexpr Nanoseconds kPatience = std::chrono::seconds(10);

}  // namespace

Control::Control(std::shared_ptr<DirectoryTable> directory, Events events)
    : directory_(std::move(directory)), events_(std::move(events)) {}

void Control::ready(std::uint32_t unit, const UnitAddress& address) {
  if (!directory_->set_unit(unit, address))
    throw CallError(CallCode::failed_precondition,
                    fmt::format("incarnation {} has been replaced", address.epoch));
  events_.on_ready(unit);
}

void Control::returned(std::uint32_t node) const { events_.on_returned(node); }

void Control::failed(const NodeReport& report) const { events_.on_failed(report); }

void Control::beat(const UnitBeat& beat) const { events_.on_beat(beat); }

void Control::stop() const { events_.on_stop(); }

std::optional<UnitAddress> Control::find_unit(std::uint32_t unit) const {
  return directory_->find_unit(unit);
}

std::vector<std::uint32_t> Control::absent_units() const { return directory_->absent_units(); }

void Control::publish(const std::string& name, const std::string& text) {
  directory_->publish(name, text);
}

std::optional<std::string> Control::find_text(const std::string& name) const {
  return directory_->find_text(name);
}

RemoteDirectory::RemoteDirectory(const Handle<Control>& control, std::string control_address)
    : control_(control.timeout(kPatience)), control_address_(std::move(control_address)) {}

std::optional<UnitAddress> RemoteDirectory::find_unit(std::uint32_t unit) {
  if (unit == kControlUnit) return UnitAddress{control_address_, 0};
  return control_.call<&Control::find_unit>(unit);
}

std::vector<std::uint32_t> RemoteDirectory::absent_units() {
  return control_.call<&Control::absent_units>();
}

void RemoteDirectory::publish(const std::string& name, const std::string& text) {
  control_.call<&Control::publish>(name, text);
}

std::optional<std::string> RemoteDirectory::find_text(const std::string& name) {
  return control_.call<&Control::find_text>(name);
}

}  // namespace bourse::program
