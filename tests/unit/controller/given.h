#pragma once
// A tiny cluster in memory for whole rollouts in unit tests: it takes the writes of a plan as the
// API server would (preconditions, merge patches, generation, the status subresource), plays the
// ReplicaSet controller, and counts.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "api/keys.h"
#include "api/resources.h"
#include "controller/loop/refusals.h"
#include "controller/rollout/rollout.h"
#include "kube/json/json.h"
#include "kube/json/node.h"
#include "kube/json/patch.h"
#include "kube/model/resources.h"

namespace sluice::rollout::test {

using kube::Json;

inline WallTime at(std::string_view text) {
  return *parse_rfc3339(text);
}
inline Json json(std::string_view text) {
  auto parsed = kube::parse_json(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed ? std::move(*parsed) : Json();
}

struct Sent {
  std::string purpose, kind, name, body;
};

class Cluster {
 public:
  WallTime now = at("2026-11-21T15:00:00Z");
  Options options;
  std::vector<api::WeightDestination> additional;  // of an Experiment
  std::vector<Sent> sent;                          // all writes so far
  std::vector<std::string> events;                 // "Reason: message"
  std::vector<std::string> event_reasons;
  std::optional<WallTime> wake_at;
  controller::Plan last;
  // What the server does to a pod template before it stores it, or answers a dry run with it.
  std::function<void(Json&)> serve = [](Json&) {};
  bool answers_dry_runs = true;
  int dry_runs = 0;
  int crash_at = -1;  // the plan that makes this write (counted from 0) is dropped before it
  // What the API server refuses. The rest of the plan is not sent then, and the loop remembers it.
  std::function<bool(const kube::Write&)> refuses;
  std::string refusal = "is forbidden: exceeded quota";
  std::map<std::string, int> refused;     // requests, by purpose
  std::set<std::string> unrecorded_ends;  // runs whose end the server has not heard of

  // objects[kind][name]
  std::map<std::string, std::map<std::string, Json>> objects;

  Json& put(Json object) {
    const auto kind = kube::get_string(object, "kind");
    const auto name = kube::get_string(object, "metadata.name");
    auto& metadata = object["metadata"];
    if (!metadata.contains("namespace")) metadata["namespace"] = "shop";
    if (!metadata.contains("uid")) metadata["uid"] = "uid-" + kind + "-" + name;
    if (!metadata.contains("generation")) metadata["generation"] = 1;
    if (!metadata.contains("creationTimestamp"))
      metadata["creationTimestamp"] = format_rfc3339(now);
    if (!metadata.contains("resourceVersion")) bump(object);
    return objects[kind][name] = std::move(object);
  }
  Json& get(const std::string& kind, const std::string& name) { return objects.at(kind).at(name); }
  bool has(const std::string& kind, const std::string& name) {
    return objects[kind].contains(name);
  }
  Json& rollout() { return objects.at("Rollout").begin()->second; }
  Json& status() { return rollout()["status"]; }

  // A person's or another controller's change: a merge patch; `spec` raises the generation.
  void edit(const std::string& kind, const std::string& name, const Json& patch) {
    merge(get(kind, name), patch);
  }
  void edit_rollout(std::string_view patch) { merge(rollout(), json(patch)); }
  void set_image(const std::string& image) {
    rollout()["spec"]["template"]["spec"]["containers"][0]["image"] = image;
    touch_spec(rollout());
  }
  void touch_spec(Json& object) {
    object["metadata"]["generation"] = kube::get_int(object, "metadata.generation") + 1;
    bump(object);
  }
  void set_run(const std::string& name, const std::string& phase, const std::string& message = "") {
    auto& run = get("AnalysisRun", name);
    run["status"]["phase"] = phase;
    if (!message.empty()) run["status"]["message"] = message;
    if (phase != "Running" && phase != "Pending")
      run["status"]["completedAt"] = format_rfc3339(now);
    bump(run);
  }

  [[nodiscard]] Observed observe() const {
    Observed out;
    out.additional = additional;
    out.rollout = decode<api::Rollout>(objects.at("Rollout").begin()->second, api::decode_rollout);
    each("ReplicaSet", [&](const Json& o) {
      out.replica_sets.push_back(decode<kube::ReplicaSet>(o, kube::decode_replica_set));
    });
    std::erase_if(out.replica_sets, [](const auto& set) {
      return find_or_null(set->meta.labels, api::kPodTemplateHashLabel) == nullptr;
    });
    each("Service", [&](const Json& o) {
      out.services[kube::get_string(o, "metadata.name")] =
          decode<kube::Service>(o, kube::decode_service);
    });
    for (const auto& type : {kube::kIngresses, kube::kConfigMaps})
      each(std::string(type.kind), [&](const Json& o) {
        auto object = decode<kube::Object>(o, kube::decode_object);
        out.objects[{type, object->meta.key}] = std::move(object);
      });
    each("AnalysisRun", [&](const Json& o) {
      auto run = decode<api::AnalysisRun>(o, api::decode_analysis_run);
      const auto* owner = run->meta.controller_owner();
      if (owner && owner->uid == out.rollout->meta.uid) out.analysis_runs.push_back(std::move(run));
    });
    each("AnalysisTemplate", [&](const Json& o) {
      out.analysis_templates[kube::get_string(o, "metadata.name")] =
          decode<api::AnalysisTemplate>(o, api::decode_analysis_template);
    });
    if (needs_pods(*out.rollout, now)) {
      out.pods_known = true;
      each("Pod",
           [&](const Json& o) { out.pods.push_back(decode<kube::Pod>(o, kube::decode_pod)); });
    }
    return out;
  }

  // One decision and its writes.
  controller::Plan pass() {
    auto observed = observe();
    observed.refusals = refusals_.of(kRefusalKey, mono(), now);
    observed.unrecorded_ends = unrecorded_ends;
    observed.taken_runs = refusals_.taken_runs(kRefusalKey);
    if (const auto write = dry_run(observed, now)) {
      ++dry_runs;
      EXPECT_TRUE(write->dry_run && write->key.name.empty());
      auto pod_template = json(write->body)["spec"]["template"];
      serve(pod_template);
      if (answers_dry_runs) observed.served_template = kube::dump(pod_template);
    }
    auto plan = decide(observed, now, options);
    wake_at = plan.wake_at;
    for (const auto& intent : plan.intents) {
      if (const auto* write = std::get_if<kube::Write>(&intent)) {
        if (crash_at >= 0 && static_cast<int>(sent.size()) == crash_at) {
          crash_at = -1;
          break;
        }
        if (refuses && refuses(*write)) {
          ++refused[write->purpose];
          refusals_.note(kRefusalKey, *write, {ErrorCode::Forbidden, refusal, {}}, mono(), rng_);
          break;
        }
        sent.push_back(
            {write->purpose, std::string(write->type.kind), write->key.name, write->body});
        if (!apply(*write)) break;
        refusals_.accepted(kRefusalKey, *write);
      }
      if (const auto* event = std::get_if<controller::EventIntent>(&intent)) {
        events.push_back(event->reason + ": " + event->message);
        event_reasons.push_back(event->reason);
      }
    }
    last = plan;
    return plan;
  }
  // Decisions until one plans no write, time and pods standing still. Deferred counts stay
  // unwritten.
  void settle() {
    for (int i = 0; i < 30; ++i)
      if (pass().writes().empty()) return;
    ADD_FAILURE() << "no fixpoint: " << last_purposes();
  }
  // The ReplicaSet controller: pods exist, and are available too when `ready`.
  bool sync_pods(bool ready = true) {
    bool changed = false;
    for (auto& [name, set] : objects["ReplicaSet"]) {
      const auto want = kube::get_int(set, "spec.replicas", 1);
      Json status = set.contains("status") ? set["status"] : Json::object();
      const auto before = status;
      const auto available =
          std::min<std::int64_t>(want, kube::get_int(status, "availableReplicas"));
      status["replicas"] = want;
      status["readyReplicas"] = ready ? want : available;
      status["availableReplicas"] = ready ? want : available;
      status["observedGeneration"] = kube::get_int(set, "metadata.generation");
      if (status == before) continue;
      set["status"] = status;
      bump(set);
      changed = true;
    }
    return changed;
  }
  void pods(const std::string& set_name, int available, int replicas = -1) {
    auto& set = get("ReplicaSet", set_name);
    set["status"]["availableReplicas"] = available;
    set["status"]["readyReplicas"] = available;
    set["status"]["replicas"] =
        replicas >= 0 ? replicas : static_cast<int>(kube::get_int(set, "spec.replicas"));
    set["status"]["observedGeneration"] = kube::get_int(set, "metadata.generation");
    bump(set);
  }
  // Writes are made and pods come up until all is at rest at this moment and three seconds later.
  void run() {
    for (int i = 0; i < 40; ++i) {
      settle();
      now += Seconds{1};
      if (!sync_pods() && pass().writes().empty()) break;
    }
    now += Seconds{4};
    settle();
  }
  // Time passes tick by tick: pods appear at once and are available `ready_after` later, runs start
  // and end as a controller of theirs would make them. Decisions happen when something moved or
  // when they were asked for.
  void live(Seconds time, Millis ready_after = Millis{1500}) {
    const auto end = now + time;
    std::map<std::string, WallTime> ready_at;
    for (bool moved = true; now < end; now += Millis{250}) {
      moved = tick_pods(ready_at, ready_after) || moved;
      moved = tick_runs() || moved;
      if (moved || (wake_at && *wake_at <= now)) settle();
      moved = false;
    }
  }
  bool tick_runs() {
    bool moved = false;
    for (auto& [name, run] : objects["AnalysisRun"]) {
      auto phase = kube::get_string(run, "status.phase");
      const auto before = phase;
      if (phase.empty()) phase = "Running";
      if (before == "Running" && kube::get_bool(run, "spec.terminate")) phase = "Successful";
      if (phase == before) continue;
      set_run(name, phase);
      moved = true;
    }
    return moved;
  }
  bool tick_pods(std::map<std::string, WallTime>& ready_at, Millis ready_after) {
    bool moved = false;
    for (auto& [name, set] : objects["ReplicaSet"]) {
      const auto want = kube::get_int(set, "spec.replicas", 1);
      const auto have = kube::get_int(set, "status.replicas");
      const auto available = kube::get_int(set, "status.availableReplicas");
      if (have != want) {
        pods(name, static_cast<int>(std::min(available, want)), static_cast<int>(want));
        ready_at[name] = now + ready_after;
        moved = true;
      } else if (available != want && ready_at[name] <= now) {
        pods(name, static_cast<int>(want), static_cast<int>(want));
        moved = true;
      } else if (kube::get_int(set, "status.observedGeneration") !=
                 kube::get_int(set, "metadata.generation")) {
        set["status"]["observedGeneration"] = kube::get_int(set, "metadata.generation");
        bump(set);
      }
    }
    return moved;
  }
  // Lets time pass in the steps that the controller asks for.
  void run_for(Seconds time) {
    const auto end = now + time;
    run();
    while (wake_at && *wake_at <= end) {
      now = std::max(now, *wake_at);
      run();
    }
    now = std::max(now, end);
    run();
  }

  [[nodiscard]] std::int64_t size(const std::string& set) {
    return kube::get_int(get("ReplicaSet", set), "spec.replicas");
  }
  [[nodiscard]] std::string selected(const std::string& service) {
    const auto* found =
        kube::find_path(get("Service", service), {"spec", "selector", api::kPodTemplateHashLabel});
    return found ? found->get<std::string>() : "";
  }
  [[nodiscard]] std::string annotation(const std::string& kind, const std::string& name,
                                       std::string_view key) {
    const auto* found = kube::find_path(get(kind, name), {"metadata", "annotations", key});
    return found && found->is_string() ? found->get<std::string>() : "";
  }
  [[nodiscard]] std::string weight() {
    return annotation("Ingress", "web-web-canary", "nginx.ingress.kubernetes.io/canary-weight");
  }
  [[nodiscard]] std::vector<std::string> purposes(std::size_t from = 0) const {
    std::vector<std::string> out;
    for (std::size_t i = from; i < sent.size(); ++i) out.push_back(sent[i].purpose);
    return out;
  }
  [[nodiscard]] std::map<std::string, int> count(std::size_t from = 0) const {
    std::map<std::string, int> out;
    for (std::size_t i = from; i < sent.size(); ++i) ++out[sent[i].purpose];
    return out;
  }
  [[nodiscard]] std::string history(std::size_t from = 0) const {
    std::string out;
    for (std::size_t i = from; i < sent.size(); ++i)
      out += sent[i].purpose + " " + sent[i].kind + "/" + sent[i].name + " " +
             sent[i].body.substr(0, 300) + "\n";
    return out;
  }
  [[nodiscard]] std::string last_purposes() const {
    std::string out;
    for (const auto* write : last.writes())
      out += write->purpose + " " + write->key.name + " " + write->body + "\n";
    return out;
  }
  [[nodiscard]] std::string phase() { return kube::get_string(status(), "phase"); }
  [[nodiscard]] std::string message() { return kube::get_string(status(), "message"); }
  [[nodiscard]] std::int64_t index() { return kube::get_int(status(), "currentStepIndex", -1); }
  [[nodiscard]] Json condition(const std::string& type) {
    for (const auto& item : status().value("conditions", Json::array()))
      if (kube::get_string(item, "type") == type) return item;
    return Json();
  }
  [[nodiscard]] std::string reason(const std::string& type) {
    return kube::get_string(condition(type), "reason");
  }
  // "web-<hash>" of the newest ReplicaSet.
  [[nodiscard]] std::string current_hash() { return kube::get_string(status(), "currentPodHash"); }
  [[nodiscard]] std::string stable_hash() { return kube::get_string(status(), "stableRS"); }
  [[nodiscard]] std::string set_of(const std::string& hash) {
    return kube::get_string(rollout(), "metadata.name") + "-" + hash;
  }

  bool apply(const kube::Write& write) {
    const std::string kind(write.type.kind);
    auto& store = objects[kind];
    if (write.subresource == "eviction") {
      objects["Pod"].erase(write.key.name);
      return true;
    }
    if (write.verb == kube::Verb::Create) {
      if (store.contains(write.key.name)) {
        const Json::json_pointer owner("/metadata/ownerReferences/0/uid");
        if (store[write.key.name].value(owner, "") != kube::get_string(rollout(), "metadata.uid"))
          refusals_.note_taken(kRefusalKey, write);
        return write.tolerate_done;
      }
      auto object = json(write.body);
      if (kind == "ReplicaSet") serve(object["spec"]["template"]);
      put(std::move(object));
      return true;
    }
    const auto found = store.find(write.key.name);
    if (found == store.end()) {
      EXPECT_EQ(write.verb, kube::Verb::Delete)
          << write.purpose << " of a missing " << kind << " " << write.key.name;
      return true;
    }
    Json& object = found->second;
    EXPECT_FALSE(write.uid.empty() && write.resource_version.empty())
        << write.purpose << " without precondition";
    if (!write.uid.empty() && write.uid != kube::get_string(object, "metadata.uid"))
      return conflict(write);
    if (!write.resource_version.empty() &&
        write.resource_version != kube::get_string(object, "metadata.resourceVersion"))
      return conflict(write);
    if (write.verb == kube::Verb::Delete) {
      store.erase(found);
      return true;
    }
    const auto patch = json(write.body);
    if (write.subresource == "status") {
      EXPECT_FALSE(write.resource_version.empty()) << write.body;
      EXPECT_EQ(patch.size(), 1U) << write.body;
      kube::apply_merge_patch(object["status"], patch["status"]);
      bump(object);
      return true;
    }
    EXPECT_TRUE(write.verb == kube::Verb::MergePatch || write.verb == kube::Verb::StrategicPatch);
    EXPECT_FALSE(patch.contains("status") && kind == "Rollout") << write.body;
    merge(object, patch);
    return true;
  }

  static Cluster from_fixture(const std::string& name) {
    const auto path =
        std::filesystem::path(SLUICE_SOURCE_DIR) / "tests/fixtures/takeover" / (name + ".json");
    std::ifstream in(path, std::ios::binary);
    EXPECT_TRUE(in.good()) << path;
    std::ostringstream text;
    text << in.rdbuf();
    Cluster out;
    WallTime newest{};
    const auto fixture = json(text.str());
    for (const auto& object : fixture.value("objects", Json::array())) {
      newest = std::max(newest, newest_time(object, ""));
      out.put(object);
      out.version_ =
          std::max(out.version_,
                   parse_int(kube::get_string(object, "metadata.resourceVersion")).value_or(0));
    }
    out.now = newest + Seconds{1};
    return out;
  }

 private:
  // Objects that did not change are not decoded again: whole rollouts take hundreds of decisions.
  template <class T, class Decoder>
  Ptr<T> decode(const Json& object, Decoder decoder) const {
    auto text = std::make_shared<const std::string>(kube::dump(object));
    auto& known = decoded_[*text];
    if (known) return std::static_pointer_cast<const T>(known);
    const auto document = kube::Document::parse(*text);
    EXPECT_TRUE(document.has_value());
    auto out = std::make_shared<T>(decoder(document->root()));
    if constexpr (requires { out->raw; }) out->raw = text;
    known = out;
    return out;
  }
  void each(const std::string& kind, const std::function<void(const Json&)>& visit) const {
    const auto found = objects.find(kind);
    if (found == objects.end()) return;
    for (const auto& [name, object] : found->second) visit(object);
  }
  static WallTime newest_time(const Json& value, const std::string& key) {
    WallTime out{};
    if (key == "scale-down-deadline" || key == "resumeAt") return out;
    if (value.is_string()) {
      const auto parsed = parse_rfc3339(value.get<std::string>());
      if (parsed) out = *parsed;
    } else if (value.is_object()) {
      for (const auto& [k, v] : value.items()) out = std::max(out, newest_time(v, k));
    } else if (value.is_array()) {
      for (const auto& v : value) out = std::max(out, newest_time(v, ""));
    }
    return out;
  }
  bool conflict(const kube::Write& write) {
    ADD_FAILURE() << "conflict: " << write.purpose << " " << write.key.name << " " << write.body;
    return false;
  }
  void bump(Json& object) { object["metadata"]["resourceVersion"] = std::to_string(++version_); }
  void merge(Json& object, const Json& patch) {
    const auto before = object;
    kube::apply_merge_patch(object, patch);
    if (before == object) return;
    if (before.value("spec", Json()) != object.value("spec", Json()))
      object["metadata"]["generation"] = kube::get_int(object, "metadata.generation") + 1;
    bump(object);
  }

  [[nodiscard]] MonoTime mono() const { return MonoTime(now.time_since_epoch()); }

  static inline const loop::Key kRefusalKey{loop::KeyKind::Rollout, {"shop", "web"}};
  loop::Refusals refusals_;
  SeededRng rng_{1};
  mutable std::map<std::string, std::shared_ptr<const void>> decoded_;
  std::int64_t version_ = 1000;
};

// ---- objects
// -----------------------------------------------------------------------------------------------------
inline Json pod_template(const std::string& image = "web:1") {
  return json(
      R"({"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":")" +
      image + R"(","ports":[{"containerPort":8080,"name":"http","protocol":"TCP"}]}]}})");
}
inline Json rollout(int replicas, const Json& strategy) {
  return Json{{"apiVersion", "argoproj.io/v1alpha1"},
              {"kind", "Rollout"},
              {"metadata", {{"name", "web"}, {"namespace", "shop"}}},
              {"spec",
               {{"replicas", replicas},
                {"selector", {{"matchLabels", {{"app", "web"}}}}},
                {"template", pod_template()},
                {"strategy", strategy}}}};
}
inline Json service(const std::string& name) {
  return Json{
      {"apiVersion", "v1"},
      {"kind", "Service"},
      {"metadata", {{"name", name}}},
      {"spec",
       {{"selector", {{"app", "web"}}}, {"ports", json(R"([{"port":80,"targetPort":"http"}])")}}}};
}
inline Json ingress(const std::string& backend) {
  return json(
      R"({"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"web"},"spec":{
    "ingressClassName":"nginx","rules":[{"host":"web.example","http":{"paths":[{"path":"/","pathType":"Prefix",
    "backend":{"service":{"name":")" +
      backend + R"(","port":{"number":80}}}}]}}]}})");
}
inline Json analysis_template(const std::string& name, bool endless = true) {
  return json(
      R"({"apiVersion":"argoproj.io/v1alpha1","kind":"AnalysisTemplate","metadata":{"name":")" +
      name + R"("},"spec":{"metrics":[{"name":"ok","interval":"30s",)" +
      (endless ? "" : R"("count":1,)") +
      R"("successCondition":"result[0] >= 0.95","provider":{"prometheus":{"address":"http://prom","query":"q"}}}]}})");
}
// What people do, and the names they would look up.
inline std::string new_set(Cluster& c) {
  return c.set_of(c.current_hash());
}
inline std::string stable_set(Cluster& c) {
  return c.set_of(c.stable_hash());
}
inline void patch_status(Cluster& c, std::string_view status) {
  c.edit_rollout(std::string(R"({"status":)") + std::string(status) + "}");
}
inline void abort_it(Cluster& c) {
  patch_status(c, R"({"abort":true})");
}
inline void resume(Cluster& c) {
  patch_status(c, R"({"pauseConditions":null})");
}

// A Rollout that is at rest on its first version.
inline Cluster basic_canary(int replicas, std::string_view steps, std::string_view more = "{}") {
  Json canary = json(more);
  canary["steps"] = json(steps);
  Cluster out;
  out.put(rollout(replicas, Json{{"canary", canary}}));
  out.run();
  return out;
}
inline Cluster nginx_canary(int replicas, std::string_view steps, std::string_view more = "{}") {
  Json canary = json(more);
  if (!steps.empty()) canary["steps"] = json(steps);
  canary["canaryService"] = "web-canary";
  canary["stableService"] = "web-stable";
  canary["trafficRouting"]["nginx"]["stableIngress"] = "web";
  Cluster out;
  out.put(service("web-canary"));
  out.put(service("web-stable"));
  out.put(ingress("web-stable"));
  out.put(analysis_template("endless"));
  out.put(analysis_template("once", false));
  out.put(rollout(replicas, Json{{"canary", canary}}));
  out.run();
  return out;
}
inline Cluster blue_green(int replicas, std::string_view more = "{}") {
  Json strategy = json(more);
  strategy["activeService"] = "web-active";
  if (!strategy.contains("previewService")) strategy["previewService"] = "web-preview";
  Cluster out;
  out.put(service("web-active"));
  out.put(service("web-preview"));
  out.put(analysis_template("once", false));
  out.put(rollout(replicas, Json{{"blueGreen", strategy}}));
  out.run();
  return out;
}

}  // namespace sluice::rollout::test
