#pragma once
// What a declared pod does, read from its spec: how its containers end, whether it can become
// ready. The stand-in for the kubelet on a real API server uses the same readings.
#include <optional>
#include <string>

#include "base/time.h"
#include "kube/json/json_fwd.h"

namespace sluice::apiserver {

struct PodScript {
  bool image_error = false;        // ErrImagePull, then ImagePullBackOff
  std::optional<Millis> runs_for;  // nullopt: until deleted
  int exit_code = 0;
  bool never_ready = false;  // a readiness probe that cannot succeed
  Millis initial_delay{0};   // of the readiness probe
  std::string restart_policy = "Always";
};

// Commands understood in args and command: "sleep N" and "exit N" (also inside `sh -c`, joined by ;
// or &&), "true", "false".
[[nodiscard]] PodScript read_script(const kube::Json& pod);
// The time of a stage for this pod: what the annotation says (a Go duration), else `fallback`.
[[nodiscard]] Millis stage_time(const kube::Json& pod, const std::string& annotation,
                                Millis fallback);

}  // namespace sluice::apiserver
