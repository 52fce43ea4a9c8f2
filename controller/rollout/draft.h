#pragma once
// One pass over a Rollout, as the reference runs it, on a working copy of the world.
//
// decide() folds passes: the World starts as what was observed; each pass changes it the way its
// writes will change the cluster, and the next pass reads it. What only the cluster can answer (the
// uid of a ReplicaSet just created, the resourceVersion after a write, pods becoming ready) ends
// the fold. Status is never written in between: the one patch at the end is the difference between
// the status observed and the status of the last pass.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/plan.h"
#include "controller/rollout/pauses.h"
#include "controller/rollout/replicas.h"
#include "controller/rollout/rollout.h"
#include "kube/json/json_fwd.h"

namespace sluice::rollout {

using controller::Why;

// What the cluster keeps us from, and what people are told of it.
struct Block {
  std::string reason;  // of the Event
  std::string text;
};
[[nodiscard]] std::string event_text(const Block& block);

struct World {
  const Observed* observed = nullptr;  // templates, pods; not owned
  api::Rollout rollout;
  std::vector<kube::ReplicaSet> sets;  // owned by the Rollout, oldest first
  std::map<std::string, Ptr<kube::Service>> services;
  std::vector<const traffic::Router*> routers;  // of this Rollout, in the order of their calls
  kube::Objects objects;                        // theirs
  std::vector<Ptr<api::AnalysisRun>> runs;
  // Name of the newRS in `sets` that does not exist, because the server refuses it: it stands for
  // the version, has no pods, and nothing is written to it.
  std::string missing_set;
  std::vector<Block> blocks;  // refusals met by the plan so far, and when to ask again
  std::optional<WallTime> retry_at;
};

// An intent of the plan being made. Events that tell of a status change go only with the status
// write.
struct Item {
  controller::Intent intent;
  bool with_status = false;
  const traffic::Router* router = nullptr;  // whose wish this carries out or tells of
};

// What a pass found and did, for the fold.
enum class PassEnd {
  Done,        // ran to its end
  Precheck,    // only conditions (rollout.md §2.3)
  NeedsWorld,  // wanted to write an object whose new version is not known yet: the pass did not
               // happen
  Failed,      // the reference would retry the whole pass: writes so far stand, status does not
};

struct SetChange {
  std::optional<std::int32_t> replicas, min_ready_seconds;
  std::map<std::string, std::optional<std::string>, std::less<>> annotations;  // nullopt = remove
  [[nodiscard]] bool empty() const {
    return !replicas && !min_ready_seconds && annotations.empty();
  }
};

// One pass. Pointers into world.sets are valid until sets are added.
struct Draft {
  Draft(World& world_in, const Options& options_in, WallTime now_in);

  World& world;
  const Options& options;
  WallTime now;

  // Facts of the pass.
  api::RolloutStatus stored;  // as of the start of the pass
  kube::ReplicaSet* new_rs = nullptr;
  kube::ReplicaSet* stable_rs = nullptr;
  std::vector<kube::ReplicaSet*> older;   // all but newRS
  std::vector<kube::ReplicaSet*> others;  // all but newRS and stableRS
  bool new_rs_was_delayed =
      false;                  // newRS carried an unexpired scale-down-deadline when the pass began
  bool spec_changed = false;  // another template or other steps (rollout.md §3.13)
  bool scaling_only = false;  // only spec.replicas changed (rollout.md §2.4)

  // What the stages produce.
  api::RolloutStatus next;
  PauseChanges changes;
  std::vector<Item> items;
  std::vector<controller::Reason> trace;
  std::optional<WallTime> wake_at;
  PassEnd end = PassEnd::Done;
  std::size_t effects = 0;                          // writes asked for in this pass
  bool promoted = false, promoted_by_full = false;  // stableRS changes in this pass
  bool stop_fold = false;                           // what follows needs the world's answer
  bool cut_for_verdict = false;                     // this pass acts on a failed analysis
  std::string verdict_annotation;                   // JSON to leave with the cut
  std::vector<Block> blocks;                        // in the order met
  // The weight, the selector, or the AnalysisRun that this pass wants cannot be had now: no step
  // and no promotion is built on it.
  bool route_blocked = false, switch_blocked = false, gate_blocked = false;
  bool unverified_end = false;                      // all users, and no router says they arrive
  bool settled = false;                             // no verdict waits for its record
  // The pass before this one promoted and set a weight on the way: that write may be dropped for
  // this pass's.
  bool supersede_weights = false, superseded = false;

  [[nodiscard]] const api::Rollout& rollout() const { return world.rollout; }
  [[nodiscard]] const api::RolloutSpec& spec() const { return world.rollout.spec; }
  [[nodiscard]] std::int32_t replicas() const { return world.rollout.spec.replicas_or_default(); }
  [[nodiscard]] bool aborted() const { return is_aborted(stored, changes); }
  [[nodiscard]] bool fully_promoted() const { return stored.stable_rs == stored.current_pod_hash; }
  [[nodiscard]] bool routed() const {
    return spec().canary && spec().canary->traffic_routing.has_value();
  }
  [[nodiscard]] bool running() const { return end == PassEnd::Done; }
  [[nodiscard]] bool new_is_missing() const {
    return new_rs && new_rs->meta.key.name == world.missing_set;
  }
  [[nodiscard]] bool blocked() const { return route_blocked || switch_blocked || gate_blocked; }
  [[nodiscard]] std::string new_hash() const;
  [[nodiscard]] std::string stable_hash() const;
  [[nodiscard]] std::int32_t available(const kube::ReplicaSet* set) const {
    return set ? set->available_replicas : 0;
  }
  // rollout.md §1.19, without the window.
  [[nodiscard]] bool rollback() const;
  [[nodiscard]] bool fast_rollback() const;

  void sort_sets();  // fills new_rs … others from the world

  // Emitting. Each write also changes the world as it will change the cluster.
  void event(std::string_view reason, std::string message, bool warning = false,
             bool with_status = false);
  void why(Why reason, std::string detail);
  void wake(std::optional<WallTime> at);
  // Both: false when it is not asked for in this pass, so that nothing may be built on it.
  bool change_set(kube::ReplicaSet& set, const SetChange& change, std::string_view purpose);
  bool write(kube::Write write);  // an object that this plan writes at most once
  void fail(Why reason, std::string detail, Seconds retry);
  // The server refused this very thing, and it is not time yet to ask again.
  [[nodiscard]] bool held(const kube::Write& write);
  // A change of this ReplicaSet's size is held, whichever size it was.
  [[nodiscard]] bool size_held(const kube::ReplicaSet& set) const;
  // Stands in the status for as long as every pass says it (status.cc).
  void block(std::string_view reason, std::string text);
  [[nodiscard]] bool already_written(const kube::ResourceType& type,
                                     const kube::ObjectKey& key) const;
  [[nodiscard]] kube::Write write_for(const kube::ResourceType& type, const kube::Meta& meta,
                                      kube::Verb verb, std::string_view purpose) const;

 private:
  bool change_created(kube::ReplicaSet& set, const SetChange& change);
};

[[nodiscard]] std::string hash_of(const kube::ReplicaSet& set);
[[nodiscard]] std::optional<std::int64_t> revision_of(const kube::Meta& meta);
[[nodiscard]] std::optional<std::string> deadline_of(
    const kube::ReplicaSet& set);  // annotation text
[[nodiscard]] std::optional<Pods> pods_or_none(const kube::ReplicaSet* set);
// RFC 7386 patches one after the other as one patch.
void compose_merge_patch(kube::Json& first, const kube::Json& second);

}  // namespace sluice::rollout
