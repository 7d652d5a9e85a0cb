#include "bourse/world/simulated_process.h"

#include <fmt/format.h>

#include <utility>

#include "bourse/base/text.h"
#include "bourse/world/simulated_host.h"

namespace bourse {

SimulatedProcess::SimulatedProcess(SimulatedHost& host, ProcessId id, std::int32_t parent,
                                   ProcessOptions options)
    : host_(host),
      id_(id),
      parent_(parent),
      options_(std::move(options)),
      clock_(host.ground_.schedule, life_, host.unix_offset_),
      random_(RandomStream(host.ground_.options.seed, Purpose::token, host.number_,
                           static_cast<std::uint32_t>(id.started))),
      files_(host.disk_, host.locks_, life_),
      network_(host.ground_.network, {host.name_, life_, &host.disk_}),
      world_{clock_, random_, files_, *this, network_} {}

SimulatedProcess::~SimulatedProcess() = default;

std::string SimulatedProcess::variable(std::string_view name) const {
  for (const std::string& entry : options_.environment)
    if (entry.starts_with(name) && entry.substr(name.size()).starts_with('='))
      return entry.substr(name.size() + 1);
  return "";
}

void SimulatedProcess::exit(int code) {
  if (*life_) host_.end(id_, {.code = code});
}

void SimulatedProcess::on_signal(int signal, std::function<void()> callback) {
  signal_callbacks_[signal] = std::move(callback);
}

void SimulatedProcess::write(OutputStream stream, std::string_view bytes) {
  if (*life_) host_.write(*this, stream, bytes);
}

void SimulatedProcess::write_to_fifo(const std::string& path, std::string_view bytes) {
  if (*life_) host_.write_to_fifo(path, bytes);
}

Result<ProcessId> SimulatedProcess::spawn(ProcessOptions options) {
  if (*life_) return host_.spawn(*this, std::move(options));
  return fail(ErrorCode::unavailable, "cannot start a process: this one is dead");
}

void SimulatedProcess::signal(ProcessId process, int signal) {
  if (*life_) host_.signal(process, signal);
}

bool SimulatedProcess::is_alive(ProcessId process) const { return host_.find(process); }

std::vector<ProcessId> SimulatedProcess::descendants(ProcessId process) const {
  return descendants_in(host_.table(), {process});
}

std::vector<ProcessId> SimulatedProcess::with_variable(std::string_view variable) const {
  std::vector<ProcessId> found;
  for (const auto& [pid, process] : host_.processes_)
    for (const std::string& entry : process->options_.environment)
      if (entry == variable) found.push_back(process->id_);
  return trees_in(host_.table(), std::move(found));
}

}  // namespace bourse
