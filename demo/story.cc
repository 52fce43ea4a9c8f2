#include "demo/story.h"

#include <unistd.h>
#include <algorithm>
#include <fstream>
#include <sstream>

#include <fmt/core.h>

#include "kube/json/json.h"
#include "net/net.h"

namespace sluice::demo {

using kube::Json;

namespace {

constexpr const char* kNamespace = "default";
constexpr Seconds kStoryMax{120};
// nginx takes over a new configuration within this time; answers in between belong to no step.
constexpr std::int64_t kReloadMs = 400;

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<Millis>(net::system_clock()->wall_now().time_since_epoch())
      .count();
}

// One run of a story: polls the Rollout, keeps the time line.
class Teller {
 public:
  Teller(Stage& stage, StoryResult& result, std::string rollout, std::string host)
      : stage_(stage),
        result_(result),
        rollout_(std::move(rollout)),
        host_(std::move(host)),
        started_ms_(now_ms()) {}

  void say(const std::string& line) { stage_.say(result_.name, line); }

  bool fail_with(const std::string& why) {
    if (result_.why.empty()) result_.why = why;
    result_.outcome = "failed";
    return false;
  }

  bool step(Status status, const std::string& what) {
    if (status) return true;
    return fail_with(what + ": " + status.error().message);
  }

  Json rollout() {
    auto object = stage_.client.get(
        fmt::format("/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts/{}", kNamespace, rollout_));
    if (!object) return Json::object();
    show(*object);
    return std::move(*object);
  }

  // Polls until `done` holds for the Rollout.
  bool wait(const std::string& what, const std::function<bool(const Json&)>& done) {
    const std::int64_t end = now_ms() + std::chrono::milliseconds(kStoryMax).count();
    Json object;
    while (now_ms() < end) {
      if (stage_.cancelled) return fail_with("interrupted");
      object = rollout();
      track(object);
      if (done(object)) return true;
      usleep(50'000);
    }
    return fail_with(fmt::format("{} did not happen within {} s; the Rollout is {} ({})", what,
                                 kStoryMax.count(), kube::get_string(object, "status.phase"),
                                 kube::get_string(object, "status.message")));
  }

  // Follows the recorded weight: a step of the report begins when a weight is recorded and ends
  // with the next.
  void track(const Json& object) {
    const Json* weights = kube::find_path(object, "status.canary.weights");
    const int weight =
        weights == nullptr ? 0 : static_cast<int>(kube::get_int(*weights, "canary.weight"));
    if (weight == current_weight_) return;
    const std::int64_t now = now_ms();
    if (!result_.steps.empty() && result_.steps.back().to_ms == 0) result_.steps.back().to_ms = now;
    current_weight_ = weight;
    if (weight > 0) {
      result_.steps.push_back({weight, now + kReloadMs, 0, 0, 0});
      say(fmt::format("{} % of the users get the new version", weight));
    } else {
      say("all users get the stable version");
    }
  }

  void close_steps() {
    if (!result_.steps.empty() && result_.steps.back().to_ms == 0)
      result_.steps.back().to_ms = now_ms();
  }

  void measure_steps(const std::string& hash) {
    const auto lines = access();
    for (auto& step : result_.steps)
      measure(step, lines, host_, hash,
              [&](const std::string& upstream) { return stage_.edge.origin(upstream).hash; });
  }

  std::vector<AccessLine> access() { return parse_access_log(read_file(stage_.edge.access_log())); }

  void count_users(std::uint64_t requests_before, std::uint64_t failed_before) {
    const LoadCounts counts = stage_.load.counts(host_);
    result_.user_requests = counts.requests - requests_before;
    result_.failed_user_requests = counts.failed - failed_before;
    result_.seconds = static_cast<double>(now_ms() - started_ms_) / 1000.0;
  }

  [[nodiscard]] std::int64_t started_ms() const { return started_ms_; }
  [[nodiscard]] const std::string& host() const { return host_; }
  [[nodiscard]] std::string hash_of(const std::string& upstream) const {
    return stage_.edge.origin(upstream).hash;
  }

 private:
  void show(const Json& object) {
    RolloutView view;
    view.name = rollout_;
    view.phase = kube::get_string(object, "status.phase");
    view.message = kube::get_string(object, "status.message");
    view.asked_weight =
        static_cast<int>(kube::get_int(object, "status.canary.weights.canary.weight"));
    view.ready = static_cast<int>(kube::get_int(object, "status.readyReplicas"));
    view.desired = static_cast<int>(kube::get_int(object, "spec.replicas", 1));
    const Json* steps = kube::find_path(object, "spec.strategy.canary.steps");
    if (steps != nullptr && steps->is_array())
      view.step =
          fmt::format("{}/{}", kube::get_int(object, "status.currentStepIndex"), steps->size());
    stage_.show(view);
  }

  Stage& stage_;
  StoryResult& result_;
  std::string rollout_, host_;
  std::int64_t started_ms_;
  int current_weight_ = 0;
};

bool healthy(const Json& object) {
  return kube::get_string(object, "status.phase") == "Healthy" &&
         kube::get_string(object, "status.observedGeneration") ==
             std::to_string(kube::get_int(object, "metadata.generation"));
}

std::string hash_now(const Json& object) {
  return kube::get_string(object, "status.currentPodHash");
}

// Sets the example up, waits until it is healthy, and lets users in.
bool set_up(Stage& stage, Teller& teller, const std::string& folder, const std::string& host) {
  teller.say("applying examples/" + folder);
  if (!teller.step(stage.client.apply_folder(stage.root + "/examples/" + folder, kNamespace),
                   "apply"))
    return false;
  if (!teller.wait("the first version becoming healthy", healthy)) return false;
  stage.load.add_host(host);
  usleep(700'000);  // users arrive at a running service: nginx has taken over the first endpoints
  return true;
}

void note_measurement(Stage& stage, StoryResult& result, const std::string& run_name) {
  auto run = stage.client.get(fmt::format(
      "/apis/argoproj.io/v1alpha1/namespaces/{}/analysisruns/{}", kNamespace, run_name));
  if (!run) return;
  const Json* metrics = kube::find_path(*run, "status.metricResults");
  const Json* specs = kube::find_path(*run, "spec.metrics");
  if (metrics == nullptr || !metrics->is_array()) return;
  for (const auto& metric : *metrics) {
    if (kube::get_string(metric, "phase") != "Failed") continue;
    std::string value, condition;
    if (const Json* list = kube::find(metric, "measurements"); list != nullptr && list->is_array())
      for (const auto& item : *list)
        if (kube::get_string(item, "phase") == "Failed") value = kube::get_string(item, "value");
    if (specs != nullptr && specs->is_array())
      for (const auto& spec : *specs)
        if (kube::get_string(spec, "name") == kube::get_string(metric, "name"))
          condition = kube::get_string(spec, "successCondition");
    result.notes.push_back(fmt::format(
        "metric {} was {} where {} is asked", kube::get_string(metric, "name"),
        value.empty() ? "a failed check" : value, condition.empty() ? "success" : condition));
  }
}

// When the green's checks passed: the completion of its AnalysisRun (whole seconds, so its
// beginning).
std::optional<std::int64_t> completed_ms(Stage& stage, const std::string& hash) {
  auto runs = stage.client.get(
      fmt::format("/apis/argoproj.io/v1alpha1/namespaces/{}/analysisruns", kNamespace));
  const Json* items = runs ? kube::find(*runs, "items") : nullptr;
  if (items == nullptr || !items->is_array()) return std::nullopt;
  for (const auto& item : *items) {
    const Json* label = kube::find_path(item, {"metadata", "labels", "rollouts-pod-template-hash"});
    if (label == nullptr || *label != hash ||
        kube::get_string(item, "status.phase") != "Successful")
      continue;
    const auto time = parse_rfc3339(kube::get_string(item, "status.completedAt"));
    if (time) return std::chrono::duration_cast<Millis>(time->time_since_epoch()).count();
  }
  return std::nullopt;
}

// Checks the measured shares; the first that lies outside its interval fails the story.
bool check_shares(Teller& teller, const StoryResult& result) {
  for (const auto& step : result.steps) {
    if (share_holds(step)) continue;
    return teller.fail_with(fmt::format("at weight {} users got {:.1f} % of {} requests",
                                        step.asked_weight, 100 * step.measured_share(),
                                        step.requests));
  }
  return true;
}

struct Before {
  std::uint64_t requests, failed;
};
Before counts_before(Stage& stage, const std::string& host) {
  const LoadCounts counts = stage.load.counts(host);
  return {counts.requests, counts.failed};
}

constexpr const char* kWebHost = "web.example.com";
constexpr const char* kShopHost = "shop.example.com";

}  // namespace

StoryResult canary_good(Stage& stage) {
  StoryResult result{"canary-good", "promoted"};
  Teller teller(stage, result, "web", kWebHost);
  if (!set_up(stage, teller, "canary", kWebHost)) return result;
  const Before before = counts_before(stage, kWebHost);
  teller.say("setting image v2");
  if (!teller.step(stage.client.set_image(kNamespace, "web", "web", "sluice-demo-app:v2"),
                   "set image"))
    return result;
  Json object;
  if (!teller.wait("the promotion of v2", [&](const Json& now) {
        object = now;
        return healthy(now) && !result.steps.empty() &&
               kube::get_string(now, "status.stableRS") == hash_now(now);
      }))
    return result;
  teller.close_steps();
  teller.measure_steps(hash_now(object));
  teller.count_users(before.requests, before.failed);
  if (!check_shares(teller, result)) return result;
  if (result.failed_user_requests != 0) {
    teller.fail_with(fmt::format("{} users got an error", *result.failed_user_requests));
    return result;
  }
  result.outcome = "promoted";
  result.notes.push_back("v2 serves all users");
  teller.say("promoted");
  return result;
}

StoryResult canary_bad(Stage& stage) {
  StoryResult result{"canary-bad", "rolled-back"};
  Teller teller(stage, result, "web", kWebHost);
  if (kube::get_string(teller.rollout(), "status.phase") != "Healthy" &&
      !set_up(stage, teller, "canary", kWebHost))
    return result;
  const Before before = counts_before(stage, kWebHost);
  const std::string stable = kube::get_string(teller.rollout(), "status.stableRS");
  teller.say("setting image v3, which fails one request in five");
  if (!teller.step(stage.client.set_image(kNamespace, "web", "web", "sluice-demo-app:v3"),
                   "set image"))
    return result;
  Json object;
  if (!teller.wait("the rollback of v3", [&](const Json& now) {
        object = now;
        return kube::get_bool(now, "status.abort") &&
               kube::get_string(now, "status.phase") == "Degraded" &&
               kube::get_int(now, "status.canary.weights.canary.weight") == 0;
      }))
    return result;
  teller.close_steps();
  sleep(3);  // long enough to see whether anybody still gets the bad version
  const std::string bad = hash_now(object);
  teller.measure_steps(bad);
  teller.count_users(before.requests, before.failed);
  result.notes.push_back(kube::get_string(object, "status.message"));
  const FailureTimes times =
      failure_times(read_file(stage.controller_log), fmt::format("web-{}-", bad));
  std::int64_t last_bad = 0;
  std::uint64_t foreign_errors = 0;
  for (const auto& line : teller.access()) {
    if (line.host != kWebHost || line.time_ms < teller.started_ms()) continue;
    const bool from_bad = teller.hash_of(line.upstream) == bad;
    if (from_bad) last_bad = std::max(last_bad, line.time_ms);
    if (!from_bad && line.status >= 500) ++foreign_errors;
  }
  if (auto runs = stage.client.get(
          fmt::format("/apis/argoproj.io/v1alpha1/namespaces/{}/analysisruns", kNamespace))) {
    if (const Json* items = kube::find(*runs, "items"); items != nullptr && items->is_array())
      for (const auto& item : *items)
        if (kube::get_string(item, "metadata.name").rfind("web-" + bad, 0) == 0)
          note_measurement(stage, result, kube::get_string(item, "metadata.name"));
  }
  if (!times.first_bad_sample_ms || !times.failed_verdict_ms) {
    teller.fail_with("the controller's log names no failing measurement");
    return result;
  }
  result.first_bad_sample_to_zero_seconds =
      static_cast<double>(std::max<std::int64_t>(0, last_bad - *times.first_bad_sample_ms)) /
      1000.0;
  result.failed_verdict_to_zero_seconds =
      static_cast<double>(std::max<std::int64_t>(0, last_bad - *times.failed_verdict_ms)) / 1000.0;
  if (foreign_errors > 0) {
    teller.fail_with(
        fmt::format("{} users got an error that the bad version did not make", foreign_errors));
    return result;
  }
  if (*result.failed_verdict_to_zero_seconds > 2.0) {
    teller.fail_with(fmt::format("users got the bad version for {:.1f} s after the verdict",
                                 *result.failed_verdict_to_zero_seconds));
    return result;
  }
  if (kube::get_string(object, "status.stableRS") != stable) {
    teller.fail_with("the stable version changed");
    return result;
  }
  result.outcome = "rolled-back";
  teller.say("rolled back: " + kube::get_string(object, "status.message"));
  return result;
}

StoryResult blue_green(Stage& stage) {
  StoryResult result{"blue-green", "held-then-promoted"};
  Teller teller(stage, result, "shop", kShopHost);
  if (!set_up(stage, teller, "blue-green", kShopHost)) return result;
  const Before before = counts_before(stage, kShopHost);
  teller.say("setting image v2-broken, whose sanity checks fail");
  if (!teller.step(stage.client.set_image(kNamespace, "shop", "shop", "sluice-demo-app:v2-broken"),
                   "set image"))
    return result;
  Json held;
  if (!teller.wait("the failed sanity checks", [&](const Json& now) {
        held = now;
        return kube::get_bool(now, "status.abort") &&
               kube::get_string(now, "status.phase") == "Degraded";
      }))
    return result;
  const std::string failing = hash_now(held);
  result.notes.push_back(kube::get_string(held, "status.message"));
  if (auto name = kube::get_string(held, "status.blueGreen.prePromotionAnalysisRunStatus.name");
      !name.empty())
    note_measurement(stage, result, name);
  teller.say("held: " + kube::get_string(held, "status.message"));
  teller.say("setting image v2");
  if (!teller.step(stage.client.set_image(kNamespace, "shop", "shop", "sluice-demo-app:v2"),
                   "set image"))
    return result;
  Json object;
  if (!teller.wait("the promotion of v2", [&](const Json& now) {
        object = now;
        return healthy(now) && hash_now(now) != failing &&
               kube::get_string(now, "status.blueGreen.activeSelector") == hash_now(now);
      }))
    return result;
  sleep(1);
  teller.count_users(before.requests, before.failed);
  const std::string good = hash_now(object);
  std::uint64_t unverified = 0;
  const auto completed = completed_ms(stage, good);
  if (!completed) {
    teller.fail_with("the green that was switched has no successful analysis");
    return result;
  }
  for (const auto& line : teller.access()) {
    if (line.host != kShopHost || line.time_ms < teller.started_ms()) continue;
    const std::string hash = teller.hash_of(line.upstream);
    if (hash == failing || (hash == good && line.time_ms < *completed)) ++unverified;
  }
  result.requests_to_unverified_version = unverified;
  if (unverified > 0) {
    teller.fail_with(fmt::format("{} users got a version that was not verified", unverified));
    return result;
  }
  if (result.failed_user_requests != 0) {
    teller.fail_with(fmt::format("{} users got an error", *result.failed_user_requests));
    return result;
  }
  result.outcome = "held-then-promoted";
  teller.say("promoted");
  return result;
}

}  // namespace sluice::demo
