#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "bench/figures.h"
#include "bench/inputs.h"
#include "bench/output.h"
#include "bench/process.h"
#include "bench/service_rig.h"

namespace bourse {
namespace {

struct Options {
  std::string format = "table";
  std::string out;
  bool quick = false;
  std::vector<std::string> sections;
  std::string trace;
  std::string one_case;    ///< "section/name": measure it here; set by this program itself.
  std::string make_trace;  ///< Write the generated trace to this file; likewise.
};

const std::vector<std::string> kSections{"fifo",    "rivals",  "policies", "rounds",
                                         "pd-ors",  "solver",  "core",     "bound",
                                         "quality", "elastic", "service"};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  add_fifo_cases(cases);
  add_rival_cases(cases);
  add_policies_cases(cases);
  add_round_cases(cases);
  add_pd_ors_cases(cases);
  add_solver_cases(cases);
  add_bound_cases(cases);
  add_core_cases(cases);
  add_quality_cases(cases);
  add_elastic_cases(cases);
  add_service_cases(cases);
  return cases;
}

std::string beside_this_program(const std::string& name) {
  return std::filesystem::path(own_path()).replace_filename(name).string();
}

Setup setup_of(const Options& options) {
  return {.trace = options.trace,
          .program = beside_this_program("bourse"),
          .repeats = options.quick ? 3 : 5};
}

/// The goals that a figure of this case has; docs/benchmarks.md says whose they are.
std::optional<double> target_of(const Figure& figure) {
  const bool is_speed = figure.metric == "speed";
  if (figure.name == "simulation 256x8" && is_speed) return 1e6;
  if (figure.name == "whole program 256x8" && figure.metric == "peak memory") return 50;
  if (figure.name == "trace 256x8" && figure.metric == "total") return 30;
  if (figure.section == "core") {
    if (figure.metric == "largest difference") return 1e-6;
    if (figure.metric == "clp / admission a cell") return 1e3;
    if (figure.metric.starts_with("clp / ")) return 1;
    if (figure.name == "admission 1000x100" && figure.metric == "p50") return 2;
    if (figure.name == "admission 1000x100" && figure.metric == "p99") return 10;
    if (figure.name == "admission 10000x200" && figure.metric == "p99") return 50;
  }
  if (figure.section == "policies" && figure.metric == "decision p99") return 20;
  if (figure.section == "policies" && figure.name.starts_with("all policies")) return 180;
  const bool is_open = figure.section == "rivals" && figure.name.ends_with(" 256x8");
  if (is_open && is_speed) return 50e3;
  if (figure.section == "quality" && figure.name.starts_with("share ")) {
    const bool is_loaded = figure.name == "share 50x100";
    if (figure.metric == "bid") return is_loaded ? 0.75 : 0.95;
    if (figure.metric == "bid+replan") return is_loaded ? 0.80 : 0.95;
  }
  if (figure.section == "bound" && figure.metric == "time") {
    if (figure.name == "paper 100x50") return 1;
    if (figure.name == "trace 256x8") return 120;
  }
  if (figure.section == "service") {
    if (figure.metric == "submit to running") return 50;
    if (figure.metric == "change of all") return 300;
    if (figure.metric == "decision to journal p99") return 10;
    if (figure.metric == "jobs list") return 20;
    if (figure.metric == "restart to ready") return 2000;
    if (figure.metric == "accepted and journaled") return 2000;
    if (figure.metric == "answer p99") return 50;
    if (figure.metric == "days a CPU minute") return 30;
    if (figure.name == "100000 jobs that ended" && figure.metric == "peak memory") return 300;
  }
  if (figure.section == "rounds" && figure.name == "tiresias 256x8" && is_speed) return 50e3;
  if (figure.section == "elastic" && figure.metric == "step")
    return figure.name == "ones 64 GPUs, 30 jobs" ? 10 : 500;
  if (figure.metric == "ones below tiresias") return 50;
  if (figure.metric == "ones below optimus") return 45;
  if (figure.name == "pollux 64 GPUs, 40 jobs" && figure.metric == "decision") return 300;
  if (figure.name == "sia 2048 GPUs, 2000 jobs" && figure.metric == "decision") return 500;
  if (figure.name == "shares 2048" && figure.metric == "decision") return 20;
  if (figure.name == "shares 8192" && figure.metric == "decision") return 200;
  return std::nullopt;
}

void add_sample(std::vector<Figure>& figures, const Case& from, const Sample& sample) {
  const auto found = std::ranges::find_if(figures, [&](const Figure& figure) {
    return figure.section == from.section && figure.name == from.name &&
           figure.metric == sample.metric;
  });
  if (found != figures.end()) {
    found->values.push_back(sample.value);
    return;
  }
  Figure figure{.section = from.section,
                .name = from.name,
                .metric = sample.metric,
                .unit = sample.unit,
                .better = sample.better,
                .values = {sample.value}};
  figure.target = target_of(figure);
  figures.push_back(std::move(figure));
}

/// Measures a case in a process of its own and adds what that process took.
Result<std::vector<Sample>> run_apart(const Case& what, const Options& options) {
  std::vector<std::string> command{own_path(), "--case", what.section + "/" + what.name, "--trace",
                                   options.trace};
  if (options.quick) command.emplace_back("--quick");
  BOURSE_TRY(const ProcessOutcome outcome, run_process(command));
  BOURSE_TRY(std::vector<Sample> samples, parse_samples(outcome.output));
  const bool knows_memory =
      std::ranges::any_of(samples, [](const Sample& s) { return s.metric == "peak memory"; });
  if (!knows_memory && !what.once)
    samples.push_back(
        {"peak memory", "MB", Better::lower, static_cast<double>(outcome.peak_rss_bytes) / 1e6});
  return samples;
}

/// Rounds over all cases, so that a busy minute of the machine spoils one round of each and not all
/// rounds of one.
Result<std::vector<Figure>> measure(const std::vector<Case>& cases, const Options& options) {
  const int rounds = options.quick ? 1 : 5;
  std::vector<std::vector<Figure>> by_case(cases.size());
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < cases.size(); ++i) {
      if (round >= (cases[i].once ? 1 : cases[i].rounds)) continue;
      if (isatty(STDERR_FILENO) != 0)
        fmt::print(stderr, "\r\033[K{}/{} {}: {}", round + 1, rounds, cases[i].section,
                   cases[i].name);
      BOURSE_TRY(const std::vector<Sample> samples, run_apart(cases[i], options));
      for (const Sample& sample : samples) add_sample(by_case[i], cases[i], sample);
    }
  if (isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K");
  std::vector<Figure> figures;
  for (std::vector<Figure>& some : by_case)
    figures.insert(figures.end(), std::move_iterator(some.begin()), std::move_iterator(some.end()));
  return figures;
}

/// On how many seeds each form of pd-ors is strictly ahead of fifo and drf, as sentences.
std::vector<std::string> verdicts(const std::vector<Figure>& figures) {
  const auto value_of = [&](const std::string& seed, std::string_view metric) {
    for (const Figure& figure : figures)
      if (figure.section == "quality" && figure.name == seed && figure.metric == metric)
        return figure.values[0];
    return 0.0;
  };
  std::vector<std::string> sentences;
  for (const std::string_view mode :
       {"pd-ors", "det. median", "det. formula", "rand.", "rand. formula"}) {
    int seeds = 0;
    int over_fifo = 0;
    int over_drf = 0;
    for (const Figure& figure : figures) {
      if (figure.section != "quality" || figure.unit != "utility" || figure.metric != mode)
        continue;
      ++seeds;
      if (figure.values[0] > value_of(figure.name, "fifo")) ++over_fifo;
      if (figure.values[0] > value_of(figure.name, "drf")) ++over_drf;
    }
    if (seeds == 0) continue;
    sentences.push_back(
        fmt::format("quality: {}{} is ahead of fifo on {} and of drf on {} of {} seeds",
                    mode == "pd-ors" ? "" : "pd-ors ", mode, over_fifo, over_drf, seeds));
  }
  return sentences;
}

Result<void> choose_trace(Options& options, BenchReport& report) {
  if (!options.trace.empty()) {
    report.input = fmt::format("trace: {}", options.trace);
    return {};
  }
  const std::string slice = "philly-10000.csv.gz";
  const std::string wanted = std::string(BOURSE_SOURCE_DIR "/../shared/traces/") + slice;
  if (std::filesystem::exists(wanted)) {
    options.trace = wanted;
    report.input = fmt::format("trace: {}", slice);
    return {};
  }
  options.trace = beside_this_program("philly-like-10000.csv.gz");
  BOURSE_TRY_VOID(run_process({own_path(), "--make-trace", options.trace}));
  report.input = "trace: 10,000 jobs of the generator philly-like, seed 1";
  report.notes.push_back(
      fmt::format("traces absent: ../shared/traces/{} is not beside the checkout, generated jobs "
                  "are replayed instead; the figures do not compare with those of the trace",
                  slice));
  fmt::print(stderr, "bourse_bench: {}\n", report.notes.back());
  return {};
}

Result<void> run_here(const Options& options) {
  for (const Case& what : all_cases()) {
    if (what.section + "/" + what.name != options.one_case) continue;
    BOURSE_TRY(const std::vector<Sample> samples, what.run(setup_of(options)));
    fmt::print("{}", samples_text(samples));
    return {};
  }
  return fail(ErrorCode::not_found, fmt::format("there is no case '{}'", options.one_case));
}

Result<void> write(const std::string& text, const std::string& path) {
  if (path.empty()) {
    std::fputs(text.c_str(), stdout);
    return {};
  }
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) return fail(ErrorCode::unavailable, fmt::format("cannot write '{}'", path));
  return {};
}

Result<void> run_all(Options& options) {
  BenchReport report{.date = date_text(), .quick = options.quick, .machine = this_machine()};
  BOURSE_TRY_VOID(choose_trace(options, report));
  if (!std::filesystem::exists(BOURSE_SOURCE_DIR "/../shared/traces/itp-6-clusters.csv.gz"))
    report.notes.emplace_back("traces absent: bounds of the ITP clusters are skipped");
  std::vector<Case> cases = all_cases();
  if (!options.sections.empty())
    std::erase_if(cases, [&](const Case& c) {
      return std::ranges::find(options.sections, c.section) == options.sections.end();
    });
  const ScratchDirectory scratch;
  setenv(ScratchDirectory::kVariable, scratch.path().c_str(), 1);
  BOURSE_TRY(report.figures, measure(cases, options));
  for (std::string& sentence : verdicts(report.figures))
    report.notes.push_back(std::move(sentence));
  report.machine.load_after = load_average();
  const std::string text = options.format == "json"  ? report_json(report)
                           : options.format == "csv" ? report_csv(report)
                                                     : report_table(report);
  return write(text, options.out);
}

int run_program(int argc, char** argv) {
  Options options;
  CLI::App app("Measures bourse on this machine; docs/benchmarks.md says what each figure means");
  app.add_option("--format", options.format, "Form of the result")
      ->check(CLI::IsMember({"table", "csv", "json"}))
      ->capture_default_str();
  app.add_option("--out", options.out, "Write the result to this file")->type_name("FILE");
  app.add_flag("--quick", options.quick, "One round of fewer repetitions");
  app.add_option("--section", options.sections, "Only these sections")
      ->delimiter(',')
      ->check(CLI::IsMember(kSections));
  app.add_option("--trace", options.trace,
                 "Replay this canonical trace (default: ../shared/traces/philly-10000.csv.gz "
                 "beside the checkout, else generated jobs)")
      ->type_name("FILE");
  app.add_option("--case", options.one_case)->group("");
  app.add_option("--make-trace", options.make_trace)->group("");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const Result<void> done = !options.make_trace.empty() ? write_generated_trace(options.make_trace)
                            : !options.one_case.empty() ? run_here(options)
                                                        : run_all(options);
  if (done) return 0;
  fmt::print(stderr, "bourse_bench: {}\n", done.error().message);
  return exit_status_of(done.error().code);
}

}  // namespace
}  // namespace bourse

int main(int argc, char** argv) { return bourse::run_program(argc, argv); }
