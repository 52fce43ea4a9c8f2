// S15: a write that changes nothing is not sent, writes do not come in storms, and a run without
// faults needs no more of them than it always did.
#include <deque>
#include <map>

#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

constexpr Seconds kStormWindow{10};
constexpr std::size_t kStorm = 40;

class NoIdleWrites final : public Checker {
 public:
  explicit NoIdleWrites(int writes_max) : Checker("S15"), writes_max_(writes_max) {}
  void answered(const AuditEntry& entry, MonoTime mono) override {
    if (!counted_write(entry)) return;
    const std::string what = entry.verb + " " + entry.resource +
                             (entry.subresource.empty() ? "" : "/" + entry.subresource) + " " +
                             entry.name;
    if (entry.code < 300 && !entry.changed) report(what + " changes nothing", entry.time);
    if (entry.code < 300 && ++writes_ == writes_max_ + 1 && writes_max_ > 0)
      report(what + " is write number " + std::to_string(writes_) + "; this workflow needs " +
                 std::to_string(writes_max_),
             entry.time);
    auto& recent = recent_[entry.user_agent];
    recent.push_back(mono);
    while (mono - recent.front() > kStormWindow) recent.pop_front();
    if (recent.size() > kStorm) {
      report(std::to_string(recent.size()) + " writes within ten seconds, the last is " + what,
             entry.time);
      recent.clear();
    }
  }

 private:
  int writes_max_, writes_ = 0;
  std::map<std::string, std::deque<MonoTime>> recent_;  // by process
};

}  // namespace

std::unique_ptr<Checker> no_idle_writes(int writes_max) {
  return std::make_unique<NoIdleWrites>(writes_max);
}

}  // namespace sluice::sim::check
