#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bourse/model/cluster.h"
#include "bourse/model/workload.h"

namespace bourse {
namespace {

/// The examples between "```yaml" and "```".
std::vector<std::string> yaml_examples(const std::string& path) {
  std::ifstream stream(path);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  std::vector<std::string> examples;
  const std::string open = "```yaml\n";
  for (auto begin = text.find(open); begin != std::string::npos; begin = text.find(open, begin)) {
    begin += open.size();
    examples.push_back(text.substr(begin, text.find("```", begin) - begin));
  }
  return examples;
}

TEST(FilesDocument, HasExamplesThatAreReadAndFit) {
  const auto examples = yaml_examples(BOURSE_SOURCE_DIR "/docs/files.md");
  ASSERT_EQ(examples.size(), 2u);
  const auto cluster = parse_cluster_yaml(examples[0], "docs/files.md");
  ASSERT_TRUE(cluster.has_value()) << cluster.error().message;
  EXPECT_EQ(cluster->machines.size(), 35u);
  EXPECT_EQ(cluster->rack_count, 5u);
  const auto workload = parse_workload_yaml(examples[1], "docs/files.md");
  ASSERT_TRUE(workload.has_value()) << workload.error().message;
  EXPECT_EQ(workload->jobs.size(), 5u);
  for (const Cluster& each : {*cluster, *workload->cluster}) {
    const auto bound = bind(*workload, each, "docs/files.md");
    EXPECT_TRUE(bound.has_value()) << bound.error().message;
  }
}

}  // namespace
}  // namespace bourse
