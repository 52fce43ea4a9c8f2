#pragma once
// A run and its world in miniature: the test says what the world does, step() lets the controller
// decide and applies its writes to the run and its Jobs, as the server would.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/resources.h"
#include "controller/analysisrun/run.h"
#include "kube/json/json.h"
#include "kube/json/node.h"
#include "kube/json/patch.h"
#include "kube/model/resources.h"

namespace sluice::analysisrun::testing {

inline WallTime at(double seconds) {
  return WallTime{} + std::chrono::duration_cast<Micros>(
                          std::chrono::duration<double>(1'800'000'000.0 + seconds));
}

inline Result<http::Response> vector_answer(const std::string& values) {
  http::Response out;
  out.status = 200;
  out.body = R"({"status":"success","data":{"resultType":"vector","result":[)";
  bool first = true;
  for (const std::string& value : split(values, ' ')) {
    if (value.empty()) continue;
    out.body += std::string(first ? "" : ",") + R"({"metric":{},"value":[1,")" + value + R"("]})";
    first = false;
  }
  out.body += "]}}";
  return out;
}
inline Result<http::Response> status_answer(int status, std::string body = "") {
  http::Response out;
  out.status = status;
  out.body = std::move(body);
  return out;
}

// A Prometheus metric that succeeds from 0.9 on.
inline std::string prometheus_metric(const std::string& name, const std::string& more = "") {
  return R"({"name":")" + name + R"(","successCondition":"result[0] >= 0.9")" + more +
         R"(,"provider":{"prometheus":{"address":"http://prom","query":"rate_of_)" + name +
         R"("}}})";
}
inline std::string job_metric(const std::string& name, const std::string& more = "") {
  return R"({"name":")" + name + "\"" + more +
         R"(,"provider":{"job":{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"i"}]}}}}}})";
}

class World {
 public:
  // `spec`: the members of the run's spec.
  explicit World(const std::string& spec, const std::string& status = "{}") {
    stored_ = parse(
        R"({"apiVersion":"argoproj.io/v1alpha1","kind":"AnalysisRun","metadata":{"name":"web-abc-2",)"
        R"("namespace":"shop","uid":"run-uid","resourceVersion":"1","ownerReferences":[{"apiVersion":)"
        R"("argoproj.io/v1alpha1","kind":"Rollout","name":"web","uid":"ro-uid","controller":true}]},)"
        R"("spec":{)" +
        spec + R"(},"status":)" + status + "}");
    if (status == "{}") stored_.erase("status");
    memory_ = decode().status;
  }

  static kube::Json parse(const std::string& text) {
    auto parsed = kube::parse_json(text);
    return parsed ? *parsed : kube::Json();
  }
  [[nodiscard]] api::AnalysisRun decode() const {
    const std::string text = kube::dump(stored_);
    auto document = kube::Document::parse(text);
    api::AnalysisRun out = api::decode_analysis_run(document->root());
    out.raw = std::make_shared<const std::string>(text);
    return out;
  }

  // One decision; its writes are applied unless the test says otherwise.
  Decision& step(double seconds, bool writes_arrive = true) {
    Observed observed;
    auto run = std::make_shared<api::AnalysisRun>(decode());
    run->status = memory_;
    observed.run = run;
    observed.answers = answers;
    observed.in_flight = in_flight;
    observed.secrets = secrets;
    for (const auto& [name, job] : jobs) observed.jobs.push_back(job);
    observed.job_pods = pods;
    observed.refused_jobs = refused_jobs;
    observed.kept_jobs = kept_jobs;
    now = at(seconds);
    last = decide(observed, now, options);
    if (last.secrets_needed.empty())
      std::erase_if(answers, [&](const Answer& one) { return !last.unassessed.contains(one.id); });
    memory_ = last.status;
    for (const auto& intent : last.plan.intents) {
      if (const auto* query = std::get_if<controller::QueryIntent>(&intent)) {
        in_flight.insert(query->id);
        requests[query->id] = query->request;
        wanted[query->id] = query->wanted;
      } else if (const auto* write = std::get_if<kube::Write>(&intent);
                 write != nullptr && writes_arrive) {
        apply(*write);
      }
    }
    return last;
  }
  // The only query in flight gets its answer.
  void answer(Result<http::Response> response, double started, double finished) {
    if (in_flight.empty()) return;
    answer(*in_flight.begin(), std::move(response), started, finished);
  }
  void answer(std::string id, Result<http::Response> response, double started, double finished) {
    in_flight.erase(id);
    const auto& asked = requests[id];
    const Millis patience = wanted[id];
    answers.push_back(
        {std::move(id), at(started), at(finished), std::move(response), asked, patience});
  }
  // Ask at `seconds`, answer half a second later, decide.
  Decision& sample(double seconds, const std::string& values) {
    step(seconds);
    answer(vector_answer(values), seconds, seconds + 0.5);
    return step(seconds + 0.5);
  }
  // A new process: everything in memory is gone.
  void restart() {
    memory_ = decode().status;
    in_flight.clear();
    answers.clear();
    secrets.clear();
  }
  void finish_job(const std::string& name, const std::string& condition) {
    auto job = std::make_shared<kube::Job>(*jobs.at(name));
    kube::Condition done;
    done.type = condition;
    done.status = "True";
    done.reason = condition == "Failed" ? "BackoffLimitExceeded" : "";
    job->conditions.push_back(done);
    job->active = 0;
    jobs[name] = job;
  }
  void set_spec(const std::string& member, kube::Json value) {
    stored_["spec"][member] = std::move(value);
  }
  void set_meta(const std::string& member, kube::Json value) {
    stored_["metadata"][member] = std::move(value);
  }

  [[nodiscard]] std::vector<std::string> purposes() const {
    std::vector<std::string> out;
    for (const auto* write : last.plan.writes()) out.push_back(write->purpose);
    return out;
  }
  [[nodiscard]] kube::Json patch() const {
    for (const auto* write : last.plan.writes())
      if (write->purpose == "PatchAnalysisRun") return parse(write->body);
    return kube::Json();
  }
  [[nodiscard]] std::vector<std::string> events() const {
    std::vector<std::string> out;
    for (const auto* event : last.plan.events())
      out.push_back(std::string(event->warning ? "Warning " : "Normal ") + event->reason + ": " +
                    event->message);
    return out;
  }
  [[nodiscard]] std::string stored_phase() const {
    return kube::get_string(stored_, "status.phase");
  }
  [[nodiscard]] const kube::Json& stored() const { return stored_; }
  [[nodiscard]] const api::AnalysisRunStatus& status() const { return memory_; }
  [[nodiscard]] const api::MetricResult& result(std::size_t index) const {
    return memory_.metric_results.at(index);
  }

  std::vector<Answer> answers;
  std::set<std::string> in_flight;
  std::map<std::string, http::Request> requests;
  std::map<std::string, Millis> wanted;
  std::map<std::string, Result<std::string>> secrets;
  std::map<std::string, std::shared_ptr<const kube::Job>> jobs;
  std::vector<std::shared_ptr<const kube::Pod>> pods;
  std::map<std::string, Error> refused_jobs;
  std::map<std::string, WallTime> kept_jobs;
  Options options;
  Decision last;
  WallTime now{};
  int writes = 0;
  bool deleted = false;

 private:
  void apply(const kube::Write& write) {
    ++writes;
    if (write.type == kube::kJobs) {
      if (write.verb == kube::Verb::Delete) {
        jobs.erase(write.key.name);
        return;
      }
      const kube::Json body = parse(write.body);
      auto job = std::make_shared<kube::Job>();
      job->meta.key = write.key;
      job->meta.uid = "job-" + write.key.name;
      job->meta.created_at = truncate_to_seconds(now);
      for (const auto& [key, value] : body["metadata"]["annotations"].items())
        job->meta.annotations[key] = value.get<std::string>();
      job->active = 1;
      jobs.emplace(write.key.name, job);  // a second create of the same name changes nothing
    } else if (write.verb == kube::Verb::Delete) {
      deleted = true;
    } else {
      kube::apply_merge_patch(stored_, parse(write.body));
    }
  }

  kube::Json stored_;
  api::AnalysisRunStatus memory_;
};

}  // namespace sluice::analysisrun::testing
