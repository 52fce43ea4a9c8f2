// S13: a process that does not hold the Lease writes no object that the holder has written already.
// Controllers with another instance id have a Lease of their own, and S14 to answer to.
#include <map>

#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

class OneLeaderWrites final : public Checker {
 public:
  OneLeaderWrites() : Checker("S13") {}
  void changed(const Seen& seen) override {
    if (!seen.actor.controller() || seen.actor.instance_id != view().instance_id ||
        seen.change.resource == "leases" || seen.change.resource == "events")
      return;
    auto& last = last_writer_[seen.change.resource + "/" + seen.change.key.text()];
    if (!view().leader.empty() && seen.actor.identity != view().leader && last == view().leader)
      report(seen, seen.actor.identity + " writes " + seen.change.resource + " " +
                       seen.change.key.text() + " after its successor " + view().leader);
    last = seen.actor.identity;
  }

 private:
  std::map<std::string, std::string> last_writer_;
};

}  // namespace

std::unique_ptr<Checker> one_leader_writes() {
  return std::make_unique<OneLeaderWrites>();
}

}  // namespace sluice::sim::check
