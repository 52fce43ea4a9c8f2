#pragma once
// workqueue_* (clients.md §4.3), one queue per kind of key: Rollouts, AnalysisRuns, Services,
// Experiments.
#include <array>
#include <set>
#include <string_view>

#include "base/seams.h"
#include "base/time.h"
#include "controller/loop/key.h"

namespace sluice::loop {

// The counter of failed decisions and writes of a kind; "" when it has none.
[[nodiscard]] std::string_view error_metric(KeyKind kind);

class QueueMetrics {
 public:
  explicit QueueMetrics(Telemetry& telemetry) : telemetry_(telemetry) {}
  void added(KeyKind kind);
  // A waiting key left the queue without being worked on.
  void dropped(KeyKind kind);
  void taken(KeyKind kind, MonoTime added_at, MonoTime now);
  // Work that began at `taken_at` has ended.
  void finished(KeyKind kind, MonoTime taken_at, MonoTime now);
  void retried(KeyKind kind);
  // Sets the gauges; once a turn.
  void publish(MonoTime now);

 private:
  static constexpr std::size_t kKinds = 4;
  struct Queue {
    int depth = 0;
    std::multiset<MonoTime> working;  // since when
    Micros working_since_sum{0};
    double shown_depth = -1, shown_unfinished = -1;
  };
  Queue& queue(KeyKind kind) { return queues_[static_cast<std::size_t>(kind)]; }

  Telemetry& telemetry_;
  std::array<Queue, kKinds> queues_;
};

}  // namespace sluice::loop
