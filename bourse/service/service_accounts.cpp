#include <fmt/core.h>

#include <algorithm>

#include "bourse/base/text.h"
#include "bourse/service/service.h"

namespace bourse {

Result<void> Service::check_member(const std::string& group, const Submission& submission) const {
  const Account& account = accounts_.of_group(group);
  const std::vector<std::string>& members = account.members;
  if (submission.is_admin || members.empty() ||
      std::ranges::binary_search(members, submission.user))
    return {};
  return fail(ErrorCode::permission_denied,
              fmt::format("user '{}' is no member of the account '{}'; name another group, or ask "
                          "an admin",
                          quotable(submission.user), account.name));
}

bool Service::pay(LiveJob& job, double price) {
  if (job.charge) return true;
  journal(accounts_.renew(unix_now()));
  const std::string account = accounts_.of_group(job.record.group).name;
  if (!accounts_.can_pay(account, price)) return false;
  journal(accounts_.charge(account, price));
  job.charge =
      Charge{.job = job.record.number, .account = account, .price = price, .at = unix_now()};
  store_->put_charge(*job.charge);
  const Account& payer = *accounts_.find(account);
  if (payer.has_limit())
    note(job, fmt::format("charged {:.4g} credits to {}, which has {:.4g} left", price, account,
                          payer.balance));
  return true;
}

void Service::refund(LiveJob& job, double amount, const std::string& why) {
  if (!(amount > 0)) return;
  job.charge->refund += amount;
  store_->put_charge(*job.charge);
  const Account* const payer = accounts_.find(job.charge->account);
  if (payer == nullptr) return;
  journal(accounts_.refund(payer->name, amount));
  if (payer->has_limit())
    note(job, fmt::format("{:.4g} credits go back to {}: {}", amount, payer->name, why));
}

void Service::note_hit(LiveJob& job) {
  if (!job.charge || job.charge->was_hit) return;
  job.charge->was_hit = true;
  store_->put_charge(*job.charge);
}

void Service::journal(const std::vector<std::string>& accounts) {
  for (const std::string& name : accounts) store_->put_account(*accounts_.find(name));
}

AccountList Service::accounts() {
  accounts_.renew(unix_now());  // Journaled with the next charge: the same would come of it again.
  AccountList list;
  for (const auto& [name, account] : accounts_.all()) list.accounts.push_back(account);
  return list;
}

Result<AccountDetail> Service::account(const std::string& name, std::size_t limit) {
  accounts_.renew(unix_now());
  const Account* const found = accounts_.find(name);
  if (found == nullptr)
    return fail(ErrorCode::not_found, fmt::format("there is no account '{}'", quotable(name)));
  return AccountDetail{.account = *found, .charges = store_->charges(name, limit)};
}

Result<Account> Service::put_account(const AccountRequest& request) {
  BOURSE_TRY(Account account, make_account(request, unix_now()));
  if (const Account* const before = accounts_.find(request.name)) {
    account.charged = before->charged;
    account.refunded = before->refunded;
  }
  BOURSE_TRY_VOID(turn([&] {
    accounts_.put(account);
    journal({account.name});
    store_->add_change(unix_now(), "account", 0, JobPhase::waiting, 0,
                       fmt::format("account {} was set up", account.name));
  }));
  return account;
}

Result<Account> Service::grant(const std::string& name, double credits) {
  const Account* const found = accounts_.find(name);
  if (found == nullptr)
    return fail(ErrorCode::not_found, fmt::format("there is no account '{}'", quotable(name)));
  if (!found->has_limit())
    return fail(ErrorCode::failed_precondition,
                fmt::format("the account '{}' has no limit, so nothing can be added", name));
  constexpr double kMost = 1e15;
  if (!(credits >= -kMost && credits <= kMost))
    return invalid(fmt::format("credits: {:g} is not from {:g} to {:g}", credits, -kMost, kMost));
  BOURSE_TRY_VOID(turn([&] {
    journal(accounts_.renew(unix_now()));
    accounts_.grant(name, credits);
    journal({name});
    store_->add_change(unix_now(), "account", 0, JobPhase::waiting, 0,
                       fmt::format("account {} was granted {:.4g} credits", name, credits));
  }));
  return *accounts_.find(name);
}

}  // namespace bourse
