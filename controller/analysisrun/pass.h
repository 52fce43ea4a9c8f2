#pragma once
// One pass over a run that is not completed (analysis.md §8.1). Internal to controller/analysisrun.
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "analysis/engine.h"
#include "controller/analysisrun/run.h"
#include "controller/analysisrun/secrets.h"

namespace sluice::analysisrun {

// Jobs of a completed run that are still running.
[[nodiscard]] std::vector<kube::Write> leftover_jobs(const Observed& observed);
// When this deletion, which the server refused, may be asked for again, if that lies ahead.
[[nodiscard]] std::optional<WallTime> kept_until(const Observed& observed,
                                                 const kube::Write& deletion, WallTime now);

class Pass {
 public:
  Pass(const Observed& observed, const Options& options, WallTime now);
  void run();
  // Moves what the pass decided into `decision`; the status patch is not part of it.
  void into(Decision& decision);
  // Patience::samples of this run.
  [[nodiscard]] std::map<std::string, Micros> sample_patience() const;

 private:
  // Ends the run before it is assessed: its spec or its arguments are no good.
  void end_with_error(std::string message);
  [[nodiscard]] bool prepare();          // metrics, validation, rules; false when the run was ended
  [[nodiscard]] bool prepare_secrets();  // false when the run was ended
  // Of arguments and of providers, as "name/key".
  [[nodiscard]] std::vector<std::string> secret_references() const;

  [[nodiscard]] analysis::RunView view() const;
  void take_answers();
  void take_answer(const Answer& answer, const std::string& id, std::size_t index);
  void work();
  void look_at_running(bool terminating);
  bool start_due();  // true when something was recorded at once
  bool start(std::size_t index);
  void assess();
  void trim();
  [[nodiscard]] std::size_t retention_of(const std::string& metric) const;

  // In-progress measurements (Jobs).
  void resume_job(std::size_t index, bool terminating);
  void stop_job(std::size_t index, const api::Measurement& running, const std::string& name);
  bool start_job(std::size_t index, std::int64_t number);
  [[nodiscard]] std::shared_ptr<const kube::Job> find_job(const std::string& name) const;
  [[nodiscard]] bool server_knows(const std::string& metric, const std::string& job) const;
  bool create_job(std::size_t index, std::int64_t number);  // false: an error was recorded

  bool start_query(std::size_t index, std::int64_t number);
  [[nodiscard]] Result<http::Request> build_query(const api::Metric& metric,
                                                  const StringMap& secrets) const;
  // To be sent: no longer than the ceiling, and with its Secrets marked.
  [[nodiscard]] Result<http::Request> marked_query(std::size_t index);
  // What is to be said of a time-out that is the ceiling's and not the metric's; "" when it is not.
  [[nodiscard]] std::string ceiling_text(const Answer& answer) const;
  void record(std::size_t index, api::Measurement measurement);
  void record_error(std::size_t index, std::string message);
  [[nodiscard]] std::string mask(std::string text) const;
  [[nodiscard]] std::string query_id(std::size_t index) const;

  const Observed& observed_;
  const api::AnalysisRun& run_;
  const Options& options_;
  const WallTime now_;
  const api::AnalysisRunStatus before_;  // of the server

  api::AnalysisRunStatus status_;
  std::vector<api::Metric> metrics_;   // secrets are placeholders
  std::vector<api::Metric> measured_;  // secrets are real; the same order
  std::set<std::string> dry_run_;
  std::map<std::string, std::size_t> retention_;
  // As measured_, with another value of each Secret: what differs holds one. Made when needed.
  std::optional<Result<std::vector<api::Metric>>> altered_;
  SecretReading secrets_;
  bool waiting_for_secrets_ = false;

  std::set<std::string> asked_;       // metrics with a query on its way
  std::set<std::string> unassessed_;  // Decision::unassessed
  analysis::Work work_;
  std::vector<controller::QueryIntent> queries_;
  std::map<std::string, kube::Write> creates_;  // by Job name
  std::vector<kube::Write> deletes_;
  std::vector<controller::EventIntent> events_;
  std::vector<controller::Reason> trace_;
  bool job_pods_needed_ = false;
};

}  // namespace sluice::analysisrun
