#pragma once
// One run while it goes on: the world, the checkers, and what people do. Scenarios::run plays whole
// workflows with it; tests of checkers stop in the middle and do something that no controller
// should.
#include <functional>
#include <string>

#include "sim/scenario.h"
#include "sim/strangers.h"

namespace sluice::sim {

// An end state less the versions of which nothing is left: a person may have replaced them before
// they had anything.
[[nodiscard]] std::string without_empty(const std::string& state);

class ScenarioRun {
 public:
  ScenarioRun(const Knobs& knobs, const Scenarios::Crds& crds,
              const check::CheckerOptions& checkers = {});

  Simulation sim;
  check::Checkers checkers;
  MetricBackend backend;
  FaultInjector injector;

  // Plays the knobs' workflow to its end; false when a stage did not come about (V1 says which).
  bool play();
  // From the end of the workflow: comes to rest, waits two resync periods, lets V1 compare.
  void finish(const std::set<std::string>& accepted);

  // ---- single stages ----
  bool deploy();
  void begin_update(const std::string& image);  // happenings count from here
  void set_image(const std::string& image);
  void set_image_of(const kube::ObjectKey& rollout, const std::string& image);
  void patch_status(const std::string& merge_patch);  // as a person's client does
  void abort() { patch_status(R"({"status":{"abort":true}})"); }
  void retry() { patch_status(R"({"status":{"abort":false}})"); }
  void resume() { patch_status(R"({"status":{"pauseConditions":null}})"); }
  bool wait(const std::string& what, const std::function<bool()>& done,
            Micros most = Seconds(6 * 3600));
  bool wait_healthy(const std::string& image);
  bool wait_aborted();
  bool wait_step(int index);
  bool wait_rest();

  // A write that no controller of ours makes, sent as if one had that knows everything. Returns the
  // server's answer. `identity` "": the leader's.
  http::Response rogue(const kube::Write& write, const std::string& identity = "");

  [[nodiscard]] const check::View& view() const { return checkers.view; }
  [[nodiscard]] const check::RolloutFacts& rollout() const;
  [[nodiscard]] std::string image_of(const std::string& hash) const;
  [[nodiscard]] std::string end_state() const;
  [[nodiscard]] Outcome outcome();

 private:
  void watch_server();
  void happen();
  void disturb(Micros time);  // for checkers: work may be late until then
  void halt(Micros time);     // the same for a process that can do nothing this long
  void keep_log();
  void start(const Knobs::Happening& happening);
  [[nodiscard]] bool may_start(const Knobs::Happening& happening) const;
  [[nodiscard]] bool too_late(const Knobs::Happening& happening) const;
  Fault strike(const http::Request& request);
  bool deploy_others();
  [[nodiscard]] bool others_rest() const;
  // A person's moment: the knobs', or when this step has been reached and he has looked at it.
  // False when that never came about.
  bool wait_moment(int step);
  bool abort_then();
  bool retry_gate();
  [[nodiscard]] bool jobs_were_refused() const;
  bool approve_twice();
  bool beside_others();
  void after_human_delay() { sim.run_for(knobs_.human_delay); }

  Knobs knobs_;
  Strangers strangers_;
  std::vector<Knobs::Happening> coming_;
  struct Undo {
    MonoTime at{};
    bool partition = false;
  };
  std::vector<Undo> undo_;
  MonoTime update_began_ = MonoTime::max();
  MonoTime last_write_{};
  std::string history_;
  std::vector<std::string> tail_;  // of the log, when the first violation was found
  std::map<std::string, int> writes_, update_writes_;
};

}  // namespace sluice::sim
