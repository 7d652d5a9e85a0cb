#include <cstddef>
#include <cstdint>
#include <string_view>

#include "bourse/base/check.h"
#include "bourse/service/api_json.h"

namespace {

/// What was read is written so that it reads back the same, or a sentence says why it cannot be
/// read.
template <class Read>
void check(std::string_view text, Read read) {
  const auto value = read(text);
  if (!value) {
    BOURSE_CHECK(!value.error().message.empty());
    return;
  }
  const std::string once = bourse::to_json(*value);
  const auto again = read(once);
  BOURSE_CHECK(again.has_value());
  BOURSE_CHECK(bourse::to_json(*again) == once);
}

}  // namespace

/// Any bytes are objects of the API, or are refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(text, bourse::submit_request_from_json);
  check(text, bourse::job_list_from_json);
  check(text, bourse::job_detail_from_json);
  check(text, bourse::submit_reply_from_json);
  check(text, bourse::explanation_from_json);
  check(text, bourse::machine_list_from_json);
  check(text, bourse::price_list_from_json);
  check(text, bourse::change_from_json);
  (void)bourse::error_from_json(text);
  return 0;
}
