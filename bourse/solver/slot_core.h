#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "bourse/solver/slot_problem.h"
#include "bourse/solver/task_polygon.h"

namespace bourse {

/// Machines of one slot that are in the same state.
struct CoreClass {
  double worker_price = 0;                   ///< A, utility; >= 0.
  double server_price = 0;                   ///< B.
  int machines = 1;                          ///< At least 1.
  std::span<const std::int64_t> residual{};  ///< Outlives the core, like the corners.
  std::span<const TaskPoint> corners{};      ///< task_polygon of the residual; at least one.
};

/// Whole tasks of a placement on machines of one class: each of `machines` machines holds `tasks`.
struct CorePart {
  std::uint32_t class_index = 0;
  int machines = 0;
  TaskPoint tasks;
};

/// The exact core of the external problem of a slot (slot_problem.h): the linear programme over the
/// integer hulls of what each machine can hold,
///   z(W, S) = min sum_h A_h w_h + B_h s_h
///             s.t. sum_h w_h >= W, sum_h s_h >= S, (w_h, s_h) in P_h,
/// P_h being task_polygon of machine h. Only two rows couple the machines, so its dual has two
/// multipliers: lambda for a worker, nu for a server,
///   z(W, S) = max over lambda, nu >= 0 of
///             lambda W + nu S - sum_h max over corners (w, s) of P_h of (lambda - A_h) w +
///             (nu - B_h) s,
/// and for given multipliers each machine answers alone with a corner.
///
/// How it is solved: parametrically. An optimal basis is a corner for each class (its key) and two
/// more corners, anywhere, that are mixed in to meet W and S exactly; the two ties between them and
/// their keys give lambda and nu. Moving (W, S) along a straight line keeps the basis until a mixed
/// share reaches an end; then the multipliers move along the tie that is left until another class
/// ties, which enters. This is the dual simplex method with a key column a class (generalised upper
/// bounds), so the working basis is 2 x 2. As z is convex and piecewise linear, walking from level
/// to level visits each piece once: the whole curve of a slot costs one trace.
/// Cost: O(classes) a piece, O(1) per class in it; pieces are about twice the classes in use.
///
/// Rounding, `round()`, and what it guarantees. Let z be the optimum at whole W and S.
///  1. All machines but at most two sit on a corner, which is whole. Proof: machines of a class
///     share its key but for the two mixed corners. Give whole machines to each corner, rounding
///     shares down. A class with shares y (key), x1, x2 that sum to a whole number leaves fewer
///     than 2 machines if one corner is mixed in (the parts lost sum to a whole number below 2, so
///     0 or 1), and fewer than 3 if both are; with two classes mixed, at most 1 each.
///  2. If one machine is off, it holds a whole point all the same, and the rounding is the optimum:
///     the corners are whole and the totals are W and S, so what the machine holds is whole (if a
///     row has a surplus, round that count down: P_h holds all points with fewer tasks). Whole
///     points of P_h are placements.
///  3. If two are off, their points sum to a whole point (likewise). Rounding both down keeps them
///     in P_h and loses less than 2 workers and less than 2 servers, and a whole number of each: so
///     at most one worker and one server are missing. round() tries every way to hold both points'
///     tasks on those two machines, and the missing tasks on the cheapest room left elsewhere, and
///     takes what is cheaper. Hence
///       z <= integer optimum <= cost of round() <= z + A_x + B_y,
///     x and y being the cheapest machines with room left for one more worker, one more server.
///     That is less than two machines' worth; it may fail only if neither has room.
/// Ties by class, then corner, so that the same input gives the same placement.
class SlotCore {
 public:
  enum class Outcome : std::uint8_t {
    reached,     ///< The basis is optimal at (W, S).
    beyond,      ///< A multiplier would exceed its limit; add classes or raise it, then go on.
    infeasible,  ///< The classes cannot hold W and S.
    stalled,     ///< Gave up on a degenerate case; the bound and the rounding are not to be had.
  };

  /// The demand outlives the core.
  explicit SlotCore(SlotDemand demand) : demand_(demand) {}

  /// Forgets all classes; (W, S) is (0, 0) again.
  void clear();
  /// Adds a class, also on the way: its prices must not be below both multipliers so far.
  void add(const CoreClass& added);
  [[nodiscard]] std::size_t class_count() const { return classes_.size(); }

  /// Moves on to (W, S) from wherever the last call ended. Stops with `beyond` before lambda
  /// exceeds `most_lambda` or nu `most_nu`; a later call goes on from there.
  Outcome move_to(int workers, int servers, double most_lambda = kNoLimit,
                  double most_nu = kNoLimit);
  /// z(W, S) where the last move ended. Requires `reached`.
  [[nodiscard]] double bound() const;
  [[nodiscard]] double lambda() const { return lambda_; }
  [[nodiscard]] double nu() const { return nu_; }

  /// Machines off a corner in the basic solution; at most two. Requires `reached`.
  [[nodiscard]] int machines_off() const;
  /// A whole placement; see the guarantee above. Requires `reached`. `cost` gets its cost. Empty
  /// for (0, 0); nothing if one of the two tasks that may be missing finds no room.
  [[nodiscard]] std::optional<std::vector<CorePart>> round(double& cost) const;

  static constexpr double kNoLimit = std::numeric_limits<double>::infinity();

 private:
  static constexpr int kWorkerSurplus = -1;
  static constexpr int kServerSurplus = -2;

  /// A corner mixed in beside the key of its class, or the surplus of a row.
  struct Mixed {
    int owner = kWorkerSurplus;  ///< Class or surplus.
    int corner = 0;
    double workers = -1;  ///< What one machine's move from key to corner adds.
    double servers = 0;
    double cost = 0;
    double share = 0;  ///< Machines moved; >= 0.
  };
  /// The first bound that stops a move.
  struct Stop {
    double at = 1;    ///< Share of the way, 0 to 1.
    int slot = -1;    ///< The mixed corner, or -1: none.
    int key_of = -1;  ///< The class whose key runs out, or -1: the mixed corner does.
  };
  struct Entering {
    int owner = 0;
    int corner = 0;
    double step = kNoLimit;  ///< How far the multipliers move.
    double pivot = 0;
    bool found = false;
  };
  /// Machines of a class that hold no corner of it.
  struct Off {
    std::uint32_t class_index = 0;
    double workers = 0;  ///< What one such machine holds on average.
    double servers = 0;
    int machines = 0;
  };

  [[nodiscard]] double key_share(int owner) const;
  void compute_shares();
  void compute_multipliers();
  [[nodiscard]] Stop first_stop(double step_workers, double step_servers) const;
  void swap_key(int owner, int slot);
  void set_key(int owner, int corner);
  [[nodiscard]] Mixed mixed(int owner, int corner) const;
  [[nodiscard]] Entering find_entering(int leaving, bool by_index) const;
  [[nodiscard]] double determinant() const;

  struct Whole;
  [[nodiscard]] Whole whole_parts() const;
  bool hold_on_two(Whole& whole, double& cost) const;
  bool hold_elsewhere(Whole& whole, double& cost) const;

  SlotDemand demand_;
  std::vector<CoreClass> classes_;
  std::vector<int> key_;  ///< Corner of each class.
  /// What the moves from each key to its two neighbours add: workers, servers, cost. Flat, because
  /// every change of basis reads all of it.
  std::vector<double> edge_workers_, edge_servers_, edge_cost_;
  std::array<Mixed, 2> mixed_{Mixed{}, Mixed{.owner = kServerSurplus, .workers = 0, .servers = -1}};
  double base_workers_ = 0;  ///< If every machine held its key.
  double base_servers_ = 0;
  double lambda_ = 0;
  double nu_ = 0;
  double at_workers_ = 0;  ///< Where the last move ended.
  double at_servers_ = 0;
};

}  // namespace bourse
