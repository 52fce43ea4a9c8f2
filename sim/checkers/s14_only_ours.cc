// S14: a controller writes only what is its own: a Rollout, a run or an Experiment that carries its
// instance id, what such a one controls in its own namespace, and Services that such a one refers
// to or once did. Nothing in another namespace is made its own by an owner's uid, and no Event of
// it is about somebody else's Rollout.
#include <map>
#include <set>

#include "api/keys.h"
#include "kube/json/json.h"
#include "sim/checkers/checker.h"

namespace sluice::sim::check {
namespace {

// Who answers for an object: a namespace and an instance id.
struct Home {
  std::string ns, instance_id;
  bool operator==(const Home&) const = default;
};

std::string instance_of(const Json& object) {
  const Json* id = kube::find_path(object, {"metadata", "labels", api::kInstanceIdLabel});
  return id != nullptr && id->is_string() ? id->get<std::string>() : std::string();
}

std::string uid_of(const Json& object) {
  return kube::get_string(object, "metadata.uid");
}

bool only_status_differs(const Change& change) {
  if (change.kind != Change::Kind::Modified) return false;
  const auto spec = [](const Json& object) {
    const Json* found = kube::find(object, "spec");
    return found == nullptr ? Json() : *found;
  };
  return spec(*change.object) == spec(*change.previous) &&
         !kube::find_path(*change.object, "metadata.deletionTimestamp");
}

class OnlyOurs final : public Checker {
 public:
  OnlyOurs() : Checker("S14") {}
  void changed(const Seen& seen) override {
    const Change& change = seen.change;
    remember(change);
    if (!seen.actor.controller() || change.resource == "leases") return;
    const Home home{change.key.namespace_, seen.actor.instance_id};
    const std::string why = objection(change, home);
    if (why.empty()) return;
    report(seen, seen.actor.identity + " (instance id '" + home.instance_id + "') writes " +
                     change.resource + " " + change.key.text() + ", " + why);
  }

 private:
  void remember(const Change& change) {
    const Json& object = *change.object;
    if (change.resource == "rollouts") {
      const Home home{change.key.namespace_, instance_of(object)};
      homes_[uid_of(object)] = home;
      for (const char* path : {"canary.stableService", "canary.canaryService",
                               "blueGreen.activeService", "blueGreen.previewService"})
        if (const std::string name = kube::get_string(object, std::string("spec.strategy.") + path);
            !name.empty())
          services_[{change.key.namespace_, name}].insert(home.instance_id);
    } else if (change.resource == "analysisruns") {
      homes_[uid_of(object)] = {change.key.namespace_, instance_of(object)};
    } else if (change.resource == "replicasets") {
      const auto owner = homes_.find(controller_uid(object));
      if (owner != homes_.end() && owner->second.ns == change.key.namespace_)
        homes_[uid_of(object)] = owner->second;
    }
  }
  // "" when the write is all right.
  [[nodiscard]] std::string objection(const Change& change, const Home& home) const {
    const Json& object = change.previous ? *change.previous : *change.object;
    const std::string& resource = change.resource;
    if (resource == "events") return about_another(*change.object, home);
    if (resource == "rollouts" || resource == "experiments") return labelled(object, home);
    if (resource == "services") return referred(change.key, home);
    if (resource == "analysisruns") {
      if (const std::string why = labelled(object, home); !why.empty()) return why;
      // Measuring a run that is ours needs no owner; ending or removing it is the owner's business.
      return only_status_differs(change) ? "" : owned(change, object, home);
    }
    if (resource == "replicasets" || resource == "jobs" || resource == "ingresses" ||
        resource == "pods")
      return owned(change, object, home);
    return "a kind that it has no business with";
  }
  static std::string labelled(const Json& object, const Home& home) {
    const std::string id = instance_of(object);
    return id == home.instance_id ? "" : "which belongs to instance id '" + id + "'";
  }
  [[nodiscard]] std::string owned(const Change& change, const Json& before,
                                  const Home& home) const {
    std::string uid = controller_uid(before);
    if (uid.empty()) uid = controller_uid(*change.object);  // adopted by this very write
    if (uid.empty()) return "which nobody owns";
    const auto owner = homes_.find(uid);
    if (owner == homes_.end()) return "whose owner is none of ours";
    if (owner->second.ns != home.ns)
      return "whose owner by uid lives in another namespace, " + owner->second.ns;
    if (owner->second != home)
      return "whose owner belongs to instance id '" + owner->second.instance_id + "'";
    return "";
  }
  [[nodiscard]] std::string referred(const kube::ObjectKey& key, const Home& home) const {
    const auto ids = services_.find(key);
    if (ids != services_.end() && ids->second.contains(home.instance_id)) return "";
    return "to which no Rollout of its own refers";
  }
  [[nodiscard]] std::string about_another(const Json& event, const Home& home) const {
    const auto owner = homes_.find(kube::get_string(event, "involvedObject.uid"));
    if (owner == homes_.end() || owner->second == home) return "";
    return "which is about an object of instance id '" + owner->second.instance_id +
           "' in namespace " + owner->second.ns;
  }

  std::map<std::string, Home> homes_;  // of Rollouts, runs and ReplicaSets, by uid
  std::map<kube::ObjectKey, std::set<std::string>> services_;  // instance ids that ever referred
};

}  // namespace

std::unique_ptr<Checker> only_ours() {
  return std::make_unique<OnlyOurs>();
}

}  // namespace sluice::sim::check
