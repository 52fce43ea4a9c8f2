#include "apiserver/workloads.h"

#include "apiserver/workloads/context.h"

namespace sluice::apiserver {

namespace {
// A step that keeps finding work is cut here; what is left is done in the next one.
constexpr int kItemsPerStep = 20'000;

void run(Context& context, const WorkItem& item) {
  switch (item.task) {
    case Task::Pod:
      step_pod(context, item.key);
      return;
    case Task::ReplicaSet:
      step_replica_set(context, item.key);
      return;
    case Task::Deployment:
      step_deployment(context, item.key);
      return;
    case Task::Job:
      step_job(context, item.key);
      return;
    case Task::Service:
      step_service(context, item.key);
      return;
    case Task::Budget:
      step_budget(context, item.key);
      return;
    case Task::Garbage:
      step_garbage(context, item.detail);
      return;
    case Task::Namespace:
      step_namespace(context, item.key);
      return;
  }
}
}  // namespace

struct Workloads::Impl {
  Impl(ApiServer& server, Clock& clock, Rng& rng, StageTimes times, PodRuntime* runtime)
      : context(server, clock, rng, times, runtime) {
    server.on_change([this](const Change& change) { context.on_change(change); });
  }
  Context context;
};

Workloads::Workloads(ApiServer& server, Clock& clock, Rng& rng, StageTimes times,
                     PodRuntime* runtime)
    : impl_(std::make_unique<Impl>(server, clock, rng, times, runtime)) {}

Workloads::~Workloads() = default;

bool Workloads::pending() const {
  return !impl_->context.dirty.empty();
}

MonoTime Workloads::step() {
  Context& context = impl_->context;
  const MonoTime now = context.clock.mono_now();
  while (!context.timers.empty() && context.timers.begin()->first <= now) {
    context.dirty.insert(context.timers.begin()->second);
    context.timers.erase(context.timers.begin());
  }
  for (int i = 0; i < kItemsPerStep && !context.dirty.empty(); ++i) {
    const WorkItem item = *context.dirty.begin();
    context.dirty.erase(context.dirty.begin());
    run(context, item);
  }
  if (!context.dirty.empty()) return now;
  return context.timers.empty() ? MonoTime::max() : context.timers.begin()->first;
}

}  // namespace sluice::apiserver
