#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "bourse/service/api.h"
#include "bourse/service/view_fixtures.h"

namespace bourse {

/// Knows one job, 17, with one log, and one machine, "local-0". Remembers what it was asked.
class FakeApi : public Api {
 public:
  JobQuery query;
  SubmitRequest submitted;
  std::vector<ChangeView> changes;
  std::string text_of_log = "line 1\nline 2\n";
  bool is_log_complete = true;
  bool is_drained = false;
  std::string drain_reason;
  Result<void> is_ready;

  Result<JobList> jobs(const JobQuery& asked) override {
    query = asked;
    return JobList{.jobs = {some_job()}, .next_before = 17};
  }
  Result<JobDetail> job(JobNumber number) override {
    if (number != 17) return none(number);
    return some_detail();
  }
  Result<SubmitReply> submit(const SubmitRequest& request) override {
    submitted = request;
    if (request.file == "full") return fail(ErrorCode::resource_exhausted, "too many jobs");
    if (request.file.empty()) return invalid("job.yaml:1: the file is empty");
    SubmitReply reply{.job = std::nullopt, .forecast = std::nullopt, .warnings = {"odd"}};
    if (request.is_dry_run)
      reply.forecast = some_forecast();
    else
      reply.job = some_job();
    return reply;
  }
  Result<JobView> cancel(JobNumber number) override {
    if (number == 18) return fail(ErrorCode::failed_precondition, "job 18 has ended");
    if (number != 17) return none(number);
    return some_job();
  }
  Result<LogPart> log(JobNumber number, const std::string& task, std::uint64_t offset,
                      std::uint64_t limit) override {
    if (number != 17) return none(number);
    if (task != "worker-0") return fail(ErrorCode::not_found, "job 17 has no task 'x'");
    const std::uint64_t from = std::min<std::uint64_t>(offset, text_of_log.size());
    LogPart part{.bytes = text_of_log.substr(from, limit), .offset = from, .is_complete = false};
    part.is_complete = is_log_complete && from + part.bytes.size() == text_of_log.size();
    return part;
  }
  Result<ExplanationView> explain(JobNumber number) override {
    if (number != 17) return none(number);
    return some_explanation();
  }
  Result<MachineList> machines() override { return some_machines(); }
  Result<MachineList> drain(const std::string& machine, bool is_draining,
                            const std::string& reason) override {
    if (machine != "local-0") return fail(ErrorCode::not_found, "there is no such machine");
    is_drained = is_draining;
    drain_reason = reason;
    return some_machines();
  }
  Result<PriceList> prices() override { return some_prices(); }
  Result<std::vector<ChangeView>> changes_after(std::uint64_t number, std::size_t limit) override {
    std::vector<ChangeView> found;
    for (const ChangeView& change : changes)
      if (change.number > number && found.size() < limit) found.push_back(change);
    return found;
  }
  std::uint64_t last_change() override { return changes.empty() ? 0 : changes.back().number; }
  Result<MetricsView> metrics() override {
    MetricsView figures;
    figures.version = "1.2";
    figures.policy = "pd-ors";
    figures.started = Seconds(1.7e9);
    figures.jobs = {{JobPhase::running, 2}, {JobPhase::backing_off, 1}};
    figures.machines = {{"up", 3}, {"down", 1}};
    figures.types = some_machines().types;
    figures.total = some_machines().machines[0];
    figures.prices = some_prices().prices;
    figures.counters.decisions = {.count = 4, .sum = Seconds(0.5), .max = Seconds(0.25)};
    figures.counters.commits = {.count = 5, .sum = Seconds(0.125), .max = Seconds(0.0625)};
    figures.counters.cells_started = 7;
    figures.counters.utility = 12.5;
    return figures;
  }
  Result<void> ready() override { return is_ready; }
  /// Job 17 is alice's.
  Result<std::string> owner_of(JobNumber number) override {
    if (number != 17) return none(number);
    return some_job().owner;
  }
  Result<AccountList> accounts() override { return AccountList{.accounts = {some_account()}}; }
  Result<AccountDetail> account(const std::string& name) override {
    if (name != some_account().name && name != "local-0") return no_account();
    return AccountDetail{.account = some_account(),
                         .charges = {{.job = 17, .account = "team-a", .price = 12.5}}};
  }
  Result<Account> put_account(const AccountRequest& request) override {
    return make_account(request, Seconds(1.7e9));
  }
  Result<Account> grant(const std::string& name, double credits) override {
    if (name != some_account().name && name != "local-0") return no_account();
    Account account = some_account();
    account.balance += credits;
    return account;
  }
  /// Tokens are "<role>:<user>".
  Result<Caller> caller_of(const std::string& token) override {
    const auto colon = token.find(':');
    const auto role = parse_role(token.substr(0, colon));
    if (colon == std::string::npos || !role)
      return fail(ErrorCode::unauthenticated, "the token is not known");
    return Caller{.user = token.substr(colon + 1), .role = *role, .token = "1234abcd"};
  }
  Result<TokenList> tokens() override { return TokenList{.tokens = {some_token()}}; }
  Result<TokenView> create_token(const TokenRequest& request) override {
    TokenView token = some_token();
    token.user = request.user;
    token.role = request.role;
    token.token = "secret";
    return token;
  }
  Result<TokenView> revoke_token(const std::string& id) override {
    if (id != some_token().id) return fail(ErrorCode::not_found, "there is no such token");
    return some_token();
  }

 private:
  static tl::unexpected<Error> no_account() {
    return fail(ErrorCode::not_found, "there is no such account");
  }
  static tl::unexpected<Error> none(JobNumber number) {
    return fail(ErrorCode::not_found, "there is no job " + std::to_string(number));
  }
};

}  // namespace bourse
