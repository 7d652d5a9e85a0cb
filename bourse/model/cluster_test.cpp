#include "bourse/model/cluster.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include <cstdio>
#include <fstream>

#include "bourse/model/yaml.h"

namespace bourse {
namespace {

std::string error_of(const Result<Cluster>& result) {
  return result ? "no error" : result.error().message;
}

std::string short_form_error(std::string_view text) {
  return error_of(parse_cluster_short_form(text));
}

std::string cluster_error(std::string_view text) {
  return error_of(parse_cluster_yaml(text, "c.yaml"));
}

/// The error of one entry of machines with these lines.
std::string entry_error(std::string_view lines) {
  return cluster_error("machines:\n  - count: 2\n    resources: {gpu: 8}\n  - " +
                       std::string(lines));
}

bool same(const Cluster& a, const Cluster& b) {
  if (!(a.types == b.types) || a.classes.size() != b.classes.size() ||
      a.machines.size() != b.machines.size() || a.rack_count != b.rack_count)
    return false;
  for (std::size_t i = 0; i < a.classes.size(); ++i)
    if (a.classes[i].name != b.classes[i].name || a.classes[i].speed != b.classes[i].speed ||
        a.classes[i].capacity != b.classes[i].capacity)
      return false;
  for (std::size_t i = 0; i < a.machines.size(); ++i)
    if (a.machines[i].class_index != b.machines[i].class_index ||
        a.machines[i].rack != b.machines[i].rack)
      return false;
  return true;
}

TEST(ShortForm, IsMachinesTimesGpusInOneRack) {
  const auto cluster = parse_cluster_short_form("256x8");
  ASSERT_TRUE(cluster.has_value());
  EXPECT_EQ(cluster->machines.size(), 256u);
  EXPECT_EQ(cluster->types.size(), 1u);
  EXPECT_EQ(cluster->types[0].name, "gpu");
  EXPECT_EQ(cluster->total(), ResourceVector{2048 * kAmountsPerUnit});
  EXPECT_EQ(cluster->rack_count, 1u);
  EXPECT_EQ(cluster->machine_name(MachineId(17u)), "machine-17");
}

TEST(ShortForm, SaysWhatIsWrong) {
  EXPECT_EQ(short_form_error("4x0"),
            "cluster '4x0' has no GPUs; write MACHINESxGPUS, such as 256x8");
  EXPECT_EQ(short_form_error("0x8"),
            "cluster '0x8' has no machines; write MACHINESxGPUS, such as 256x8");
  EXPECT_EQ(short_form_error("8"),
            "cluster '8' is not of the short form; write MACHINESxGPUS, such as 256x8");
  EXPECT_EQ(short_form_error("4x8x2"),
            "cluster '4x8x2' is not two whole numbers; write MACHINESxGPUS, such as 256x8");
  EXPECT_EQ(short_form_error("99999999999999999999x8"),
            "cluster '99999999999999999999x8' is not two whole numbers; write MACHINESxGPUS, such "
            "as 256x8");
  EXPECT_EQ(short_form_error("1000001x8"),
            "cluster '1000001x8' has more than 1000000 machines; write MACHINESxGPUS, such as "
            "256x8");
  EXPECT_EQ(short_form_error("1x1000001"),
            "cluster '1x1000001' has more than 1000000 GPUs on a machine; write MACHINESxGPUS, "
            "such as 256x8");
}

TEST(ClusterYaml, ReadsClassesRacksSpeedAndUnits) {
  const auto cluster = parse_cluster_yaml(R"(
machines:
  - class: v100
    count: 4
    racks: 2
    resources: {gpu: 8, cpu: 96, memory: 512GiB}
  - class: a100
    count: 2
    rack: fast
    speed: 2.5
    resources: {gpu: 4, nvme: 1TB}
  - class: v100
    count: 1
    rack: fast
    resources: {gpu: 8, cpu: 96, memory: 512GiB}
)",
                                          "c.yaml");
  ASSERT_TRUE(cluster.has_value()) << cluster.error().message;
  ASSERT_EQ(cluster->classes.size(), 2u);
  ASSERT_EQ(cluster->machines.size(), 7u);
  EXPECT_EQ(cluster->rack_count, 3u);
  // 512 GiB = 524288 MiB, in thousandths. 1 TB = 1e12 / 1048576 = 953674.316... MiB, rounded down.
  EXPECT_EQ(cluster->classes[0].capacity, (ResourceVector{8000, 96000, 524288000, 0}));
  EXPECT_EQ(cluster->classes[1].capacity, (ResourceVector{4000, 0, 0, 953674316}));
  EXPECT_EQ(cluster->classes[1].speed, 2.5);
  const std::uint32_t racks[] = {0, 0, 1, 1, 2, 2, 2};
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(cluster->machines[i].rack, racks[i]) << i;
  EXPECT_EQ(cluster->machine_name(MachineId(6u)), "v100-6");
  EXPECT_EQ(cluster->total(), (ResourceVector{48000, 480000, 2621440000, 1907348632}));
}

TEST(ClusterYaml, ReadsJson) {
  const auto cluster = parse_cluster_yaml(
      R"({"machines": [{"class": "v100", "count": 2, "resources": {"gpu": 8, "memory": "4GiB"}}]})",
      "c.json");
  ASSERT_TRUE(cluster.has_value()) << cluster.error().message;
  EXPECT_EQ(cluster->machines.size(), 2u);
  EXPECT_EQ(cluster->classes[0].capacity, (ResourceVector{8000, 4096000}));
}

TEST(ClusterYaml, AllowsMachinesWithoutGpus) {
  const auto cluster = parse_cluster_yaml("machines: [{count: 3, resources: {cpu: 64}}]", "c.yaml");
  ASSERT_TRUE(cluster.has_value());
  EXPECT_EQ(cluster->total(), ResourceVector{192000});
}

TEST(ClusterYaml, TellsMachinesWithoutAClassApart) {
  const auto cluster = parse_cluster_yaml(
      "machines: [{count: 1, resources: {gpu: 8}}, {count: 1, resources: {gpu: 4}}, "
      "{count: 1, resources: {gpu: 8}}]",
      "c.yaml");
  ASSERT_TRUE(cluster.has_value());
  ASSERT_EQ(cluster->classes.size(), 2u);
  EXPECT_EQ(cluster->classes[1].name, "machine-2");
  EXPECT_EQ(cluster->machines[2].class_index, 0u);
}

TEST(ClusterYaml, SaysWhichFieldIsWrong) {
  EXPECT_EQ(cluster_error(""), "c.yaml:1: the file is empty; it must be a map of fields");
  EXPECT_EQ(cluster_error("[1, 2]"), "c.yaml:1: the file must be a map of fields");
  EXPECT_EQ(cluster_error("\n{}"), "c.yaml:2: field 'machines': is missing");
  EXPECT_EQ(cluster_error("machines: 3"), "c.yaml:1: field 'machines': must be a list");
  EXPECT_EQ(cluster_error("machines: []"), "c.yaml:1: field 'machines': is an empty list");
  EXPECT_EQ(cluster_error("machnes: []"),
            "c.yaml:1: field 'machnes': is not known; did you mean 'machines'?");
  EXPECT_EQ(entry_error("gpu"), "c.yaml:4: field 'machines[1]': must be a map of fields");
  EXPECT_EQ(entry_error("resources: {gpu: 8}"), "c.yaml:4: field 'machines[1].count': is missing");
  EXPECT_EQ(entry_error("count: 2"), "c.yaml:4: field 'machines[1].resources': is missing");
  EXPECT_EQ(entry_error("count: 2.5"),
            "c.yaml:4: field 'machines[1].count': '2.5' is not a whole number from 1 to 1000000");
  EXPECT_EQ(entry_error("count: 999999\n    resources: {gpu: 8}"),
            "c.yaml:4: field 'machines[1].count': the cluster has more than 1000000 machines");
  EXPECT_EQ(entry_error("count: [1]"),
            "c.yaml:4: field 'machines[1].count': must be a single value");
  EXPECT_EQ(entry_error("count:"), "c.yaml:4: field 'machines[1].count': is empty");
  EXPECT_EQ(entry_error("count: 1\n    cuont: 1"),
            "c.yaml:5: field 'machines[1].cuont': is not known; did you mean 'count'?");
  EXPECT_EQ(entry_error("count: 1\n    count: 1"),
            "c.yaml:5: key 'count' is there twice; it is first at line 4");
}

TEST(ClusterYaml, SaysWhatIsWrongWithSpeedRacksAndClasses) {
  EXPECT_EQ(entry_error("count: 1\n    speed: 0\n    resources: {gpu: 1}"),
            "c.yaml:5: field 'machines[1].speed': '0' is not above 0");
  EXPECT_EQ(entry_error("count: 1\n    speed: nan\n    resources: {gpu: 1}"),
            "c.yaml:5: field 'machines[1].speed': 'nan' is not a finite number");
  EXPECT_EQ(entry_error("count: 1\n    speed: 1e9\n    resources: {gpu: 1}"),
            "c.yaml:5: field 'machines[1].speed': '1e9' is not between 1e-6 and 1e6");
  EXPECT_EQ(entry_error("count: 1\n    racks: 2\n    resources: {gpu: 1}"),
            "c.yaml:5: field 'machines[1].racks': 1 machines cannot fill 2 racks");
  EXPECT_EQ(entry_error("count: 1\n    racks: 1\n    rack: a\n    resources: {gpu: 1}"),
            "c.yaml:6: field 'machines[1].rack': give rack or racks, not both");
  EXPECT_EQ(cluster_error("machines:\n"
                          "  - {class: a, count: 1, resources: {gpu: 1}}\n"
                          "  - {class: a, count: 1, resources: {gpu: 2}}\n"),
            "c.yaml:3: field 'machines[1].class': 'a' is also the class of other machines with "
            "other resources or speed; use another name");
}

TEST(ClusterYaml, SaysWhatIsWrongWithResources) {
  const auto resources_error = [](const std::string& resources) {
    return entry_error("count: 1000\n    resources: " + resources);
  };
  EXPECT_EQ(resources_error("{gpu: 0}"),
            "c.yaml:5: field 'machines[1].resources': has nothing above 0; a machine needs a "
            "resource, such as gpu: 8");
  EXPECT_EQ(resources_error("{}"), "c.yaml:5: field 'machines[1].resources': is an empty map");
  EXPECT_EQ(resources_error("{gpu: -1}"),
            "c.yaml:5: field 'machines[1].resources.gpu': '-1' is negative");
  EXPECT_EQ(resources_error("{gpu: nan}"),
            "c.yaml:5: field 'machines[1].resources.gpu': 'nan' is not a finite number");
  EXPECT_EQ(resources_error("{gpu: 1e999}"),
            "c.yaml:5: field 'machines[1].resources.gpu': '1e999' is out of the range of a number");
  EXPECT_EQ(resources_error("{gpu: 4GiB}"),
            "c.yaml:5: field 'machines[1].resources.gpu': resource 'gpu' is a count and takes no "
            "unit");
  EXPECT_EQ(resources_error("{memory: 4parsecs}"),
            "c.yaml:5: field 'machines[1].resources.memory': '4parsecs' has no known unit of size; "
            "use one of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB");
  EXPECT_EQ(resources_error("{gpu: 1e12}"),
            "c.yaml:5: field 'machines[1].resources.gpu': '1e12' is more than a machine can have");
  EXPECT_EQ(cluster_error("machines: [{count: 1000000, resources: {gpu: 2e11}}]"),
            "c.yaml:1: field 'machines[0].resources': all machines together have more 'gpu' than "
            "can be counted");
  EXPECT_EQ(resources_error("{'': 1}"),
            "c.yaml:5: field 'machines[1].resources.': the name of a resource is one line of 1 "
            "to 100 bytes");
  std::string many = "{";
  for (int i = 0; i < 40; ++i) many += "r" + std::to_string(i) + ": 1, ";
  EXPECT_EQ(resources_error(many + "}"),
            "c.yaml:5: field 'machines[1].resources.r31': is more than the 32 kinds of resource of "
            "a file");
}

constexpr std::string_view kNoKey = "c.yaml:1: a key must be a word, or a '{' or '[' is not closed";

TEST(Yaml, RefusesWhatIsNotPlainYaml) {
  EXPECT_EQ(cluster_error("machines: [\n"),
            "c.yaml:2: is not valid YAML: end of sequence flow not found");
  EXPECT_EQ(cluster_error("a: 1\n b: 2\n"), "c.yaml:2: is not valid YAML: illegal map value");
  EXPECT_EQ(cluster_error("machines: &a []\nx: *a"),
            "c.yaml:2: aliases (*name) are not read; write the value out");
  EXPECT_EQ(cluster_error("x: *a"),
            "c.yaml:1: is not valid YAML: the referenced anchor is not defined");
  EXPECT_EQ(cluster_error("[a]: 1"), kNoKey);
  EXPECT_EQ(cluster_error("{"), kNoKey);
  EXPECT_EQ(cluster_error("a: 1\n---\nb: 1\n"),
            "c.yaml:3: a second document begins here; a file has only one");
  EXPECT_EQ(cluster_error("a: 1\n\x04"),
            "c.yaml:2: has the control character \\x04; write UTF-8 text");
}

TEST(Yaml, RefusesDeepNestingAtOnce) {
  std::string braces = "x: ";
  for (int i = 0; i < 20'000; ++i) braces += "{a: ";
  EXPECT_EQ(cluster_error(braces), "c.yaml:1: nesting is deeper than 32 levels");
  EXPECT_EQ(cluster_error(std::string(20'000, '[')), kNoKey);
  EXPECT_EQ(cluster_error(std::string(20'000, '{')), kNoKey);
  std::string steps;
  for (std::string i; i.size() < 200; i += ' ') steps += i + "a:\n";
  EXPECT_EQ(cluster_error(steps), "c.yaml:33: nesting is deeper than 32 levels");
}

TEST(Yaml, RefusesDuplicatesAmongManyKeys) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "k" + std::to_string(i) + ": 1\n";
  EXPECT_EQ(cluster_error(text + "k7: 1\n"),
            "c.yaml:101: key 'k7' is there twice; it is first at line 8");
}

RC_GTEST_PROP(Yaml, AnyTextComesBack, (const std::string& raw)) {
  std::string text;  // ASCII: yaml-cpp replaces bytes that are not UTF-8
  for (const char c : raw) text += static_cast<char>(c & 0x7f);
  RC_PRE(text.find('\0') == std::string::npos);
  const auto document = parse_yaml("a: " + yaml_text(text), "t");
  RC_ASSERT(document.has_value());
  RC_ASSERT(document->root().value().items.at(0).text == text);
}

RC_GTEST_PROP(ClusterYaml, ComesBackAsTheSameCluster, ()) {
  Cluster cluster;
  RC_ASSERT(cluster.types.add("gpu", ResourceKind::count).has_value());
  RC_ASSERT(cluster.types.add("memory", ResourceKind::bytes).has_value());
  const int classes = *rc::gen::inRange(1, 4);
  for (int c = 0; c < classes; ++c)
    cluster.classes.push_back({.name = "class " + std::to_string(c),
                               .capacity = {*rc::gen::inRange<Amount>(1, kMaxAmount / 1000),
                                            *rc::gen::inRange<Amount>(0, kMaxAmount / 1000)},
                               .speed = *rc::gen::inRange(1, 1000) / 7.0});
  std::uint32_t racks = 0;
  const int machines = *rc::gen::inRange(classes, 20);
  for (int m = 0; m < machines; ++m) {
    const auto rack = static_cast<std::uint32_t>(*rc::gen::inRange(0, static_cast<int>(racks) + 1));
    racks = std::max(racks, rack + 1);
    // Classes and racks are numbered in the order in which they appear.
    const int c = m < classes ? m : *rc::gen::inRange(0, classes);
    cluster.machines.push_back({.class_index = static_cast<std::uint32_t>(c), .rack = rack});
  }
  cluster.rack_count = racks;
  const std::string text = cluster_yaml(cluster);
  const auto back = parse_cluster_yaml(text, "c.yaml");
  RC_ASSERT(back.has_value());
  RC_ASSERT(same(*back, cluster));
}

TEST(ClusterYaml, WritesEvenRacksShort) {
  const std::string text =
      "machines:\n"
      "  - class: v100\n"
      "    count: 32\n"
      "    racks: 4\n"
      "    resources: {gpu: 8, memory: 512GiB}\n"
      "  - class: a100\n"
      "    count: 3\n"
      "    speed: 2.5\n"
      "    resources: {gpu: 4, memory: 0B}\n";
  const auto cluster = parse_cluster_yaml(text, "c.yaml");
  ASSERT_TRUE(cluster.has_value()) << cluster.error().message;
  EXPECT_EQ(cluster_yaml(*cluster), text);
}

TEST(LoadCluster, TakesAShortFormOrAFile) {
  EXPECT_EQ(load_cluster("4x8")->machines.size(), 4u);
  EXPECT_EQ(error_of(load_cluster("4x0")),
            "cluster '4x0' has no GPUs; write MACHINESxGPUS, such as 256x8");
  const auto missing = load_cluster("no/such/file.yaml");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_EQ(
      missing.error().message,
      "cannot open cluster 'no/such/file.yaml': No such file or directory; give a YAML file or "
      "a short form such as 256x8");
  EXPECT_EQ(error_of(load_cluster("/")), "cannot read cluster '/'; is it a file?");
  const std::string path = testing::TempDir() + "bourse_cluster_test.yaml";
  std::ofstream(path) << "machines: [{count: 3, resources: {gpu: 4}}]\n";
  const auto cluster = load_cluster(path);
  std::remove(path.c_str());
  ASSERT_TRUE(cluster.has_value()) << cluster.error().message;
  EXPECT_EQ(cluster->total(), ResourceVector{12000});
}

}  // namespace
}  // namespace bourse
