// S5: once an abort, or the reason of a traffic cut, is stored, no controller that could know
// raises the weight of that version again, and within a minute nobody is sent to it any more.
#include <optional>

#include "kube/json/json.h"
#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

constexpr Seconds kCutWithin{60};

class AbortIsFinal final : public Checker {
 public:
  AbortIsFinal() : Checker("S5") {}

  void changed(const Seen& seen) override {
    if (seen.rollout.now) rollout_changed(seen);
    cut_seen(seen, "ingresses", seen.ingress);
    cut_seen(seen, "services", seen.service);
    if (!seen.ingress.set() && !seen.service.set()) return;
    const auto shares = view().shares();
    const auto share_of = [](const std::map<std::string, int>& all, const std::string& hash) {
      const auto it = all.find(hash);
      return it == all.end() ? 0 : it->second;
    };
    if (!hash_.empty() && seen.actor.controller() &&
        share_of(shares, hash_) > share_of(seen.shares_before, hash_) &&
        seen.actor.knew(resource_, version_)) {
      report(seen, "the share of the aborted version " + hash_ + " rises from " +
                       std::to_string(share_of(seen.shares_before, hash_)) + " to " +
                       std::to_string(share_of(shares, hash_)));
    }
  }

  void instant(WallTime wall, MonoTime mono) override {
    if (hash_.empty() || late_ || !view().rollout) return;
    const auto shares = view().shares();
    const auto it = shares.find(hash_);
    if (it == shares.end() || it->second == 0) return;
    const MonoTime start = std::max({since_, view().disturbed_until, view().leader_since});
    if (mono - start <= kCutWithin) return;
    late_ = true;
    report("a minute after the abort the version " + hash_ + " still has a share of " +
               std::to_string(it->second),
           wall);
  }

 private:
  void rollout_changed(const Seen& seen) {
    const RolloutFacts& now = *seen.rollout.now;
    const bool was = seen.rollout.before && seen.rollout.before->abort;
    if (now.abort && !was && now.current_hash != now.stable_hash && !now.stable_hash.empty()) {
      start(seen, now.current_hash, "rollouts");
    } else if (!now.abort && was) {
      forget();  // a retry, or the stable version is wanted again
    } else if (seen.rollout.before && seen.rollout.before->template_text != now.template_text) {
      forget();  // a person put something else into the place of the aborted version
    }
  }
  // The reason that a cut leaves behind counts like the abort that it announces; not one that
  // somebody else has put there.
  template <class T>
  void cut_seen(const Seen& seen, std::string_view resource, const Seen::Pair<T>& pair) {
    if (!pair.now || pair.now->verdict.empty() || !seen.actor.controller()) return;
    if (pair.before && pair.before->verdict == pair.now->verdict) return;
    const auto parsed = kube::parse_json(pair.now->verdict);
    if (!parsed) return;
    const std::string hash = kube::get_string(*parsed, "hash");
    if (!view().rollout || view().rollout->current_hash != hash || hash == hash_) return;
    start(seen, hash, resource);
  }
  void start(const Seen& seen, const std::string& hash, std::string_view resource) {
    hash_ = hash;
    resource_ = resource;
    version_ = seen.version;
    since_ = seen.mono;
    late_ = false;
  }
  void forget() { hash_.clear(); }

  std::string hash_;      // aborted and not retried; "" when there is none
  std::string resource_;  // where the abort was stored
  std::uint64_t version_ = 0;
  MonoTime since_{};
  bool late_ = false;
};

}  // namespace

std::unique_ptr<Checker> abort_is_final() {
  return std::make_unique<AbortIsFinal>();
}

}  // namespace sluice::sim::check
