#include "controller/plan.h"

namespace sluice::controller {

namespace {

template <class T>
std::vector<const T*> all_of(const std::vector<Intent>& intents) {
  std::vector<const T*> out;
  for (const Intent& intent : intents)
    if (const T* one = std::get_if<T>(&intent)) out.push_back(one);
  return out;
}

}  // namespace

std::vector<const kube::Write*> Plan::writes() const {
  return all_of<kube::Write>(intents);
}
std::vector<const EventIntent*> Plan::events() const {
  return all_of<EventIntent>(intents);
}

std::string_view to_string(Why why) {
  switch (why) {
    case Why::Refused:
      return "Refused";
    case Why::InvalidSpec:
      return "InvalidSpec";
    case Why::Deleted:
      return "Deleted";
    case Why::CacheNotSynced:
      return "CacheNotSynced";
    case Why::ReplicaSetCreated:
      return "ReplicaSetCreated";
    case Why::ReplicaSetAdopted:
      return "ReplicaSetAdopted";
    case Why::RevisionSynced:
      return "RevisionSynced";
    case Why::Scaling:
      return "Scaling";
    case Why::WaitingForPods:
      return "WaitingForPods";
    case Why::WaitingForStable:
      return "WaitingForStable";
    case Why::WaitingForAnalysis:
      return "WaitingForAnalysis";
    case Why::WaitingForPause:
      return "WaitingForPause";
    case Why::WaitingForUser:
      return "WaitingForUser";
    case Why::ScaleDownDelay:
      return "ScaleDownDelay";
    case Why::ServiceSwitched:
      return "ServiceSwitched";
    case Why::WeightChanged:
      return "WeightChanged";
    case Why::WeightHeld:
      return "WeightHeld";
    case Why::StepCompleted:
      return "StepCompleted";
    case Why::StepsReset:
      return "StepsReset";
    case Why::Paused:
      return "Paused";
    case Why::Resumed:
      return "Resumed";
    case Why::Aborted:
      return "Aborted";
    case Why::Promoted:
      return "Promoted";
    case Why::RunCreated:
      return "RunCreated";
    case Why::RunTerminated:
      return "RunTerminated";
    case Why::MeasurementStarted:
      return "MeasurementStarted";
    case Why::MeasurementTaken:
      return "MeasurementTaken";
    case Why::NothingToDo:
      return "NothingToDo";
  }
  return "NothingToDo";
}

}  // namespace sluice::controller
