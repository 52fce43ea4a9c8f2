#pragma once
// Changing the image of a container in an object that holds a pod template (clients.md §1.5). Pure.
#include <string>

#include "base/result.h"
#include "kube/json/json_fwd.h"

namespace sluice::cli {

// `pointer`: where the pod template lies in `object`. "*" names every container; init and ephemeral
// containers count. Errors: NotFound (no such container).
[[nodiscard]] Status set_image(kube::Json& object, const std::string& pointer,
                               const std::string& container, const std::string& image);

}  // namespace sluice::cli
