#pragma once

#include <string>

#include "bourse/service/api.h"

namespace bourse {

/// The figures in the text format of Prometheus (version 0.0.4). Names begin with "bourse_".
[[nodiscard]] std::string prometheus_text(const MetricsView& figures);

}  // namespace bourse
