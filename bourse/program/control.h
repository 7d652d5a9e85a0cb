#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bourse/program/directory.h"
#include "bourse/program/edge_counts.h"
#include "bourse/program/handle.h"

namespace bourse::program {

/// What a node of another process failed with.
struct NodeReport {
  std::uint32_t unit = 0;
  std::string node;
  std::string message;
};

/// A sign of life of a process, with what its nodes have called until now.
struct UnitBeat {
  std::uint32_t unit = 0;
  std::uint32_t incarnation = 0;
  std::vector<EdgeCounts> edges;
};

/// The node of the process that launched a program. The processes of the program call it as any
/// other node: to say that they are there, and to ask where others are.
class Control {
 public:
  /// Called one at a time, from any thread.
  struct Events {
    std::function<void(std::uint32_t unit)> on_ready;
    std::function<void(std::uint32_t node)> on_returned;
    std::function<void(const NodeReport&)> on_failed;
    std::function<void(const UnitBeat&)> on_beat;
    std::function<void()> on_stop;
  };
  Control(std::shared_ptr<DirectoryTable> directory, Events events);

  void ready(std::uint32_t unit, const UnitAddress& address);
  void returned(std::uint32_t node) const;
  void failed(const NodeReport& report) const;
  void beat(const UnitBeat& beat) const;
  void stop() const;
  [[nodiscard]] std::optional<UnitAddress> find_unit(std::uint32_t unit) const;
  [[nodiscard]] std::vector<std::uint32_t> absent_units() const;
  void publish(const std::string& name, const std::string& text);
  [[nodiscard]] std::optional<std::string> find_text(const std::string& name) const;

 private:
  std::shared_ptr<DirectoryTable> directory_;  ///< Owned by us and by the runtime.
  Events events_;
};

/// The directory as a process sees it that was launched: it asks.
class RemoteDirectory final : public Directory {
 public:
  /// `control_address` is where the launcher is reached.
  RemoteDirectory(const Handle<Control>& control, std::string control_address);

  [[nodiscard]] std::optional<UnitAddress> find_unit(std::uint32_t unit) override;
  [[nodiscard]] std::vector<std::uint32_t> absent_units() override;
  void publish(const std::string& name, const std::string& text) override;
  [[nodiscard]] std::optional<std::string> find_text(const std::string& name) override;

 private:
  Handle<Control> control_;
  std::string control_address_;
};

}  // namespace bourse::program
