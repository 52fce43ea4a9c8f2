// What a Rollout waits for at present, and what comes next: computed from the objects alone, so it
// is told of a Rollout that another controller drives too.
#include <fmt/format.h>

#include <algorithm>

#include "api/keys.h"
#include "cli/rollout_view.h"
#include "cli/summary.h"
#include "controller/rollout/conditions.h"
#include "controller/rollout/pauses.h"
#include "controller/rollout/replicas.h"

namespace sluice::cli {
namespace {

constexpr std::size_t kPodsMax = 3;
constexpr Seconds kLate{30};  // for a controller that was away to take over
constexpr int kProgressDeadlineDefault = 600;  // seconds

struct Outlook {
  std::vector<std::string> waits;
  std::string next;
};

std::string when_text(WallTime time, WallTime now) {
  if (time <= now) return "now";
  return fmt::format("in {}, at {}", human_duration(time - now), format_rfc3339(time));
}

const SetInfo* set_of(const Objects& objects, const std::string& hash) {
  if (hash.empty()) return nullptr;
  for (const auto& set : objects.sets)
    if (is_owned_by(set.meta, objects.rollout.meta.uid) &&
        get_or(set.meta.labels, api::kPodTemplateHashLabel) == hash)
      return &set;
  return nullptr;
}

std::string name_of(const Objects& objects, const std::string& hash) {
  const auto* set = set_of(objects, hash);
  return set != nullptr ? set->meta.key.name : "version " + hash;
}

std::string failure_of(const SetInfo& set) {
  for (const auto& condition : set.set.conditions)
    if (condition.type == "ReplicaFailure" && condition.status == "True") return condition.message;
  return {};
}

// "web-5c-x CrashLoopBackOff" of the pods that hold a ReplicaSet up.
std::string unready_pods(const Objects& objects, const SetInfo& set) {
  std::vector<std::string> out;
  for (const auto& pod : objects.pods) {
    if (!is_owned_by(pod.meta, set.meta.uid)) continue;
    const auto& state = pod.state;
    if (state.ready == state.total && state.total > 0) continue;
    out.push_back(fmt::format("{} {}", pod.meta.key.name,
                              state.reason == "Running" ? "not ready" : state.reason));
  }
  std::sort(out.begin(), out.end());
  const std::size_t all = out.size();
  if (all > kPodsMax) {
    out.resize(kPodsMax);
    out.push_back(fmt::format("{} more", all - kPodsMax));
  }
  return join(out, ", ");
}

std::string set_wait(const Objects& objects, const SetInfo& set) {
  const auto& pods = set.set;
  if (const auto failure = failure_of(set); !failure.empty())
    return fmt::format("pods of {}: they cannot be made: {}", set.meta.key.name, failure);
  if (pods.available_replicas >= pods.replicas) return {};
  const std::string unready = unready_pods(objects, set);
  return fmt::format("pods of {}: {} of {} available{}{}", set.meta.key.name,
                     pods.available_replicas, pods.replicas, unready.empty() ? "" : ": ", unready);
}

std::string deadline_text(const api::Rollout& rollout, WallTime now) {
  const auto* progressing =
      rollout::find_condition(rollout.status.conditions, rollout::condition::kProgressing);
  if (progressing == nullptr || !progressing->last_update_time) return {};
  const auto& why = progressing->reason;
  if (progressing->status != "True" && why != rollout::reason::kReplicaSetCreateError) return {};
  const Seconds limit(
      rollout.spec.progress_deadline_seconds.value_or(kProgressDeadlineDefault));
  const WallTime end = *progressing->last_update_time + limit;
  if (end <= now) return {};
  return fmt::format("; without progress it is {} {}",
                     rollout.spec.progress_deadline_abort ? "aborted" : "Degraded",
                     when_text(end, now));
}

std::string step_name(const api::CanaryStrategy& canary, std::size_t index) {
  return fmt::format("step {} of {} ({})", index + 1, canary.steps.size(),
                     canary.steps[index].text());
}

// "success-rate 3 of 5", or what went wrong with the last measurement.
std::string progress_of(const api::AnalysisRun& run) {
  std::vector<std::string> out;
  for (const auto& metric : run.spec.metrics) {
    const api::MetricResult* result = nullptr;
    for (const auto& candidate : run.status.metric_results)
      if (candidate.name == metric.name) result = &candidate;
    const int done = result != nullptr ? result->count : 0;
    const bool counted = metric.count && !metric.count->is_string && metric.count->number > 0;
    out.push_back(counted ? fmt::format("{} {} of {} measurements", metric.name, done,
                                        metric.count->number)
                          : fmt::format("{} {} measurement{}", metric.name, done,
                                        done == 1 ? "" : "s"));
  }
  return join(out, ", ");
}

std::string run_wait(const Objects& objects, const std::optional<api::RunStatusRef>& ref,
                     std::string_view purpose) {
  if (!ref || ref->name.empty() || api::is_completed(ref->phase)) return {};
  std::string out = fmt::format("AnalysisRun {} {}", ref->name, purpose);
  for (const auto& run : objects.runs)
    if (run.meta.key.name == ref->name) {
      if (const auto progress = progress_of(run); !progress.empty()) out += ": " + progress;
    }
  return out;
}

class Builder {
 public:
  Builder(const Objects& objects, WallTime now)
      : objects_(objects),
        rollout_(objects.rollout),
        status_(objects.rollout.status),
        now_(now),
        phase_(summarise(objects.rollout, now).phase) {}

  Outlook build() {
    if (rollout_.meta.deleted_at) return std::move(out_);
    if ((!refusal() && unseen()) || invalid()) return std::move(out_);
    restart();
    if (status_.abort) {
      aborted();
    } else if (phase_.phase != "Healthy") {
      under_way();
    }
    return std::move(out_);
  }

 private:
  void wait(std::string text) {
    if (!text.empty()) out_.waits.push_back(std::move(text));
  }
  [[nodiscard]] const std::string& name() const { return rollout_.meta.key.name; }

  // What the API server, or the router's object, keeps the controller from. The reference does not
  // record the generation when it is refused a ReplicaSet: it has looked at it all the same.
  bool refusal() {
    const auto& list = status_.conditions;
    const auto* found = rollout::find_condition(list, rollout::condition::kReconciliationError);
    const auto* progressing = rollout::find_condition(list, rollout::condition::kProgressing);
    if (found == nullptr && progressing != nullptr &&
        progressing->reason == rollout::reason::kReplicaSetCreateError)
      found = progressing;
    if (found == nullptr) return false;
    refused_ = true;
    wait(fmt::format("what is tried again every few seconds: {}{}", found->message,
                     deadline_text(rollout_, now_)));
    return true;
  }

  bool unseen() {
    const auto seen = parse_int(status_.observed_generation);
    const bool never = status_.observed_generation.empty() && status_.phase.empty();
    if (!never && (!seen || *seen >= rollout_.meta.generation)) return false;
    const auto instance = get_or(rollout_.meta.labels, api::kInstanceIdLabel);
    wait(fmt::format("a controller {}to look at generation {} ({}); if this lasts, none is running "
                     "for this namespace",
                     instance.empty() ? "" : "with --instance-id " + instance + " ",
                     rollout_.meta.generation,
                     never ? "none was seen yet" : fmt::format("last seen: {}", *seen)));
    return true;
  }

  bool invalid() {
    const auto* condition =
        rollout::find_condition(status_.conditions, rollout::condition::kInvalidSpec);
    if (condition == nullptr && !rollout_.decode_error) return false;
    wait("a correction of the Rollout, or of the object that the message names; until then nothing "
         "is changed");
    return true;
  }

  void restart() {
    const auto& at = rollout_.spec.restart_at;
    if (!at || at == status_.restarted_at) return;
    wait(*at > now_ ? "a restart of all pods " + when_text(*at, now_)
                    : std::string("the restart to reach every pod"));
  }

  void aborted() {
    const auto& weights = status_.canary.weights;
    if (weights && weights->canary.weight > 0 && !refused_)
      wait(fmt::format("stable pods, to take the last {} of the traffic back",
                       weights->canary.weight));
    if (const auto* stable = set_of(objects_, status_.stable_rs)) wait(set_wait(objects_, *stable));
    out_.next = fmt::format(
        "'retry rollout {0}' tries the same version again; 'undo {0}' or another image gives it up",
        name());
  }

  void under_way() {
    if (rollout_.spec.paused)
      wait(fmt::format("a person: it was paused by hand, and 'promote {}' goes on", name()));
    pauses();
    sets();
    runs();
    traffic();
    if (out_.waits.empty() && !phase_.message.empty()) wait(phase_.message);
    next();
  }

  void pauses() {
    for (const auto& pause : status_.pause_conditions) {
      if (pause.reason == rollout::pause::kInconclusiveRun) {
        wait(fmt::format("a person: the analysis had no clear result; 'promote {0}' goes on, "
                         "'abort {0}' goes back",
                         name()));
      } else {
        wait(pause_text(pause));
      }
    }
  }

  std::string pause_text(const api::PauseCondition& pause) const {
    std::string what = "the pause before the promotion";
    std::optional<std::int64_t> seconds;
    if (rollout_.spec.canary) {
      const auto step = rollout::current_step(*rollout_.spec.canary, status_.current_step_index);
      if (!step || !rollout_.spec.canary->steps[*step].pause) return "the end of " + pause.reason;
      what = step_name(*rollout_.spec.canary, *step);
      seconds = rollout_.spec.canary->steps[*step].pause->seconds();
    } else if (rollout_.spec.blue_green && rollout_.spec.blue_green->auto_promotion_seconds > 0) {
      seconds = rollout_.spec.blue_green->auto_promotion_seconds;
    }
    if (!seconds)
      return fmt::format("a person, at {}: 'promote {}' goes on, 'abort {}' goes back", what,
                         name(), name());
    const WallTime end = rollout::pause_end(pause.start_time, *seconds);
    if (!rollout_.spec.paused && now_ > end + kLate)
      return fmt::format(
          "{} to end, which is overdue by {}: no controller seems to be at work here", what,
          human_duration(now_ - end));
    return fmt::format("{} to end {}", what, when_text(end, now_));
  }

  void sets() {
    std::string text;
    if (const auto* set = set_of(objects_, status_.current_pod_hash))
      text = set_wait(objects_, *set);
    if (!text.empty()) wait(text + deadline_text(rollout_, now_));
    if (status_.stable_rs == status_.current_pod_hash) return;
    if (const auto* set = set_of(objects_, status_.stable_rs)) wait(set_wait(objects_, *set));
  }

  void runs() {
    wait(run_wait(objects_, status_.blue_green.pre_promotion_run, "before the promotion"));
    wait(run_wait(objects_, status_.blue_green.post_promotion_run, "after the promotion"));
    if (!rollout_.spec.canary) return;
    const auto step = rollout::current_step(*rollout_.spec.canary, status_.current_step_index);
    if (step && rollout_.spec.canary->steps[*step].analysis)
      wait(run_wait(objects_, status_.canary.step_run,
                    "of " + step_name(*rollout_.spec.canary, *step)));
  }

  void traffic() {
    const auto& weights = status_.canary.weights;
    if (!rollout_.spec.canary || !rollout_.spec.canary->traffic_routing || !weights) return;
    const auto wanted =
        rollout::current_set_weight(*rollout_.spec.canary, status_.current_step_index, false);
    const auto step = rollout::current_step(*rollout_.spec.canary, status_.current_step_index);
    if (weights->verified == false)
      wait("the router to confirm the weight of " + std::to_string(weights->canary.weight));
    if (!step || weights->canary.weight == wanted || !out_.waits.empty()) return;
    wait(fmt::format("the router to change the weight from {} to {}; 'kubectl describe rollout {}' "
                     "shows what it said",
                     weights->canary.weight, wanted, name()));
  }

  void next() {
    const std::string& current = status_.current_pod_hash;
    if (current.empty()) return;
    const std::string promotion =
        fmt::format("promotion: {} becomes stable", name_of(objects_, current));
    if (rollout_.spec.blue_green) {
      const auto& state = status_.blue_green;
      if (state.active_selector != current)
        out_.next = fmt::format("Service {} is switched to {}",
                                rollout_.spec.blue_green->active_service,
                                name_of(objects_, current));
      else if (status_.stable_rs != current)
        out_.next = promotion;
      return;
    }
    if (!rollout_.spec.canary || status_.stable_rs == current) return;
    const auto& canary = *rollout_.spec.canary;
    const auto step = rollout::current_step(canary, status_.current_step_index);
    out_.next = step && *step + 1 < canary.steps.size() ? step_name(canary, *step + 1) : promotion;
  }

  const Objects& objects_;
  const api::Rollout& rollout_;
  const api::RolloutStatus& status_;
  WallTime now_;
  rollout::Phase phase_;
  Outlook out_;
  bool refused_ = false;
};

}  // namespace

std::string outlook_text(const Objects& objects, WallTime now) {
  const Outlook outlook = Builder(objects, now).build();
  std::string out;
  std::string_view key = "Waits for:";
  for (const auto& text : outlook.waits) {
    out += header_line(key, text);
    key = "";
  }
  if (!outlook.next.empty()) out += header_line("Next:", outlook.next);
  return out.empty() ? out : "\n" + out;
}

}  // namespace sluice::cli
