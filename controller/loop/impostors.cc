#include "controller/loop/impostors.h"

#include <fmt/core.h>

namespace sluice::loop {

std::vector<controller::EventIntent> warnings_of(const std::vector<Impostor>& impostors,
                                                 const kube::ResourceType& type,
                                                 const kube::Meta& meta) {
  std::vector<controller::EventIntent> out;
  for (const auto& one : impostors) {
    // Nothing of what the other object's owner reference says is repeated: it is anybody's text.
    const std::string message = fmt::format(
        "{} {} claims to be controlled by this {} and is ignored: {}", one.type.kind,
        one.key.text(), type.kind,
        one.elsewhere ? "it is in another namespace"
                      : "its owner reference has this uid, but names another kind");
    out.push_back({type, meta.key, meta.uid, true, "ForeignObjectIgnored", message, true});
  }
  return out;
}

}  // namespace sluice::loop
