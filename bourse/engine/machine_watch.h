#pragma once

#include <string>
#include <vector>

#include "bourse/base/id.h"
#include "bourse/base/quantity.h"

namespace bourse {

/// Which machines may be used: not those that the batch system keeps jobs away from, and not those
/// where cells were lost again and again, or without a word, a while ago.
class MachineWatch {
 public:
  struct Options {
    Seconds first_hold{60};  ///< Doubles with each in a row.
    Seconds longest_hold{3600};
    int strikes = 3;             ///< Lost cells until a machine is set aside.
    Seconds forget_after{3600};  ///< Without one, earlier lost cells count no more.
  };

  MachineWatch(std::size_t machines, Options options);

  /// What keeps jobs away from it now, one sentence; empty: nothing.
  void see(MachineId machine, const std::string& trouble);
  /// A cell was lost there. `is_sudden`: the machine itself seems to be gone, so it is set aside at
  /// once; nobody may have noticed yet.
  void strike(MachineId machine, Seconds now, bool is_sudden, const std::string& why);

  struct Change {
    MachineId machine;
    bool is_up = false;
    std::string reason;  ///< Of one that goes down.
  };
  /// Machines that came up or went down since the last call, by id.
  [[nodiscard]] std::vector<Change> changes(Seconds now);

 private:
  struct State {
    std::string trouble;
    std::string why;  ///< It is on hold.
    Seconds hold_until{0};
    Seconds last_strike{0};
    int strikes = 0;
    int holds = 0;
    bool is_told_down = false;
  };

  Options options_;
  std::vector<State> states_;
};

}  // namespace bourse
