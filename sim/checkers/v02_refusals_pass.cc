// V2: a refusal (403, 422) is not for ever: half a minute after the last one of its kind has ended,
// the write that is still wanted has been sent again. And an abort waits for none: the write that
// takes the users off the version is sent at once, whatever was refused before. Neither is asked
// for while the Lease is refused.
#include <algorithm>
#include <map>
#include <optional>

#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

constexpr Seconds kSentAgainWithin{30};
constexpr Seconds kCutSentWithin{5};

class RefusalsPass final : public Checker {
 public:
  RefusalsPass() : Checker("V2") {}
  void sent(const Sent& sent) override {
    // Who may not renew the Lease may write nothing.
    if (sent.resource == "leases" && sent.refused_until)
      lease_refused_ = std::max(lease_refused_, *sent.refused_until);
    if (sent.resource == "leases" || sent.resource == "events") return;
    if (cut_ && (sent.resource == "ingresses" || sent.resource == "services")) cut_.reset();
    const std::string what = name_of(sent);
    // Whoever had not been told yet sent what is not wanted any more.
    if (sent.refused_until && turned_at_ && sent.mono <= *turned_at_ + view().told_within) return;
    if (sent.refused_until)
      pending_[what] = {sent, *sent.refused_until};
    else
      pending_.erase(what);
  }
  void changed(const Seen& seen) override {
    if (seen.rollout.now) rollout_changed(seen, seen.rollout.before, *seen.rollout.now);
    // What has gone, or ended by itself, needs no write any more.
    const bool gone = seen.change.kind == Change::Kind::Deleted;
    const bool over = seen.run.now && seen.run.now->over();
    if (gone || over) drop([&](const Sent& sent) { return about(sent, seen.change); });
  }
  void instant(WallTime wall, MonoTime mono) override {
    for (auto it = pending_.begin(); it != pending_.end();) {
      const MonoTime from = std::max({it->second.until, view().faulted_until, view().leader_since,
                                      view().halted_at, lease_refused_});
      if (mono <= from + kSentAgainWithin) {
        ++it;
        continue;
      }
      report(it->first +
                 " was refused, and half a minute after the refusals it has not been sent "
                 "again",
             wall);
      it = pending_.erase(it);
    }
    if (cut_) cut_late(wall, mono);
  }

 private:
  struct Pending {
    Sent sent;
    MonoTime until{};
  };
  static std::string name_of(const Sent& sent) {
    return sent.verb + " " + sent.resource +
           (sent.subresource.empty() ? "" : "/" + sent.subresource) + " " + sent.object.text();
  }
  static bool about(const Sent& sent, const Change& change) {
    return sent.resource == change.resource && sent.object == change.key;
  }
  template <class Predicate>
  void drop(Predicate predicate) {
    std::erase_if(pending_, [&](const auto& item) { return predicate(item.second.sent); });
  }
  void rollout_changed(const Seen& seen, const std::optional<RolloutFacts>& before,
                       const RolloutFacts& now) {
    // What was wanted before may not be any more: another version, another attempt, a promotion.
    const bool turned = !before || before->template_text != now.template_text ||
                        before->abort != now.abort || before->stable_hash != now.stable_hash ||
                        before->promote_full != now.promote_full;
    // A size that belonged to the step before, or was wanted again because a record was lost.
    if (before && before->step_index != now.step_index)
      drop([](const Sent& sent) { return sent.resource == "replicasets" && sent.verb == "patch"; });
    if (turned) {
      drop([](const Sent&) { return true; });
      turned_at_ = seen.mono;
    }
    if (!now.abort || now.current_hash == now.stable_hash || now.stable_hash.empty()) {
      cut_.reset();
    } else if (before && !before->abort) {
      cut_ = seen.mono;
    }
  }
  // Nobody is kept waiting who could not be sent elsewhere: the stable version has to carry all.
  void cut_late(WallTime wall, MonoTime mono) {
    const RolloutFacts& now = *view().rollout;
    const auto shares = view().shares();
    const auto share = shares.find(now.current_hash);
    const SetFacts* stable = view().set_of(now.stable_hash);
    const bool carried = stable != nullptr && stable->available >= now.replicas;
    if (share == shares.end() || share->second == 0 || !carried) {
      cut_ = std::max(*cut_, mono);
      return;
    }
    const MonoTime from = std::max(
        {*cut_, view().faulted_until, view().leader_since, view().halted_at, lease_refused_});
    if (mono <= from + kCutSentWithin) return;
    report("the update is aborted, and nobody has tried to take the share of " +
               std::to_string(share->second) + " from " + now.current_hash,
           wall);
    cut_.reset();
  }

  std::map<std::string, Pending> pending_;
  std::optional<MonoTime> turned_at_;
  std::optional<MonoTime> cut_;  // since when a cut is due that nobody has sent
  MonoTime lease_refused_{};     // until then writes of the Lease were, or are, refused
};

}  // namespace

std::unique_ptr<Checker> refusals_pass() {
  return std::make_unique<RefusalsPass>();
}

}  // namespace sluice::sim::check
