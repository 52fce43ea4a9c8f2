// The heart of the controller: events in, decisions made, writes out, on one thread.
//
//   transport events ─▶ caches ─▶ dirty keys ─▶ gather ─▶ decide (pure) ─▶ plan ─▶ writes, one
//         ▲                                                                        at a time
//         │                                                                        per key
//         └────────────────────── answers, watch echoes ◀─────────────────────────────┘
//
// A key is busy from its decision until its last write was answered. The answer of a write goes
// into the cache before the key looks again, so no decision is made on a state older than our own
// writes.
#include "controller/loop/loop.h"

#include <deque>
#include <map>
#include <set>
#include <utility>

#include <fmt/core.h>

#include "api/keys.h"
#include "base/assert.h"
#include "controller/analysisrun/run.h"
#include "controller/loop/dry_runs.h"
#include "controller/loop/events.h"
#include "controller/loop/experiments.h"
#include "controller/loop/leader.h"
#include "controller/loop/loop_guard.h"
#include "controller/loop/queue.h"
#include "controller/loop/queue_metrics.h"
#include "controller/loop/refusals.h"
#include "controller/loop/requests.h"
#include "controller/loop/rollout_probe.h"
#include "controller/loop/run_endings.h"
#include "controller/loop/run_inbox.h"
#include "controller/loop/world.h"
#include "controller/rollout/rollout.h"
#include "kube/json/json.h"

namespace sluice::loop {

namespace {
constexpr std::size_t kDecisionsPerTurn = 256;      // then the network gets its turn
constexpr std::uint64_t kStepsPerTurn = 2'000'000;  // of analysis::Work, some 50 ms
constexpr Millis kWriteTimeout{10'000};
constexpr Millis kWakeMin{10};  // a wake-up that lies in the past must not spin
constexpr Seconds kDrainMax{5};
constexpr Seconds kJobPodsPeriod{10};
constexpr Seconds kSilence{5};  // of the API server, after which its next answer is news
}  // namespace

struct Loop::Impl {
  Impl(Options options_in, Clock& clock_in, Rng& rng_in, Transport& transport,
       Telemetry& telemetry_in)
      : options(std::move(options_in)),
        clock(clock_in),
        rng(rng_in),
        telemetry(telemetry_in),
        requests(transport, &telemetry_in),
        queue_metrics(telemetry_in),
        leader(options, clock, rng, requests, telemetry),
        events(clock, rng, requests, telemetry),
        world(options, clock, rng, queue, telemetry),
        inbox(options, clock, requests),
        dry_runs(clock, requests, queue, telemetry, counters),
        endings(world, inbox, queue, options, clock, telemetry,
                [this](const controller::EventIntent& event) { events.record(event); }) {
    queue.report_to(queue_metrics);
    world.run_gone = [this](const kube::ObjectKey& run) { inbox.forget(run); };
    telemetry.gauge("rollout_controller_leader", {}, 0);
  }

  // One plan on its way.
  struct Running {
    Key key;
    controller::Plan plan;
    std::size_t next = 0;
    std::size_t written = 0;
    bool aborted = false;  // the Rollout, when this was decided or we last wrote it
  };
  struct Pods {  // the answer of the pod list that a restart needs
    std::vector<std::shared_ptr<const kube::Pod>> pods;
    bool known = false, asked = false;
    MonoTime next_ask{};
  };

  void drain_queue();
  void process(const KeyQueue::Work& work);
  void drop(const Key& key);
  void process_rollout(const Key& key);
  void process_run(const Key& key);
  void process_service(const Key& key);
  void confirm_unused(const Key& key, const std::string& owner, controller::Plan plan);
  void process_experiment(const Key& key);
  void start(Key key, controller::Plan plan);
  void advance(const std::shared_ptr<Running>& running);
  [[nodiscard]] bool is_aborted(const Key& key) const;
  void send_write(const std::shared_ptr<Running>& running, kube::Write write);
  void on_write_answer(const std::shared_ptr<Running>& running, const kube::Write& write,
                       const TransportEvent& event);
  void read_back(const std::shared_ptr<Running>& running, const kube::Write& write,
                 const Error& error);
  void finish(const std::shared_ptr<Running>& running);
  void note_carried_out(const Key& key);
  // `learned`: the next decision will be another one, so that nothing is gained by waiting.
  void give_up(const Running& running, const kube::Write& write, const Error& error,
               bool learned = false);
  void fail_key(const Key& key, const Error& error, std::string_view what, bool learned = false);
  void write_unsaved_runs();
  void release_slot();
  void list_pods(const api::Rollout& rollout);
  void list_job_pods(const Key& run, const std::string& uid);
  void log_plan(const Key& key, const controller::Plan& plan);
  void on_leadership();
  void note_contact(MonoTime now);
  void resync();

  Options options;
  Clock& clock;
  Rng& rng;
  Telemetry& telemetry;
  Counters counters;
  Requests requests;
  QueueMetrics queue_metrics;
  KeyQueue queue;
  Leader leader;
  EventRecorder events;
  World world;
  RunInbox inbox;
  DryRuns dry_runs;
  RunEndings endings;

  bool was_leading = false, was_synced = false;
  bool stopping = false, unsaved_written = false;
  MonoTime stop_deadline = MonoTime::max();
  MonoTime next_resync = MonoTime::max();
  MonoTime last_contact{};  // when the API server last answered anything
  std::size_t writes_in_flight = 0;
  std::uint64_t turn_steps = 0;  // what the decisions of this turn have cost (ADR 14)
  std::deque<std::shared_ptr<Running>> waiting_for_slot;
  std::deque<std::pair<Key, controller::Plan>>
      deferred;                              // runs whose verdict is acted on before it is recorded
  std::map<kube::ObjectKey, Pods> pods;      // by Rollout
  std::map<kube::ObjectKey, Pods> job_pods;  // by AnalysisRun
  Refusals refusals;
  // Rollouts within an update of which nothing is half done, by us or a process before us
  // (Observed::carried_out).
  std::set<kube::ObjectKey> carried_out;
  LoopGuard guard;
};

void Loop::Impl::log_plan(const Key& key, const controller::Plan& plan) {
  for (const auto& reason : plan.trace) {
    telemetry.log(LogLevel::Debug, reason.detail,
                  {{"why", std::string(controller::to_string(reason.why))},
                   {"kind", std::string(to_string(key.kind))},
                   {"namespace", key.object.namespace_},
                   {"name", key.object.name}});
  }
}

void Loop::Impl::on_leadership() {
  if (leader.leading() == was_leading) return;
  was_leading = leader.leading();
  telemetry.gauge("rollout_controller_leader", {}, was_leading ? 1 : 0);
  if (!was_leading) {
    // Whatever is only in memory belongs to the successor's reading of the cluster now.
    world.live_runs.clear();
    endings.clear();
    inbox.clear();
    dry_runs.clear();
    refusals.clear();
    carried_out.clear();
    events.drop_waiting();
    for (const auto& running : waiting_for_slot) queue.done(running->key, clock.mono_now());
    for (const auto& [key, plan] : deferred) queue.done(key, clock.mono_now());
    waiting_for_slot.clear();
    deferred.clear();
    return;
  }
  world.mark_all(Lane::Normal, "leadership");
}

void Loop::Impl::resync() {
  const MonoTime now = clock.mono_now();
  if (now < next_resync) return;
  next_resync = now + options.resync_period;
  world.mark_all(Lane::Normal, "resync");
}

void Loop::Impl::drain_queue() {
  turn_steps = 0;
  for (std::size_t i = 0; i < kDecisionsPerTurn && turn_steps < kStepsPerTurn; ++i) {
    if (!leader.may_write() || stopping) return;
    auto work = queue.take(clock.mono_now());
    if (!work) return;
    process(*work);
  }
}

void Loop::Impl::process(const KeyQueue::Work& work) {
  ++counters.decisions;
  // The bulkhead: whatever goes wrong with one object stays with that object.
  try {
    if (!world.ours(work.key)) {
      drop(work.key);
      return;
    }
    switch (work.key.kind) {
      case KeyKind::Rollout:
        process_rollout(work.key);
        break;
      case KeyKind::AnalysisRun:
        process_run(work.key);
        break;
      case KeyKind::Service:
        process_service(work.key);
        break;
      case KeyKind::Experiment:
        process_experiment(work.key);
        break;
    }
  } catch (const std::exception& error) {
    fail_key(work.key, Error{ErrorCode::Internal, error.what(), std::nullopt}, "decision");
  }
}

// Gone, or another controller's: nothing that is due is done, and nothing is kept.
void Loop::Impl::drop(const Key& key) {
  if (key.kind == KeyKind::Rollout) {
    pods.erase(key.object);
    dry_runs.forget(key.object);
    carried_out.erase(key.object);
    guard.forget(key);
    forget_metrics(telemetry, kRolloutMetrics, key.object);
  }
  if (key.kind == KeyKind::AnalysisRun) {
    inbox.forget(key.object);
    endings.forget(key.object);
    world.live_runs.erase(key.object);
    job_pods.erase(key.object);
    forget_metrics(telemetry, kRunMetrics, key.object);
  }
  refusals.forget(key);
  queue.forget(key);
}

void Loop::Impl::process_rollout(const Key& key) {
  const WallTime wall = clock.wall_now();
  std::vector<Impostor> impostors;
  rollout::Observed observed = world.gather(key.object, &impostors);
  for (const auto& event : warnings_of(impostors, api::kRollouts, observed.rollout->meta))
    events.record(event);
  if (!dry_runs.fill(key, observed)) {
    queue.done(key, clock.mono_now());
    return;
  }
  if (rollout::needs_pods(*observed.rollout, wall)) {
    Pods& known = pods[key.object];
    if (!known.known) {
      if (!known.asked) list_pods(*observed.rollout);
      queue.done(key, clock.mono_now());
      return;
    }
    observed.pods = known.pods;
    observed.pods_known = true;
    pods.erase(key.object);  // read again for the next decision: evictions change it
  }
  observed.refusals = refusals.of(key, clock.mono_now(), wall);
  observed.taken_runs = refusals.taken_runs(key);
  observed.carried_out = carried_out.contains(key.object);
  rollout::Options rollout_options;
  rollout_options.routers = options.routers;
  rollout_options.resync_period = options.resync_period;
  const MonoTime before = clock.mono_now();
  controller::Plan plan = rollout::decide(observed, wall, rollout_options);
  telemetry.observe("rollout_reconcile",
                    {{"namespace", key.object.namespace_}, {"name", key.object.name}},
                    std::chrono::duration<double>(clock.mono_now() - before).count());
  start(key, std::move(plan));
}

void Loop::Impl::list_pods(const api::Rollout& rollout) {
  const kube::ObjectKey key = rollout.meta.key;
  pods[key].asked = true;
  kube::ListOptions list;
  list.label_selector = rollout.spec.selector.text();
  list.limit = 0;
  ++counters.reads;
  requests.submit(
      kube::make_list(kube::kPods, key.namespace_, list), [this, key](const TransportEvent& event) {
        const auto it = pods.find(key);
        if (it == pods.end()) return;  // gone, or another controller's, since it was asked
        Pods& known = it->second;
        known.asked = false;
        if (event.kind == TransportEvent::Kind::Response && event.response.status == 200) {
          if (auto document = kube::Document::parse(event.response.body)) {
            document->root()["items"].each_element([&](kube::Node item) {
              known.pods.push_back(std::make_shared<kube::Pod>(kube::decode_pod(item)));
            });
            known.known = true;
          }
        }
        if (known.known) {
          queue.mark({KeyKind::Rollout, key}, Lane::Normal, "pods listed", clock.mono_now());
        } else {
          // Not knowing is not absence: try again later.
          queue.wake_at({KeyKind::Rollout, key}, clock.mono_now() + Seconds(5));
        }
      });
}

// Pods of a run's Jobs, asked for only when a Job takes long: an image that cannot be pulled shows
// there and nowhere else.
void Loop::Impl::list_job_pods(const Key& run, const std::string& uid) {
  Pods& known = job_pods[run.object];
  if (known.asked || clock.mono_now() < known.next_ask) return;
  known.asked = true;
  known.next_ask = clock.mono_now() + kJobPodsPeriod;
  kube::ListOptions list;
  list.label_selector = "analysisrun.argoproj.io/uid=" + uid;
  list.limit = 0;
  ++counters.reads;
  requests.submit(
      kube::make_list(kube::kPods, run.object.namespace_, list),
      [this, run](const TransportEvent& event) {
        auto it = job_pods.find(run.object);
        if (it == job_pods.end()) return;
        it->second.asked = false;
        if (event.kind != TransportEvent::Kind::Response || event.response.status != 200) return;
        auto document = kube::Document::parse(event.response.body);
        if (!document) return;
        it->second.pods.clear();
        document->root()["items"].each_element([&](kube::Node item) {
          auto pod = std::make_shared<kube::Pod>(kube::decode_pod(item));
          if (world.of_a_job(run.object, *pod)) it->second.pods.push_back(std::move(pod));
        });
        if (!it->second.pods.empty())
          queue.mark(run, Lane::Normal, "Job pods listed", clock.mono_now());
      });
}

void Loop::Impl::process_run(const Key& key) {
  if (endings.contains(key.object)) {
    // Its end is being written by its Rollout; the answer brings the key back.
    queue.done(key, clock.mono_now());
    return;
  }
  const auto stored = world.runs.store.get(key.object);
  std::vector<Impostor> impostors;
  analysisrun::Observed observed = world.gather_run(key.object, &impostors);
  for (const auto& event : warnings_of(impostors, api::kAnalysisRuns, stored->meta))
    events.record(event);
  auto& live = world.live_runs[key.object];
  live = observed.run;
  inbox.attend(*live);
  inbox.fill(observed);
  if (auto it = job_pods.find(key.object); it != job_pods.end())
    observed.job_pods = std::exchange(it->second.pods, {});

  const WallTime wall = clock.wall_now();
  for (const auto& refusal : refusals.of(key, clock.mono_now(), wall)) {
    const std::string& job = refusal.write.key.name;
    if (refusal.write.purpose == "CreateAnalysisJob") observed.refused_jobs[job] = refusal.error;
    if (refusal.write.purpose == "DeleteAnalysisJob") observed.kept_jobs[job] = refusal.retry_at;
  }
  const MonoTime began = clock.mono_now();
  analysisrun::Decision decision = analysisrun::decide(observed, wall, run_options(options));
  // Answers that need Secrets to be assessed are presented again together with them.
  if (decision.secrets_needed.empty() && inbox.taken(observed, decision.unassessed))
    queue.mark(key, Lane::Urgent, "answers left", clock.mono_now());
  turn_steps += decision.work.steps;
  queue.spent(key, decision.work.steps, clock.mono_now());
  if (!decision.goes_on) inbox.forget(key.object);
  for (const auto& secret : decision.secrets_needed) {
    ++counters.reads;
    inbox.read_secret(key.object, secret, [this, key] {
      queue.mark(key, Lane::Normal, "Secret read", clock.mono_now());
    });
  }
  if (decision.job_pods_needed) list_job_pods(key, stored->meta.uid);
  log_samples(telemetry, *live, decision.status, observed.answers, wall);

  const bool failed_before = api::is_completed(live->status.phase);
  if (!failed_before)
    telemetry.observe("analysis_run_reconcile",
                      {{"namespace", key.object.namespace_}, {"name", key.object.name}},
                      std::chrono::duration<double>(clock.mono_now() - began).count());
  if (decision.status_changed) {
    auto next = std::make_shared<api::AnalysisRun>(*live);
    next->status = decision.status;
    live = std::move(next);
  }
  // Nothing is ahead of the server any more: the stored object speaks for itself.
  if (api::is_completed(stored->status.phase) && !decision.status_changed)
    world.live_runs.erase(key.object);
  const bool verdict = !failed_before && api::is_completed(decision.status.phase);
  // The Rollout acts on the verdict before the verdict is recorded: cut first, record second.
  if (decision.status_changed)
    world.mark_owner(stored->meta, verdict ? Lane::Urgent : Lane::Normal, "AnalysisRun assessed");
  if (verdict && decision.status.phase != api::AnalysisPhase::Successful) {
    deferred.emplace_back(key, std::move(decision.plan));
  } else {
    start(key, std::move(decision.plan));
  }
}

// A process that leaves takes nothing with it: what its runs have put off is written while the
// Lease is still held.
void Loop::Impl::write_unsaved_runs() {
  const auto live_runs = world.live_runs;  // what is not ours any more is dropped on the way
  for (const auto& [object, live] : live_runs) {
    const Key key{KeyKind::AnalysisRun, object};
    if (endings.contains(object) || !queue.claim(key)) continue;
    controller::Plan plan;
    if (auto write = analysisrun::unsaved(*live, clock.wall_now()))
      plan.intents.emplace_back(std::move(*write));
    start(key, std::move(plan));
  }
}

void Loop::Impl::process_service(const Key& key) {
  controller::Plan plan;
  std::string owner;
  if (auto service = world.services.store.get(key.object)) {
    owner = get_or(service->meta.annotations, api::kManagedByAnnotation);
    for (auto& write : rollout::clean_service(*service, world.service_used(key.object))) {
      plan.intents.emplace_back(std::move(write));
    }
  }
  if (!owner.empty() && !plan.intents.empty()) {
    confirm_unused(key, owner, std::move(plan));
  } else {
    start(key, std::move(plan));
  }
}

// A cache may lag behind, and no answer is no absence: only the server's word that the Rollout is
// gone, or does not refer to the Service, lets go of live traffic (traffic.md SVC-30, SVC-31).
void Loop::Impl::confirm_unused(const Key& key, const std::string& owner, controller::Plan plan) {
  ++counters.reads;
  const kube::ObjectKey rollout{key.object.namespace_, owner};
  auto request = kube::make_get(api::kRollouts, rollout);
  request.timeout = kWriteTimeout;
  requests.submit(std::move(request), [this, key, rollout,
                                       plan = std::move(plan)](const TransportEvent& event) {
    const bool answered = event.kind == TransportEvent::Kind::Response;
    if (!answered) return fail_key(key, event.error, "CleanService");
    const auto document = kube::Document::parse(event.response.body);
    if (event.response.status == 404 && document &&
        document->root()["details"]["name"].string_or() == rollout.name)
      return start(key, plan);
    if (const auto error = kube::response_error(event.response, "GET " + rollout.text()))
      return fail_key(key, *error, "CleanService");
    if (!document)
      return fail_key(key, {ErrorCode::Decode, "unreadable answer to GET " + rollout.text(), {}},
                      "CleanService");
    const auto found = api::decode_rollout(document->root());
    const bool theirs = !world.ours(found.meta);
    const bool used = rollout::refers_to_service(found, key.object.name);
    start(key, used || theirs ? controller::Plan{} : plan);
  });
}

void Loop::Impl::process_experiment(const Key& key) {
  start(key, refuse_experiment(*world.experiments.store.get(key.object), clock.wall_now()));
}

void Loop::Impl::start(Key key, controller::Plan plan) {
  log_plan(key, plan);
  if (plan.wake_at) {
    const auto delay = std::max(
        std::chrono::duration_cast<Micros>(*plan.wake_at - clock.wall_now()), Micros(kWakeMin));
    queue.wake_at(key, clock.mono_now() + delay);
  }
  auto running = std::make_shared<Running>();
  running->key = std::move(key);
  running->plan = std::move(plan);
  running->aborted = is_aborted(running->key);
  advance(running);
}

bool Loop::Impl::is_aborted(const Key& key) const {
  if (key.kind != KeyKind::Rollout) return false;
  const auto rollout = world.rollouts.store.get(key.object);
  return rollout && rollout->status.abort;
}

void Loop::Impl::advance(const std::shared_ptr<Running>& running) {
  // It may have become another controller's, or have gone, since the plan was made.
  if (running->next < running->plan.intents.size() && !world.ours(running->key)) {
    drop(running->key);
    return;
  }
  while (running->next < running->plan.intents.size()) {
    const controller::Intent& intent = running->plan.intents[running->next];
    if (const auto* event = std::get_if<controller::EventIntent>(&intent)) {
      ++counters.events;
      events.record(*event);
      ++running->next;
    } else if (const auto* query = std::get_if<controller::QueryIntent>(&intent)) {
      ++counters.queries;
      const Key key = running->key;
      inbox.ask(key.object, *query, [this, key] {
        queue.mark(key, Lane::Urgent, "metric answered", clock.mono_now());
      });
      ++running->next;
    } else {
      if (!leader.may_write()) {  // deposed in the middle of a plan: the rest is the successor's
        carried_out.erase(running->key.object);
        queue.failed(running->key, clock.mono_now(), rng);
        return;
      }
      // A person's abort that we were told of in the middle of a plan: the rest would still raise
      // the weight. What is half done is taken up by the next decision.
      if (is_aborted(running->key) && !running->aborted) {
        running->plan.settled = false;
        carried_out.erase(running->key.object);
        return finish(running);
      }
      if (writes_in_flight >= options.writes_in_flight_max) {
        waiting_for_slot.push_back(running);
        return;
      }
      send_write(running, std::get<kube::Write>(intent));
      return;
    }
  }
  finish(running);
}

void Loop::Impl::send_write(const std::shared_ptr<Running>& running, kube::Write write) {
  write = endings.before_send(std::move(write));
  auto request = kube::make_request(write);
  request.timeout = kWriteTimeout;
  request.client_name = "kube";
  ++counters.writes;
  ++writes_in_flight;
  telemetry.log(LogLevel::Info, "write",
                {{"purpose", write.purpose},
                 {"verb", std::string(kube::to_string(write.verb))},
                 {"resource", std::string(write.type.resource)},
                 {"subresource", write.subresource},
                 {"namespace", write.key.namespace_},
                 {"name", write.key.name}});
  requests.submit(std::move(request), [this, running, write](const TransportEvent& event) {
    release_slot();
    on_write_answer(running, write, event);
  });
}

void Loop::Impl::release_slot() {
  --writes_in_flight;
  // A plan that has nothing to send any more, because its object is gone, leaves the slot to the
  // next one: nobody else would wake it.
  while (!waiting_for_slot.empty() && writes_in_flight < options.writes_in_flight_max) {
    const auto next = std::move(waiting_for_slot.front());
    waiting_for_slot.pop_front();
    advance(next);
  }
}

void Loop::Impl::on_write_answer(const std::shared_ptr<Running>& running, const kube::Write& write,
                                 const TransportEvent& event) {
  std::optional<Error> error;
  if (event.kind == TransportEvent::Kind::Failed) {
    error = event.error;
  } else {
    error = kube::response_error(event.response, write.purpose + " " + write.key.text());
  }
  if (!error) {
    if (write.verb == kube::Verb::Delete) {
      world.overlay_deleted(write.type, write.key);
    } else if (write.subresource.empty() || write.subresource == "status") {
      const auto before = world.rollouts.store.get(write.key);
      world.overlay(write.type, event.response.body);
      const auto after = world.rollouts.store.get(write.key);
      if (write.type == api::kRollouts && after) {
        publish_durations(telemetry, before.get(), *after);
        running->aborted = after->status.abort;
      }
    }
    endings.answered(write, true);
    refusals.accepted(running->key, write);
    ++running->next;
    ++running->written;
    advance(running);
    return;
  }
  // A disruption budget protects this pod now; the others may still go (rollout.md §1.15).
  const bool pod_protected =
      write.subresource == "eviction" &&
      (error->code == ErrorCode::Throttled || error->code == ErrorCode::NotFound);
  const bool goal_reached =
      pod_protected ||
      (write.tolerate_done &&
       ((write.verb == kube::Verb::Delete && error->code == ErrorCode::NotFound) ||
        (write.verb == kube::Verb::Create && error->code == ErrorCode::AlreadyExists)));
  if (goal_reached) {
    refusals.accepted(running->key, write);
    if (write.verb == kube::Verb::Delete) world.overlay_deleted(write.type, write.key);
    ++running->next;
    ++running->written;
    advance(running);
    return;
  }
  // The real server answers a merge patch that names another uid with 422: our picture is of an
  // object that is gone.
  if (error->code == ErrorCode::Invalid && !write.uid.empty() &&
      error->message.find("metadata.uid") != std::string::npos) {
    error->code = ErrorCode::Conflict;
  }
  if (is_refusal(*error)) refusals.note(running->key, write, *error, clock.mono_now(), rng);
  if (must_be_read_back(*error)) {
    read_back(running, write, *error);
  } else {
    give_up(*running, write, *error);
  }
}

// Our picture of the object is wrong, or the outcome of the write is unknown: read it before
// anything is decided. Only an answer may change the picture; a failed read leaves it alone.
void Loop::Impl::read_back(const std::shared_ptr<Running>& running, const kube::Write& write,
                           const Error& error) {
  if (write.key.name.empty()) {
    give_up(*running, write, error);
    return;
  }
  ++counters.reads;
  auto request = kube::make_get(write.type, write.key);
  request.timeout = kWriteTimeout;
  requests.submit(std::move(request), [this, running, write, error](const TransportEvent& event) {
    bool learned = false;
    if (event.kind == TransportEvent::Kind::Response) {
      if (event.response.status == 200) {
        world.overlay(write.type, event.response.body);
        learned = error.code == ErrorCode::AlreadyExists &&
                  world.is_anothers(event.response.body, running->key.object) &&
                  refusals.note_taken(running->key, write);
      } else if (auto refused = kube::response_error(event.response, write.key.text());
                 refused && refused->code == ErrorCode::NotFound) {
        world.overlay_deleted(write.type, write.key);
      }
    }
    give_up(*running, write, error, learned);
  });
}

void Loop::Impl::give_up(const Running& running, const kube::Write& write, const Error& error,
                         bool learned) {
  endings.answered(write, false);
  carried_out.erase(running.key.object);
  // A Rollout's decision leaves out what was refused; other keys have but the one thing to do.
  learned = learned || (running.key.kind == KeyKind::Rollout && is_refusal(error));
  fail_key(running.key, error, write.purpose, learned);
}

void Loop::Impl::fail_key(const Key& key, const Error& error, std::string_view what, bool learned) {
  ++counters.errors;
  if (const auto metric = error_metric(key.kind); !metric.empty())
    telemetry.count(metric, {{"namespace", key.object.namespace_}, {"name", key.object.name}});
  // Conflicts, and objects that were deleted meanwhile, are everyday life; everything else is worth
  // an error.
  const LogLevel level = error.code == ErrorCode::Conflict || error.code == ErrorCode::NotFound
                             ? LogLevel::Info
                             : LogLevel::Error;
  telemetry.log(level, error.message,
                {{"error", std::string(to_string(error.code))},
                 {"during", std::string(what)},
                 {"kind", std::string(to_string(key.kind))},
                 {"namespace", key.object.namespace_},
                 {"name", key.object.name}});
  if (learned) {
    queue.refused(key, clock.mono_now(), rng);
  } else {
    queue.failed(key, clock.mono_now(), rng, error.retry_after);
  }
}

// At rest there is nothing that an annotation could abort.
void Loop::Impl::note_carried_out(const Key& key) {
  const auto rollout = world.rollouts.store.get(key.object);
  if (rollout && rollout->status.stable_rs != rollout->status.current_pod_hash)
    carried_out.insert(key.object);
  else
    carried_out.erase(key.object);
}

void Loop::Impl::finish(const std::shared_ptr<Running>& running) {
  const Key& key = running->key;
  const MonoTime now = clock.mono_now();
  if (running->plan.settled) note_carried_out(key);
  if (running->written > 0) {
    if (guard.wrote(key, now)) {
      fail_key(key,
               Error{ErrorCode::Internal, "this object is written again and again; slowing down",
                     Millis(5000)},
               "loop guard");
      return;
    }
    // The world has moved by our own hand: look whether more is to do.
    queue.mark(key, Lane::Normal, "own write", now);
  }
  queue.done(key, now);
}

// Whoever hears of the server first tells the others: a leader with caches in their long waits
// would decide on old objects, a process that does not know the Lease cannot lead, and the first
// conflict over an object that changed meanwhile would cost a key all that it had come to wait.
void Loop::Impl::note_contact(MonoTime now) {
  if (!requests.take_answered()) return;
  if (now - last_contact > kSilence) {
    world.server_answers();
    leader.server_answers();
    queue.server_answers(now);
    events.server_answers();
  }
  last_contact = now;
}

Loop::Loop(Options options, Clock& clock, Rng& rng, Transport& transport, Telemetry& telemetry)
    : impl_(std::make_unique<Impl>(std::move(options), clock, rng, transport, telemetry)) {}

Loop::~Loop() = default;

MonoTime Loop::turn(std::vector<TransportEvent> transport_events) {
  Impl& self = *impl_;
  for (const auto& event : transport_events) self.requests.dispatch(event);
  const MonoTime now = self.clock.mono_now();
  self.note_contact(now);
  MonoTime next = self.world.step(self.requests);
  next = std::min({next, self.leader.step(), self.inbox.step()});

  self.world.log_missing();
  self.world.log_unreachable();
  self.world.log_undecodable();
  for (const auto& event : self.world.tell_unreadable(self.leader.may_write()))
    self.events.record(event);
  const bool synced = self.world.synced();
  if (synced && !self.was_synced) {
    self.was_synced = true;
    self.next_resync = now + self.options.resync_period;
    self.telemetry.log(LogLevel::Info, "caches are synced",
                       {{"rollouts", std::to_string(self.world.rollouts.store.size())},
                        {"replicasets", std::to_string(self.world.replica_sets.store.size())}});
  }
  self.on_leadership();
  if (self.was_synced) {
    self.resync();
    if (self.leader.may_write()) next = std::min(next, self.world.look_for_claimed());
    self.drain_queue();
    // Verdicts are recorded after the Rollout's own writes were sent.
    auto deferred = std::move(self.deferred);
    self.deferred.clear();
    for (auto& [key, plan] : deferred) self.start(std::move(key), std::move(plan));
  }
  self.queue_metrics.publish(now);
  if (self.leader.may_write()) next = std::min(next, self.events.flush());
  if (self.stopping) {
    if (!std::exchange(self.unsaved_written, true) && self.leader.may_write())
      self.write_unsaved_runs();
    const bool drained = self.queue.busy() == 0 && self.events.settled();
    if (drained || now >= self.stop_deadline) self.leader.release();
    next = std::min(next, std::min(self.stop_deadline, now + Millis(50)));
  } else if (self.was_synced && self.leader.may_write()) {
    next = std::min({next, self.queue.next_time(), self.next_resync});
    if (self.queue.ready()) next = now;
  }
  return next;
}

void Loop::shutdown() {
  if (impl_->stopping) return;
  impl_->stopping = true;
  impl_->stop_deadline = impl_->clock.mono_now() + kDrainMax;
}

bool Loop::done() const {
  return impl_->stopping && impl_->leader.released();
}
bool Loop::leading() const {
  return impl_->leader.leading();
}
bool Loop::synced() const {
  return impl_->world.synced() && !impl_->world.undecodable();
}
bool Loop::idle() const {
  return impl_->was_synced && !impl_->queue.ready() && impl_->queue.busy() == 0 &&
         impl_->events.idle() && impl_->deferred.empty();
}
const Counters& Loop::counters() const {
  return impl_->counters;
}

}  // namespace sluice::loop
