#pragma once
// Workload controllers and pod stages over an ApiServer: ReplicaSet, Deployment, Job, Endpoints and
// EndpointSlice, PodDisruptionBudget, garbage collection, namespace deletion, and the declared
// stages of pods. Step-driven: no threads.
#include <functional>
#include <memory>
#include <string>

#include "apiserver/api_server.h"
#include "base/rng.h"

namespace sluice::apiserver {

// Runs a pod for real. Declared here, implemented in cluster/. Called from the thread that calls
// Workloads::step().
class PodRuntime {
 public:
  virtual ~PodRuntime() = default;
  // True when this pod is to be a real process (its image is the demo app's).
  [[nodiscard]] virtual bool wants(const Json& pod) = 0;
  // Starts it; the pod's address, or an error (becomes a container waiting reason).
  [[nodiscard]] virtual Result<std::string> start(const Json& pod) = 0;
  struct State {
    bool running = false;
    bool ready = false;  // the readiness probe's answer
    int exit_code = -1;  // when not running
  };
  [[nodiscard]] virtual State state(const Json& pod) = 0;
  // SIGTERM; state() tells when it is gone.
  virtual void stop(const Json& pod) = 0;
  virtual void kill(const Json& pod) = 0;
};

// For pods that do not say otherwise in an annotation of this name and the name of the stage, such
// as `stage-ready: 4s`.
struct StageTimes {
  Millis schedule{100}, start{400}, ready{700}, terminate{1000};
  std::string_view annotation_prefix = "stage-";

  [[nodiscard]] std::string annotation(std::string_view stage) const {
    return std::string(annotation_prefix) + std::string(stage);
  }
};

class Workloads {
 public:
  Workloads(ApiServer& server, Clock& clock, Rng& rng, StageTimes times = {},
            PodRuntime* runtime = nullptr);
  ~Workloads();
  // Does everything that is due. Returns when to be called next (changes wake it earlier:
  // pending()).
  MonoTime step();
  [[nodiscard]] bool pending() const;  // a change has not been worked off yet

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::apiserver
