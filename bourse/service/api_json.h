#pragma once

#include <string>
#include <string_view>

#include "bourse/base/error.h"
#include "bourse/service/api.h"

namespace bourse {

// The objects of the API as JSON and back (docs/openapi.yaml). Instants are numbers of seconds
// since 1970-01-01 UTC. Readers take unknown keys for news of a later version, and missing ones as
// their defaults. Their errors: data_corrupted, with the key.

[[nodiscard]] std::string to_json(const JobView& job);
[[nodiscard]] std::string to_json(const JobList& list);
[[nodiscard]] std::string to_json(const JobDetail& detail);
[[nodiscard]] std::string to_json(const SubmitRequest& request);
[[nodiscard]] std::string to_json(const SubmitReply& reply);
[[nodiscard]] std::string to_json(const ExplanationView& explanation);
/// Counts as numbers, sizes as bytes; the kinds of the resources say which.
[[nodiscard]] std::string to_json(const MachineList& list);
[[nodiscard]] std::string to_json(const PriceList& list);
[[nodiscard]] std::string to_json(const ChangeView& change);
[[nodiscard]] std::string to_json(const TokenRequest& request);
[[nodiscard]] std::string to_json(const TokenView& token);
[[nodiscard]] std::string to_json(const TokenList& list);
/// {"error": {"code": "not_found", "message": "..."}}
[[nodiscard]] std::string to_json(const Error& error);

[[nodiscard]] Result<JobView> job_view_from_json(std::string_view text);
[[nodiscard]] Result<JobList> job_list_from_json(std::string_view text);
[[nodiscard]] Result<JobDetail> job_detail_from_json(std::string_view text);
/// Strict, as it comes from people. Errors: invalid_argument; also for an unknown key.
[[nodiscard]] Result<SubmitRequest> submit_request_from_json(std::string_view text);
/// Errors: as submit_request_from_json.
[[nodiscard]] Result<TokenRequest> token_request_from_json(std::string_view text);
[[nodiscard]] Result<TokenView> token_view_from_json(std::string_view text);
[[nodiscard]] Result<TokenList> token_list_from_json(std::string_view text);
[[nodiscard]] Result<SubmitReply> submit_reply_from_json(std::string_view text);
[[nodiscard]] Result<ExplanationView> explanation_from_json(std::string_view text);
[[nodiscard]] Result<MachineList> machine_list_from_json(std::string_view text);
[[nodiscard]] Result<PriceList> price_list_from_json(std::string_view text);
[[nodiscard]] Result<ChangeView> change_from_json(std::string_view text);
/// The error that an answer states; `internal` if the text is no such answer.
[[nodiscard]] Error error_from_json(std::string_view text);

}  // namespace bourse
