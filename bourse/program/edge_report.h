#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bourse/program/edge_counts.h"
#include "bourse/program/program_graph.h"

namespace bourse::program {

/// An edge of a program with the names of its nodes.
struct EdgeReport {
  std::string caller;  ///< "worker/3"; "main()" for what is of no node.
  std::string called;
  EdgeCounts counts;
};

/// Adds up what several processes have counted; in the order of the nodes, main() last.
[[nodiscard]] std::vector<EdgeReport> edge_reports(const ProgramGraph& graph,
                                                   const std::vector<EdgeCounts>& counts);

/// A table, one line for each edge.
[[nodiscard]] std::string text_of(const std::vector<EdgeReport>& edges);

}  // namespace bourse::program
