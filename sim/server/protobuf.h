#pragma once
// Newer kubectls send the objects that they build themselves (create namespace, create configmap,
// auth can-i, drain) as protobuf. A small decoder for exactly those messages; everything else is
// refused with 415.
#include <optional>
#include <string_view>

#include "kube/json/json_fwd.h"

namespace sluice::sim::server {

// A body of type application/vnd.kubernetes.protobuf as JSON; nullptr Json when malformed or of a
// kind not known here.
[[nodiscard]] kube::Json decode_protobuf(std::string_view body);

}  // namespace sluice::sim::server
