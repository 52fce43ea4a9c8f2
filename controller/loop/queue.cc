#include "controller/loop/queue.h"

#include <algorithm>
#include <utility>

namespace sluice::loop {

namespace {
constexpr Millis kBackoffFirst{20};
constexpr Millis kBackoffMax{10'000};
constexpr int kFailuresMax = 30;
constexpr int kRefusalsMax = 3;  // 80 ms
}  // namespace

std::string_view to_string(KeyKind kind) {
  switch (kind) {
    case KeyKind::Rollout:
      return "rollout";
    case KeyKind::AnalysisRun:
      return "analysisrun";
    case KeyKind::Service:
      return "service";
    case KeyKind::Experiment:
      return "experiment";
  }
  return "";
}

Millis back_off(int failures, Rng& rng) {
  Millis delay = kBackoffMax;
  if (failures <= 10) delay = std::min(kBackoffMax, kBackoffFirst * (1 << (failures - 1)));
  return Millis(
      static_cast<std::int64_t>(static_cast<double>(delay.count()) * (0.8 + 0.4 * rng.unit())));
}

void KeyQueue::set_timer(const Key& key, State& state, MonoTime when) {
  if (state.timer != MonoTime::max()) timers_.erase({state.timer, key});
  state.timer = when;
  if (when != MonoTime::max()) timers_.insert({when, key});
}

void KeyQueue::enqueue(const Key& key, State& state, MonoTime now) {
  if (state.lane == Lane::Normal && state.not_before > now) {
    set_timer(key, state, std::min(state.timer, state.not_before));
    return;
  }
  state.queued = true;
  state.since = now;
  if (metrics_) metrics_->added(key.kind);
  (state.lane == Lane::Urgent ? urgent_ : normal_).push_back(key);
}

void KeyQueue::mark(const Key& key, Lane lane, std::string_view reason, MonoTime now) {
  State& state = states_[key];
  if (state.reason.empty()) state.reason = reason;
  if (lane == Lane::Urgent) state.lane = Lane::Urgent;
  if (state.busy) {
    state.again = true;
    return;
  }
  if (state.queued) {
    // A key that waits in the normal lane is moved up.
    if (lane == Lane::Urgent) {
      if (auto it = std::find(normal_.begin(), normal_.end(), key); it != normal_.end()) {
        normal_.erase(it);
        urgent_.push_back(key);
      }
    }
    return;
  }
  enqueue(key, state, now);
}

void KeyQueue::wake_at(const Key& key, MonoTime when) {
  State& state = states_[key];
  if (when < state.timer) set_timer(key, state, when);
}

void KeyQueue::fire_timers(MonoTime now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const Key key = timers_.begin()->second;
    State& state = states_[key];
    set_timer(key, state, MonoTime::max());
    mark(key, Lane::Normal, "timer", now);
  }
}

std::optional<KeyQueue::Work> KeyQueue::take(MonoTime now) {
  fire_timers(now);
  auto& lane = urgent_.empty() ? normal_ : urgent_;
  if (lane.empty()) return std::nullopt;
  const Key key = lane.front();
  lane.pop_front();
  State& state = states_[key];
  Work work{key, std::move(state.reason)};
  if (metrics_) metrics_->taken(key.kind, std::exchange(state.since, now), now);
  state.reason.clear();
  state.queued = false;
  state.busy = true;
  state.lane = Lane::Normal;
  ++busy_;
  return work;
}

bool KeyQueue::is_busy(const Key& key) const {
  const auto it = states_.find(key);
  return it != states_.end() && it->second.busy;
}

bool KeyQueue::claim(const Key& key) {
  State& state = states_[key];
  if (state.busy) return false;
  if (state.queued) {
    std::erase(urgent_, key);
    std::erase(normal_, key);
    if (metrics_) metrics_->dropped(key.kind);
  }
  state.queued = false;
  state.since = MonoTime{};
  state.reason.clear();
  state.busy = true;
  state.lane = Lane::Normal;
  ++busy_;
  return true;
}

void KeyQueue::done(const Key& key, MonoTime now) {
  auto it = states_.find(key);
  if (it == states_.end()) return;
  State& state = it->second;
  if (state.busy) --busy_;
  if (state.busy && metrics_) metrics_->finished(key.kind, state.since, now);
  state.busy = false;
  state.failures = 0;
  state.not_before = MonoTime{};
  state.asked = false;
  if (state.again) {
    state.again = false;
    enqueue(key, state, now);
  } else if (state.timer == MonoTime::max()) {
    states_.erase(it);
  }
}

void KeyQueue::failed(const Key& key, MonoTime now, Rng& rng, std::optional<Millis> at_least) {
  end_in_failure(key, now, rng, at_least, kFailuresMax);
}

void KeyQueue::refused(const Key& key, MonoTime now, Rng& rng) {
  end_in_failure(key, now, rng, std::nullopt, kRefusalsMax);
}

void KeyQueue::end_in_failure(const Key& key, MonoTime now, Rng& rng,
                              std::optional<Millis> at_least, int failures_max) {
  State& state = states_[key];
  if (state.busy) --busy_;
  if (state.busy && metrics_) metrics_->finished(key.kind, state.since, now);
  if (metrics_) metrics_->retried(key.kind);
  state.busy = false;
  state.failures = std::min(state.failures + 1, failures_max);
  Millis delay = back_off(state.failures, rng);
  state.asked = at_least.has_value();
  if (at_least && *at_least > delay) delay = *at_least;
  state.not_before = now + delay;
  const bool urgent_again = state.again && state.lane == Lane::Urgent;
  state.again = false;
  if (state.reason.empty()) state.reason = "retry";
  if (urgent_again) {
    enqueue(key, state, now);
  } else {
    state.lane = Lane::Normal;
    set_timer(key, state, std::min(state.timer, state.not_before));
  }
}

void KeyQueue::server_answers(MonoTime now) {
  for (auto& [key, state] : states_) {
    if (state.failures == 0 || state.asked) continue;
    state.failures = 0;
    if (state.not_before <= now) continue;
    state.not_before = MonoTime{};
    if (!state.busy && !state.queued) set_timer(key, state, now);
  }
}

void KeyQueue::forget(const Key& key) {
  auto it = states_.find(key);
  if (it == states_.end()) return;
  set_timer(key, it->second, MonoTime::max());
  if (it->second.busy) --busy_;
  if (metrics_ && it->second.queued) metrics_->dropped(key.kind);
  if (metrics_ && it->second.busy) metrics_->finished(key.kind, it->second.since, it->second.since);
  std::erase(urgent_, key);
  std::erase(normal_, key);
  states_.erase(it);
}

MonoTime KeyQueue::next_time() const {
  return timers_.empty() ? MonoTime::max() : timers_.begin()->first;
}

int KeyQueue::failures(const Key& key) const {
  auto it = states_.find(key);
  return it == states_.end() ? 0 : it->second.failures;
}

}  // namespace sluice::loop
