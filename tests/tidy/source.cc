#include "tests/tidy/source.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sluice::tidy {

namespace fs = std::filesystem;

namespace {

const fs::path& root() {
  static const fs::path path = SLUICE_SOURCE_DIR;
  return path;
}

// Walks once over a C++ text and says of each character what it belongs to.
enum class Part { Code, Comment, Literal };

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  std::vector<Part> split() {
    while (at_ < text_.size()) step();
    return std::move(parts_);
  }

 private:
  void take(Part part, std::size_t count) {
    for (std::size_t i = 0; i < count && at_ < text_.size(); ++i, ++at_) parts_.push_back(part);
  }
  void until(Part part, std::string_view end, std::size_t from) {
    const auto found = text_.find(end, from);
    take(part, (found == std::string_view::npos ? text_.size() : found + end.size()) - at_);
  }
  void line_comment() {
    auto end = text_.find('\n', at_);
    take(Part::Comment, (end == std::string_view::npos ? text_.size() : end) - at_);
  }
  void raw_string() {
    const auto open = text_.find('(', at_);
    if (open == std::string_view::npos) return take(Part::Literal, 2);
    const std::string end = ")" + std::string(text_.substr(at_ + 2, open - at_ - 2)) + "\"";
    until(Part::Literal, end, open);
  }
  void quoted(char quote) {
    take(Part::Literal, 1);
    while (at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n')
      take(Part::Literal, text_[at_] == '\\' ? 2 : 1);
    if (at_ < text_.size() && text_[at_] == quote) take(Part::Literal, 1);
  }
  // 1'000 is a number, not the start of a character.
  [[nodiscard]] bool separator() const {
    return at_ > 0 && std::isalnum(static_cast<unsigned char>(text_[at_ - 1])) != 0;
  }
  void step() {
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with("//")) return line_comment();
    if (rest.starts_with("/*")) return until(Part::Comment, "*/", at_ + 2);
    if (rest.starts_with("R\"")) return raw_string();
    if (rest.front() == '"' || (rest.front() == '\'' && !separator())) return quoted(rest.front());
    take(Part::Code, 1);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Part> parts_;
};

std::string only(std::string_view text, Part wanted) {
  const auto parts = Splitter(text).split();
  std::string out(text);
  for (std::size_t i = 0; i < out.size(); ++i)
    if (parts[i] != wanted && out[i] != '\n') out[i] = ' ';
  return out;
}

}  // namespace

const std::vector<std::string>& production_folders() {
  static const std::vector<std::string> folders = {
      "base",      "kube",      "api", "analysis", "traffic", "controller", "net",
      "telemetry", "apiserver", "sim", "cluster",  "cli",     "demo",       "app"};
  return folders;
}

std::string read_file(const std::string& path_from_root) {
  std::ifstream in(root() / path_from_root);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

bool exists(const std::string& path_from_root) {
  return fs::exists(root() / path_from_root);
}

std::vector<Source> sources_below(const std::vector<std::string>& folders,
                                  const std::vector<std::string>& extensions) {
  std::vector<Source> out;
  const auto visit = [&](const fs::directory_entry& entry) {
    const auto extension = entry.path().extension().string();
    if (!entry.is_regular_file()) return;
    if (std::find(extensions.begin(), extensions.end(), extension) == extensions.end()) return;
    const std::string path = fs::relative(entry.path(), root()).string();
    out.push_back({path, read_file(path)});
  };
  if (folders.empty())
    for (const auto& entry : fs::directory_iterator(root())) visit(entry);
  for (const auto& folder : folders) {
    if (!fs::exists(root() / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root() / folder)) visit(entry);
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return out;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

std::string code_of(std::string_view text) {
  return only(text, Part::Code);
}
std::string comments_of(std::string_view text) {
  return only(text, Part::Comment);
}

std::vector<std::string> exceptions(const std::string& name) {
  std::vector<std::string> out;
  for (const auto& line : lines_of(read_file("tests/tidy/exceptions/" + name + ".txt")))
    if (!line.empty() && line.front() != '#') out.push_back(line);
  return out;
}

}  // namespace sluice::tidy
