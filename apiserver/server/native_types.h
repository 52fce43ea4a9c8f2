#pragma once
#include <string_view>

namespace sluice::apiserver::server {

// The types of the built-in kinds, one per line: "Name: field=type …" (grammar in
// native_schema.cc).
extern const std::string_view kCoreTypes;
extern const std::string_view kPodTypes;
extern const std::string_view kGroupTypes;

}  // namespace sluice::apiserver::server
