#pragma once
// What checkers know of an object: read from the stored JSON by code of their own, so that a
// mistake in the controller's decoders cannot hide itself.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "kube/json/json_fwd.h"

namespace sluice::sim::check {

using kube::Json;

struct Step {
  enum class Kind { SetWeight, Pause, Analysis, Other };
  Kind kind = Kind::Other;
  int weight = 0;                       // SetWeight
  std::optional<std::int64_t> seconds;  // Pause; nullopt: until a person goes on
  bool operator==(const Step&) const = default;
};

struct Pause {
  std::string reason;
  WallTime start{};
  bool operator==(const Pause&) const = default;
};

// What a status says of an AnalysisRun.
struct RunRecord {
  std::string name, phase;
  bool operator==(const RunRecord&) const = default;
};

struct RolloutFacts {
  std::string name, ns, uid, instance_id;
  std::int64_t generation = 0, observed_generation = 0, revision = 0;
  int replicas = 1, max_surge = 0, max_unavailable = 0, max_weight = 100;
  bool blue_green = false, routed = false;
  std::string stable_service, canary_service, active_service, preview_service;
  std::vector<Step> steps;
  bool pre_promotion = false, post_promotion = false, background = false;
  std::int64_t auto_promotion_seconds = 0;
  bool auto_promotion = true, dynamic_stable = false;
  std::string template_text;  // to see that it changed
  std::string stable_hash, current_hash, phase;
  std::optional<int> step_index;
  bool abort = false, promote_full = false, controller_pause = false, check_point = false;
  std::optional<WallTime> aborted_at;
  std::vector<Pause> pauses;
  std::optional<int> canary_weight, stable_weight;  // status.canary.weights
  std::map<std::string, RunRecord> run_records;     // by the type that such a run is labelled with

  [[nodiscard]] const Pause* pause(std::string_view reason) const;
};

struct SetFacts {
  std::string name, uid, hash, image, template_text, owner_uid;
  int wanted = 0, available = 0, replicas = 0;
  std::int64_t revision = 0;
  std::uint64_t version = 0;         // resourceVersion
  std::optional<WallTime> deadline;  // when it has to go, by its annotation
};

struct ServiceFacts {
  std::string name, hash, managed_by, verdict;
};

struct IngressFacts {
  std::string name, owner_uid, verdict;
  std::optional<int> weight;  // only canary Ingresses have one
};

struct RunFacts {
  std::string name, uid, owner_uid, type, step, hash, phase;
  std::int64_t revision = 0;
  int successful = 0, failed = 0, error = 0, inconclusive = 0, consecutive_error = 0, count = 0;
  std::vector<std::string> measurement_phases, measurement_values;
  int failure_limit = 0, consecutive_error_limit = 4, wanted = 0;  // wanted: spec count, 0: endless
  bool terminate = false;
  bool by_job = false;  // its metric is a Job
  [[nodiscard]] bool over() const;
  [[nodiscard]] bool bad() const { return phase == "Failed" || phase == "Error"; }
};

struct JobFacts {
  std::string name, run_uid;  // of the AnalysisRun that owns it
  bool complete = false, failed = false;
};

[[nodiscard]] std::string controller_uid(const Json& object);  // of its owner; "" without one
[[nodiscard]] RolloutFacts read_rollout(const Json& object);
[[nodiscard]] SetFacts read_set(const Json& object);
[[nodiscard]] ServiceFacts read_service(const Json& object);
[[nodiscard]] IngressFacts read_ingress(const Json& object);
[[nodiscard]] RunFacts read_run(const Json& object);
[[nodiscard]] JobFacts read_job(const Json& object);
// The scenarios name an analysis after what it is for: "background", "step", "pre" or "post".
[[nodiscard]] std::string_view analysis_of(const RunFacts& run);

}  // namespace sluice::sim::check
