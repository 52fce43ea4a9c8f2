#pragma once
// Regular expressions of CRD schemas (`pattern`). A small backtracking matcher: literals, .,
// classes, \d \w \s and their negations, groups, alternation, * + ? {n,m} (greedy and lazy), ^ and
// $. The RE2 door belongs to other modules.
#include <memory>
#include <string_view>

namespace sluice::apiserver::server {

class Pattern {
 public:
  // A pattern that does not compile matches everything: the server would have refused such a CRD.
  explicit Pattern(std::string_view text);
  Pattern(Pattern&&) noexcept;
  ~Pattern();
  [[nodiscard]] bool valid() const;
  // Anywhere in the text, as Go's MatchString.
  [[nodiscard]] bool search(std::string_view text) const;

  struct Node;

 private:
  std::unique_ptr<Node> root_;
};

}  // namespace sluice::apiserver::server
