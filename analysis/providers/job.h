#pragma once
// Job metrics (analysis.md §12.4): a batch/v1 Job whose end is the verdict.
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/provider.h"
#include "api/analysis.h"
#include "base/result.h"
#include "kube/model/objects.h"
#include "kube/request/request.h"

namespace sluice::analysis::job {

inline constexpr std::string_view kRunUidLabel = "analysisrun.argoproj.io/uid";
inline constexpr std::string_view kRunNameAnnotation = "analysisrun.argoproj.io/name";
inline constexpr std::string_view kRunNamespaceAnnotation = "analysisrun.argoproj.io/namespace";
inline constexpr std::string_view kMetricNameAnnotation = "analysisrun.argoproj.io/metric-name";
// Keys of Measurement.metadata.
inline constexpr std::string_view kJobNameMetadata = "job-name";
inline constexpr std::string_view kJobNamespaceMetadata = "job-namespace";
inline constexpr std::string_view kJobFailureMetadata =
    "job-failure";  // ours: reason and message of the Failed condition

// "<run uid>.<metric>.<number>", at most 63 characters: the metric's part is cut. The same
// measurement always has the same name, so that a repeated start meets the Job of the first one.
[[nodiscard]] std::string name_of(std::string_view run_uid, std::string_view metric,
                                  std::int64_t number);

// Whose rights a Job may have. Who may write AnalysisRuns chooses what a Job runs and under which
// ServiceAccount of the namespace, whether he may create pods there or not.
struct Policy {
  kube::ObjectKey own_account;  // the controller's; name "": not known
  // NAME or NAMESPACE/NAME of those that Jobs may use; empty: all but the controller's.
  std::set<std::string> accounts;
  // Kubernetes' default. False: a Job gets a token only where its template says so itself.
  bool automount_token = true;
};

// The create. Errors: Invalid (the metric has no Job spec), Forbidden (the policy).
[[nodiscard]] Result<kube::Write> build_request(const api::AnalysisRun& run,
                                                const api::Metric& metric, std::int64_t number,
                                                const Policy& policy = {});
// Foreground deletion; a Job that is gone already is fine.
[[nodiscard]] kube::Write build_delete(const kube::ObjectKey& key, std::string_view uid);

struct Finding {
  api::AnalysisPhase phase = api::AnalysisPhase::Running;  // Running: not finished
  std::string message;
  std::string failure;  // why the Job failed, as the Job controller says it
};
// `pods` are the Job's, as far as they are known.
[[nodiscard]] Finding interpret(const kube::Job& job,
                                const std::vector<std::shared_ptr<const kube::Pod>>& pods);

// When to look at a running Job again although nothing was heard of it: after sqrt(2 · elapsed
// seconds) seconds.
[[nodiscard]] WallTime next_look(WallTime started_at, WallTime now);

// The Jobs (analysis.md §10.1) of this metric beyond the newest `limit`, oldest first.
[[nodiscard]] std::vector<std::shared_ptr<const kube::Job>> superfluous(
    const std::vector<std::shared_ptr<const kube::Job>>& jobs, std::string_view metric,
    std::size_t limit);

// The row.
[[nodiscard]] const Provider& provider();

}  // namespace sluice::analysis::job
