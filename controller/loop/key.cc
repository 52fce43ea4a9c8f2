#include "controller/loop/key.h"

namespace sluice::loop {

std::string_view to_string(KeyKind kind) {
  switch (kind) {
    case KeyKind::Rollout:
      return "rollout";
    case KeyKind::AnalysisRun:
      return "analysisrun";
    case KeyKind::Service:
      return "service";
    case KeyKind::Experiment:
      return "experiment";
  }
  return "";
}

}  // namespace sluice::loop
