#include <fmt/core.h>
#include <pwd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <utility>

#include "apps/bourse/commands.h"
#include "apps/bourse/engine_choice.h"
#include "apps/bourse/options.h"
#include "apps/bourse/terminal.h"
#include "bourse/base/text.h"
#include "bourse/engine/slurm_doctor.h"
#include "bourse/report/table.h"

namespace bourse {
namespace {

constexpr std::size_t kTextColumn = 9;

/// Asks a site all that the doctor wants to know.
class Questions {
 public:
  explicit Questions(const EngineChoice& choice)
      : choice_(choice), commands_(real_.world(), slurm_command_options(choice)) {}

  Result<SlurmFacts> ask() {
    SlurmFacts facts;
    BOURSE_TRY(const std::string config, run({"scontrol", "show", "config"}));
    facts.config = parse_slurm_config(config);
    BOURSE_TRY(facts.partition, partition());
    BOURSE_TRY(facts.nodes, wait_for_nodes(real_, commands_, slurm_share(choice_)));
    const passwd* const entry = getpwuid(geteuid());
    facts.user = entry == nullptr ? std::to_string(geteuid()) : entry->pw_name;
    // Where there is no accounting, nobody is an operator.
    const auto level =
        run({"sacctmgr", "-n", "-P", "show", "user", facts.user, "format=adminlevel"});
    facts.is_operator = level && (level->find("Operator") != std::string::npos ||
                                  level->find("Admin") != std::string::npos);
    if (choice_.time_limit) facts.time_limit = *choice_.time_limit;
    BOURSE_TRY(facts.helper, slurm_helper_of(choice_));
    if (!facts.helper.empty()) {
      const auto said = run({facts.helper, "--version"});
      facts.helper_said = said ? *said : said.error().message;
    }
    return facts;
  }

  /// Would a cell on this node be taken?
  SlurmFinding try_submission(const SlurmNode& node) {
    std::vector<std::string> command{"sbatch",    "--test-only", "-N1",     "-n1",
                                     "--mem=100", "-w",          node.name, "--no-requeue"};
    const auto add = [&](const char* option, const std::string& value) {
      if (!value.empty()) command.insert(command.end(), {option, value});
    };
    add("-p", choice_.access.partition);
    add("-A", choice_.access.account);
    add("-q", choice_.access.qos);
    add("--reservation", choice_.access.reservation);
    command.insert(command.end(), {"--wrap", "true"});
    const auto tried = run(std::move(command));
    if (tried)
      return {SlurmFinding::Weight::fine, fmt::format("a cell on {} would be taken", node.name),
              ""};
    return {SlurmFinding::Weight::problem,
            fmt::format("a cell on {} would be refused: {}", node.name, tried.error().message),
            "look at the account, QOS, reservation and AllowGroups of the partition"};
  }

 private:
  Result<std::string> run(std::vector<std::string> command) {
    return wait_for_answer(real_, commands_, std::move(command));
  }

  Result<SlurmFacts::Fields> partition() {
    const std::string& wanted = choice_.access.partition;
    std::vector<std::string> command{"scontrol", "-o", "show", "partition"};
    if (!wanted.empty()) command.push_back(wanted);
    BOURSE_TRY(const std::string text, run(std::move(command)));
    for (const std::string_view line : split(text, '\n')) {
      SlurmFacts::Fields fields = parse_slurm_fields(line);
      if (!wanted.empty() || fields["Default"] == "YES") return fields;
    }
    return fail(ErrorCode::not_found, "there is no default partition; name one by --partition");
  }

  EngineChoice choice_;
  RealWorld real_;
  SlurmCommands commands_;
};

/// "problem  partition ...", and below it what to do.
std::string text_of(const SlurmFinding& finding) {
  static constexpr const char* kNames[] = {"fine", "note", "problem"};
  const char* const name = kNames[static_cast<std::size_t>(finding.weight)];
  std::string text = fmt::format("{:{}}{}\n", name, kTextColumn, finding.text);
  if (!finding.advice.empty()) text += wrapped(finding.advice, kTextColumn);
  return text;
}

int examine_site(const EngineChoice& choice) {
  Questions questions(choice);
  const Result<SlurmFacts> facts = questions.ask();
  if (!facts) return failure(facts.error());
  std::vector<SlurmFinding> findings = examine(*facts);
  findings.push_back(questions.try_submission(facts->nodes.front()));
  std::string text;
  for (const SlurmFinding& finding : findings) text += text_of(finding);
  const bool is_well = std::ranges::none_of(findings, [](const SlurmFinding& finding) {
    return finding.weight == SlurmFinding::Weight::problem;
  });
  const int printed = print(text);
  return is_well ? printed : kExitFailure;
}

}  // namespace

void add_slurm(CLI::App& app, int& status) {
  CLI::App* const slurm =
      app.add_subcommand("slurm", "Check a site of Slurm, and take jobs that it holds");
  slurm->require_subcommand(1);
  const auto choice = std::make_shared<EngineChoice>();
  CLI::App* const doctor = slurm->add_subcommand(
      "doctor", "Check the configuration of a site, and say what to change and why");
  add_slurm_options(*doctor, *choice);
  add_examples(*doctor,
               {"bourse slurm doctor", "bourse slurm doctor --partition gpu --account ml"});
  add_slurm_take(*slurm, status);
  add_examples(*slurm, {"bourse slurm doctor --partition gpu", "bourse slurm take"});
  doctor->callback([choice, &status] { status = examine_site(*choice); });
}

}  // namespace bourse
