#pragma once
// Newer kubectls (from 1.31 on) and many Go clients send objects of built-in kinds as protobuf and
// do not fall back to JSON when that is refused. Bodies are decoded here; answers are always JSON,
// which all of them accept.
#include <optional>
#include <string_view>

#include "kube/json/json_fwd.h"

namespace sluice::apiserver::server {

// A body of type application/vnd.kubernetes.protobuf as JSON; nullptr Json when malformed or of a
// kind not known here.
[[nodiscard]] kube::Json decode_protobuf(std::string_view body);

// The message table (protobuf_messages.cc).
extern const std::string_view kProtobufCore;
extern const std::string_view kProtobufWorkloads;
extern const std::string_view kProtobufRest;

}  // namespace sluice::apiserver::server
