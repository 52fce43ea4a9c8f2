#pragma once
// The files of the tree as the rules of this folder look at them.
#include <string>
#include <string_view>
#include <vector>

namespace sluice::tidy {

struct Finding {
  std::string file;
  int line = 0;
  std::string message;
};

// `path` is the path from the root.
struct Source {
  std::string path;
  std::string text;
};

// What `git ls-files` would name, less folders that hold no text of ours: found by walking the
// tree.
// Paths start with one of `folders`, or are files of the root when `folders` is empty.
[[nodiscard]] std::vector<Source> sources_below(const std::vector<std::string>& folders,
                                                const std::vector<std::string>& extensions);
[[nodiscard]] std::string read_file(const std::string& path_from_root);
[[nodiscard]] bool exists(const std::string& path_from_root);

// The folders of production code, in the order of the layers.
[[nodiscard]] const std::vector<std::string>& production_folders();

[[nodiscard]] std::vector<std::string> lines_of(std::string_view text);
// The text with comments, strings and characters blanked out: same lines, same columns.
[[nodiscard]] std::string code_of(std::string_view text);
// The other half: everything but comments blanked out.
[[nodiscard]] std::string comments_of(std::string_view text);

// The lines of a list of exceptions under tests/tidy/exceptions/, without comments and blanks.
[[nodiscard]] std::vector<std::string> exceptions(const std::string& name);

}  // namespace sluice::tidy
