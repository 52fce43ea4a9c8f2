#pragma once
// The commands that change something: read, decide (edits.h, undo.h, set_image.h), send, say so.
#include "cli/client.h"
#include "cli/environment.h"

namespace sluice::cli {

[[nodiscard]] Status run_mutation(Environment& env, Client& client, const Invocation& asked);

}  // namespace sluice::cli
