#include "tests/tidy/tidy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/tidy/source.h"

namespace tidy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Three rooms: base below model below policy.
Layers layers() {
  std::vector<Finding> findings;
  Layers result = parse_layers("base : ; fmt::fmt\nmodel : base ;\npolicy : base model ;\n",
                               "bourse/LAYERS", findings);
  EXPECT_THAT(findings, IsEmpty());
  return result;
}

std::vector<std::string> findings_in(const std::string& path, const std::string& text,
                                     const std::string& sibling = "") {
  std::vector<std::string> texts;
  for (const Finding& finding :
       check_file({.path = path, .text = text, .sibling = sibling}, layers()))
    texts.push_back(to_text(finding));
  return texts;
}

std::vector<std::string> faults_in_plan(const std::string& plan) {
  std::vector<Finding> findings;
  static_cast<void>(parse_layers(plan, "LAYERS", findings));
  std::vector<std::string> texts;
  for (const Finding& finding : findings) texts.push_back(to_text(finding));
  return texts;
}

TEST(TidyPlan, RoomsMayOnlyNameRoomsAbove) {
  EXPECT_THAT(faults_in_plan("# plan\nmodel : base ;\nbase : ;\n"),
              ElementsAre("LAYERS:2: room 'model' may not open onto 'base', which does not stand "
                          "above it"));
}

TEST(TidyPlan, FindsLinesOfAnotherFormAndRoomsNamedTwice) {
  EXPECT_THAT(faults_in_plan("base :\nmodel : ;\n\nmodel : ;\n"),
              ElementsAre("LAYERS:1: 'base :' is not 'room : rooms ; targets'",
                          "LAYERS:4: room 'model' stands there twice"));
}

TEST(TidyRooms, NoDoorUpwards) {
  EXPECT_THAT(findings_in("bourse/model/a.cpp", "\n#include \"bourse/policy/policy.h\"\n"),
              ElementsAre("bourse/model/a.cpp:2: room 'model' may not open onto 'policy'"));
}

TEST(TidyRooms, DoorsOfThePlanAndOwnRoomAreOpen) {
  EXPECT_THAT(findings_in("bourse/model/a_test.cpp",
                          "#include \"bourse/model/a.h\"\n#include \"bourse/base/id.h\"\n"),
              IsEmpty());
  EXPECT_THAT(findings_in("apps/bourse/main.cpp", "#include \"bourse/policy/policy.h\"\n"),
              IsEmpty());
}

TEST(TidyRooms, EveryRoomHasALineInThePlan) {
  EXPECT_THAT(findings_in("bourse/attic/a.cpp", "int x;\n"),
              ElementsAre("bourse/attic/a.cpp:1: room 'attic' has no line in bourse/LAYERS"));
}

TEST(TidyRooms, IncludesNameTheWholePath) {
  EXPECT_THAT(findings_in("bourse/model/a.cpp", "#include \"a.h\"\n"),
              ElementsAre("bourse/model/a.cpp:1: write the whole path in place of 'a.h'"));
  EXPECT_THAT(findings_in("bourse/model/a_test.cpp", "#include \"tests/support/files.h\"\n"),
              IsEmpty());
}

TEST(TidyRooms, HeavyHeadersStayOutOfHeaders) {
  const std::string text = "#pragma once\n#include <nlohmann/json.hpp>\n";
  EXPECT_THAT(findings_in("bourse/model/a.h", text),
              ElementsAre("bourse/model/a.h:2: heavy header 'nlohmann/json.hpp' belongs into a "
                          ".cpp file"));
  EXPECT_THAT(findings_in("bourse/model/a.cpp", text), IsEmpty());
}

TEST(TidyColumns, CountsCharactersNotBytes) {
  EXPECT_THAT(findings_in("bourse/base/a.cpp", "// " + std::string(97, 'x') + "\n"), IsEmpty());
  EXPECT_THAT(findings_in("bourse/base/a.cpp", "// " + std::string(98, 'x') + "\n"),
              ElementsAre("bourse/base/a.cpp:1: line has 101 columns; at most 100"));
  EXPECT_THAT(findings_in("bourse/base/a.cpp", "// " + std::string(96, 'x') + "\xC3\xA9\n"),
              IsEmpty());
}

TEST(TidyHeader, NeedsPragmaOnce) {
  EXPECT_THAT(findings_in("bourse/base/a.h", "/// One.\nint one();\n"),
              ElementsAre("bourse/base/a.h:1: header without #pragma once"));
}

TEST(TidyHeader, NeedsACommentOnEachParagraphOfDeclarations) {
  EXPECT_THAT(findings_in("bourse/base/a.h",
                          "#pragma once\n"
                          "namespace bourse {\n"
                          "\n"
                          "class Later;\n"
                          "\n"
                          "/// Together they have one comment.\n"
                          "int one();\n"
                          "int two();\n"
                          "\n"
                          "int three();\n"
                          "\n"
                          "struct Fields {\n"
                          "  int a = 0;  ///< Explained here.\n"
                          "\n"
                          "  int b = 0;\n"
                          "};\n"
                          "\n"
                          "struct Bare {\n"
                          "\n"
                          "  int a = 0;\n"
                          "};\n"
                          "\n"
                          "}  // namespace bourse\n"),
              ElementsAre("bourse/base/a.h:10: public declaration without a /// comment",
                          "bourse/base/a.h:18: public declaration without a /// comment"));
}

TEST(TidyToDo, NeedsAnIssueNumber) {
  // The words stand apart here, so that the linter does not find them in its own test.
  const std::string mark = std::string("TO") + "DO";
  EXPECT_THAT(findings_in("bourse/base/a.cpp", "// " + mark + ": later\n"),
              ElementsAre("bourse/base/a.cpp:1: " + mark + " without an issue number; write " +
                          mark + "(#12)"));
  EXPECT_THAT(findings_in("bourse/base/a.cpp", "// " + mark + "(#7): later\n"), IsEmpty());
}

TEST(TidyChance, NothingThatDiffersByLibraryOrDay) {
  EXPECT_THAT(findings_in("bourse/base/a.cpp",
                          "std::normal_distribution<double> d;\n"
                          "int x = std::rand();\n"
                          "std::random_device device;\n"
                          "auto now = std::chrono::system_clock::now();\n"
                          "std::shuffle(a, b, c);\n"
                          "int operand = brand(1);  // rand() in a comment\n"),
              ElementsAre("bourse/base/a.cpp:1: 'std::*_distribution' outside of world: results "
                          "differ by library",
                          "bourse/base/a.cpp:2: 'rand' outside of world: results would not repeat",
                          "bourse/base/a.cpp:3: 'random_device' outside of world: results would "
                          "not repeat",
                          "bourse/base/a.cpp:4: 'system_clock' outside of world: results would "
                          "not repeat",
                          "bourse/base/a.cpp:5: 'std::shuffle' outside of world: results differ "
                          "by library"));
}

TEST(TidyUnordered, NoWalkOverAnUnorderedContainer) {
  EXPECT_THAT(findings_in("bourse/policy/a.cpp",
                          "std::unordered_map<std::string, std::vector<int>> by_name;\n"
                          "for (const auto& [name, ids] : by_name) use(name);\n"
                          "auto first = by_name.begin();\n"
                          "auto found = by_name.find(\"x\");\n"
                          "for (int id : ids_) use(by_name, id);\n",
                          "std::unordered_set<int> ids_;\n"),
              ElementsAre("bourse/policy/a.cpp:2: walks over the unordered 'by_name': its order "
                          "differs by library; sort first or use a vector",
                          "bourse/policy/a.cpp:3: walks over the unordered 'by_name': its order "
                          "differs by library; sort first or use a vector",
                          "bourse/policy/a.cpp:5: walks over the unordered 'ids_': its order "
                          "differs by library; sort first or use a vector"));
}

TEST(TidyPaths, NoPathOfOneMachineInAnyFile) {
  const std::string home = std::string("/ho") + "me/";
  EXPECT_THAT(findings_in("docs/a.md", "cd " + home + "someone\nsee docs" + home + "x\n"),
              ElementsAre("docs/a.md:1: '" + home + "' is a path of one machine"));
}

TEST(TidySource, CommentsStringsAndRawStringsAreNoCode) {
  const auto lines =
      split_source("a = \"x // y\"; // c\nb = R\"q(\n{ )\" )q\"; /* d\ne */ f('\\'', 1'000);\n");
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0].code, "a = \"      \";     ");
  EXPECT_EQ(lines[0].comment, "// c");
  EXPECT_EQ(lines[1].code, "b =     ");
  EXPECT_EQ(lines[2].code, "        ;     ");
  EXPECT_EQ(lines[2].comment, "/* d");
  EXPECT_EQ(lines[3].comment, "e */");
  EXPECT_EQ(lines[3].code, "     f('  ', 1'000);");
}

}  // namespace
}  // namespace tidy
