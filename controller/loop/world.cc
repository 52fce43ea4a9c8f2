#include "controller/loop/world.h"

#include <fmt/core.h>

#include <algorithm>

#include "api/keys.h"
#include "controller/analysisrun/run.h"
#include "controller/loop/rollout_probe.h"
#include "kube/json/json.h"

namespace sluice::loop {

namespace {

kube::Reflector::Options watch(const kube::ResourceType& type, const Options& options,
                               std::string label_selector = "") {
  kube::Reflector::Options out;
  out.type = type;
  if (type.namespaced) out.namespace_ = options.namespace_;
  out.label_selector = std::move(label_selector);
  return out;
}

constexpr std::size_t kUnreadableMax = 256;
constexpr std::string_view kRunUidLabel = "analysisrun.argoproj.io/uid";

Key rollout_key(const kube::ObjectKey& object) {
  return {KeyKind::Rollout, object};
}
Key run_key(const kube::ObjectKey& object) {
  return {KeyKind::AnalysisRun, object};
}
Key experiment_key(const kube::ObjectKey& object) {
  return {KeyKind::Experiment, object};
}
Key service_key(const kube::ObjectKey& object) {
  return {KeyKind::Service, object};
}

constexpr std::size_t kClaimedMax = 64;
constexpr Seconds kLookPeriod{1};

void add(std::vector<Impostor>* impostors, const kube::ResourceType& type, const std::string& ns,
         const std::vector<kube::ObjectKey>& keys) {
  if (!impostors) return;
  for (const auto& key : keys) impostors->push_back({type, key, key.namespace_ != ns});
}

template <class T>
void publish_or_forget(Telemetry& telemetry, std::string_view scope, const T* before,
                       const T* now_object) {
  if (now_object)
    publish(telemetry, *now_object);
  else
    forget_metrics(telemetry, scope, before->meta.key);
}

// What a person did to a Rollout goes before everything else.
bool human_change(const api::Rollout& before, const api::Rollout& now) {
  return before.meta.generation != now.meta.generation || before.status.abort != now.status.abort ||
         before.status.promote_full != now.status.promote_full ||
         before.status.pause_conditions != now.status.pause_conditions ||
         before.status.current_step_index != now.status.current_step_index;
}

std::vector<std::string> run_names(const api::RolloutStatus& status) {
  std::vector<std::string> out;
  for (const auto* ref :
       {&status.canary.step_run, &status.canary.background_run,
        &status.blue_green.pre_promotion_run, &status.blue_green.post_promotion_run})
    if (*ref) out.push_back((*ref)->name);
  return out;
}

}  // namespace

World::World(const Options& options, Clock& clock, Rng& rng, KeyQueue& queue, Telemetry& telemetry)
    : rollouts(watch(api::kRollouts, options), false, rng, api::decode_rollout,
               [this](auto* before, auto* now) { on_rollout(before, now); }),
      runs(watch(api::kAnalysisRuns, options), false, rng, api::decode_analysis_run,
           [this](auto* before, auto* now) { on_run(before, now); }),
      templates(watch(api::kAnalysisTemplates, options), false, rng, api::decode_analysis_template,
                [this](auto* before, auto* now) {
                  publish_or_forget(telemetry_, kTemplateMetrics, before, now);
                  on_referred(api::kAnalysisTemplates, before ? &before->meta : nullptr,
                              now ? &now->meta : nullptr, "AnalysisTemplate changed");
                }),
      cluster_templates(
          watch(api::kClusterAnalysisTemplates, options), true, rng, api::decode_analysis_template,
          [this](auto* before, auto* now) {
            publish_or_forget(telemetry_, kTemplateMetrics, before, now);
            on_referred(api::kClusterAnalysisTemplates, before ? &before->meta : nullptr,
                        now ? &now->meta : nullptr, "ClusterAnalysisTemplate changed");
          }),
      experiments(watch(api::kExperiments, options), true, rng, decode_experiment,
                  [this](auto* before, auto* now) {
                    if (now) note_claim(now->meta);
                    if (now ? goes_with_us(now->meta) : before != nullptr)
                      publish_or_forget(telemetry_, kExperimentMetrics, before, now);
                    if (now)
                      mark(experiment_key(now->meta.key), Lane::Normal, "Experiment changed");
                  }),
      replica_sets(watch(kube::kReplicaSets, options, std::string(api::kPodTemplateHashLabel)),
                   false, rng, kube::decode_replica_set,
                   [this](auto* before, auto* now) {
                     on_owned(before ? &before->meta : nullptr, now ? &now->meta : nullptr,
                              "ReplicaSet changed");
                   }),
      services(watch(kube::kServices, options), false, rng, kube::decode_service,
               [this](auto* before, auto* now) { on_service(before, now); }),
      ingresses(watch(kube::kIngresses, options), true, rng, kube::decode_object,
                [this](auto* before, auto* now) {
                  if (!now) forget_metrics(telemetry_, kIngressMetrics, before->meta.key);
                  on_referred(kube::kIngresses, before ? &before->meta : nullptr,
                              now ? &now->meta : nullptr, "Ingress changed");
                }),
      jobs(watch(kube::kJobs, options, std::string(kRunUidLabel)), true, rng, kube::decode_job,
           [this](auto* before, auto* now) {
             on_owned(before ? &before->meta : nullptr, now ? &now->meta : nullptr, "Job changed");
           }),
      options_(options),
      clock_(clock),
      queue_(queue),
      telemetry_(telemetry) {
  rollouts.store.flag([this](const api::Rollout& rollout) { return ours(rollout.meta); });
  runs.store.flag([](const api::AnalysisRun& run) { return !api::is_completed(run.status.phase); });
  replica_sets.store.index_orphans();
  // Templates are few, and read together.
  rollouts.rest_unread(options.cached_views_max);
  runs.rest_unread(options.cached_views_max);
  replica_sets.rest_unread(options.cached_views_max);
  services.rest_unread(options.cached_views_max);
  ingresses.rest_unread(options.cached_views_max);
  jobs.rest_unread(options.cached_views_max);
}

std::vector<KindCacheBase*> World::all() {
  std::vector<KindCacheBase*> out{&rollouts,     &runs,     &templates, &experiments,
                                  &replica_sets, &services, &ingresses, &jobs};
  // A namespaced install has no right on cluster-scoped kinds (clients.md §3.3).
  if (options_.namespace_.empty()) out.push_back(&cluster_templates);
  return out;
}

std::vector<const KindCacheBase*> World::all() const {
  auto mutable_list = const_cast<World*>(this)->all();
  return {mutable_list.begin(), mutable_list.end()};
}

MonoTime World::step(Requests& requests) {
  MonoTime next = MonoTime::max();
  for (auto* cache : all()) next = std::min(next, cache->step(requests, clock_));
  return next;
}

void World::server_answers() {
  for (auto* cache : all()) cache->server_answers(clock_.mono_now());
}

bool World::synced() const {
  const auto caches = all();
  return std::all_of(caches.begin(), caches.end(),
                     [](const auto* cache) { return cache->synced(); });
}

void World::log_missing() {
  for (const auto* cache : all()) {
    const std::string resource(cache->type().resource);
    if (!cache->missing()) {
      missing_logged_.erase(resource);
      continue;
    }
    if (!missing_logged_.insert(resource).second) continue;
    const auto& error = cache->reflector().last_error();
    telemetry_.log(cache->optional() ? LogLevel::Warn : LogLevel::Error,
                   cache->optional() ? "cannot read a kind; what needs it will not work"
                                     : "cannot read a kind without which nothing works: see "
                                       "deploy/ for the rights, crds/ for the kinds",
                   {{"resource", resource},
                    {"group", std::string(cache->type().group)},
                    {"error", error ? error->message : "forbidden"}});
  }
}

void World::log_unreachable() {
  const KindCacheBase* failing = nullptr;
  for (const auto* cache : all()) {
    const auto& error = cache->reflector().last_error();
    const bool no_answer =
        error && (error->code == ErrorCode::Unavailable || error->code == ErrorCode::Timeout);
    if (no_answer && !cache->missing()) failing = cache;
  }
  if ((failing != nullptr) == unreachable_logged_) return;
  unreachable_logged_ = failing != nullptr;
  if (failing == nullptr) {
    telemetry_.log(LogLevel::Info, "the API server answers again", {});
    return;
  }
  telemetry_.log(LogLevel::Error, "the API server cannot be reached; trying again until it answers",
                 {{"resource", std::string(failing->type().resource)},
                  {"error", failing->reflector().last_error()->message}});
}

void World::log_undecodable() {
  for (const auto* cache : all()) {
    const std::string resource(cache->type().resource);
    const bool fails = cache->undecodable();
    if (fails == undecodable_logged_.contains(resource)) continue;
    if (!fails) {
      undecodable_logged_.erase(resource);
      telemetry_.log(LogLevel::Info, "the API server's answers can be read again",
                     {{"resource", resource}});
      continue;
    }
    undecodable_logged_.insert(resource);
    telemetry_.log(LogLevel::Error,
                   "the API server's answers about a kind cannot be read; nothing new is heard of "
                   "it until they can be: look for a proxy that changes them, or a broken object",
                   {{"resource", resource},
                    {"group", std::string(cache->type().group)},
                    {"error", cache->reflector().last_error()->message}});
  }
}

bool World::undecodable() const {
  const auto caches = all();
  return std::any_of(caches.begin(), caches.end(),
                     [](const auto* cache) { return cache->undecodable(); });
}

std::vector<controller::EventIntent> World::tell_unreadable(bool may_write) {
  for (auto* cache : all()) {
    const kube::ResourceType& type = cache->type();
    for (const auto& one : cache->take_unreadable()) {
      const std::string message = fmt::format(
          "{} {} cannot be read ({}) and {}; shorten what is nested in it, or delete it", type.kind,
          one.meta.key.text(), one.why, one.kept ? "is taken as it was before" : "is left alone");
      telemetry_.log(LogLevel::Warn, message,
                     {{"kind", std::string(type.kind)},
                      {"namespace", one.meta.key.namespace_},
                      {"name", one.meta.key.name},
                      {"uid", one.meta.uid},
                      {"resourceVersion", one.meta.resource_version},
                      {"error", one.why}});
      const bool told_on_it = type == api::kRollouts || type == api::kAnalysisRuns;
      if (told_on_it && goes_with_us(one.meta) && unreadable_events_.size() < kUnreadableMax)
        unreadable_events_.push_back(
            {type, one.meta.key, one.meta.uid, true, "ObjectUnreadable", message, true});
    }
  }
  if (!may_write) return {};
  return std::exchange(unreadable_events_, {});
}

bool World::is_anothers(std::string_view body, const kube::ObjectKey& rollout) const {
  const auto owner = rollouts.store.get(rollout);
  if (!owner) return false;  // whose would it be?
  const auto document = kube::Document::parse(body);
  return !document ||
         !kube::controls({api::kRollouts, owner->meta}, kube::decode_meta(document->root()));
}

void World::overlay(const kube::ResourceType& type, std::string_view body) {
  auto document = kube::Document::parse(body);
  if (!document) return;
  for (auto* cache : all()) {
    if (!(cache->type() == type)) continue;
    // Status answers (to deletes) are not objects of the kind.
    if (document->root()["kind"].string_or() == type.kind) cache->overlay(document->root());
    return;
  }
}

void World::overlay_deleted(const kube::ResourceType& type, const kube::ObjectKey& key) {
  for (auto* cache : all())
    if (cache->type() == type) cache->overlay_deleted(key);
}

bool World::ours(const kube::Meta& meta) const {
  return looked_after(meta.key) &&
         get_or(meta.labels, api::kInstanceIdLabel) == options_.instance_id;
}

// Other namespaces are not even listed; this is for whatever a server or a proxy may send.
bool World::looked_after(const kube::ObjectKey& key) const {
  return options_.namespace_.empty() || key.namespace_ == options_.namespace_;
}

// Asked about every run of a fleet when it is listed, so no views are made.
bool World::goes_with_us(const kube::Meta& meta) const {
  const auto* owner = meta.controller_owner();
  if (!owner || !kube::is_of_kind(*owner, api::kRollouts)) return ours(meta);
  const kube::ObjectKey rollout{meta.key.namespace_, owner->name};
  return rollouts.store.contains(rollout, owner->uid) ? rollouts.store.flagged(rollout)
                                                      : ours(meta);
}

bool World::ours(const Key& key) const {
  if (!looked_after(key.object)) return false;
  switch (key.kind) {
    case KeyKind::Rollout:
      return rollouts.store.flagged(key.object);
    case KeyKind::AnalysisRun: {
      const auto run = runs.store.get(key.object);
      return run && goes_with_us(run->meta);
    }
    case KeyKind::Experiment: {
      const auto experiment = experiments.store.get(key.object);
      return experiment && goes_with_us(experiment->meta);
    }
    case KeyKind::Service: {
      const auto service = services.store.get(key.object);
      if (!service) return true;
      const std::string owner = get_or(service->meta.annotations, api::kManagedByAnnotation);
      const kube::ObjectKey rollout{key.object.namespace_, owner};
      return owner.empty() || !rollouts.store.contains(rollout) || rollouts.store.flagged(rollout);
    }
  }
  return false;
}

void World::mark(const Key& key, Lane lane, std::string_view reason) {
  if (ours(key)) queue_.mark(key, lane, reason, clock_.mono_now());
}

void World::mark_owner(const kube::Meta& meta, Lane lane, std::string_view reason) {
  const auto* owner = meta.controller_owner();
  if (!owner) return;
  const kube::ObjectKey key{meta.key.namespace_, owner->name};
  if (kube::is_of_kind(*owner, api::kRollouts) && rollouts.store.contains(key, owner->uid))
    mark(rollout_key(key), lane, reason);
  if (!kube::is_of_kind(*owner, api::kAnalysisRuns)) return;
  if (runs.store.contains(key, owner->uid)) {
    mark(run_key(key), lane, reason);
  } else if (!runs.synced()) {
    // Nobody can say yet whose it is. That is asked when it is the key's turn.
    queue_.mark(run_key(key), lane, reason, clock_.mono_now());
  }
}

void World::note_claim(const kube::Meta& meta) {
  const auto* owner = meta.controller_owner();
  if (!owner || owner->uid.empty() || claimed_uids_.size() >= kClaimedMax) return;
  const kube::ObjectKey key{meta.key.namespace_, owner->name};
  const bool known =
      (kube::is_of_kind(*owner, api::kRollouts) && rollouts.store.contains(key, owner->uid)) ||
      (kube::is_of_kind(*owner, api::kAnalysisRuns) && runs.store.contains(key, owner->uid)) ||
      (kube::is_of_kind(*owner, api::kExperiments) && experiments.store.contains(key, owner->uid));
  if (!known) claimed_uids_.insert(owner->uid);
}

MonoTime World::look_for_claimed() {
  if (claimed_uids_.empty()) return MonoTime::max();
  const MonoTime now = clock_.mono_now();
  if (now < next_look_) return next_look_;
  next_look_ = now + kLookPeriod;
  for (const auto& key : rollouts.store.with_uids(claimed_uids_))
    mark(rollout_key(key), Lane::Normal, "claimed by what is not its");
  for (const auto& key : runs.store.with_uids(claimed_uids_))
    mark(run_key(key), Lane::Normal, "claimed by what is not its");
  claimed_uids_.clear();
  return MonoTime::max();
}

std::set<kube::ObjectRef> World::referred_by(const api::Rollout& rollout) const {
  std::set<kube::ObjectRef> out;
  const std::string& ns = rollout.meta.key.namespace_;
  const rollout::References names = rollout::references(rollout);
  out.insert(names.objects.begin(), names.objects.end());
  for (const auto& name : names.services) out.insert({kube::kServices, {ns, name}});
  for (const auto& name : names.analysis_templates)
    out.insert({api::kAnalysisTemplates, {ns, name}});
  for (const auto& name : names.cluster_analysis_templates)
    out.insert({api::kClusterAnalysisTemplates, {"", name}});
  return out;
}

void World::set_references(const kube::ObjectKey& rollout, const std::set<kube::ObjectRef>& old,
                           const std::set<kube::ObjectRef>& wanted) {
  for (const auto& key : wanted) {
    auto& referring = referring_[key];
    const auto at = std::lower_bound(referring.begin(), referring.end(), rollout);
    if (at == referring.end() || *at != rollout) referring.insert(at, rollout);
  }
  for (const auto& key : old) {
    if (wanted.contains(key)) continue;
    auto it = referring_.find(key);
    if (it != referring_.end() && std::erase(it->second, rollout) > 0 && it->second.empty())
      referring_.erase(it);
    // A Service that is no longer used gets its selector back; one that others wait for is theirs.
    if (key.type == kube::kServices) {
      mark(service_key(key.key), Lane::Normal, "no longer referenced");
      mark_referring(key, "Service is free");
    }
  }
}

void World::on_rollout(const api::Rollout* before, const api::Rollout* now_object) {
  const kube::ObjectKey& key = now_object ? now_object->meta.key : before->meta.key;
  const bool was_ours = before && ours(before->meta);
  const bool is_ours = now_object && ours(now_object->meta);
  if (was_ours != is_ours || (is_ours && before->meta.generation != now_object->meta.generation)) {
    set_references(key, was_ours ? referred_by(*before) : std::set<kube::ObjectRef>{},
                   is_ours ? referred_by(*now_object) : std::set<kube::ObjectRef>{});
  }
  if (!now_object) forget_metrics(telemetry_, kRolloutMetrics, key);
  if (was_ours && !is_ours)
    lose(*before, now_object ? "another controller's now" : "Rollout deleted");
  if (!is_ours) return;
  publish(telemetry_, *now_object);
  const Lane lane = before && human_change(*before, *now_object) ? Lane::Urgent : Lane::Normal;
  mark(rollout_key(key), lane, before ? "Rollout changed" : "Rollout added");
  // Runs go with their Rollout, and may have been somebody else's until now.
  const auto mark_run = [&](const kube::ObjectKey& run) {
    if (runs.store.flagged(run)) mark(run_key(run), Lane::Normal, "its Rollout is ours now");
  };
  if (before && !was_ours) {
    for (const auto& run : runs.store.owned_by({api::kRollouts, now_object->meta}))
      mark_run(run->meta.key);
  } else if (!before) {  // without the views of all runs of a fleet
    for (const auto& name : run_names(now_object->status)) mark_run({key.namespace_, name});
  }
}

// Their next turn finds that they are not ours, and drops all that was due.
void World::lose(const api::Rollout& rollout, std::string_view why) {
  const MonoTime now = clock_.mono_now();
  queue_.mark(rollout_key(rollout.meta.key), Lane::Normal, why, now);
  const kube::Owner owner{api::kRollouts, rollout.meta};
  for (auto it = live_runs.lower_bound({owner.namespace_, ""});
       it != live_runs.end() && it->first.namespace_ == owner.namespace_; ++it)
    if (kube::controls(owner, it->second->meta))
      queue_.mark(run_key(it->first), Lane::Normal, why, now);
}

void World::on_run(const api::AnalysisRun* before, const api::AnalysisRun* now_object) {
  const kube::Meta& meta = now_object ? now_object->meta : before->meta;
  const Key key = run_key(meta.key);
  if (!now_object) {
    live_runs.erase(meta.key);
    queue_.forget(key);
    if (run_gone) run_gone(meta.key);
    forget_metrics(telemetry_, kRunMetrics, meta.key);
    mark_owner(meta, Lane::Normal, "AnalysisRun deleted");
    return;
  }
  note_claim(meta);
  if (!goes_with_us(meta)) {
    if (live_runs.contains(meta.key))
      queue_.mark(key, Lane::Normal, "another controller's now", clock_.mono_now());
    if (run_gone && before && goes_with_us(before->meta)) run_gone(meta.key);
    return;
  }
  if (!before || !api::is_completed(before->status.phase))
    publish(telemetry_, *now_object, !before);
  follow_server(*now_object);
  // One that was over before we first saw it, and that leaves nothing to do, costs nothing.
  if (before || !analysisrun::at_rest(*now_object)) mark(key, Lane::Normal, "AnalysisRun changed");
  const bool phase_moved = !before || before->status.phase != now_object->status.phase;
  const bool deletion_began = before && !before->meta.deleted_at && meta.deleted_at;
  if (phase_moved || deletion_began) mark_owner(meta, Lane::Normal, "AnalysisRun changed");
}

// What we hold of a run's status ahead of the server, after news from there.
void World::follow_server(const api::AnalysisRun& run) {
  auto live = live_runs.find(run.meta.key);
  if (live == live_runs.end()) return;
  // A run that has ended on the server has ended (analysis.md §8.1).
  const bool ended =
      api::is_completed(run.status.phase) && !api::is_completed(live->second->status.phase);
  if (live->second->meta.uid != run.meta.uid || ended) {
    live_runs.erase(live);
    return;
  }
  // Spec and metadata are the server's, the status is ours.
  auto merged = std::make_shared<api::AnalysisRun>(run);
  merged->status = live->second->status;
  live->second = std::move(merged);
}

void World::on_owned(const kube::Meta* before, const kube::Meta* now_object,
                     std::string_view reason) {
  const kube::Meta& meta = now_object ? *now_object : *before;
  if (now_object) note_claim(meta);
  if (meta.controller_owner()) {
    mark_owner(meta, Lane::Normal, reason);
  } else if (before && before->controller_owner()) {
    mark_owner(*before, Lane::Normal, reason);
  } else if (meta.labels.contains(std::string(api::kPodTemplateHashLabel))) {
    // An orphan may be adopted: whoever selects its labels has to look.
    for (const auto& rollout : rollouts.store.list(meta.key.namespace_))
      if (rollout->spec.selector.matches(meta.labels))
        mark(rollout_key(rollout->meta.key), Lane::Normal, reason);
  }
}

void World::mark_referring(const kube::ObjectRef& object, std::string_view reason) {
  auto it = referring_.find(object);
  if (it == referring_.end()) return;
  for (const auto& rollout : it->second) mark(rollout_key(rollout), Lane::Normal, reason);
}

void World::on_referred(const kube::ResourceType& type, const kube::Meta* before,
                        const kube::Meta* now_object, std::string_view reason) {
  mark_referring({type, now_object ? now_object->key : before->key}, reason);
}

void World::on_service(const kube::Service* before, const kube::Service* now_object) {
  const kube::ObjectKey& key = now_object ? now_object->meta.key : before->meta.key;
  mark_referring({kube::kServices, key}, "Service changed");
  if (!now_object) forget_metrics(telemetry_, kServiceMetrics, key);
  if (now_object &&
      (now_object->meta.annotations.contains(std::string(api::kManagedByAnnotation)) ||
       now_object->selector.contains(std::string(api::kPodTemplateHashLabel)))) {
    if (!service_referenced(key)) mark(service_key(key), Lane::Normal, "Service changed");
  }
}

bool World::service_referenced(const kube::ObjectKey& key) const {
  return referring_.contains({kube::kServices, key});
}

bool World::service_used(const kube::ObjectKey& key) const {
  if (service_referenced(key)) return true;
  // Nobody can say what such a Rollout refers to.
  if (rollouts.any_unreadable(key.namespace_)) return true;
  const auto all = rollouts.store.list(key.namespace_);
  return std::any_of(all.begin(), all.end(), [&](const auto& rollout) {
    return rollout::refers_to_service(*rollout, key.name);
  });
}

bool World::abandoned(const kube::Service& service, const std::string& rollout) const {
  const std::string owner = get_or(service.meta.annotations, api::kManagedByAnnotation);
  if (owner.empty() || owner == rollout) return false;
  const kube::ObjectKey key{service.meta.key.namespace_, owner};
  if (rollouts.unreadable(key)) return false;
  const auto found = rollouts.store.get(key);
  return !found || !rollout::refers_to_service(*found, service.meta.key.name);
}

void World::mark_all(Lane lane, std::string_view reason) {
  rollouts.store.each_flagged(
      [&](const kube::ObjectKey& key) { mark(rollout_key(key), lane, reason); });
  runs.store.each_flagged([&](const kube::ObjectKey& key) { mark(run_key(key), lane, reason); });
}

analysisrun::Observed World::gather_run(const kube::ObjectKey& key,
                                        std::vector<Impostor>* impostors) const {
  analysisrun::Observed out;
  const auto run = runs.store.get(key);
  if (!run) return out;
  const auto live = live_runs.find(key);
  out.run = live != live_runs.end() && live->second->meta.uid == run->meta.uid ? live->second : run;
  out.ours = goes_with_us(run->meta);
  std::vector<kube::ObjectKey> refused;
  out.jobs = jobs.store.owned_by({api::kAnalysisRuns, run->meta}, &refused);
  add(impostors, kube::kJobs, key.namespace_, refused);
  return out;
}

bool World::of_a_job(const kube::ObjectKey& run, const kube::Pod& pod) const {
  const auto* owner = pod.meta.controller_owner();
  if (!owner) return false;
  const auto job = jobs.store.get({pod.meta.key.namespace_, owner->name});
  const auto stored = runs.store.get(run);
  return job && stored && kube::controls({kube::kJobs, job->meta}, pod.meta) &&
         kube::controls({api::kAnalysisRuns, stored->meta}, job->meta);
}

rollout::Observed World::gather(const kube::ObjectKey& key,
                                std::vector<Impostor>* impostors) const {
  rollout::Observed out;
  out.rollout = rollouts.store.get(key);
  if (!out.rollout) return out;
  const std::string& ns = key.namespace_;
  const kube::Owner owner{api::kRollouts, out.rollout->meta};
  std::vector<kube::ObjectKey> refused;
  out.replica_sets = replica_sets.store.owned_by(owner, &refused);
  add(impostors, kube::kReplicaSets, ns, refused);
  for (auto& orphan : replica_sets.store.orphans(ns)) out.replica_sets.push_back(std::move(orphan));
  // Somebody else's ReplicaSet under a name that ours would have (its end is a hash): a collision,
  // which decide() must see.
  const auto rival = [](std::string_view end, std::string_view uid) {
    return !uid.empty() && end.find('-') == end.npos;
  };
  for (auto& other : replica_sets.store.with_prefix(ns, key.name + "-", rival))
    if (!kube::controls(owner, other->meta)) out.replica_sets.push_back(std::move(other));
  refused.clear();
  const auto owned_runs = runs.store.owned_by(owner, &refused);
  add(impostors, api::kAnalysisRuns, ns, refused);
  refused.clear();
  static_cast<void>(experiments.store.owned_by(owner, &refused));
  add(impostors, api::kExperiments, ns, refused);
  for (const auto& run : owned_runs) {
    const auto live = live_runs.find(run->meta.key);
    // A bad verdict is acted on before it is recorded, a good one is not: should its record be
    // lost, nobody could tell afterwards why the version was let through.
    const bool ahead = live != live_runs.end() && live->second->meta.uid == run->meta.uid &&
                       (live->second->status.phase != api::AnalysisPhase::Successful ||
                        api::is_completed(run->status.phase));
    out.analysis_runs.push_back(ahead ? live->second : run);
    if (ahead && api::is_completed(live->second->status.phase) &&
        !api::is_completed(run->status.phase))
      out.unrecorded_ends.insert(run->meta.key.name);
  }
  const auto refs = rollout::references(*out.rollout);
  for (const auto& name : refs.services) {
    auto service = services.store.get({ns, name});
    if (!service) continue;
    if (abandoned(*service, key.name)) out.abandoned_services.insert(name);
    out.services[name] = std::move(service);
  }
  const auto caches = all();
  for (const auto& ref : refs.objects) {
    const auto cache = std::find_if(caches.begin(), caches.end(),
                                    [&](const auto* one) { return one->type() == ref.type; });
    if (cache == caches.end()) continue;
    if (auto object = (*cache)->object(ref.key)) out.objects.emplace(ref, std::move(object));
  }
  // And what an earlier spec has left: it must not go on taking users (traffic.md T-7).
  for (const auto* cache : caches)
    for (auto& object : cache->objects_of(owner))
      out.objects.emplace(kube::ObjectRef{cache->type(), object->meta.key}, object);
  // Templates refer to each other, so the whole namespace's are offered: pointers, not copies.
  for (auto& item : templates.store.list(ns))
    out.analysis_templates[item->meta.key.name] = std::move(item);
  for (auto& item : cluster_templates.store.list(""))
    out.cluster_analysis_templates[item->meta.key.name] = std::move(item);
  return out;
}

}  // namespace sluice::loop
