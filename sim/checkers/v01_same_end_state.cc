// V1: once faults are over, the world ends as it does without them, and then nobody writes any
// more.
#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

class SameEndState final : public Checker {
 public:
  SameEndState() : Checker("V1") {}
  void stuck(const std::string& what, WallTime wall) override {
    report("it never came about that " + what, wall);
  }
  void rest(WallTime) override { resting_ = true; }
  void answered(const AuditEntry& entry, MonoTime) override {
    if (resting_ && counted_write(entry))
      report("a write at rest: " + entry.verb + " " + entry.resource +
                 (entry.subresource.empty() ? "" : "/" + entry.subresource) + " " + entry.name,
             entry.time);
  }
  void end(const std::string& state, const std::set<std::string>& accepted,
           WallTime wall) override {
    if (accepted.contains(state)) return;
    std::string text = "the world ends in a state that it has never without faults:\n" + state;
    for (const auto& other : accepted) text += "expected:\n" + other;
    report(std::move(text), wall);
  }

 private:
  bool resting_ = false;
};

}  // namespace

std::unique_ptr<Checker> same_end_state() {
  return std::make_unique<SameEndState>();
}

}  // namespace sluice::sim::check
