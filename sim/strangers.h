#pragma once
// Somebody who may do what he likes in a namespace of his own and nothing elsewhere: he makes runs,
// Jobs and ReplicaSets that name our objects as their owners, by uid, under the names that ours
// have or will have, and says how they ended.
#include <set>
#include <string>

#include "sim/checkers/view.h"
#include "sim/simulation.h"

namespace sluice::sim {

class Strangers {
 public:
  Strangers(Simulation& sim, const check::View& view, std::string ns, std::string say)
      : sim_(sim), view_(view), ns_(std::move(ns)), say_(std::move(say)) {}
  // Does what the changes since the last call give occasion to.
  void act();

 private:
  void claim_set(const check::SetFacts& set);
  void claim_run(const std::string& name, const std::string& type, const std::string& step,
                 const std::string& hash, std::int64_t revision);
  void claim_job(const check::JobFacts& job);
  void create(const kube::ResourceType& type, const kube::Json& object);
  [[nodiscard]] bool first(const std::string& what) { return done_.insert(what).second; }

  Simulation& sim_;
  const check::View& view_;
  std::string ns_, say_;
  std::set<std::string> done_;
};

// A person with rights on Services and Ingresses, but none on Rollouts, claims that an analysis has
// judged the version of the update badly. False when there is nothing yet to write it on.
bool forge_verdict(Simulation& sim, const check::View& view);

}  // namespace sluice::sim
