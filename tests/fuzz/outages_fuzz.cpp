// Outages in CSV: no input crashes the reader; what it takes are intervals apart, on machines that
// exist.
#include <cstddef>
#include <cstdint>
#include <string>

#include "bourse/base/check.h"
#include "bourse/simulation/perturb.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMachines = 4;
  const std::string text(data, data + size);
  const auto outages = bourse::parse_outages(text, "outages.csv", kMachines);
  if (!outages) {
    BOURSE_CHECK(outages.error().message.find('\n') == std::string::npos);
    return 0;
  }
  for (std::size_t i = 0; i < outages->size(); ++i) {
    const bourse::Outage& outage = (*outages)[i];
    BOURSE_CHECK(outage.machine.index() < kMachines);
    BOURSE_CHECK(outage.from < outage.to);
    if (i == 0 || outage.machine != (*outages)[i - 1].machine) continue;
    BOURSE_CHECK((*outages)[i - 1].to < outage.from);
  }
  return 0;
}
