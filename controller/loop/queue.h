#pragma once
// The keys of the loop: one object, one key. A key is never worked on twice at once; triggers that
// come meanwhile are counted and bring it back afterwards. Two lanes: what a person is waiting for
// goes before periodic work, which still gets every fourth turn. Within a lane: turns.h. Runs of a
// namespace that takes more of the thread than it may wait: allowance.h.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/rng.h"
#include "base/time.h"
#include "controller/loop/allowance.h"
#include "controller/loop/key.h"
#include "controller/loop/queue_metrics.h"
#include "controller/loop/turns.h"

namespace sluice::loop {

enum class Lane { Urgent, Normal };

// After so many failures in a row: 20 ms doubling to 10 s, ± 20 %.
[[nodiscard]] Millis back_off(int failures, Rng& rng);

class KeyQueue {
 public:
  void report_to(QueueMetrics& metrics) { metrics_ = &metrics; }
  // `reason` is kept from the first of several triggers. Urgent triggers ignore the back-off of
  // earlier failures.
  void mark(const Key& key, Lane lane, std::string_view reason, MonoTime now);
  // The earliest of several times wins; the key is marked (Normal) then.
  void wake_at(const Key& key, MonoTime when);
  // What the decision about the key cost, in steps of analysis::Work.
  void spent(const Key& key, std::uint64_t steps, MonoTime now);
  // Next key that is ready; it is busy until done() or failed().
  struct Work {
    Key key;
    std::string reason;
  };
  [[nodiscard]] std::optional<Work> take(MonoTime now);
  // This very key, ready or not, unless it is busy; true: it is busy now.
  [[nodiscard]] bool claim(const Key& key);
  void done(const Key& key, MonoTime now);
  // Back-off per key; `at_least` is a server's Retry-After.
  void failed(const Key& key, MonoTime now, Rng& rng,
              std::optional<Millis> at_least = std::nullopt);
  // The server answers again after a silence: what failed before says nothing about it any more, so
  // every back-off ends and the next one begins small. A wait that the server asked for stays.
  void server_answers(MonoTime now);
  // The server refused a write that waits by itself from now on, or takes another name
  // (refusals.h): the rest of the key's work need not wait. Some tens of milliseconds, however many
  // such writes there are.
  void refused(const Key& key, MonoTime now, Rng& rng);
  void forget(const Key& key);

  // When take() may have something that it has not now; MonoTime::max() when only a mark() can
  // help.
  [[nodiscard]] MonoTime next_time() const;
  [[nodiscard]] bool ready() const { return !urgent_.empty() || !normal_.empty(); }
  [[nodiscard]] std::size_t busy() const { return busy_; }
  [[nodiscard]] bool is_busy(const Key& key) const;
  [[nodiscard]] std::size_t size() const { return states_.size(); }
  [[nodiscard]] int failures(const Key& key) const;

 private:
  struct State {
    bool queued = false;
    bool busy = false;
    bool again = false;  // marked while busy
    Lane lane = Lane::Normal;
    int failures = 0;
    MonoTime timer = MonoTime::max();
    MonoTime not_before{};  // back-off of failures
    bool asked = false;     // by the server (Retry-After), or by the guard against endless writes
    MonoTime since{};       // queued or busy, whichever it is
    std::string reason;
  };
  void enqueue(const Key& key, State& state, MonoTime now);
  void set_timer(const Key& key, State& state, MonoTime when);
  void fire_timers(MonoTime now);
  void end_in_failure(const Key& key, MonoTime now, Rng& rng, std::optional<Millis> at_least,
                      int failures_max);

  void unqueue(const Key& key);

  std::map<Key, State> states_;
  Turns urgent_, normal_;
  Allowance allowance_;
  std::uint64_t given_out_ = 0;
  std::set<std::pair<MonoTime, Key>> timers_;
  std::size_t busy_ = 0;
  QueueMetrics* metrics_ = nullptr;
};

}  // namespace sluice::loop
