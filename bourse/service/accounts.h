#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"
#include "bourse/service/job_state.h"
#include "bourse/service/views.h"

namespace bourse {

// Who pays for jobs (docs/pricing.md). A credit is a unit of utility: what jobs are worth in.

/// The account of jobs whose group has none of its own. It is always there, and has no limit unless
/// it is given one.
inline constexpr const char* kDefaultAccount = "default";

/// A project that pays for its jobs.
struct Account {
  std::string name;
  /// Credits it has at the beginning of a period; what is left of them goes. Nothing: with shares
  /// it has what was granted and paid out, without them it has no limit.
  std::optional<double> credits;
  Seconds period{30 * 86400.0};
  /// Every charge is paid out to the accounts with shares, in proportion. 0: it gets nothing.
  double shares = 0;
  std::vector<std::string> members;  ///< Users that may use it, sorted; empty: all.
  double balance = 0;                ///< Means nothing without a limit.
  Seconds renewed{0};                ///< When the present period began, since 1970-01-01 UTC.
  double charged = 0;                ///< Over all time.
  double refunded = 0;

  [[nodiscard]] bool has_limit() const { return credits || shares > 0; }
};

/// What a job was charged.
struct Charge {
  JobNumber job = 0;
  std::string account;
  double price = 0;
  double refund = 0;     ///< Of it, given back; at most the price.
  Seconds at{0};         ///< Since 1970-01-01 UTC.
  Seconds promised{0};   ///< The completion that was paid for.
  bool was_hit = false;  ///< Since then a machine under it was lost or taken away.
};

/// One account with its last charges: `bourse accounts show`.
struct AccountDetail {
  Account account;
  std::vector<Charge> charges;  ///< Newest first.
};

struct AccountList {
  std::vector<Account> accounts;  ///< By name.
};

/// What an account shall be.
struct AccountRequest {
  std::string name;
  std::optional<double> credits;
  std::optional<Seconds> period;
  double shares = 0;
  std::vector<std::string> members;
};

/// A new account. Errors: invalid_argument if a name is not one (as of users, make_token), credits,
/// shares or period are out of range, or it has both shares and a period.
[[nodiscard]] Result<Account> make_account(const AccountRequest& request, Seconds now);

/// The accounts of a daemon. Pure: what changes is the caller's to journal.
class Accounts {
 public:
  Accounts() = default;
  explicit Accounts(std::vector<Account> accounts);

  [[nodiscard]] const std::map<std::string, Account>& all() const { return accounts_; }
  /// Null if there is none of that name.
  [[nodiscard]] const Account* find(const std::string& name) const;
  /// The account of a group: the one of its name, else the default.
  [[nodiscard]] const Account& of_group(const std::string& group) const;

  /// Puts it in place of one of the same name, or adds it.
  void put(Account account);
  /// Begins the periods that have begun by now. Returns the names of those that changed.
  std::vector<std::string> renew(Seconds now);
  [[nodiscard]] bool can_pay(const std::string& name, double price) const;
  /// Takes the price and pays it out to those with shares. Returns the names of those that changed.
  /// Requires that it can pay.
  std::vector<std::string> charge(const std::string& name, double price);
  /// Gives back so much of a price; what was paid out is taken back. Returns as charge().
  std::vector<std::string> refund(const std::string& name, double amount);
  /// Adds credits; they go with the period, but for accounts with shares. Requires that it is
  /// there.
  void grant(const std::string& name, double amount);

 private:
  std::vector<std::string> pay_out(double amount);

  std::map<std::string, Account> accounts_;
};

/// How much of a price goes back when a job has ended, of what was not given back before:
/// all if it was declined after it was admitted, or finished later than promised after a machine
/// under it was lost; else nothing. A job that is late because it is slower or longer than its file
/// said keeps its price, or else nobody would say the truth.
[[nodiscard]] double refund_at_end(const Charge& charge, JobPhase phase, Seconds ended);

/// How much of a price goes back when a machine took work with it: its share of all work, of what
/// was not given back before.
[[nodiscard]] double refund_for_loss(const Charge& charge, double lost_samples, double samples);

}  // namespace bourse
