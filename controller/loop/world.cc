#include "controller/loop/world.h"

#include <algorithm>

#include "api/keys.h"
#include "controller/analysisrun/run.h"
#include "controller/loop/rollout_probe.h"
#include "kube/json/json.h"
#include "traffic/nginx/nginx.h"

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

constexpr std::string_view kRunUidLabel = "analysisrun.argoproj.io/uid";

Key rollout_key(const kube::ObjectKey& object) {
  return {KeyKind::Rollout, object};
}
Key run_key(const kube::ObjectKey& object) {
  return {KeyKind::AnalysisRun, object};
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

}  // namespace

World::World(const Options& options, Clock& clock, Rng& rng, KeyQueue& queue, Telemetry& telemetry)
    : rollouts(watch(api::kRollouts, options), false, rng, api::decode_rollout,
               [this](auto* before, auto* now) { on_rollout(before, now); }),
      runs(watch(api::kAnalysisRuns, options), false, rng, api::decode_analysis_run,
           [this](auto* before, auto* now) { on_run(before, now); }),
      templates(watch(api::kAnalysisTemplates, options), false, rng, api::decode_analysis_template,
                [this](auto* before, auto* now) {
                  publish_or_forget(telemetry_, kTemplateMetrics, before, now);
                  on_referred(Referred::Template, before ? &before->meta : nullptr,
                              now ? &now->meta : nullptr, "AnalysisTemplate changed");
                }),
      cluster_templates(
          watch(api::kClusterAnalysisTemplates, options), true, rng, api::decode_analysis_template,
          [this](auto* before, auto* now) {
            publish_or_forget(telemetry_, kTemplateMetrics, before, now);
            on_referred(Referred::ClusterTemplate, before ? &before->meta : nullptr,
                        now ? &now->meta : nullptr, "ClusterAnalysisTemplate changed");
          }),
      experiments(watch(api::kExperiments, options), true, rng, decode_experiment,
                  [this](auto* before, auto* now) {
                    if (now ? ours(now->meta) : before != nullptr)
                      publish_or_forget(telemetry_, kExperimentMetrics, before, now);
                    if (now && ours(now->meta)) {
                      queue_.mark({KeyKind::Experiment, now->meta.key}, Lane::Normal,
                                  "Experiment changed", clock_.mono_now());
                    }
                  }),
      replica_sets(watch(kube::kReplicaSets, options, std::string(api::kPodTemplateHashLabel)),
                   false, rng, kube::decode_replica_set,
                   [this](auto* before, auto* now) {
                     on_owned(before ? &before->meta : nullptr, now ? &now->meta : nullptr,
                              "ReplicaSet changed");
                   }),
      services(watch(kube::kServices, options), false, rng, kube::decode_service,
               [this](auto* before, auto* now) { on_service(before, now); }),
      ingresses(watch(kube::kIngresses, options), true, rng, kube::decode_ingress,
                [this](auto* before, auto* now) {
                  if (!now) forget_metrics(telemetry_, kIngressMetrics, before->meta.key);
                  on_referred(Referred::Ingress, before ? &before->meta : nullptr,
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
  runs.store.flag([this](const api::AnalysisRun& run) {
    return ours(run.meta) && !api::is_completed(run.status.phase);
  });
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
  return get_or(meta.labels, api::kInstanceIdLabel) == options_.instance_id;
}

std::set<World::ReferredKey> World::referred_by(const api::Rollout& rollout) const {
  std::set<ReferredKey> out;
  const std::string& ns = rollout.meta.key.namespace_;
  const rollout::References names = rollout::references(rollout);
  for (const auto& name : names.services) out.insert({Referred::Service, {ns, name}});
  for (const auto& name : names.ingresses) out.insert({Referred::Ingress, {ns, name}});
  for (const auto& name : names.analysis_templates) out.insert({Referred::Template, {ns, name}});
  for (const auto& name : names.cluster_analysis_templates)
    out.insert({Referred::ClusterTemplate, {"", name}});
  if (rollout.spec.canary && rollout.spec.canary->traffic_routing &&
      rollout.spec.canary->traffic_routing->nginx) {
    for (const auto& stable :
         traffic::nginx::stable_ingress_names(*rollout.spec.canary->traffic_routing->nginx)) {
      out.insert({Referred::Ingress,
                  {ns, traffic::nginx::canary_ingress_name(rollout.meta.key.name, stable)}});
    }
  }
  return out;
}

void World::set_references(const kube::ObjectKey& rollout, const std::set<ReferredKey>& old,
                           const std::set<ReferredKey>& wanted) {
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
    if (key.first == Referred::Service) {
      queue_.mark({KeyKind::Service, key.second}, Lane::Normal, "no longer referenced",
                  clock_.mono_now());
      mark_referring(key, "Service is free");
    }
  }
}

void World::on_rollout(const api::Rollout* before, const api::Rollout* now_object) {
  const MonoTime now = clock_.mono_now();
  const kube::ObjectKey& key = now_object ? now_object->meta.key : before->meta.key;
  const bool was_ours = before && ours(before->meta);
  const bool is_ours = now_object && ours(now_object->meta);
  if (was_ours != is_ours || (is_ours && before->meta.generation != now_object->meta.generation)) {
    set_references(key, was_ours ? referred_by(*before) : std::set<ReferredKey>{},
                   is_ours ? referred_by(*now_object) : std::set<ReferredKey>{});
  }
  if (!now_object) {
    forget_metrics(telemetry_, kRolloutMetrics, key);
    queue_.mark(rollout_key(key), Lane::Normal, "Rollout deleted", now);
    return;
  }
  if (!is_ours) return;
  publish(telemetry_, *now_object);
  const Lane lane = before && human_change(*before, *now_object) ? Lane::Urgent : Lane::Normal;
  queue_.mark(rollout_key(key), lane, before ? "Rollout changed" : "Rollout added", now);
}

void World::on_run(const api::AnalysisRun* before, const api::AnalysisRun* now_object) {
  const MonoTime now = clock_.mono_now();
  const kube::Meta& meta = now_object ? now_object->meta : before->meta;
  const auto* owner = meta.controller_owner();
  const bool rollout_owned = owner && owner->kind == api::kRollouts.kind;
  if (!now_object) {
    live_runs.erase(meta.key);
    queue_.forget(run_key(meta.key));
    if (run_gone) run_gone(meta.key);
    forget_metrics(telemetry_, kRunMetrics, meta.key);
    if (rollout_owned)
      queue_.mark(rollout_key({meta.key.namespace_, owner->name}), Lane::Normal,
                  "AnalysisRun deleted", now);
    return;
  }
  if (!ours(meta)) {
    if (run_gone && before && ours(before->meta)) run_gone(meta.key);
    return;
  }
  if (!before || !api::is_completed(before->status.phase))
    publish(telemetry_, *now_object, !before);
  auto live = live_runs.find(meta.key);
  if (live != live_runs.end()) {
    // A run that has ended on the server has ended (analysis.md §8.1).
    const bool ended = api::is_completed(now_object->status.phase) &&
                       !api::is_completed(live->second->status.phase);
    if (live->second->meta.uid != meta.uid || ended) {
      live_runs.erase(live);
    } else {
      // Spec and metadata are the server's, the status is ours.
      auto merged = std::make_shared<api::AnalysisRun>(*now_object);
      merged->status = live->second->status;
      live->second = std::move(merged);
    }
  }
  // One that was over before we first saw it, and that leaves nothing to do, costs nothing.
  if (before || !analysisrun::at_rest(*now_object))
    queue_.mark(run_key(meta.key), Lane::Normal, "AnalysisRun changed", now);
  const bool phase_moved = !before || before->status.phase != now_object->status.phase;
  if (rollout_owned && phase_moved) {
    queue_.mark(rollout_key({meta.key.namespace_, owner->name}), Lane::Normal,
                "AnalysisRun changed", now);
  }
}

void World::on_owned(const kube::Meta* before, const kube::Meta* now_object,
                     std::string_view reason) {
  const kube::Meta& meta = now_object ? *now_object : *before;
  const auto* owner = meta.controller_owner();
  if (!owner && before) owner = before->controller_owner();
  const MonoTime now = clock_.mono_now();
  if (!owner) {
    // An orphan may be adopted: whoever selects its labels has to look.
    if (meta.labels.contains(std::string(api::kPodTemplateHashLabel))) {
      for (const auto& rollout : rollouts.store.list(meta.key.namespace_)) {
        if (rollout->spec.selector.matches(meta.labels))
          queue_.mark(rollout_key(rollout->meta.key), Lane::Normal, reason, now);
      }
    }
    return;
  }
  const kube::ObjectKey owner_key{meta.key.namespace_, owner->name};
  if (owner->kind == api::kRollouts.kind)
    queue_.mark(rollout_key(owner_key), Lane::Normal, reason, now);
  if (owner->kind == api::kAnalysisRuns.kind)
    queue_.mark(run_key(owner_key), Lane::Normal, reason, now);
}

void World::mark_referring(const ReferredKey& key, std::string_view reason) {
  auto it = referring_.find(key);
  if (it == referring_.end()) return;
  for (const auto& rollout : it->second)
    queue_.mark(rollout_key(rollout), Lane::Normal, reason, clock_.mono_now());
}

void World::on_referred(Referred kind, const kube::Meta* before, const kube::Meta* now_object,
                        std::string_view reason) {
  mark_referring({kind, now_object ? now_object->key : before->key}, reason);
}

void World::on_service(const kube::Service* before, const kube::Service* now_object) {
  const kube::ObjectKey& key = now_object ? now_object->meta.key : before->meta.key;
  mark_referring({Referred::Service, key}, "Service changed");
  if (!now_object) forget_metrics(telemetry_, kServiceMetrics, key);
  if (now_object &&
      (now_object->meta.annotations.contains(std::string(api::kManagedByAnnotation)) ||
       now_object->selector.contains(std::string(api::kPodTemplateHashLabel)))) {
    if (!service_referenced(key))
      queue_.mark({KeyKind::Service, key}, Lane::Normal, "Service changed", clock_.mono_now());
  }
}

bool World::service_referenced(const kube::ObjectKey& key) const {
  return referring_.contains({Referred::Service, key});
}

bool World::service_used(const kube::ObjectKey& key) const {
  if (service_referenced(key)) return true;
  const auto all = rollouts.store.list(key.namespace_);
  return std::any_of(all.begin(), all.end(), [&](const auto& rollout) {
    return rollout::refers_to_service(*rollout, key.name);
  });
}

bool World::abandoned(const kube::Service& service, const std::string& rollout) const {
  const std::string owner = get_or(service.meta.annotations, api::kManagedByAnnotation);
  if (owner.empty() || owner == rollout) return false;
  const auto found = rollouts.store.get({service.meta.key.namespace_, owner});
  return !found || !rollout::refers_to_service(*found, service.meta.key.name);
}

void World::mark_all(Lane lane, std::string_view reason) {
  const MonoTime now = clock_.mono_now();
  rollouts.store.each_flagged(
      [&](const kube::ObjectKey& key) { queue_.mark(rollout_key(key), lane, reason, now); });
  runs.store.each_flagged(
      [&](const kube::ObjectKey& key) { queue_.mark(run_key(key), lane, reason, now); });
}

rollout::Observed World::gather(const kube::ObjectKey& key) const {
  rollout::Observed out;
  out.rollout = rollouts.store.get(key);
  if (!out.rollout) return out;
  const std::string& ns = key.namespace_;
  out.replica_sets = replica_sets.store.owned_by(out.rollout->meta.uid);
  for (auto& orphan : replica_sets.store.orphans(ns))
    out.replica_sets.push_back(std::move(orphan));
  // Somebody else's ReplicaSet under a name that ours would have (its end is a hash): a collision,
  // which decide() must see.
  const auto rival = [&](std::string_view end, std::string_view owner) {
    return !owner.empty() && owner != out.rollout->meta.uid && end.find('-') == end.npos;
  };
  for (auto& other : replica_sets.store.with_prefix(ns, key.name + "-", rival))
    out.replica_sets.push_back(std::move(other));
  for (const auto& run : runs.store.owned_by(out.rollout->meta.uid)) {
    auto live = live_runs.find(run->meta.key);
    // A bad verdict is acted on before it is recorded, a good one is not: should its record be
    // lost, nobody could tell afterwards why the version was let through.
    const bool ahead =
        live != live_runs.end() && (live->second->status.phase != api::AnalysisPhase::Successful ||
                                    api::is_completed(run->status.phase));
    out.analysis_runs.push_back(ahead ? live->second : run);
  }
  for (const auto& [kind, object] : referred_by(*out.rollout)) {
    switch (kind) {
      case Referred::Service:
        if (auto service = services.store.get(object)) {
          if (abandoned(*service, key.name)) out.abandoned_services.insert(object.name);
          out.services[object.name] = std::move(service);
        }
        break;
      case Referred::Ingress:
        if (auto ingress = ingresses.store.get(object))
          out.ingresses[object.name] = std::move(ingress);
        break;
      case Referred::Template:
      case Referred::ClusterTemplate:
        break;
    }
  }
  // Templates refer to each other, so the whole namespace's are offered: pointers, not copies.
  for (auto& item : templates.store.list(ns))
    out.analysis_templates[item->meta.key.name] = std::move(item);
  for (auto& item : cluster_templates.store.list(""))
    out.cluster_analysis_templates[item->meta.key.name] = std::move(item);
  return out;
}

}  // namespace sluice::loop
