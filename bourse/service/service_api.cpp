#include "bourse/service/service_api.h"

#include <algorithm>
#include <utility>

namespace bourse {
namespace {

constexpr std::size_t kMostCharges = 100;  ///< Of an account, shown with it.

std::string joined(const std::map<std::string, std::string>& environment) {
  std::string all;
  for (const auto& [name, value] : environment) {
    all.append(name).append("=").append(value);
    all += '\0';
  }
  return all;
}

void add(ResourceVector& sum, const ResourceVector& amounts) {
  if (sum.empty()) sum.resize(amounts.size());
  for (std::size_t r = 0; r < amounts.size(); ++r) sum[r] += amounts[r];
}

}  // namespace

ServiceApi::ServiceApi(Service& service, World world, std::string policy, std::string version,
                       std::string user)
    : service_(service),
      world_(world),
      policy_(std::move(policy)),
      version_(std::move(version)),
      user_(std::move(user)),
      started_(world.clock.unix_time()) {}

Result<JobList> ServiceApi::jobs(const JobQuery& query) {
  // One more than asked for tells whether there is another page.
  JobList list;
  JobQuery one_more = query;
  ++one_more.limit;
  list.jobs = service_.jobs(one_more);
  if (list.jobs.size() > query.limit) {
    list.jobs.pop_back();
    list.next_before = list.jobs.back().number;
  }
  return list;
}

Result<JobDetail> ServiceApi::job(JobNumber number) { return service_.job(number); }

Result<SubmitReply> ServiceApi::submit(const SubmitRequest& request) {
  const Submission submission{.text = request.file,
                              .file = request.name,
                              .directory = request.directory,
                              .environment = joined(request.environment),
                              .user = request.user.empty() ? user_ : request.user,
                              .is_admin = request.is_admin};
  SubmitReply reply;
  if (const auto path = request.environment.find("PATH"); path != request.environment.end()) {
    BOURSE_TRY(const JobFile file, parse_job_file(request.file, request.name));
    reply.warnings =
        missing_programs(file, request.directory, path->second,
                         [this](const std::string& name) { return world_.files.exists(name); });
  }
  if (request.is_dry_run) {
    BOURSE_TRY(reply.forecast, service_.forecast(submission));
  } else {
    BOURSE_TRY(reply.job, service_.submit(submission));
  }
  return reply;
}

Result<JobView> ServiceApi::cancel(JobNumber number) {
  BOURSE_TRY_VOID(service_.cancel(number));
  BOURSE_TRY(JobDetail detail, service_.job(number));
  return std::move(detail.job);
}

Result<LogPart> ServiceApi::log(JobNumber number, const std::string& task, std::uint64_t offset,
                                std::uint64_t limit) {
  // Whether the job has ended is asked first: what is written afterwards is not missed.
  BOURSE_TRY(const JobDetail detail, service_.job(number));
  BOURSE_TRY(std::string bytes, service_.log(number, task, offset, limit));
  const bool is_complete = is_end(detail.job.phase) && bytes.size() < limit;
  return LogPart{.bytes = std::move(bytes), .offset = offset, .is_complete = is_complete};
}

Result<ExplanationView> ServiceApi::explain(JobNumber number) {
  BOURSE_TRY(const JobDetail detail, service_.job(number));
  ExplanationView view;
  if (!is_end(detail.job.phase)) {
    BOURSE_TRY(const std::optional<Explanation> explanation, service_.explain(number));
    if (explanation) view = view_of(*explanation, service_.cluster(), service_.unix_time_of({}));
  }
  view.job = number;
  view.name = detail.job.name;
  view.at = world_.clock.unix_time();
  view.reason = detail.job.reason;
  return view;
}

Result<MachineList> ServiceApi::machines() {
  return MachineList{.types = service_.cluster().types, .machines = service_.machines()};
}

Result<MachineList> ServiceApi::drain(const std::string& machine, bool is_draining,
                                      const std::string& reason) {
  BOURSE_TRY_VOID(service_.drain(machine, is_draining, reason));
  MachineList list{.types = service_.cluster().types, .machines = service_.machines()};
  std::erase_if(list.machines, [&](const MachineView& one) { return one.name != machine; });
  return list;
}

Result<PriceList> ServiceApi::prices() {
  return PriceList{.policy = policy_, .prices = service_.prices()};
}

Result<std::vector<ChangeView>> ServiceApi::changes_after(std::uint64_t number, std::size_t limit) {
  return service_.changes_after(number, limit);
}

std::uint64_t ServiceApi::last_change() { return service_.last_change(); }

Result<MetricsView> ServiceApi::metrics() {
  MetricsView view;
  view.version = version_;
  view.policy = policy_;
  view.started = started_;
  const std::vector<std::uint64_t> counts = service_.phase_counts();
  for (std::size_t i = 0; i < counts.size(); ++i)
    view.jobs.emplace_back(static_cast<JobPhase>(i), counts[i]);
  std::map<std::string, std::uint64_t> states{
      {"up", 0}, {"draining", 0}, {"drained", 0}, {"down", 0}};
  for (const MachineView& machine : service_.machines()) {
    ++states[machine.state];
    if (machine.state != "up") continue;
    add(view.total.capacity, machine.capacity);
    add(view.total.used, machine.used);
  }
  view.machines.assign(states.begin(), states.end());
  view.types = service_.cluster().types;
  view.prices = service_.prices();
  view.counters = service_.counters();
  return view;
}

Result<std::string> ServiceApi::owner_of(JobNumber number) { return service_.owner_of(number); }

Result<AccountList> ServiceApi::accounts() { return service_.accounts(); }

Result<AccountDetail> ServiceApi::account(const std::string& name) {
  return service_.account(name, kMostCharges);
}

Result<Account> ServiceApi::put_account(const AccountRequest& request) {
  return service_.put_account(request);
}

Result<Account> ServiceApi::grant(const std::string& name, double credits) {
  return service_.grant(name, credits);
}

Result<Caller> ServiceApi::caller_of(const std::string& token) { return service_.caller_of(token); }

Result<TokenList> ServiceApi::tokens() {
  TokenList list;
  for (const StoredToken& token : service_.tokens()) list.tokens.push_back(bourse::view_of(token));
  return list;
}

Result<TokenView> ServiceApi::create_token(const TokenRequest& request) {
  BOURSE_TRY(MadeToken made, service_.create_token(request));
  TokenView view = bourse::view_of(made.stored);
  view.token = std::move(made.token);
  return view;
}

Result<TokenView> ServiceApi::revoke_token(const std::string& id) {
  BOURSE_TRY(const StoredToken token, service_.revoke_token(id));
  return bourse::view_of(token);
}

Result<void> ServiceApi::ready() { return service_.status(); }

}  // namespace bourse
