#include "bourse/service/accounts.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/base/text.h"
#include "bourse/service/access.h"

namespace bourse {
namespace {

constexpr double kMostCredits = 1e15;
constexpr Seconds kShortestPeriod{60};
/// A job that is late by so little is in time: instants of slots are rounded.
constexpr Seconds kInTime{1};
/// A price this much above a balance, relative to it, is rounding error.
constexpr double kTolerance = 1e-9;

Result<void> check_amount(const char* what, double amount) {
  if (amount >= 0 && amount <= kMostCredits) return {};
  return invalid(fmt::format("{}: {:g} is not from 0 to {:g}", what, amount, kMostCredits));
}

}  // namespace

Result<Account> make_account(const AccountRequest& request, Seconds now) {
  if (!is_user_name(request.name))
    return invalid(fmt::format("name: '{}' is no name; {}", quotable(request.name), kUserNameRule));
  for (const std::string& member : request.members)
    if (!is_user_name(member))
      return invalid(fmt::format("members: '{}' is no name; {}", quotable(member), kUserNameRule));
  if (request.credits) BOURSE_TRY_VOID(check_amount("credits", *request.credits));
  BOURSE_TRY_VOID(check_amount("shares", request.shares));
  if (request.shares > 0 && request.period)
    return invalid("period: an account with shares has none; it is paid all the time");
  if (request.period && !(*request.period >= kShortestPeriod))
    return invalid(fmt::format("period: {:g}s is less than {:g}s", request.period->value,
                               kShortestPeriod.value));
  Account account{.name = request.name, .shares = request.shares, .members = request.members};
  std::ranges::sort(account.members);
  if (request.shares > 0)
    account.balance = request.credits.value_or(0);
  else
    account.credits = request.credits;
  if (account.credits) account.balance = *account.credits;
  if (request.period) account.period = *request.period;
  account.renewed = now;
  return account;
}

Accounts::Accounts(std::vector<Account> accounts) {
  for (Account& account : accounts) put(std::move(account));
  if (find(kDefaultAccount) == nullptr) put({.name = kDefaultAccount});
}

const Account* Accounts::find(const std::string& name) const {
  const auto at = accounts_.find(name);
  return at == accounts_.end() ? nullptr : &at->second;
}

const Account& Accounts::of_group(const std::string& group) const {
  const Account* const own = find(group);
  return own != nullptr ? *own : accounts_.at(kDefaultAccount);
}

void Accounts::put(Account account) {
  std::string name = account.name;
  accounts_.insert_or_assign(std::move(name), std::move(account));
}

std::vector<std::string> Accounts::renew(Seconds now) {
  std::vector<std::string> changed;
  for (auto& [name, account] : accounts_) {
    if (!account.credits || now < account.renewed + account.period) continue;
    account.renewed += account.period * std::floor((now - account.renewed) / account.period);
    account.balance = *account.credits;
    changed.push_back(name);
  }
  return changed;
}

bool Accounts::can_pay(const std::string& name, double price) const {
  const Account& account = accounts_.at(name);
  return !account.has_limit() || price <= account.balance * (1 + kTolerance);
}

std::vector<std::string> Accounts::charge(const std::string& name, double price) {
  BOURSE_CHECK(can_pay(name, price));
  Account& account = accounts_.at(name);
  account.charged += price;
  if (!account.has_limit()) return {name};
  account.balance = std::max(0.0, account.balance - price);
  std::vector<std::string> changed =
      account.shares > 0 ? pay_out(price) : std::vector<std::string>();
  if (std::ranges::find(changed, name) == changed.end()) changed.push_back(name);
  return changed;
}

std::vector<std::string> Accounts::refund(const std::string& name, double amount) {
  Account& account = accounts_.at(name);
  account.refunded += amount;
  if (!account.has_limit()) return {name};
  account.balance += amount;
  std::vector<std::string> changed =
      account.shares > 0 ? pay_out(-amount) : std::vector<std::string>();
  if (std::ranges::find(changed, name) == changed.end()) changed.push_back(name);
  return changed;
}

void Accounts::grant(const std::string& name, double amount) {
  Account& account = accounts_.at(name);
  account.balance = std::max(0.0, account.balance + amount);
}

std::vector<std::string> Accounts::pay_out(double amount) {
  double shares = 0;
  for (const auto& [name, account] : accounts_) shares += account.shares;
  std::vector<std::string> changed;
  for (auto& [name, account] : accounts_) {
    if (account.shares == 0) continue;
    account.balance += amount * account.shares / shares;
    changed.push_back(name);
  }
  return changed;
}

double refund_at_end(const Charge& charge, JobPhase phase, Seconds ended) {
  const bool was_broken =
      phase == JobPhase::finished && charge.was_hit && ended > charge.promised + kInTime;
  return phase == JobPhase::declined || was_broken ? charge.price - charge.refund : 0;
}

double refund_for_loss(const Charge& charge, double lost_samples, double samples) {
  if (!(samples > 0) || !(lost_samples > 0)) return 0;
  const double share = std::min(1.0, lost_samples / samples);
  return std::min(charge.price - charge.refund, charge.price * share);
}

}  // namespace bourse
