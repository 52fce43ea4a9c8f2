#include "sim/scenario_run.h"

#include <algorithm>

#include <fmt/core.h>

#include "api/keys.h"
#include "api/resources.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"
#include "sim/scenario_objects.h"

namespace sluice::sim {
namespace {

// Shorter than a real controller would have it: two of them pass at the end of every run. A wake-up
// that is forgotten still shows, because V5 allows a second and S5 a minute.
constexpr Seconds kResync{120};
constexpr Seconds kQuiet{90};    // longer than the scale-down delay and a change of leader together
constexpr Seconds kRetried{2};   // after a write was refused, or a watch ended
constexpr Seconds kElected{16};  // a process died, froze or was cut off: a Lease has 15 s
constexpr Seconds kRefused{30};  // from the end of refusals to the next try
constexpr std::size_t kLogTail = 40;

const kube::ObjectKey kWeb{"default", "web"};

// Two controllers: ours has an id, one of the others has none.
struct Other {
  const char *instance_id, *rollout;
};
constexpr const char* kOurId = "blue";
constexpr Other kOthers[] = {{"", "plain"}, {"green", "green"}};

Simulation::Options options_of(const Knobs& knobs, const Scenarios::Crds& crds) {
  Simulation::Options out;
  out.seed = knobs.seed;
  out.stages = knobs.pods;
  out.loop.lease_namespace = "argo-rollouts";
  out.loop.controller_namespace = "argo-rollouts";
  out.loop.resync_period = kResync;
  // What is read from packed text must be the same as what stayed in view: half of the seeds, and
  // the baselines, keep next to no views.
  if (knobs.seed % 2 == 1) out.loop.cached_views_max = 0;
  out.transport.latency = knobs.latency;
  out.transport.metric_latency = knobs.metric_latency;
  out.processes = knobs.processes;
  if (knobs.workflow == Workflow::TwoControllers) {
    out.loop.instance_id = kOurId;
    for (const Other& other : kOthers) out.other_instances.emplace_back(other.instance_id);
  }
  out.crds = crds;
  out.managed_fields = false;
  return out;
}

std::vector<kube::Json> objects_of(Workflow workflow) {
  switch (workflow) {
    case Workflow::CanaryBasic:
      return basic_canary_objects();
    case Workflow::BlueGreen:
    case Workflow::BlueGreenAbort:
    case Workflow::Strangers:
      return blue_green_objects();
    case Workflow::ApprovalRetry:
      return approved_objects();
    case Workflow::GateRetry:
      return gated_canary_objects();
    case Workflow::DynamicNewVersion:
      return dynamic_canary_objects();
    case Workflow::TwoControllers: {
      auto out = nginx_canary_objects();
      out.back()["metadata"]["labels"] = {{std::string(api::kInstanceIdLabel), kOurId}};
      return out;
    }
    case Workflow::CanaryNginx:
    case Workflow::AbortByUser:
    case Workflow::AbortByAnalysis:
    case Workflow::Retry:
    case Workflow::Rollback:
    case Workflow::NewVersion:
      return nginx_canary_objects();
  }
  return {};
}

Actor human() {
  Actor out;
  out.kind = Actor::Kind::Human;
  return out;
}

}  // namespace

std::string without_empty(const std::string& state) {
  std::string out;
  std::size_t start = 0;
  for (auto end = state.find('\n'); end != std::string::npos; end = state.find('\n', start)) {
    const std::string line = state.substr(start, end + 1 - start);
    if (!line.starts_with("pods ") || !line.ends_with("wanted=0 available=0\n")) out += line;
    start = end + 1;
  }
  return out;
}

ScenarioRun::ScenarioRun(const Knobs& knobs, const Scenarios::Crds& crds,
                         const check::CheckerOptions& checker_options)
    : sim(options_of(knobs, crds)),
      checkers(check::all_checkers(checker_options)),
      injector(knobs.faults, knobs.noise, knobs.seed ^ 0x9e3779b97f4a7c15ULL),
      knobs_(knobs),
      strangers_(sim, checkers.view, knobs.strangers_in, knobs.strangers_say),
      coming_(knobs.happenings) {
  if (knobs.workflow == Workflow::TwoControllers) checkers.view.instance_id = kOurId;
  checkers.view.lease = sim.lease_of(checkers.view.instance_id);
  checkers.view.told_within = knobs.watch_delay + 2 * knobs.latency;
  static_cast<void>(sim.apply_object(kube::Json{
      {"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "argo-rollouts"}}}}));
  watch_server();
  backend.scripts = knobs_.metrics;
  backend.image_of = [this](const std::string& hash) { return image_of(hash); };
  backend.answered = [this](const check::MetricAnswer& answer) { checkers.metric(answer); };
  sim.set_backend(
      [this](const http::Request& request) { return backend(request, sim.clock.mono_now()); });
  sim.set_watch_delay(knobs_.watch_delay);
  sim.set_write_faults([this](const http::Request& request) { return strike(request); });
  sim.after_instant = [this] {
    happen();
    checkers.instant(sim.clock.wall_now(), sim.clock.mono_now());
    if (!checkers.found.empty()) keep_log();
  };
}

// What becomes of a write, and what checkers have to know of that.
Fault ScenarioRun::strike(const http::Request& request) {
  const MonoTime now = sim.clock.mono_now();
  const Fault fault = injector(request, now);
  const auto refused_until = injector.refused_until();
  auto call = read_call(request);
  checkers.sent({std::move(call.verb), std::move(call.resource), std::move(call.subresource),
                 std::move(call.object), now, refused_until});
  if (fault == Fault::None) return fault;
  const bool silent = fault == Fault::TimeoutApplied || fault == Fault::TimeoutNotApplied;
  if (refused_until) {
    auto& until = checkers.view.disturbed_until;
    until = std::max(until, *refused_until + kRefused);
  } else if (fault == Fault::CrashBefore || fault == Fault::CrashAfter) {
    halt(Micros(0));
  } else {
    disturb(kRetried + (silent ? request.timeout : Millis(0)));
  }
  return fault;
}

void ScenarioRun::watch_server() {
  sim.server.on_change([this](const Change& change) {
    const MonoTime now = sim.clock.mono_now();
    checkers.changed(change, sim.actor(), sim.clock.wall_now(), now);
    const bool counted =
        sim.actor().controller() && change.resource != "leases" && change.resource != "events";
    if (counted) last_write_ = now;
    if (!knobs_.keep_history) return;
    static constexpr std::string_view kKinds[] = {"added", "modified", "deleted"};
    history_ += fmt::format("{} {} {} {} {} by {}\n", now.time_since_epoch().count(),
                            kKinds[static_cast<std::size_t>(change.kind)], change.resource,
                            change.key.text(), kube::dump(*change.object), sim.actor().identity);
  });
  sim.server.on_audit([this](const AuditEntry& entry) {
    if (entry.user != sim.user()) return;
    checkers.answered(entry, sim.clock.mono_now());
    if (!check::counted_write(entry) || entry.code >= 300) return;
    if (sim.actor().instance_id != view().instance_id) return;
    const std::string what = entry.verb + " " + entry.resource +
                             (entry.subresource.empty() ? "" : "/" + entry.subresource);
    ++writes_[what];
    if (update_began_ != MonoTime::max()) ++update_writes_[what];
  });
}

const check::RolloutFacts& ScenarioRun::rollout() const {
  static const check::RolloutFacts kNone;
  return view().rollout ? *view().rollout : kNone;
}

std::string ScenarioRun::image_of(const std::string& hash) const {
  const auto* set = hash.empty() ? nullptr : view().set_of(hash);
  return set == nullptr ? std::string() : set->image;
}

void ScenarioRun::keep_log() {
  const auto& lines = sim.telemetry.lines;
  if (tail_.empty())
    tail_.assign(lines.end() - static_cast<std::ptrdiff_t>(std::min(kLogTail, lines.size())),
                 lines.end());
}

// ---- what happens to the world ----

void ScenarioRun::disturb(Micros time) {
  for (MonoTime* until : {&checkers.view.disturbed_until, &checkers.view.faulted_until})
    *until = std::max(*until, sim.clock.mono_now() + time);
}

void ScenarioRun::halt(Micros time) {
  auto& at = checkers.view.halted_at;
  at = std::max(at, sim.clock.mono_now() + time);
  disturb(time + kElected);
}

void ScenarioRun::happen() {
  const MonoTime now = sim.clock.mono_now();
  for (auto it = undo_.begin(); it != undo_.end();) {
    if (now < it->at) {
      ++it;
      continue;
    }
    if (it->partition) sim.set_partitioned(0, false);
    it = undo_.erase(it);
  }
  if (update_began_ == MonoTime::max()) return;
  strangers_.act();
  for (auto it = coming_.begin(); it != coming_.end();) {
    const bool due = now >= update_began_ + it->after;
    if (due && too_late(*it)) {
      it = coming_.erase(it);
    } else if (due && may_start(*it)) {
      start(*it);
      it = coming_.erase(it);
    } else {
      ++it;
    }
  }
}

bool ScenarioRun::may_start(const Knobs::Happening& happening) const {
  if (happening.kind == Knobs::Happening::Kind::JumpWall) return !rollout().pauses.empty();
  if (happening.kind == Knobs::Happening::Kind::ForgeVerdict)
    return rollout().current_hash != rollout().stable_hash &&
           (rollout().blue_green || view().canary_weight());
  return true;
}

// No pause is left to jump in, no update to speak against.
bool ScenarioRun::too_late(const Knobs::Happening& happening) const {
  const bool jump = happening.kind == Knobs::Happening::Kind::JumpWall;
  const bool forge = happening.kind == Knobs::Happening::Kind::ForgeVerdict;
  const bool rests = rollout().observed_generation == rollout().generation &&
                     (rollout().phase == "Healthy" || (forge && rollout().phase == "Degraded"));
  return jump ? rollout().phase == "Healthy" : forge && rests;
}

void ScenarioRun::start(const Knobs::Happening& happening) {
  const MonoTime now = sim.clock.mono_now();
  switch (happening.kind) {
    case Knobs::Happening::Kind::Partition:
      sim.set_partitioned(0, true);
      undo_.push_back({now + happening.length, true});
      halt(happening.length);
      break;
    case Knobs::Happening::Kind::Freeze:
      sim.freeze(0, happening.length);
      halt(happening.length);
      break;
    case Knobs::Happening::Kind::BreakWatches:
      for (int i = 0; i < sim.processes(); ++i)
        if (sim.running(i)) sim.transport(i).break_watches();
      disturb(kRetried);
      break;
    case Knobs::Happening::Kind::ExpireWindows:
      sim.server.expire_watch_windows();
      for (int i = 0; i < sim.processes(); ++i)
        if (sim.running(i)) sim.transport(i).break_watches();
      disturb(kRetried);
      break;
    case Knobs::Happening::Kind::JumpWall:
      sim.clock.jump_wall(happening.length);
      break;
    case Knobs::Happening::Kind::ForgeVerdict:
      static_cast<void>(forge_verdict(sim, view()));
      break;
  }
}

// ---- what people do ----

void ScenarioRun::set_image(const std::string& image) {
  set_image_of(kWeb, image);
}

void ScenarioRun::set_image_of(const kube::ObjectKey& rollout, const std::string& image) {
  kube::Write write;
  write.type = api::kRollouts;
  write.key = rollout;
  write.verb = kube::Verb::JsonPatch;
  write.body = kube::dump(kube::Json::array(
      {{{"op", "replace"}, {"path", "/spec/template/spec/containers/0/image"}, {"value", image}}}));
  sim.as(human(), [&] { static_cast<void>(sim.server.write(write)); });
}

void ScenarioRun::begin_update(const std::string& image) {
  update_began_ = sim.clock.mono_now();
  set_image(image);
}

void ScenarioRun::patch_status(const std::string& merge_patch) {
  kube::Write write;
  write.type = api::kRollouts;
  write.key = kWeb;
  write.subresource = "status";
  write.body = merge_patch;
  sim.as(human(), [&] { static_cast<void>(sim.server.write(write)); });
}

http::Response ScenarioRun::rogue(const kube::Write& write, const std::string& identity) {
  Actor author;
  author.kind = Actor::Kind::Controller;
  author.identity = identity.empty() ? view().leader : identity;
  author.instance_id = view().instance_id;
  author.submitted = sim.clock.mono_now();
  for (const char* resource : {"rollouts", "replicasets", "services", "ingresses", "analysisruns"})
    author.told[resource] = sim.server.resource_version();
  http::Response response;
  sim.as(author, [&] {
    response = sim.server.handle(kube::make_request(write),
                                 {std::string(sim.user()), "sluice/" + author.identity});
  });
  return response;
}

// ---- stages ----

bool ScenarioRun::wait(const std::string& what, const std::function<bool()>& done, Micros most) {
  if (sim.run_until(done, most)) return true;
  checkers.stuck(
      fmt::format("{} (phase {}, step {}, weight {})", what, rollout().phase,
                  rollout().step_index.value_or(-1), view().canary_weight().value_or(-1)),
      sim.clock.wall_now());
  return false;
}

bool ScenarioRun::wait_healthy(const std::string& image) {
  return wait(image + " is promoted and Healthy", [this, image] {
    const auto& now = rollout();
    return now.phase == "Healthy" && now.observed_generation == now.generation &&
           image_of(now.stable_hash) == image && now.stable_hash == now.current_hash;
  });
}

bool ScenarioRun::wait_aborted() {
  return wait("the update is aborted",
              [this] { return rollout().abort && rollout().aborted_at.has_value(); });
}

bool ScenarioRun::wait_step(int index) {
  return wait(fmt::format("step {} is reached", index), [this, index] {
    const auto& now = rollout();
    return now.step_index.value_or(-1) >= index && now.current_hash != now.stable_hash;
  });
}

bool ScenarioRun::wait_rest() {
  last_write_ = sim.clock.mono_now();
  return wait("the controller has nothing more to write", [this] {
    const bool more_to_come = update_began_ != MonoTime::max() && !coming_.empty();
    // A controller that is cut off keeps quiet as well.
    const MonoTime calm_since = std::max(last_write_, checkers.view.disturbed_until);
    return sim.clock.mono_now() >= calm_since + kQuiet && !more_to_come;
  });
}

bool ScenarioRun::deploy() {
  for (const auto& object : objects_of(knobs_.workflow)) {
    Status done;
    sim.as(human(), [&] { done = sim.apply_object(object); });
    if (!done) {
      checkers.stuck("the objects are applied: " + done.error().message, sim.clock.wall_now());
      return false;
    }
  }
  if (knobs_.workflow == Workflow::TwoControllers && !deploy_others()) return false;
  return wait_healthy("app:v1") && wait_rest();
}

bool ScenarioRun::wait_moment(int step) {
  if (!knobs_.moment) {
    if (!wait_step(step)) return false;
    after_human_delay();
    return true;
  }
  sim.run_for(*knobs_.moment);
  return true;
}

// Nobody aborts what he does not see: the update is on record, and not over.
bool ScenarioRun::abort_then() {
  begin_update("app:v2");
  const auto seen = [this] { return rollout().current_hash != rollout().stable_hash; };
  if (knobs_.moment && !wait("the update is on record", seen)) return false;
  if (!wait_moment(1)) return false;
  if (!seen()) return wait_healthy("app:v2");
  abort();
  return wait("the update is aborted", [&] {
    return (rollout().abort && rollout().aborted_at) || (knobs_.moment && !seen());
  });
}

bool ScenarioRun::retry_gate() {
  begin_update("app:v2");
  const auto promoted = [this] { return image_of(rollout().stable_hash) == "app:v2"; };
  // The bad answer may die with the process that heard it.
  if (!wait("the gate fails, or its only evidence is lost",
            [&] { return (rollout().abort && rollout().aborted_at) || promoted(); }))
    return false;
  after_human_delay();
  if (!promoted()) retry();
  // A minute without Jobs is more errors in a row than the second gate may have (five, ten seconds
  // apart): it fails for good reason, and whoever sees that tries once more.
  const auto failed = [&] {
    return rollout().abort && rollout().aborted_at && jobs_were_refused();
  };
  if (!wait("the second gate lets it through, or gets no Job",
            [&] { return promoted() || failed(); }))
    return false;
  if (failed()) {
    after_human_delay();
    retry();
  }
  return wait_healthy("app:v2");
}

bool ScenarioRun::jobs_were_refused() const {
  const auto& struck = injector.struck();
  return std::any_of(struck.begin(), struck.end(), [](const PlannedFault& fault) {
    return fault.point.call == "create jobs" && is_refusal(fault.fault);
  });
}

bool ScenarioRun::approve_twice() {
  const auto paused = [this] { return rollout().pause("BlueGreenPause") != nullptr; };
  const auto promoted = [this] { return image_of(rollout().stable_hash) == "app:v2"; };
  begin_update("app:v2");
  if (!wait("the pause before the switch", paused)) return false;
  after_human_delay();
  resume();
  if (knobs_.moment)
    sim.run_until(promoted, *knobs_.moment);
  else if (!wait("the approval is on record", [this] { return rollout().check_point; }))
    return false;
  if (promoted()) return wait_healthy("app:v2");
  abort();
  const auto over = [&] { return (rollout().abort && rollout().aborted_at) || promoted(); };
  if (!wait("the update is aborted", over)) return false;
  after_human_delay();
  if (promoted()) return wait_healthy("app:v2");
  retry();
  if (!wait("the pause before the switch, again", [&] { return paused() || promoted(); }))
    return false;
  after_human_delay();
  resume();
  return wait_healthy("app:v2");
}

bool ScenarioRun::beside_others() {
  begin_update("app:v2");
  for (const Other& other : kOthers) set_image_of({kWeb.namespace_, other.rollout}, "app:v2");
  sim.run_for(Seconds(20));
  for (int i = knobs_.processes; i < sim.processes(); ++i) sim.crash(i);
  if (!wait_healthy("app:v2")) return false;
  return wait("the Rollouts of the others are Healthy", [this] { return others_rest(); });
}

bool ScenarioRun::others_rest() const {
  return std::all_of(std::begin(kOthers), std::end(kOthers), [this](const Other& other) {
    const auto object = sim.server.get(api::kRollouts, {kWeb.namespace_, other.rollout});
    if (!object) return false;
    const auto facts = check::read_rollout(*object);
    return facts.phase == "Healthy" && facts.observed_generation == facts.generation;
  });
}

bool ScenarioRun::deploy_others() {
  for (const Other& other : kOthers)
    for (const auto& object : small_canary_objects(other.rollout, other.instance_id)) {
      Status done;
      sim.as(human(), [&] { done = sim.apply_object(object); });
      if (done) continue;
      checkers.stuck("the others' objects are applied: " + done.error().message,
                     sim.clock.wall_now());
      return false;
    }
  return wait("the others' Rollouts are Healthy", [this] { return others_rest(); });
}

bool ScenarioRun::play() {
  if (!deploy()) return false;
  switch (knobs_.workflow) {
    case Workflow::CanaryBasic:
      begin_update("app:v2");
      if (!wait("the indefinite pause is reached",
                [this] { return rollout().step_index == 3 && rollout().pause("CanaryPauseStep"); }))
        return false;
      after_human_delay();
      resume();
      return wait_healthy("app:v2");
    case Workflow::BlueGreen:
      begin_update("app:v2");
      if (!knobs_.moment) return wait_healthy("app:v2");
      sim.run_for(*knobs_.moment);
      set_image("app:v3");
      return wait_healthy("app:v3");
    case Workflow::CanaryNginx:
    case Workflow::Strangers:
      begin_update("app:v2");
      return wait_healthy("app:v2");
    case Workflow::AbortByUser:
      return abort_then();
    case Workflow::AbortByAnalysis:
    case Workflow::BlueGreenAbort:
      begin_update("app:v2");
      return wait("the update is aborted", [this] {
        const auto& now = rollout();
        const bool promoted = now.phase == "Healthy" && image_of(now.stable_hash) == "app:v2";
        return (now.abort && now.aborted_at) || (knobs_.may_end_promoted && promoted);
      });
    case Workflow::Retry:
      if (!abort_then()) return false;
      after_human_delay();
      retry();
      return wait_healthy("app:v2");
    case Workflow::Rollback:
      begin_update("app:v2");
      if (!wait_moment(1)) return false;
      set_image("app:v1");
      return wait_healthy("app:v1");
    case Workflow::NewVersion:
    case Workflow::DynamicNewVersion:
      begin_update("app:v2");
      if (!wait_moment(2)) return false;
      set_image("app:v3");
      return wait_healthy("app:v3");
    case Workflow::GateRetry:
      return retry_gate();
    case Workflow::ApprovalRetry:
      return approve_twice();
    case Workflow::TwoControllers:
      return beside_others();
  }
  return false;
}

void ScenarioRun::finish(const std::set<std::string>& accepted) {
  if (!wait_rest()) return;
  injector.stop();
  checkers.rest(sim.clock.wall_now());
  sim.run_for(kResync * 2 + Seconds(10));
  const std::string state = knobs_.moment ? without_empty(end_state()) : end_state();
  if (!accepted.empty()) checkers.end(state, accepted, sim.clock.wall_now());
}

// What is left when names that depend on time and chance are taken away.
std::string ScenarioRun::end_state() const {
  const auto& now = rollout();
  std::string out = fmt::format(
      "rollout {} wanted={} stable={} step={} abort={} pauses={} weight={}\n", now.phase,
      image_of(now.current_hash), image_of(now.stable_hash), now.step_index.value_or(-1), now.abort,
      now.pauses.size(), now.canary_weight.value_or(-1));
  for (const auto& [name, service] : view().services)
    out += fmt::format("service {} -> {}\n", name, image_of(service.hash));
  for (const auto& [name, ingress] : view().ingresses)
    if (ingress.weight) out += fmt::format("ingress {} weight={}\n", name, *ingress.weight);
  std::map<std::string, std::pair<int, int>> sets;
  for (const auto& [name, set] : view().sets) {
    sets[set.image].first += set.wanted;
    sets[set.image].second += set.available;
  }
  for (const auto& [image, counts] : sets)
    out += fmt::format("pods {} wanted={} available={}\n", image, counts.first, counts.second);
  const auto open = std::count_if(view().runs.begin(), view().runs.end(),
                                  [](const auto& item) { return !item.second.over(); });
  out += fmt::format("unfinished runs {}\n", open);
  return out;
}

Outcome ScenarioRun::outcome() {
  Outcome out;
  out.violations = checkers.found;
  out.state = end_state();
  out.history = history_;
  out.points = injector.points();
  out.struck = injector.struck();
  out.writes = writes_;
  for (const auto& [what, count] : writes_) out.total_writes += count;
  out.update_writes_by_kind = update_writes_;
  for (const auto& [what, count] : update_writes_) out.update_writes += count;
  out.crashes = sim.crashes();
  out.lasted = sim.clock.mono_now().time_since_epoch();
  keep_log();
  out.log_tail = tail_;
  return out;
}

}  // namespace sluice::sim
