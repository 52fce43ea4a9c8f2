#include "kube/json/scan.h"

#include <algorithm>

namespace sluice::kube {

namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  void space() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  [[nodiscard]] bool done() const { return at_ >= text_.size(); }
  bool take(char wanted) {
    space();
    if (done() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  // With its quotes.
  std::optional<std::string_view> string() {
    space();
    const std::size_t start = at_;
    if (done() || text_[at_] != '"' || !skip_string()) return std::nullopt;
    return text_.substr(start, at_ - start);
  }
  std::optional<std::string_view> value() {
    space();
    const std::size_t start = at_;
    std::size_t depth = 0;
    for (; !done(); ++at_) {
      const char c = text_[at_];
      if (depth == 0 && (c == ',' || c == '}' || c == ']')) break;
      if (c == '"') {
        if (!skip_string()) return std::nullopt;
        --at_;  // the loop steps over its end
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if (c == '}' || c == ']') {
        --depth;
      }
    }
    if (depth > 0 || at_ == start) return std::nullopt;
    const std::string_view found = text_.substr(start, at_ - start);
    return found.substr(0, found.find_last_not_of(" \t\r\n") + 1);
  }

 private:
  bool skip_string() {
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == '"') {
        ++at_;
        return true;
      }
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// `part` reads one element or member and says whether it could.
template <class Part>
bool scan_parts(Scanner& scanner, char open, char close, Part part) {
  if (!scanner.take(open)) return false;
  if (!scanner.take(close)) {
    do {
      if (!part()) return false;
    } while (scanner.take(','));
    if (!scanner.take(close)) return false;
  }
  scanner.space();
  return scanner.done();
}

}  // namespace

std::optional<ScannedMembers> scan_object(std::string_view text) {
  Scanner scanner(text);
  ScannedMembers out;
  const bool whole = scan_parts(scanner, '{', '}', [&] {
    const auto key = scanner.string();
    if (!key || !scanner.take(':')) return false;
    const auto value = scanner.value();
    if (value) out.emplace_back(key->substr(1, key->size() - 2), *value);
    return value.has_value();
  });
  return whole ? std::optional(std::move(out)) : std::nullopt;
}

std::optional<std::vector<std::string_view>> scan_array(std::string_view text) {
  Scanner scanner(text);
  std::vector<std::string_view> out;
  const bool whole = scan_parts(scanner, '[', ']', [&] {
    const auto value = scanner.value();
    if (value) out.push_back(*value);
    return value.has_value();
  });
  return whole ? std::optional(std::move(out)) : std::nullopt;
}

std::string_view scanned(const ScannedMembers& members, std::string_view key) {
  for (const auto& [name, value] : members)
    if (name == key) return value;
  return {};
}

}  // namespace sluice::kube
