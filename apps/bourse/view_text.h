#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "bourse/base/quantity.h"
#include "bourse/report/table.h"
#include "bourse/service/api.h"

namespace bourse {

// What the daemon shows, as text for people. `now` is since 1970-01-01 UTC; instants are shown as
// the time from or to it.

/// The first `width` columns of a UTF-8 text, with "..." in place of what is cut off.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t width);

/// A row a job.
[[nodiscard]] std::string jobs_text(const JobList& list, Seconds now,
                                    std::size_t width = kTableWidth);
/// All about a job.
[[nodiscard]] std::string job_text(const JobDetail& detail, Seconds now);
/// A row a machine, with what is used of what it has.
[[nodiscard]] std::string machines_text(const MachineList& list, std::size_t width = kTableWidth);
/// A row a resource.
[[nodiscard]] std::string prices_text(const PriceList& list);
/// A row an account.
[[nodiscard]] std::string accounts_text(const AccountList& list, Seconds now);
/// An account and what its jobs were charged.
[[nodiscard]] std::string account_text(const AccountDetail& detail, Seconds now);
/// A row a token.
[[nodiscard]] std::string tokens_text(const TokenList& list, Seconds now);
/// What would become of a job.
[[nodiscard]] std::string forecast_text(const Forecast& forecast, Seconds now);
/// Why a job gets what it gets, and what it has now.
[[nodiscard]] std::string explanation_text(const ExplanationView& explanation,
                                           const std::vector<PlacementView>& placement,
                                           Seconds now);
/// "running, 2 workers on local-0, done in 3m 10s": what became of a submission.
[[nodiscard]] std::string standing_text(const JobView& job, Seconds now);

}  // namespace bourse
