#include "apps/bourse/view_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "bourse/base/units.h"

namespace bourse {
namespace {

constexpr std::size_t kNameWidth = 24;
constexpr std::size_t kReasonWidth = 60;

/// "in 5m 00s", "3.0s ago".
std::string from_now(Seconds at, Seconds now) {
  if (!(at < kForever)) return "never";
  return at < now ? human(now - at) + " ago" : "in " + human(at - now);
}

std::string from_now(const std::optional<Seconds>& at, Seconds now) {
  return at ? from_now(*at, now) : "-";
}

std::string tasks_text(int workers, int servers) {
  if (workers == 0 && servers == 0) return "-";
  return servers == 0 ? fmt::format("{}", workers) : fmt::format("{}+{}", workers, servers);
}

std::string share_text(double done, double all) {
  if (!(all > 0)) return "-";
  return fmt::format("{:.0f}%", std::floor(100 * std::clamp(done / all, 0.0, 1.0)));
}

/// Three significant digits, and more only in front of the point.
std::string rough(double value) {
  if (value == 0 || !std::isfinite(value)) return fmt::format("{:g}", value);
  return std::abs(value) >= 999.5 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
}

std::string amount_text_of(const ResourceType& type, Amount amount) {
  if (type.kind == ResourceKind::count)
    return number_text(static_cast<double>(amount) / kAmountsPerUnit);
  const double mib = static_cast<double>(amount) / kAmountsPerUnit;
  return mib >= 1024 ? fmt::format("{:.1f}GiB", mib / 1024) : fmt::format("{:.0f}MiB", mib);
}

std::string placement_text(const std::vector<PlacementView>& placement) {
  std::string out;
  for (const PlacementView& each : placement)
    out += fmt::format("{}{} on {}", out.empty() ? "" : ", ",
                       tasks_text(each.workers, each.servers), each.machine);
  return out.empty() ? "nothing" : out;
}

std::string plan_text(const std::vector<PlanView>& plan, Seconds now, std::size_t most = 6) {
  std::string out;
  for (std::size_t i = 0; i < plan.size() && i < most; ++i)
    out += fmt::format("    {} for {}: {}\n", from_now(plan[i].from, now),
                       human(plan[i].to - plan[i].from), placement_text(plan[i].placement));
  if (plan.size() > most) out += fmt::format("    and {} more\n", plan.size() - most);
  return out;
}

/// When it ends, ended or should end.
std::string end_text(const JobView& job, Seconds now) {
  if (job.ended) return from_now(*job.ended, now);
  if (job.expected) return from_now(*job.expected, now);
  return from_now(job.promised, now);
}

void add_line(std::string& out, std::string_view name, const std::string& value) {
  if (!value.empty()) out += fmt::format("{:<12} {}\n", name, value);
}

/// What was predicted beside what was measured, and how far they were apart once two slots had been
/// learned from.
std::string speeds_text(const std::vector<SpeedView>& speeds, std::size_t most = 6) {
  constexpr std::size_t kLearned = 2;
  std::string out = "\nspeeds\n";
  for (std::size_t i = speeds.size() > most ? speeds.size() - most : 0; i < speeds.size(); ++i)
    out += fmt::format("    {} for {}: predicted {}, measured {} samples/s\n",
                       tasks_text(speeds[i].workers, speeds[i].servers),
                       human(Seconds(speeds[i].seconds)), rough(speeds[i].predicted),
                       rough(speeds[i].measured));
  double errors = 0;
  double seconds = 0;
  for (std::size_t i = kLearned; i < speeds.size(); ++i) {
    if (!(speeds[i].measured > 0)) continue;
    errors += speeds[i].seconds * std::abs(speeds[i].predicted / speeds[i].measured - 1);
    seconds += speeds[i].seconds;
  }
  if (seconds > 0)
    out +=
        fmt::format("    mean error after {} slots: {:.1f} %\n", kLearned, 100 * errors / seconds);
  return out;
}

std::string option_text(std::string_view title, const std::optional<OptionView>& option,
                        Seconds now) {
  if (!option) return fmt::format("{}: none\n", title);
  std::string paid;
  for (const auto& [resource, cost] : option->paid)
    paid += fmt::format("{}{} {}", paid.empty() ? "" : ", ", resource, rough(cost));
  std::string out =
      fmt::format("{}: done {}, worth {}, costs {} (at the lowest prices {}), payoff {}\n", title,
                  from_now(option->completion, now), rough(option->utility), rough(option->cost),
                  rough(option->cost_when_idle), rough(option->utility - option->cost));
  if (!paid.empty()) out += fmt::format("    pays for {}\n", paid);
  return out + plan_text(option->runs, now);
}

}  // namespace

std::string shortened(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  const std::size_t kept = width < 3 ? width : width - 3;
  std::size_t columns = 0;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U;
    if (begins && columns++ == kept) break;
  }
  return std::string(text.substr(0, at)) + (width < 3 ? "" : "...");
}

std::string jobs_text(const JobList& list, Seconds now, std::size_t width) {
  if (list.jobs.empty()) return "no jobs\n";
  Table table({{"job"},
               {"name", Align::left},
               {"group", Align::left},
               {"state", Align::left},
               {"done"},
               {"tasks"},
               {"submitted"},
               {"end"},
               {"utility"}});
  for (const JobView& job : list.jobs)
    table.add_row({fmt::format("{}", job.number), shortened(job.name, kNameWidth),
                   shortened(job.group, 12), std::string(name_of(job.phase)),
                   share_text(job.samples_done, job.samples), tasks_text(job.workers, job.servers),
                   from_now(job.submitted, now), end_text(job, now), rough(job.utility)});
  return table.text(width);
}

std::string job_text(const JobDetail& detail, Seconds now) {
  const JobView& job = detail.job;
  std::string out = fmt::format("job {} '{}'\n", job.number, job.name);
  add_line(out, "state", std::string(name_of(job.phase)));
  add_line(out, "reason", job.reason);
  add_line(out, "group", job.group);
  add_line(out, "submitted", from_now(job.submitted, now));
  if (job.started) add_line(out, "started", from_now(job.started, now));
  if (job.ended) add_line(out, "ended", from_now(job.ended, now));
  if (job.promised) add_line(out, "promised", from_now(job.promised, now));
  if (job.expected && !job.ended) add_line(out, "expected", from_now(job.expected, now));
  add_line(out, "done",
           fmt::format("{} of {} ({})", rough(job.samples_done), rough(job.samples),
                       share_text(job.samples_done, job.samples)));
  if (job.samples_per_second > 0)
    add_line(out, "speed", rough(job.samples_per_second) + " samples/s");
  if (detail.loss) add_line(out, "loss", fmt::format("{:.4g}", *detail.loss));
  add_line(out, "utility", rough(job.utility));
  if (!job.account.empty())
    add_line(out, "charged", fmt::format("{} to {}", rough(job.charged), job.account));
  add_line(out, "has", placement_text(detail.placement));
  add_line(out, "starts",
           fmt::format("{}, of them {} after failures; {} resizes and moves", job.epoch,
                       job.restarts, job.resizes));
  add_line(out, "checkpoints", detail.directory);
  std::string tasks;
  for (const std::string& task : detail.tasks) tasks += (tasks.empty() ? "" : " ") + task;
  add_line(out, "logs", tasks);
  if (!detail.plan.empty()) out += "\nplan\n" + plan_text(detail.plan, now);
  if (!detail.speeds.empty()) out += speeds_text(detail.speeds);
  if (!detail.history.empty()) out += "\nhistory\n";
  for (const JobStep& step : detail.history)
    out += fmt::format("    {:>14}  {:<12} {}\n", from_now(step.at, now), name_of(step.phase),
                       step.what);
  return out;
}

std::string machines_text(const MachineList& list, std::size_t width) {
  std::vector<Column> columns{{"machine", Align::left}, {"state", Align::left}};
  for (std::size_t r = 0; r < list.types.size(); ++r) columns.push_back({list.types[r].name});
  columns.push_back({"jobs", Align::left});
  columns.push_back({"reason", Align::left});
  Table table(std::move(columns));
  for (const MachineView& machine : list.machines) {
    std::vector<std::string> row{machine.name, machine.state};
    for (std::size_t r = 0; r < list.types.size(); ++r)
      row.push_back(fmt::format("{}/{}", amount_text_of(list.types[r], machine.used[r]),
                                amount_text_of(list.types[r], machine.capacity[r])));
    std::string jobs;
    for (const JobNumber number : machine.jobs)
      jobs += fmt::format("{}{}", jobs.empty() ? "" : " ", number);
    row.push_back(shortened(jobs, kNameWidth));
    row.push_back(shortened(machine.reason, kReasonWidth));
    table.add_row(std::move(row));
  }
  return table.text(width);
}

std::string prices_text(const PriceList& list) {
  if (list.prices.empty()) return fmt::format("policy {} has no prices\n", list.policy);
  Table table({{"resource", Align::left}, {"price per unit and slot"}});
  for (const ResourcePrice& price : list.prices)
    table.add_row({price.resource, rough(price.price)});
  return table.text();
}

namespace {

std::string limit_text(const Account& account) {
  if (account.shares > 0) return fmt::format("{} shares", number_text(account.shares));
  if (!account.credits) return "none";
  return fmt::format("{} a {}", rough(*account.credits), human(account.period));
}

std::string balance_text(const Account& account) {
  return account.has_limit() ? rough(account.balance) : "-";
}

std::string members_text(const Account& account) {
  std::string out;
  for (const std::string& member : account.members) out += (out.empty() ? "" : ",") + member;
  return out.empty() ? "all" : out;
}

}  // namespace

std::string accounts_text(const AccountList& list, Seconds now) {
  Table table({{"account", Align::left},
               {"limit", Align::left},
               {"left"},
               {"renewed", Align::left},
               {"charged"},
               {"refunded"},
               {"members", Align::left}});
  for (const Account& account : list.accounts)
    table.add_row({account.name, limit_text(account), balance_text(account),
                   account.credits ? from_now(account.renewed + account.period, now) : "-",
                   rough(account.charged), rough(account.refunded),
                   shortened(members_text(account), kNameWidth)});
  return table.text();
}

std::string account_text(const AccountDetail& detail, Seconds now) {
  const Account& account = detail.account;
  std::string out;
  add_line(out, "account", account.name);
  add_line(out, "limit", limit_text(account));
  add_line(out, "left", balance_text(account));
  if (account.credits) add_line(out, "renewed", from_now(account.renewed + account.period, now));
  add_line(out, "charged", rough(account.charged));
  add_line(out, "refunded", rough(account.refunded));
  add_line(out, "members", members_text(account));
  if (detail.charges.empty()) return out;
  Table table({{"job"}, {"price"}, {"refund"}, {"charged", Align::left}});
  for (const Charge& charge : detail.charges)
    table.add_row({fmt::format("{}", charge.job), rough(charge.price), rough(charge.refund),
                   from_now(charge.at, now)});
  return out + "\n" + table.text();
}

std::string tokens_text(const TokenList& list, Seconds now) {
  if (list.tokens.empty()) return "there are no tokens\n";
  Table table({{"id", Align::left},
               {"user", Align::left},
               {"role", Align::left},
               {"made", Align::left},
               {"expires", Align::left},
               {"note", Align::left}});
  for (const TokenView& token : list.tokens)
    table.add_row({token.id, token.user, std::string(name_of(token.role)),
                   from_now(token.created, now), from_now(token.expires, now),
                   token.note.empty() ? "-" : shortened(token.note, kReasonWidth)});
  return table.text();
}

std::string forecast_text(const Forecast& forecast, Seconds now) {
  std::string out = forecast.is_admitted ? "would be admitted" : "would not be admitted";
  if (!forecast.reason.empty()) out += ": " + forecast.reason;
  out += '\n';
  if (forecast.starts) add_line(out, "starts", from_now(forecast.starts, now));
  if (forecast.completes) add_line(out, "done", from_now(forecast.completes, now));
  add_line(out, "worth", rough(forecast.utility));
  add_line(out, "costs", rough(forecast.cost));
  if (!forecast.plan.empty()) out += "plan\n" + plan_text(forecast.plan, now);
  return out;
}

std::string explanation_text(const ExplanationView& explanation,
                             const std::vector<PlacementView>& placement, Seconds now) {
  std::string out = fmt::format("job {} '{}'\n", explanation.job, explanation.name);
  if (!explanation.reason.empty()) out += explanation.reason + "\n";
  if (!placement.empty()) out += "has " + placement_text(placement) + "\n";
  if (explanation.promised) out += "promised " + from_now(explanation.promised, now) + "\n";
  if (!explanation.best) return out;  // Decided without prices.
  out += option_text(explanation.is_booked ? "booked" : "would get", explanation.best, now);
  out += option_text("sooner", explanation.sooner, now);
  return out + option_text("later", explanation.later, now);
}

std::string standing_text(const JobView& job, Seconds now) {
  std::string out(name_of(job.phase));
  if (job.workers > 0)
    out += fmt::format(", {} worker{}", job.workers, job.workers == 1 ? "" : "s");
  if (job.servers > 0)
    out += fmt::format(", {} server{}", job.servers, job.servers == 1 ? "" : "s");
  if (!is_end(job.phase) && job.samples_done > 0)
    out += ", " + share_text(job.samples_done, job.samples) + " done";
  if (!is_end(job.phase) && (job.expected || job.promised)) out += ", ends " + end_text(job, now);
  if (!job.reason.empty()) out += "; " + job.reason;
  return out;
}

}  // namespace bourse
