#pragma once
// Small builders for the tests of analysis/.
#include <string>
#include <string_view>
#include <vector>

#include "analysis/engine.h"
#include "api/analysis.h"
#include "base/time.h"
#include "kube/json/node.h"

namespace sluice::analysis::testing {

inline constexpr std::string_view kProvider = R"("provider":{"prometheus":{"query":"up"}})";

inline WallTime at(double seconds) {
  return WallTime{} + std::chrono::duration_cast<Micros>(
                          std::chrono::duration<double>(1'800'000'000.0 + seconds));
}

// A metric from JSON members: metric(R"("name":"m","count":3)") gets a provider of its own.
inline api::Metric metric_from(const std::string& json) {
  auto document = kube::Document::parse(json);
  return document ? api::decode_metric(document->root()) : api::Metric{};
}
inline api::Metric metric(const std::string& members) {
  return metric_from("{" + members + "," + std::string(kProvider) + "}");
}

// One finished measurement per letter: S(uccessful), F(ailed), I(nconclusive), E(rror); one second
// apart.
inline api::Measurement measurement(char letter, WallTime when) {
  api::Measurement out;
  switch (letter) {
    case 'S':
      out.phase = api::AnalysisPhase::Successful;
      break;
    case 'F':
      out.phase = api::AnalysisPhase::Failed;
      break;
    case 'I':
      out.phase = api::AnalysisPhase::Inconclusive;
      break;
    case 'E':
      out.phase = api::AnalysisPhase::Error;
      out.message = "no answer";
      break;
    default:
      out.phase = api::AnalysisPhase::Running;
      break;
  }
  out.started_at = when;
  if (out.phase != api::AnalysisPhase::Running) out.finished_at = when;
  return out;
}

inline void measure_all(const RunView& run, api::AnalysisRunStatus& status, const api::Metric& one,
                        std::string_view letters) {
  for (std::size_t i = 0; i < letters.size(); ++i) {
    api::MetricResult& result = result_for(run, status, one);
    if (api::is_completed(result.phase)) break;
    record(result, measurement(letters[i], at(static_cast<double>(i))));
    result.phase = assess_metric(one, result, is_terminating(run, status)).phase;
  }
}

}  // namespace sluice::analysis::testing
