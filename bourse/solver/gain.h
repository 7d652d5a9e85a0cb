#pragma once

#include <cstddef>
#include <optional>

#include "bourse/solver/slot_problem.h"

namespace bourse {

/// The numbers of a cover-and-packing program that independent randomised rounding depends on. A
/// row is normalised by dividing it by its largest coefficient.
struct RoundingRows {
  std::size_t cover_rows = 0;    ///< m.
  double cover_least = 0;        ///< W_a: least normalised right-hand side of a cover row.
  std::size_t packing_rows = 0;  ///< r.
  double packing_least = 0;      ///< W_b: the same of a packing row; infinite if there is none.
};

/// The rows of the external problem of one slot. Machines on which neither a whole worker nor a
/// whole server fits take no part: their variables are 0 and their rows cannot break.
[[nodiscard]] RoundingRows rounding_rows(const SlotMachines& machines, const SlotDemand& demand,
                                         int workers, int servers);

// The gain factor G: the relaxed solution is scaled by G before each variable is rounded up with a
// probability equal to its fractional part. `delta` in (0, 1) is the chance of failure allowed.
// Source: PD-ORS, G_delta; re-derived from Chernoff bounds, see gain.cpp.

/// G > 1 under which every cover row holds with probability >= 1 - delta / 3; packing rows may
/// break. None if there is no cover row with a positive right-hand side.
[[nodiscard]] std::optional<double> cover_favoured(const RoundingRows& rows, double delta);

/// The paper's G < 1 under which every packing row holds with probability >= 1 - delta / 3. Its
/// derivation uses exp(-e^2 mean / 3), good for e <= 1 only, so it is valid for G >= 1/2, that is
/// W_b >= 6 ln(3 r / delta); none otherwise.
[[nodiscard]] std::optional<double> packing_favoured(const RoundingRows& rows, double delta);

/// The same from exp(-e^2 mean / (2 + e)), good for every e > 0. None if W_b <= ln(3 r / delta):
/// then no G > 0 has this guarantee.
[[nodiscard]] std::optional<double> packing_safe(const RoundingRows& rows, double delta);

/// The paper's formula without its condition, for comparison only: a number for every input, with a
/// guarantee only where packing_favoured has a value.
[[nodiscard]] double packing_favoured_unchecked(const RoundingRows& rows, double delta);

}  // namespace bourse
