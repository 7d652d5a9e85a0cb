#include "bench/service_rig.h"

#include <fmt/core.h>

#include <cstdlib>
#include <iterator>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/model/cluster.h"
#include "bourse/policy/registry.h"

namespace bourse {

void LeapClock::leap(Seconds by) {
  ahead_ += by;
  while (timers_.first() <= now()) timers_.take_first()();
}

void PaperEngine::start(const CellSpec& cell) {
  cells_[cell.id] = 1;
  clock_.call_in(Seconds(0), [this, id = cell.id] {
    listener_->on_cell({.cell = id, .number = 1, .kind = CellEventKind::started});
  });
}

void PaperEngine::stop(CellId cell, bool /*is_urgent*/) {
  clock_.call_in(Seconds(0), [this, cell] {
    if (cells_.contains(cell)) tell_ended(cell, CellEnd::stopped);
  });
}

void PaperEngine::tell_ended(CellId cell, CellEnd end) {
  const std::uint64_t number = cells_.at(cell) + 1;
  cells_.erase(cell);
  listener_->on_cell({.cell = cell, .number = number, .kind = CellEventKind::ended, .end = end});
}

void PaperEngine::report(std::size_t n) {
  const CellId cell = nth(n);
  CellEvent event{.cell = cell, .kind = CellEventKind::progress, .unix_time = clock_.unix_time()};
  event.task = "worker-0";
  event.progress.samples = static_cast<double>(n);
  listener_->on_cell(event);
}

CellId PaperEngine::nth(std::size_t n) const {
  BOURSE_CHECK(!cells_.empty());
  return std::next(cells_.begin(), static_cast<std::ptrdiff_t>(n % cells_.size()))->first;
}

ScratchDirectory::ScratchDirectory() {
  const char* const outer = std::getenv(kVariable);
  is_within_another_ = outer != nullptr;
  const std::filesystem::path parent =
      is_within_another_ ? std::filesystem::path(outer) : std::filesystem::temp_directory_path();
  std::string pattern = (parent / "bourse-bench-XXXXXX").string();
  BOURSE_CHECK(::mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

ScratchDirectory::~ScratchDirectory() {
  if (is_within_another_) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Result<std::unique_ptr<PaperService>> PaperService::open(const std::string& directory,
                                                         const std::string& cluster) {
  auto paper = std::make_unique<PaperService>();
  BOURSE_TRY(Cluster machines, parse_cluster_short_form(cluster));
  const World& outside = paper->real.world();
  const World world{paper->clock, outside.random, outside.files, outside.processes,
                    outside.network};
  paper->engine = std::make_unique<PaperEngine>(paper->clock, std::move(machines));
  ServiceOptions options;
  options.directory = directory;
  options.make_policy = [] {
    return make_policy("pd-ors", {{"slot", "1min"}, {"on-decline", "wait"}}, {});
  };
  BOURSE_TRY(paper->service, Service::open(world, *paper->engine, std::move(options)));
  return paper;
}

std::string job_text(std::size_t n) {
  return fmt::format(
      "name: job-{}\nworkers:\n  command: [python3, train.py]\n  count: {}\n"
      "  resources: {{gpu: 1}}\nwork: {{samples: 1000000, duration: {}min}}\n"
      "deadline: {}h\nvalue: {}\nlate_value: 1\n",
      n, 1 + n * 7 % 8, 60 + n * 37 % 1140, 24 + n * 11 % 72, 5 + n * 13 % 50);
}

}  // namespace bourse
