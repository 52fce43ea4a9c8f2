#pragma once
// All caches of the loop, the reverse index from referenced objects to Rollouts, and the gathering
// of Observed.
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "controller/analysisrun/run.h"
#include "controller/loop/caches.h"
#include "controller/loop/impostors.h"
#include "controller/loop/loop.h"
#include "controller/loop/queue.h"
#include "controller/rollout/rollout.h"

namespace sluice::loop {

class World {
 public:
  World(const Options& options, Clock& clock, Rng& rng, KeyQueue& queue, Telemetry& telemetry);

  MonoTime step(Requests& requests);
  // The API server answers again after a silence.
  void server_answers();
  [[nodiscard]] bool synced() const;
  // Puts the server's answer to a write (or a read-back) into the cache of its kind.
  // This object, as the server has it, is not one that the Rollout controls: also when it cannot be
  // read.
  [[nodiscard]] bool is_anothers(std::string_view body, const kube::ObjectKey& rollout) const;
  void overlay(const kube::ResourceType& type, std::string_view body);
  void overlay_deleted(const kube::ResourceType& type, const kube::ObjectKey& key);

  // Everything decide() may know about this Rollout; rollout is null when it is gone. Objects that
  // claim to be its and are not go into `impostors`.
  [[nodiscard]] rollout::Observed gather(const kube::ObjectKey& key,
                                         std::vector<Impostor>* impostors = nullptr) const;
  // The same for an AnalysisRun, but for what its queries and writes were answered.
  [[nodiscard]] analysisrun::Observed gather_run(const kube::ObjectKey& key,
                                                 std::vector<Impostor>* impostors = nullptr) const;
  // Does a Job of this AnalysisRun control the pod? The label by which it was found is anybody's to
  // write.
  [[nodiscard]] bool of_a_job(const kube::ObjectKey& run, const kube::Pod& pod) const;
  [[nodiscard]] bool service_referenced(const kube::ObjectKey& key) const;
  // By any Rollout that we know of, those of other controllers (instance ids) too.
  [[nodiscard]] bool service_used(const kube::ObjectKey& key) const;
  // Marks every Rollout and AnalysisRun: after a sync, a new leadership, and once per resync
  // period.
  void mark_all(Lane lane, std::string_view reason);
  // Whose a key is. That is asked before anything is decided, and again before anything is written.
  // A Rollout is told by its instance id; an AnalysisRun or Experiment goes with the Rollout that
  // controls it (see goes_with_us), a Service with the Rollout that it names. False for Rollouts
  // and runs that are gone.
  [[nodiscard]] bool ours(const Key& key) const;
  // Does it carry our instance id, in a namespace that we look after?
  [[nodiscard]] bool ours(const kube::Meta& meta) const;
  // The same for what a Rollout may control: that Rollout's id counts, not its own. A Rollout may
  // be given to another controller in the middle of an update, and only one is to act.
  [[nodiscard]] bool goes_with_us(const kube::Meta& meta) const;
  // Wakes the object that controls this one, if it is there and ours.
  void mark_owner(const kube::Meta& meta, Lane lane, std::string_view reason);
  // Wakes those whose uid somebody's objects claim without being theirs, so that they tell of it.
  // Returns when to call again.
  MonoTime look_for_claimed();
  // One log line for each kind that cannot be read, when it becomes so.
  void log_missing();
  // Says once that lists and watches fail (server down, no route, bad certificate), and once that
  // they work again.
  void log_unreachable();
  // Says of each kind once that no answer about it can be read, and once that they can be again.
  void log_undecodable();
  // Is there a kind of which we hear nothing any more for that reason?
  [[nodiscard]] bool undecodable() const;
  // Says of each object that cannot be read that it is so. Returns the Warnings for those that are
  // ours to look after: the lists come before the Lease does, so they wait for it, and whoever
  // never gets it gathers a bounded number.
  std::vector<controller::EventIntent> tell_unreadable(bool may_write);

  KindCache<api::Rollout> rollouts;
  KindCache<api::AnalysisRun> runs;
  KindCache<api::AnalysisTemplate> templates, cluster_templates;
  KindCache<Experiment> experiments;
  KindCache<kube::ReplicaSet> replica_sets;
  KindCache<kube::Service> services;
  KindCache<kube::Object> ingresses;
  KindCache<kube::Job> jobs;

  // The status of runs as we know it, ahead of the server while a write is on its way. Survives
  // watch events.
  std::map<kube::ObjectKey, std::shared_ptr<const api::AnalysisRun>> live_runs;
  // Told at once, and not only when its key has its turn: it was deleted, or is now another
  // controller's.
  std::function<void(const kube::ObjectKey&)> run_gone;

 private:
  void on_rollout(const api::Rollout* before, const api::Rollout* now_object);
  void on_run(const api::AnalysisRun* before, const api::AnalysisRun* now_object);
  void on_service(const kube::Service* before, const kube::Service* now_object);
  void on_owned(const kube::Meta* before, const kube::Meta* now_object, std::string_view reason);
  // Every key is marked through here, but for what has to be dropped: only ours is.
  void mark(const Key& key, Lane lane, std::string_view reason);
  void lose(const api::Rollout& rollout, std::string_view why);
  void follow_server(const api::AnalysisRun& run);
  void note_claim(const kube::Meta& meta);
  [[nodiscard]] bool looked_after(const kube::ObjectKey& key) const;
  void on_referred(const kube::ResourceType& type, const kube::Meta* before,
                   const kube::Meta* now_object, std::string_view reason);
  void mark_referring(const kube::ObjectRef& object, std::string_view reason);
  void set_references(const kube::ObjectKey& rollout, const std::set<kube::ObjectRef>& old,
                      const std::set<kube::ObjectRef>& wanted);
  [[nodiscard]] std::set<kube::ObjectRef> referred_by(const api::Rollout& rollout) const;
  [[nodiscard]] bool abandoned(const kube::Service& service, const std::string& rollout) const;
  [[nodiscard]] std::vector<KindCacheBase*> all();
  [[nodiscard]] std::vector<const KindCacheBase*> all() const;

  const Options& options_;
  Clock& clock_;
  KeyQueue& queue_;
  Telemetry& telemetry_;
  std::set<std::string> missing_logged_, undecodable_logged_;
  std::vector<controller::EventIntent> unreadable_events_;
  bool unreachable_logged_ = false;
  std::map<kube::ObjectRef, std::vector<kube::ObjectKey>> referring_;  // our Rollouts, in order
  // Uids named as a controller's by objects whose namespace has no such owner; bounded: what finds
  // no room is found at the next resync.
  std::set<std::string> claimed_uids_;
  MonoTime next_look_{};
};

}  // namespace sluice::loop
