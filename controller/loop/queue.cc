#include "controller/loop/queue.h"

#include <algorithm>
#include <utility>

namespace sluice::loop {

namespace {
constexpr Millis kBackoffFirst{20};
constexpr Millis kBackoffMax{10'000};
constexpr int kFailuresMax = 30;
constexpr int kRefusalsMax = 3;  // 80 ms
constexpr std::uint64_t kNormalEvery = 4;
}  // namespace

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
  if (key.kind == KeyKind::AnalysisRun) {
    const MonoTime free = allowance_.free_at(key.object.namespace_);
    if (free > now) {
      set_timer(key, state, std::min(state.timer, free));
      return;
    }
  }
  state.queued = true;
  state.since = now;
  if (metrics_) metrics_->added(key.kind);
  (state.lane == Lane::Urgent ? urgent_ : normal_).push(key);
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
      if (normal_.erase(key)) urgent_.push(key);
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

void KeyQueue::spent(const Key& key, std::uint64_t steps, MonoTime now) {
  allowance_.spend(key.object.namespace_, steps, now);
}

void KeyQueue::unqueue(const Key& key) {
  if (!urgent_.erase(key)) normal_.erase(key);
}

std::optional<KeyQueue::Work> KeyQueue::take(MonoTime now) {
  fire_timers(now);
  if (!ready()) return std::nullopt;
  const bool normal = (++given_out_ % kNormalEvery == 0 && !normal_.empty()) || urgent_.empty();
  const Key key = (normal ? normal_ : urgent_).pop().value();
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
    unqueue(key);
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
  if (it->second.queued) unqueue(key);
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
