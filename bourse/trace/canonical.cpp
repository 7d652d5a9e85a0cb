#include <fmt/core.h>

#include <cmath>

#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/trace/trace.h"

namespace bourse {
namespace {

Result<void> check_text(std::string_view text, std::string_view what) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return {};
  return invalid(fmt::format("{} '{}': canonical CSV cannot hold a comma, quote or line break",
                             what, quotable(text)));
}

}  // namespace

Result<std::string> write_canonical(const Workload& workload) {
  const auto gpu = workload.types.find("gpu");
  std::string out = "job_id,submit_s,duration_s,num_gpus,vc\n";
  for (const JobSpec& job : workload.jobs) {
    BOURSE_TRY_VOID(check_text(job.name, "job"));
    BOURSE_TRY_VOID(check_text(job.group, "group"));
    const double a_worker = gpu ? static_cast<double>(job.worker[*gpu]) : 0;
    const double gpus = a_worker * job.requested_workers / static_cast<double>(kAmountsPerUnit);
    if (gpus != std::floor(gpus))
      return invalid(fmt::format("job '{}': canonical CSV cannot hold {} GPUs, only whole ones",
                                 quotable(job.name), number_text(gpus)));
    const Seconds duration = requested_duration(job);
    if (!std::isfinite(duration.value))
      return invalid(
          fmt::format("job '{}': its requested tasks make no progress, so it has no "
                      "duration to write",
                      quotable(job.name)));
    out += fmt::format("{},{},{},{},{}\n", job.name, number_text(job.arrival.value),
                       number_text(duration.value), number_text(gpus), job.group);
  }
  return out;
}

}  // namespace bourse
