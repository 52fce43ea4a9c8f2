#pragma once
// One invariant of the cluster, checked at every stored change. Checkers watch the server, never
// the controller's opinion.
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/checkers/view.h"

namespace sluice::sim::check {

struct Violation {
  std::string checker, text;
  WallTime wall{};
  std::uint64_t version = 0;
};

class Checker {
 public:
  explicit Checker(std::string_view id) : id_(id) {}
  virtual ~Checker() = default;
  [[nodiscard]] std::string_view id() const { return id_; }
  void attach(const View& view, std::vector<Violation>& found) {
    view_ = &view;
    found_ = &found;
  }

  virtual void changed(const Seen&) {}
  // Every answered request of a controller, changing or not.
  virtual void answered(const AuditEntry&, MonoTime) {}
  // Every write of the controllers under test, before the network has it.
  virtual void sent(const Sent&) {}
  virtual void metric(const MetricAnswer&) {}
  virtual void instant(WallTime, MonoTime) {}
  // A stage of the scenario did not come about in time.
  virtual void stuck(const std::string& /*what*/, WallTime) {}
  // The scenario is over and the world has come to rest; then two resync periods pass.
  virtual void rest(WallTime) {}
  virtual void end(const std::string& /*state*/, const std::set<std::string>& /*accepted*/,
                   WallTime) {}

 protected:
  [[nodiscard]] const View& view() const { return *view_; }
  void report(std::string text, WallTime wall, std::uint64_t version = 0) {
    if (found_->size() >= kFoundMax) return;
    found_->push_back({std::string(id_), std::move(text), wall, version});
  }
  void report(const Seen& seen, std::string text) {
    report(std::move(text), seen.wall, seen.version);
  }

 private:
  static constexpr std::size_t kFoundMax = 200;  // in one run: more says nothing more
  std::string_view id_;
  const View* view_ = nullptr;
  std::vector<Violation>* found_ = nullptr;
};

// Everything together: feed it the server's streams.
class Checkers {
 public:
  explicit Checkers(std::vector<std::unique_ptr<Checker>> list);
  void changed(const Change& change, const Actor& actor, WallTime wall, MonoTime mono);
  void answered(const AuditEntry& entry, MonoTime mono);
  void sent(const Sent& sent);
  void metric(const MetricAnswer& answer);
  void instant(WallTime wall, MonoTime mono);
  void stuck(const std::string& what, WallTime wall);
  void rest(WallTime wall);
  void end(const std::string& state, const std::set<std::string>& accepted, WallTime wall);

  View view;
  std::vector<Violation> found;

 private:
  std::vector<std::unique_ptr<Checker>> list_;
};

struct CheckerOptions {
  int writes_max = 0;  // of the whole run; 0: not known (S15)
};
[[nodiscard]] std::vector<std::unique_ptr<Checker>> all_checkers(
    const CheckerOptions& options = {});

// Each in the file of its number; what it demands is said there at length (reliability.md §A5.1).
// S1: no version gets more traffic than its available pods can carry.
std::unique_ptr<Checker> traffic_has_pods();
// S2: weights sum up to the maximum, and the status says what the router does.
std::unique_ptr<Checker> weights_add_up();
// S4: a canary without router keeps enough pods available, and never has too many.
std::unique_ptr<Checker> basic_canary_capacity();
// S5: after an abort the weight of that version does not rise again.
std::unique_ptr<Checker> abort_is_final();
// S6: the active Service selects one version, available and analysed.
std::unique_ptr<Checker> active_service_is_proven();
// S7: a Service never loses the hash in its selector.
std::unique_ptr<Checker> selector_stays();
// S8: the same question is asked by one unfinished run, and a bad verdict stays.
std::unique_ptr<Checker> one_run_one_verdict();
// S9: the step index goes forward by one, when the step was fulfilled.
std::unique_ptr<Checker> steps_in_order();
// S10: a pause lasts at least as long as it says.
std::unique_ptr<Checker> pauses_last();
// S11: each new template gets a higher revision.
std::unique_ptr<Checker> revisions_grow();
// S12: a ReplicaSet that somebody is sent to is neither deleted nor scaled to nothing.
std::unique_ptr<Checker> used_sets_live();
// S13: who does not hold the Lease writes nothing that the holder has written.
std::unique_ptr<Checker> one_leader_writes();
// S14: a controller writes only what is its own.
std::unique_ptr<Checker> only_ours();
// S15: a write changes something, and writes do not come in storms.
std::unique_ptr<Checker> no_idle_writes(int writes_max);
// S17: what a metric answered, or did not, decides as documented.
std::unique_ptr<Checker> missing_data_decides_nothing();
// S18: a setWeight step ends after the router has sent that share.
std::unique_ptr<Checker> steps_are_done();
// S19: nothing of one attempt counts in another.
std::unique_ptr<Checker> attempts_stand_alone();
// S20: a verdict is that of the Rollout's own objects.
std::unique_ptr<Checker> own_verdicts();
// V1: once faults are over, the world ends as it does without them.
std::unique_ptr<Checker> same_end_state();
// V2: a refused write is sent again, and an abort waits for none.
std::unique_ptr<Checker> refusals_pass();
// V5: a restart moves no pause and no deadline.
std::unique_ptr<Checker> restarts_keep_deadlines();

// Of a controller: neither its Lease nor Events nor a read.
[[nodiscard]] bool counted_write(const AuditEntry& entry);

}  // namespace sluice::sim::check
