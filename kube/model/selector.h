#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strings.h"
#include "kube/json/json_fwd.h"
#include "kube/json/node.h"

namespace sluice::kube {

struct SelectorRequirement {
  enum class Op { In, NotIn, Exists, DoesNotExist };
  std::string key;
  Op op = Op::In;
  std::vector<std::string> values;
  // The operator as written when it is none of the four: such a selector has a problem() and
  // matches nothing.
  std::optional<std::string> unknown_op;
  bool operator==(const SelectorRequirement&) const = default;
};

// metav1.LabelSelector.
struct LabelSelector {
  StringMap match_labels;
  std::vector<SelectorRequirement> expressions;
  bool operator==(const LabelSelector&) const = default;

  [[nodiscard]] bool empty() const { return match_labels.empty() && expressions.empty(); }
  [[nodiscard]] bool matches(
      const StringMap& labels) const;  // an empty selector matches everything
  // metav1.FormatLabelSelector: "a=b,k in (x,y),!z", sorted by key.
  [[nodiscard]] std::string text() const;
  // Kubernetes' own wording for a malformed selector ("" when it is well formed): "key: Invalid
  // value: …".
  [[nodiscard]] std::string problem(std::string_view path) const;
};

[[nodiscard]] LabelSelector decode_selector(Node node);
// The query-parameter form: "a=b,c!=d,e in (f,g),h,!i". Errors: Invalid.
[[nodiscard]] Result<LabelSelector> parse_selector(std::string_view text);

}  // namespace sluice::kube
