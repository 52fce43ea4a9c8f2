#pragma once
// The only door to nlohmann's document type, for editing and encoding. Headers include this one;
// .cc files include kube/json/json.h. Sorted keys, so dump() is deterministic.
#include <nlohmann/json_fwd.hpp>

namespace sluice::kube {
using Json = nlohmann::json;
}
