#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// The rules of this code base that no compiler knows: who may include whom, what a header must
/// say, what would make two runs differ. Plain text in, findings out; main.cpp reads the files.
namespace tidy {

/// One broken rule.
struct Finding {
  std::string file;  ///< Relative to the root of the project, with '/'.
  int line = 0;      ///< From 1.
  std::string what;  ///< What is wrong, without a full stop.
  friend auto operator<=>(const Finding&, const Finding&) = default;
};

/// The plan of the rooms, from bourse/LAYERS.
struct Layers {
  std::map<std::string, std::set<std::string>, std::less<>> opens_onto;  ///< By room.
};

/// Reads bourse/LAYERS: lines "room : rooms ; targets", '#' starts a comment line. Faults (a line
/// of another form, a room that stands there twice, a room named before it stands there) go to
/// `findings` under the name `file`.
[[nodiscard]] Layers parse_layers(std::string_view text, std::string_view file,
                                  std::vector<Finding>& findings);

/// A file of the project.
struct File {
  std::string path;     ///< Relative to the root, with '/'; its folder and ending choose the rules.
  std::string text;     ///< The whole of it.
  std::string sibling;  ///< For x.cpp the text of x.h, whose members it may iterate over; or empty.
};

/// All findings in one file, by line. C++ files get every rule, other files only that about paths
/// of one machine.
[[nodiscard]] std::vector<Finding> check_file(const File& file, const Layers& layers);

/// "bourse/model/resources.h:7: room 'model' may not open onto 'policy'".
[[nodiscard]] std::string to_text(const Finding& finding);

}  // namespace tidy
