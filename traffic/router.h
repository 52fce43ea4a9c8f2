#pragma once
// What a traffic router answers. Routers are values without state: from the objects as they are and
// the wanted distribution to the writes that make them so. One folder per router, one row in
// traffic/routers.cc.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/rollout.h"
#include "base/result.h"
#include "kube/model/objects.h"
#include "kube/request/request.h"
#include "traffic/options.h"
#include "traffic/status.h"

namespace sluice::traffic {

// Why a router's writes exist (kube::Write::purpose).
inline constexpr std::string_view kSetWeights = "SetWeights";

// A route that steps have put into force (setHeaderRoute, setMirrorRoute), named in
// trafficRouting.managedRoutes.
struct ManagedRoute {
  enum class Kind { Header, Mirror };
  Kind kind = Kind::Header;
  std::string name;
  std::string json;  // what stands below setHeaderRoute or setMirrorRoute, compact
  bool operator==(const ManagedRoute&) const = default;
};

// The wanted distribution. Weights are in 0..max_weight; what is left of max_weight is stable's.
struct Wish {
  std::int32_t canary_weight = 0;
  std::int32_t max_weight = 100;
  std::string canary_hash, stable_hash;
  std::string canary_service, stable_service;
  // Set when this is the cut of an abort: the router leaves it on the object it writes, in the same
  // write (api::kAbortVerdictAnnotation), and removes it when it is empty again.
  std::string abort_verdict;
  // Of an Experiment that takes part in the traffic.
  std::vector<api::WeightDestination> additional;
  // Those that shall exist, in the order of managedRoutes, and no other managed route; of kinds
  // that the router has (Traits). Unset: they stay as they are.
  std::optional<std::vector<ManagedRoute>> routes;
  // Users leave the canary before its hash moves on: whoever writes several objects begins with the
  // weight.
  bool weight_before_hash = false;
};

struct RouteEvent {    // on the Rollout
  std::string reason;  // one of the Events of traffic.md §0.6
  std::string message;
};

struct RouteWrite {
  kube::Write write;
  RouteEvent event;  // goes with it
  // Takes users off the canary and changes nothing else of the object, for a server that refuses
  // the whole; unset when the write lowers no weight.
  std::optional<kube::Write> cut = {};
};

struct RoutePlan {
  std::vector<RouteWrite> writes;  // in order; empty when the objects already say so
  // Warnings about the Rollout that these writes record, so that each is told once.
  std::vector<RouteEvent> notices;
  // Some of several objects could not be planned: the writes above stand and are to be sent, the
  // recorded weights are not to be advanced, and the text goes into a TrafficRoutingError event.
  std::optional<Error> error;
};

// What the live objects say.
struct RouteState {
  std::optional<std::int32_t> weight;  // of the canary, the largest; unset: it has no object yet
  // Left by a cut that was not recorded, "" when none; and the object that bears it.
  std::string verdict, verdict_on;
  // Do users go where the objects send them? Nothing from a router that cannot know.
  VerifyAnswer verify;
};

// What is wrong with the objects that a Rollout refers to, as field-error text.
struct RouteProblem {
  std::string text;
  // All objects are there, but one does not fit: told behind every absence.
  bool unfit = false;
};

struct Traits {
  // What users meet when the stable version has no pods left, whatever the weight says; "" when the
  // router does not need them.
  std::string_view without_stable_pod = "";
  bool header_routes = false, mirror_routes = false;
  bool additional = false;  // destinations beside canary and stable
  std::int32_t max_weight = 100;
  // Key below trafficRouting.plugins, for a router that is configured there.
  std::string_view plugin = "";
};

class Router {
 public:
  constexpr Router(std::string_view name, Traits traits) : name_(name), traits_(traits) {}
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;
  virtual ~Router() = default;

  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] const Traits& traits() const { return traits_; }

  // Does the spec name this router? The other questions, but for release(), are asked only then.
  [[nodiscard]] virtual bool configured(const api::TrafficRouting& routing) const {
    return !traits_.plugin.empty() && find_or_null(routing.plugins, traits_.plugin) != nullptr;
  }
  // Every object that the answers below depend on, whether it exists or not.
  [[nodiscard]] virtual std::vector<kube::ObjectRef> objects(const api::Rollout& rollout) const = 0;
  // The first problem of the objects that the user made; what this router makes is no reference.
  [[nodiscard]] virtual std::optional<RouteProblem> problem(const api::Rollout& rollout,
                                                            const kube::Objects& objects) const = 0;
  [[nodiscard]] virtual RouteState state(const api::Rollout& rollout,
                                         const kube::Objects& objects) const = 0;
  // Each write carries uid and resourceVersion of what it was made from, and kSetWeights.
  [[nodiscard]] virtual Result<RoutePlan> plan(const api::Rollout& rollout, const Wish& wish,
                                               const kube::Objects& objects,
                                               const Options& options) const = 0;
  // Objects of ours that the Rollout's spec no longer leads to give the canary nothing any more
  // (traffic.md T-7). Asked also when the spec does not name this router.
  [[nodiscard]] virtual RoutePlan release(const api::Rollout& rollout,
                                          const kube::Objects& objects) const = 0;

 private:
  std::string_view name_;
  Traits traits_;
};

}  // namespace sluice::traffic
