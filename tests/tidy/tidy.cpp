#include "tests/tidy/tidy.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>

#include "tests/tidy/source.h"

namespace tidy {
namespace {

constexpr std::size_t kMaxColumns = 100;
constexpr auto kNone = std::string_view::npos;

/// What is being checked, and where its findings go.
struct Checker {
  const File& file;
  const Layers& layers;
  std::vector<Line> lines;
  std::vector<Finding> findings;

  void add(std::size_t index, std::string what) {
    findings.push_back({file.path, static_cast<int>(index) + 1, std::move(what)});
  }
};

bool ends_with_any(std::string_view text, std::initializer_list<std::string_view> endings) {
  return std::ranges::any_of(endings, [&](auto ending) { return text.ends_with(ending); });
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r") == kNone; }

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

/// "model" for bourse/model/resources.h; empty outside of the rooms.
std::string_view room_of(std::string_view path) {
  constexpr std::string_view folder = "bourse/";
  if (!path.starts_with(folder)) return {};
  path.remove_prefix(folder.size());
  const std::size_t slash = path.find('/');
  return slash == kNone ? std::string_view{} : path.substr(0, slash);
}

void check_include(Checker& checker, std::size_t index, std::string_view room) {
  const std::string_view code = checker.lines[index].code;
  if (!code.starts_with("#include")) return;
  const std::size_t open = code.find_first_of("\"<");
  const std::size_t close = code.find_first_of("\">", open == kNone ? kNone : open + 1);
  if (open == kNone || close == kNone) return;
  const std::string_view target = code.substr(open + 1, close - open - 1);

  constexpr std::array<std::string_view, 5> heavy = {"nlohmann/json.hpp", "yaml-cpp/", "CLI/",
                                                     "coin/", "torch/"};
  if (checker.file.path.ends_with(".h"))
    for (const auto name : heavy)
      if (target.starts_with(name))
        checker.add(index, "heavy header " + quoted(target) + " belongs into a .cpp file");
  if (room.empty()) return;
  const std::string_view other = room_of(target);
  if (code[open] == '"' && other.empty() && !target.starts_with("tests/"))
    checker.add(index, "write the whole path in place of " + quoted(target));
  if (other.empty() || other == room) return;
  const auto allowed = checker.layers.opens_onto.find(room);
  if (allowed != checker.layers.opens_onto.end() && !allowed->second.contains(std::string(other)))
    checker.add(index, "room " + quoted(room) + " may not open onto " + quoted(other));
}

void check_rooms(Checker& checker) {
  const std::string_view room = room_of(checker.file.path);
  if (!room.empty() && !checker.layers.opens_onto.contains(room))
    checker.add(0, "room " + quoted(room) + " has no line in bourse/LAYERS");
  for (std::size_t i = 0; i < checker.lines.size(); ++i) check_include(checker, i, room);
}

void check_columns(Checker& checker) {
  for (std::size_t i = 0; i < checker.lines.size(); ++i) {
    const auto columns = std::ranges::count_if(checker.lines[i].raw, [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    });
    if (static_cast<std::size_t>(columns) > kMaxColumns)
      checker.add(i, "line has " + std::to_string(columns) + " columns; at most " +
                         std::to_string(kMaxColumns));
  }
}

void check_to_do(Checker& checker) {
  for (std::size_t i = 0; i < checker.lines.size(); ++i) {
    const std::string_view comment = checker.lines[i].comment;
    for (const std::string_view mark : {"TODO", "FIXME", "XXX"}) {
      const std::size_t at = find_word(comment, mark);
      if (at == kNone) continue;
      const std::string_view after = comment.substr(at + mark.size());
      if (!after.starts_with("(#") || after.size() < 3 || after[2] < '0' || after[2] > '9')
        checker.add(i, std::string(mark) + " without an issue number; write " + std::string(mark) +
                           "(#12)");
    }
  }
}

/// What gives other numbers with another library, or on another day.
void check_chance(Checker& checker) {
  if (room_of(checker.file.path) == "world") return;
  for (std::size_t i = 0; i < checker.lines.size(); ++i) {
    const std::string_view code = checker.lines[i].code;
    for (const std::string_view name : {"random_device", "system_clock", "srand", "rand"})
      if (find_word(code, name) != kNone)
        checker.add(i, quoted(name) + " outside of world: results would not repeat");
    if (find_word(code, "std::shuffle") != kNone)
      checker.add(i, "'std::shuffle' outside of world: results differ by library");
    const std::size_t end = code.find("_distribution");
    if (end == kNone) continue;
    const std::size_t start = code.rfind("std::", end);
    if (start != kNone && std::ranges::all_of(code.substr(start + 5, end - start - 5), is_word))
      checker.add(i, "'std::*_distribution' outside of world: results differ by library");
  }
}

/// Names of variables and members declared with an unordered container as their type.
std::set<std::string, std::less<>> unordered_names(std::string_view code) {
  std::set<std::string, std::less<>> names;
  for (const std::string_view type :
       {"unordered_map", "unordered_set", "unordered_multimap", "unordered_multiset"}) {
    for (std::size_t at = find_word(code, type); at != kNone; at = find_word(code, type, at + 1)) {
      std::size_t i = at + type.size();
      if (i >= code.size() || code[i] != '<') continue;
      int depth = 0;
      for (; i < code.size(); ++i) {
        if (code[i] == '<') ++depth;
        if (code[i] == '>' && --depth == 0) break;
      }
      i = code.find_first_not_of(" \n&*>", i);
      std::size_t end = i;
      while (end < code.size() && is_word(code[end])) ++end;
      if (i != kNone && end > i) names.emplace(code.substr(i, end - i));
    }
  }
  return names;
}

std::string joined_code(const std::vector<Line>& lines) {
  std::string code;
  for (const Line& line : lines) code += line.code + "\n";
  return code;
}

/// True if the text after position `at` of a name says that its elements are walked over.
bool walks(std::string_view code, std::size_t at, std::size_t size) {
  const std::string_view after = code.substr(at + size);
  if (after.starts_with(".begin()") || after.starts_with(".cbegin()")) return true;
  if (!after.starts_with(")")) return false;
  const std::size_t before = code.find_last_not_of(" \n", at == 0 ? 0 : at - 1);
  return before != kNone && code[before] == ':' && (before == 0 || code[before - 1] != ':');
}

void check_unordered(Checker& checker) {
  const std::string code = joined_code(checker.lines);
  auto names = unordered_names(code);
  names.merge(unordered_names(joined_code(split_source(checker.file.sibling))));
  for (const std::string& name : names)
    for (std::size_t at = find_word(code, name); at != kNone; at = find_word(code, name, at + 1))
      if (walks(code, at, name.size()))
        checker.add(static_cast<std::size_t>(std::count(
                        code.begin(), code.begin() + static_cast<std::ptrdiff_t>(at), '\n')),
                    "walks over the unordered " + quoted(name) +
                        ": its order differs by library; sort first or use a vector");
}

/// Follows braces; those of namespaces do not count as depth.
class Depth {
 public:
  void see(std::string_view code) {
    for (const char c : code) {
      if (c == '{') open_.push_back(pending_.find("namespace") != kNone);
      if (c == '}' && !open_.empty()) open_.pop_back();
      if (c == '{' || c == '}' || c == ';')
        pending_.clear();
      else
        pending_ += c;
    }
    pending_ += ' ';
  }
  [[nodiscard]] bool at_namespace() const {
    return std::ranges::all_of(open_, [](bool is_namespace) { return is_namespace; });
  }

 private:
  std::vector<bool> open_;
  std::string pending_;
};

/// True if a line of code declares something that a reader must be told about.
bool declares(std::string_view code) {
  const std::size_t start = code.find_first_not_of(" \t");
  if (start == kNone || code[start] == '#' || code[start] == '}') return false;
  code.remove_prefix(start);
  if (code.starts_with("namespace")) return false;
  const bool forward = (code.starts_with("class ") || code.starts_with("struct ")) &&
                       code.find('{') == kNone && code.find(';') != kNone;
  return !forward;
}

/// Declarations that stand together share a comment; a paragraph of them without any has none.
void check_documented(Checker& checker) {
  const auto& lines = checker.lines;
  Depth depth;
  bool continued = false;  // Inside a macro of several lines.
  for (std::size_t i = 0; i < lines.size();) {
    std::size_t first = kNone;
    bool documented = false;
    for (; i < lines.size(); ++i) {
      const bool outside = depth.at_namespace();
      if (is_blank(lines[i].raw) && outside) break;
      const bool macro = continued || lines[i].code.starts_with("#");
      continued = macro && lines[i].raw.ends_with("\\");
      if (!macro && first == kNone && outside && declares(lines[i].code)) first = i;
      documented = documented || lines[i].comment.find("///") != kNone;
      if (!macro) depth.see(lines[i].code);
    }
    if (first != kNone && !documented)
      checker.add(first, "public declaration without a /// comment");
    while (i < lines.size() && is_blank(lines[i].raw)) ++i;
  }
}

void check_header(Checker& checker) {
  const bool once = std::ranges::any_of(
      checker.lines, [](const Line& line) { return line.code.starts_with("#pragma once"); });
  if (!once) checker.add(0, "header without #pragma once");
  check_documented(checker);
}

/// A path that exists on one machine only, in code, comments, strings or documents.
void check_machine_paths(Checker& checker) {
  for (std::size_t i = 0; i < checker.lines.size(); ++i) {
    const std::string& raw = checker.lines[i].raw;
    for (const std::string folder : {"home", "work", "root", "farm", "Users"}) {
      const std::string path = "/" + folder + "/";
      const std::size_t at = raw.find(path);
      if (at == kNone || (at > 0 && (is_word(raw[at - 1]) || raw[at - 1] == '.'))) continue;
      checker.add(i, quoted(path) + " is a path of one machine");
    }
  }
}

std::vector<Line> plain_lines(const std::string& text) {
  std::vector<Line> lines;
  std::istringstream in(text);
  for (std::string raw; std::getline(in, raw);)
    lines.push_back({.raw = raw, .code = "", .comment = ""});
  return lines;
}

}  // namespace

Layers parse_layers(std::string_view text, std::string_view file, std::vector<Finding>& findings) {
  Layers layers;
  int number = 0;
  for (const Line& line : plain_lines(std::string(text))) {
    ++number;
    const std::string& raw = line.raw;
    if (is_blank(raw) || raw[raw.find_first_not_of(" \t")] == '#') continue;
    const std::size_t colon = raw.find(':');
    const std::size_t semicolon = raw.find(';');
    std::istringstream name(raw.substr(0, colon));
    std::string room;
    name >> room;
    if (colon == kNone || semicolon == kNone || semicolon < colon || room.empty()) {
      findings.push_back(
          {std::string(file), number, quoted(raw) + " is not 'room : rooms ; targets'"});
      continue;
    }
    std::set<std::string> deps;
    std::istringstream list(raw.substr(colon + 1, semicolon - colon - 1));
    for (std::string dep; list >> dep; deps.insert(dep))
      if (!layers.opens_onto.contains(dep))
        findings.push_back({std::string(file), number,
                            "room " + quoted(room) + " may not open onto " + quoted(dep) +
                                ", which does not stand above it"});
    if (!layers.opens_onto.emplace(room, deps).second)
      findings.push_back(
          {std::string(file), number, "room " + quoted(room) + " stands there twice"});
  }
  return layers;
}

std::vector<Finding> check_file(const File& file, const Layers& layers) {
  const bool header = file.path.ends_with(".h");
  const bool cpp = header || file.path.ends_with(".cpp");
  Checker checker{.file = file,
                  .layers = layers,
                  .lines = cpp ? split_source(file.text) : plain_lines(file.text),
                  .findings = {}};
  check_machine_paths(checker);
  if (cpp) {
    check_rooms(checker);
    check_columns(checker);
    check_to_do(checker);
    check_chance(checker);
    if (!room_of(file.path).empty() && !ends_with_any(file.path, {"_test.cpp", "_bench.cpp"}))
      check_unordered(checker);
    if (header) check_header(checker);
  }
  std::ranges::sort(checker.findings);
  return std::move(checker.findings);
}

std::string to_text(const Finding& finding) {
  return finding.file + ":" + std::to_string(finding.line) + ": " + finding.what;
}

}  // namespace tidy
