#pragma once
// What AnalysisRuns wait for: answers of metric queries and of Secret reads. Queries are bounded;
// they never hold up a key or each other's answers.
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/seams.h"
#include "controller/analysisrun/run.h"
#include "controller/loop/loop.h"
#include "controller/loop/requests.h"

namespace sluice::loop {

class RunInbox {
 public:
  RunInbox(const Options& options, Clock& clock, Requests& requests)
      : options_(options), clock_(clock), requests_(requests) {}

  // Copies what has arrived for this run into `observed`; taken() then drops the answers.
  void fill(const kube::ObjectKey& run, analysisrun::Observed& observed) const;
  void taken(const kube::ObjectKey& run);
  void ask(const kube::ObjectKey& run, controller::QueryIntent query,
           std::function<void()> answered);
  void read_secret(const kube::ObjectKey& run, const std::string& name_and_key,
                   std::function<void()> answered);
  void forget(const kube::ObjectKey& run);
  void clear();

 private:
  struct Box {
    std::vector<analysisrun::Answer> answers;
    std::set<std::string> in_flight;
    std::map<std::string, Result<std::string>> secrets;
    std::set<std::string> secrets_asked;
    std::vector<RequestToken> tokens;
  };
  struct Waiting {
    kube::ObjectKey run;
    controller::QueryIntent query;
    std::function<void()> answered;
  };
  void submit(Waiting waiting);

  const Options& options_;
  Clock& clock_;
  Requests& requests_;
  std::map<kube::ObjectKey, Box> boxes_;
  std::deque<Waiting> waiting_;
  std::size_t in_flight_ = 0;
};

// One line per new measurement and one per verdict, with milliseconds: what the demo and an SRE
// time things by.
void log_samples(Telemetry& telemetry, const api::AnalysisRun& before,
                 const api::AnalysisRunStatus& after,
                 const std::vector<analysisrun::Answer>& answers);

}  // namespace sluice::loop
