#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bourse/world/process_script.h"
#include "bourse/world/simulated_host.h"
#include "bourse/world/simulation_options.h"

namespace bourse {

/// A seeded world of several machines: one heap of events, one time, no thread. Who has the same
/// seed and does the same gets the same bytes. Of SQLite's own random numbers the seed decides too,
/// for all databases of this process.
class SimulatedWorld {
 public:
  explicit SimulatedWorld(SimulatedWorldOptions options = {});
  ~SimulatedWorld();
  SimulatedWorld(const SimulatedWorld&) = delete;
  SimulatedWorld& operator=(const SimulatedWorld&) = delete;

  [[nodiscard]] const SimulatedWorldOptions& options() const { return ground_.options; }
  /// A new machine, up. Its name is its name in the network ("tcp:name:port").
  SimulatedHost& add_host(const std::string& name);
  [[nodiscard]] SimulatedHost& host(const std::string& name) { return *hosts_.at(name); }
  /// A program for all machines; a command whose first word is `name` starts it.
  void add_program(const std::string& name, SimulatedProgram program);
  /// A program of a script, and the command that starts it.
  [[nodiscard]] std::vector<std::string> add_script(const ProcessScript& script);

  /// Nothing gets from one to the other, either way, until they are joined again.
  void partition(const std::string& one, const std::string& other) {
    ground_.network.partition(one, other, true);
  }
  void join(const std::string& one, const std::string& other) {
    ground_.network.partition(one, other, false);
  }
  /// Breaks every connection between them; both ends hear of it.
  void cut_connections(const std::string& one, const std::string& other) {
    ground_.network.cut_connections(one, other);
  }

  /// From now on; at least delay_min.
  void set_delay_max(Seconds delay) { ground_.options.delay_max = delay; }
  void set_cut_probability(double probability) { ground_.options.cut_probability = probability; }

  [[nodiscard]] Seconds now() const { return ground_.schedule.now(); }
  /// How many events there were; a measure of two runs' being alike.
  [[nodiscard]] std::uint64_t event_count() const { return ground_.schedule.count(); }
  /// The next event up to `limit` (of now()); false if there is none.
  bool step(Seconds limit = kForever) { return ground_.schedule.step(limit); }
  /// Events until it holds (looked at before every event) or for so long; true if it holds.
  bool run_until(const std::function<bool()>& holds, Seconds longest);
  void run_for(Seconds time);

 private:
  SimulatedGround ground_;
  std::map<std::string, std::unique_ptr<SimulatedHost>> hosts_;
  std::uint64_t script_count_ = 0;
};

}  // namespace bourse
