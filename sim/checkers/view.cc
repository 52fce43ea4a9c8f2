#include "sim/checkers/view.h"

#include <algorithm>

#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::sim::check {
namespace {

template <class T, class Read>
void take(Seen::Pair<T>& pair, std::map<std::string, T>& all, const Change& change, Read read) {
  if (const auto it = all.find(change.key.name); it != all.end()) pair.before = it->second;
  if (change.kind == Change::Kind::Deleted) {
    all.erase(change.key.name);
  } else {
    pair.now = read(*change.object);
    all[change.key.name] = *pair.now;
  }
}

}  // namespace

std::string_view to_string(MetricAnswer::Kind kind) {
  switch (kind) {
    case MetricAnswer::Kind::Good:
      return "good";
    case MetricAnswer::Kind::Bad:
      return "bad";
    case MetricAnswer::Kind::NotANumber:
      return "NaN";
    case MetricAnswer::Kind::Empty:
      return "empty";
    case MetricAnswer::Kind::ServerError:
      return "error";
    case MetricAnswer::Kind::Timeout:
      return "timeout";
  }
  return "";
}

Seen View::apply(const Change& change, const Actor& actor, WallTime wall, MonoTime mono) {
  Seen seen{change, actor, 0, wall, mono};
  seen.version = static_cast<std::uint64_t>(
      parse_int(kube::get_string(*change.object, "metadata.resourceVersion")).value_or(0));
  if (!own(change)) return seen;
  if (change.resource == "leases" && change.kind != Change::Kind::Deleted) {
    const std::string holder = kube::get_string(*change.object, "spec.holderIdentity");
    if (holder != leader) {
      leader = holder;
      leader_since = mono;
    }
    return seen;
  }
  if (change.resource == "services" || change.resource == "ingresses")
    seen.shares_before = shares();
  if (change.resource == "rollouts") {
    seen.rollout.before = rollout;
    rollout.reset();
    if (change.kind != Change::Kind::Deleted) rollout = read_rollout(*change.object);
    seen.rollout.now = rollout;
  } else if (change.resource == "replicasets") {
    take(seen.replica_set, sets, change, read_set);
    const SetFacts& facts = seen.replica_set.now ? *seen.replica_set.now : *seen.replica_set.before;
    available_[facts.hash].emplace_back(seen.version, seen.replica_set.now ? facts.available : 0);
  } else if (change.resource == "services") {
    take(seen.service, services, change, read_service);
  } else if (change.resource == "ingresses") {
    take(seen.ingress, ingresses, change, read_ingress);
  } else if (change.resource == "analysisruns") {
    take(seen.run, runs, change, read_run);
    if (seen.run.now) made_.emplace(seen.run.now->uid, mono);
  } else if (change.resource == "jobs") {
    if (change.kind != Change::Kind::Deleted) jobs[change.key.name] = read_job(*change.object);
  }
  return seen;
}

// Of the Rollout under test, or of the controllers that compete for it.
bool View::own(const Change& change) const {
  if (change.resource == "leases") return change.key.name == lease;
  if (change.key.namespace_ != own_ns) return false;
  if (change.resource == "rollouts") return change.key.name == own_name;
  if (change.resource == "services" || change.resource == "ingresses")
    return change.key.name.starts_with(own_name);
  const std::string owner = controller_uid(*change.object);
  if (change.resource == "jobs") return made_.contains(owner);
  return owner.empty() || (rollout && owner == rollout->uid);
}

bool View::speaks_against(const RunFacts& run) const {
  if (run.bad()) return true;
  if (run.by_job)
    return std::any_of(jobs.begin(), jobs.end(), [&](const auto& item) {
      return item.second.run_uid == run.uid && item.second.failed;
    });
  const auto made = made_.find(run.uid);
  return made != made_.end() &&
         std::any_of(answers_.begin(), answers_.end(), [&](const MetricAnswer& answer) {
           return answer.kind != MetricAnswer::Kind::Good && answer.hash == run.hash &&
                  answer.analysis == analysis_of(run) && answer.mono >= made->second;
         });
}

const SetFacts* View::set_of(std::string_view hash) const {
  for (const auto& [name, set] : sets)
    if (set.hash == hash) return &set;
  return nullptr;
}

std::optional<int> View::canary_weight() const {
  if (!rollout) return std::nullopt;
  for (const auto& [name, ingress] : ingresses)
    if (ingress.owner_uid == rollout->uid && ingress.weight) return ingress.weight;
  return std::nullopt;
}

std::map<std::string, int> View::shares() const {
  std::map<std::string, int> out;
  if (!rollout) return out;
  const auto hash_of = [this](const std::string& service) {
    const auto it = services.find(service);
    return it == services.end() ? std::string() : it->second.hash;
  };
  if (rollout->blue_green) {
    out[hash_of(rollout->active_service)] += rollout->max_weight;
  } else if (rollout->routed) {
    const int weight = canary_weight().value_or(0);
    out[hash_of(rollout->stable_service)] += rollout->max_weight - weight;
    out[hash_of(rollout->canary_service)] += weight;
  }
  return out;
}

int View::believed_available(std::string_view hash, const Actor& actor) const {
  const auto it = available_.find(hash);
  if (it == available_.end()) return 0;
  const auto told = actor.told.find("replicasets");
  const std::uint64_t known = told == actor.told.end() ? 0 : told->second;
  int last_told = 0, since = 0;
  for (const auto& [version, count] : it->second) {
    if (version <= known)
      last_told = count;
    else
      since = std::max(since, count);
  }
  return std::max(last_told, since);
}

}  // namespace sluice::sim::check
