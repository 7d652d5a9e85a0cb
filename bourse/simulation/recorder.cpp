#include "bourse/simulation/recorder.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace bourse {
namespace {

constexpr std::size_t kPriceColumns = 256;

}  // namespace

RunRecorder::RunRecorder(const Instance& instance, const RecorderLimits& limits)
    : instance_(instance),
      limits_(limits),
      primary_(primary_resource(instance.cluster)),
      capacity_(static_cast<double>(instance.cluster.total()[primary_])),
      bins_(3, limits.bins),
      held_(instance.jobs.size()),
      used_(instance.cluster.machines.size()) {}

void RunRecorder::begin(const Policy& policy) {
  prices_ = dynamic_cast<const PriceView*>(&policy);
  if (prices_ == nullptr) return;
  const std::size_t machines = instance_.cluster.machines.size();
  grid_.machine_stride =
      static_cast<std::uint32_t>((machines + limits_.price_rows - 1) / limits_.price_rows);
  grid_.rows = (machines + grid_.machine_stride - 1) / grid_.machine_stride;
  grid_.width = Seconds(1.0 / 64);
}

void RunRecorder::after(const ClusterState& state, const Event& event, const Decision& decision) {
  const Seconds now = state.now();
  const double whole = capacity_ > 0 ? capacity_ : 1;
  bins_.add(
      now_, now,
      std::array{used_in_all_ / whole, stranded_in_all_ / whole, static_cast<double>(waiting_)});
  now_ = now;
  if (event.kind == EventKind::finish || event.kind == EventKind::cancel) update(state, event.job);
  if (event.kind == EventKind::machine_down)
    for (const JobId job : state.active()) update(state, job);
  for (const Change& change : decision.changes) update(state, change.job);
  waiting_ = state.waiting_count();
  if (prices_ != nullptr) sample_prices(state);
}

void RunRecorder::update(const ClusterState& state, JobId job) {
  Held& held = held_[job.index()];
  const Allocation& current = state.job(job).allocation;
  if (held.allocation == current) return;
  const JobSpec& spec = instance_.jobs[job.index()];
  for (const TaskGroup& group : held.allocation) {
    count(spec, group, -1);
    keep({group.machine, job, held.since, now_, group.workers + group.servers});
  }
  for (const TaskGroup& group : current) count(spec, group, 1);
  held = {current, now_};
}

double RunRecorder::stranded_on(MachineId machine) const {
  const Amount used = used_[machine.index()];
  if (used <= 0) return 0;
  return static_cast<double>(instance_.cluster.capacity(machine)[primary_] - used);
}

void RunRecorder::count(const JobSpec& job, const TaskGroup& group, std::int64_t sign) {
  const Amount amount = group.workers * job.worker[primary_] + group.servers * job.server[primary_];
  stranded_in_all_ -= stranded_on(group.machine);
  used_[group.machine.index()] += sign * amount;
  used_in_all_ += static_cast<double>(sign * amount);
  stranded_in_all_ += stranded_on(group.machine);
}

/// Beyond twice the limit every other machine is let go, and with one machine left the later time.
void RunRecorder::keep(const MachineSpan& span) {
  if (limits_.spans == 0 || span.machine.value % occupancy_.machine_stride != 0 ||
      span.to <= span.from || span.from >= occupancy_.until)
    return;
  occupancy_.spans.push_back(span);
  if (occupancy_.spans.size() <= 2 * limits_.spans) return;
  if (occupancy_.machine_stride >= used_.size()) {
    occupancy_.until = now_;
    return;
  }
  occupancy_.machine_stride *= 2;
  std::erase_if(occupancy_.spans, [&](const MachineSpan& kept) {
    return kept.machine.value % occupancy_.machine_stride != 0;
  });
}

void RunRecorder::sample_prices(const ClusterState& state) {
  std::size_t columns = grid_.prices.size() / grid_.rows;
  const double at = now_ / grid_.width;
  if (at < static_cast<double>(columns)) return;
  std::vector<float> column(grid_.rows);
  for (std::size_t row = 0; row < grid_.rows; ++row)
    column[row] = static_cast<float>(
        prices_->price_now(state, MachineId(row * grid_.machine_stride), primary_));
  // A price stands until it is seen to be another.
  while (now_ / grid_.width >= static_cast<double>(kPriceColumns)) {
    std::vector<float> joined;
    for (std::size_t c = 0; c < columns; c += 2)
      joined.insert(joined.end(),
                    grid_.prices.begin() + static_cast<std::ptrdiff_t>(c * grid_.rows),
                    grid_.prices.begin() + static_cast<std::ptrdiff_t>((c + 1) * grid_.rows));
    grid_.prices = std::move(joined);
    grid_.width = grid_.width * 2;
    columns = grid_.prices.size() / grid_.rows;
  }
  const auto wanted = static_cast<std::size_t>(now_ / grid_.width);
  while (columns < wanted) {
    const std::vector<float> last(
        columns == 0 ? column.begin()
                     : grid_.prices.end() - static_cast<std::ptrdiff_t>(grid_.rows),
        columns == 0 ? column.end() : grid_.prices.end());
    grid_.prices.insert(grid_.prices.end(), last.begin(), last.end());
    ++columns;
  }
  if (columns == wanted) grid_.prices.insert(grid_.prices.end(), column.begin(), column.end());
}

Recording RunRecorder::recording() && {
  const bool something_runs = used_in_all_ > 0;
  if (something_runs && instance_.horizon < kForever) {
    const double whole = capacity_ > 0 ? capacity_ : 1;
    const Seconds end = std::max(now_, instance_.horizon);
    bins_.add(
        now_, end,
        std::array{used_in_all_ / whole, stranded_in_all_ / whole, static_cast<double>(waiting_)});
    now_ = end;
  }
  for (std::size_t i = 0; i < held_.size(); ++i)
    for (const TaskGroup& group : held_[i].allocation)
      keep({group.machine, JobId(i), held_[i].since, now_, group.workers + group.servers});
  Recording out{.bin_width = bins_.width(),
                .used = bins_.means(0),
                .stranded = bins_.means(1),
                .waiting = bins_.means(2),
                .occupancy = thinned(std::move(occupancy_), limits_.spans),
                .prices = std::move(grid_)};
  return out;
}

Occupancy thinned(Occupancy occupancy, std::size_t limit) {
  std::ranges::sort(occupancy.spans, {}, [](const MachineSpan& span) {
    return std::tuple(span.machine, span.from, span.to, span.job);
  });
  if (limit == 0) occupancy.spans.clear();
  std::vector<MachineSpan>& spans = occupancy.spans;
  while (spans.size() > limit && spans.back().machine.value >= occupancy.machine_stride) {
    occupancy.machine_stride *= 2;
    std::erase_if(spans, [&](const MachineSpan& span) {
      return span.machine.value % occupancy.machine_stride != 0;
    });
  }
  if (spans.size() > limit) {
    occupancy.until = std::min(occupancy.until, spans[limit].from);
    spans.resize(limit);
  }
  return occupancy;
}

}  // namespace bourse
