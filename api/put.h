#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/strings.h"
#include "base/time.h"
#include "kube/json/json.h"

// How status fields are written: what Go's `omitempty` leaves out, is left out here.
namespace sluice::api {

inline void put(kube::Json& object, const char* key, std::int32_t value) {
  if (value != 0) object[key] = value;
}

inline void put(kube::Json& object, const char* key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}

inline void put(kube::Json& object, const char* key, const std::optional<WallTime>& value) {
  if (value) object[key] = format_rfc3339(*value);
}

inline void put(kube::Json& object, const char* key, const StringMap& value) {
  if (value.empty()) return;
  kube::Json& members = object[key] = kube::Json::object();
  for (const auto& [name, text] : value) members[name] = text;
}

template <class T>
void put(kube::Json& object, const char* key, const std::optional<T>& value) {
  if (value) object[key] = *value;
}

}  // namespace sluice::api
