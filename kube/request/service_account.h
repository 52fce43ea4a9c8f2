#pragma once
#include <optional>
#include <string_view>

#include "kube/model/meta.h"

namespace sluice::kube {

// Namespace and name of the ServiceAccount that a bearer token is for, read from the token itself
// and so only fit for one's own; nullopt for other tokens.
[[nodiscard]] std::optional<ObjectKey> service_account_of(std::string_view token);

}  // namespace sluice::kube
