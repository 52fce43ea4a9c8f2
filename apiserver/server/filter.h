#pragma once
// Label and field selectors of lists and watches.
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/server/failure.h"
#include "apiserver/server/registry.h"
#include "kube/json/json_fwd.h"
#include "kube/model/selector.h"

namespace sluice::apiserver::server {

struct FieldTerm {
  std::string path, value;
  bool equal = true;
};

class Filter {
 public:
  // Errors: 400 for a malformed selector or a field label that the kind does not support.
  [[nodiscard]] static Outcome<Filter> parse(const ResourceDef& def, std::string_view labels,
                                             std::string_view fields);
  [[nodiscard]] bool matches(const Json& object) const;
  [[nodiscard]] bool everything() const { return labels_.empty() && fields_.empty(); }
  // The one name a metadata.name= term asks for, "" when none.
  [[nodiscard]] std::string single_name() const;

 private:
  kube::LabelSelector labels_;
  std::vector<FieldTerm> fields_;
};

// Whether a LabelSelector in an object (matchLabels, matchExpressions) selects these labels.
[[nodiscard]] bool selector_matches(const Json& selector, const Json* labels);

}  // namespace sluice::apiserver::server
