#pragma once
// Objects that claim to be controlled by one of ours and are not (kube::controls): they are
// ignored, and whom they were aimed at is told, once.
#include <vector>

#include "controller/plan.h"
#include "kube/model/meta.h"

namespace sluice::loop {

struct Impostor {
  kube::ResourceType type;
  kube::ObjectKey key;
  bool elsewhere = false;  // in another namespace; else it names another kind as its owner's
};

// A Warning about each on the object with this identity.
[[nodiscard]] std::vector<controller::EventIntent> warnings_of(
    const std::vector<Impostor>& impostors, const kube::ResourceType& type, const kube::Meta& meta);

}  // namespace sluice::loop
