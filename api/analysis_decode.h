#pragma once
// Decoders that rollout decoding shares with analysis decoding. Internal to api/.
#include <vector>

#include "api/analysis.h"
#include "api/field.h"

namespace sluice::api {

[[nodiscard]] std::vector<Argument> decode_arguments(const Field& list);
[[nodiscard]] std::vector<TemplateRef> decode_template_refs(const Field& list);

}  // namespace sluice::api
