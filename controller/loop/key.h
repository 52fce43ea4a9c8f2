#pragma once
// What the loop decides about: one object, one key.
#include <compare>
#include <string_view>

#include "kube/model/meta.h"

namespace sluice::loop {

enum class KeyKind { Rollout, AnalysisRun, Service, Experiment };
[[nodiscard]] std::string_view to_string(KeyKind kind);

struct Key {
  KeyKind kind = KeyKind::Rollout;
  kube::ObjectKey object;
  auto operator<=>(const Key&) const = default;
};

}  // namespace sluice::loop
