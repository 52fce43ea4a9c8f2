#pragma once
// What AnalysisRuns wait for: answers of metric queries and of Secret reads. Both are bounded, and
// shared out by namespace and run (fair_share.h); they never hold up a key or each other's answers.
// What a run does not wait for any more is cancelled, and its slots are free at once.
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/budget.h"
#include "base/seams.h"
#include "controller/analysisrun/run.h"
#include "controller/loop/fair_share.h"
#include "controller/loop/loop.h"
#include "controller/loop/requests.h"

namespace sluice::loop {

class RunInbox {
 public:
  RunInbox(const Options& options, Clock& clock, Requests& requests);

  // The run that is about to be decided. What is under way for another object of its name, or for
  // another spec, is forgotten: that answer says nothing about this one.
  void attend(const api::AnalysisRun& run);
  // Copies what has arrived for `observed.run`, some megabytes at a time: what is left for the next
  // pass counts as in flight. taken() then drops the answers but the `unassessed` ones; true: there
  // is more to assess.
  void fill(analysisrun::Observed& observed) const;
  [[nodiscard]] bool taken(const analysisrun::Observed& observed,
                           const std::set<std::string>& unassessed);
  // The query's time-out counts from here, also while it waits for a slot.
  void ask(const kube::ObjectKey& run, controller::QueryIntent query,
           std::function<void()> answered);
  void read_secret(const kube::ObjectKey& run, const std::string& name_and_key,
                   std::function<void()> answered);
  // Nothing is waited for any more: cancels it.
  void forget(const kube::ObjectKey& run);
  void clear();
  // Ends queries that have waited too long for a slot; the time to be called again.
  MonoTime step();

  [[nodiscard]] std::size_t queries_in_flight() const { return query_slots_.held(); }
  [[nodiscard]] std::size_t queries_waiting() const { return query_slots_.waiting(); }

 private:
  using Id = FairShare::Id;
  struct Box {
    std::uint64_t whose = 0;  // fingerprint of the object and its spec
    std::vector<analysisrun::Answer> answers;
    std::vector<Id> answer_ids;           // of the same answers
    std::map<std::string, Id> in_flight;  // by the query's own id
    std::map<std::string, Result<std::string>> secrets;
    std::map<std::string, Id> secrets_asked;
  };
  struct Query {
    kube::ObjectKey run;
    controller::QueryIntent query;
    std::function<void()> answered;
    MonoTime deadline{};
    Micros patience{};
    WallTime started_at{};
    RequestToken token = 0;  // 0: waits for a slot
  };
  struct Read {
    kube::ObjectKey run;
    std::string name_and_key;
    std::function<void()> answered;
    RequestToken token = 0;
  };

  void pump();  // hands out what slots are free
  void send(Id id);
  void send_read(Id id);
  void on_answer(Id id, const TransportEvent& event);
  void on_secret(Id id, const TransportEvent& event);
  void end_query(Id id, Result<http::Response> response);
  // Out of the books, its slot is free; a request that is under way is cancelled.
  Query take_query(std::map<Id, Query>::iterator it);
  Read take_read(std::map<Id, Read>::iterator it);
  void drop_query(Id id);
  void empty(Box& box);

  const Options& options_;
  Clock& clock_;
  Requests& requests_;
  std::map<kube::ObjectKey, Box> boxes_;
  std::map<Id, Query> queries_;
  std::map<Id, Read> reads_;
  std::map<Id, kube::ObjectKey> answers_;       // not taken yet: whose box they are in
  std::set<std::pair<MonoTime, Id>> patience_;  // of the queries that wait for a slot
  FairShare query_slots_, secret_slots_;
  Budget request_bytes_, answer_bytes_;
  Id last_id_ = 0;
};

// One line per new measurement and one per verdict, with milliseconds: what the demo and an SRE
// time things by. `now` is the time of what no answer has brought: a Job's end.
void log_samples(Telemetry& telemetry, const api::AnalysisRun& before,
                 const api::AnalysisRunStatus& after,
                 const std::vector<analysisrun::Answer>& answers, WallTime now);

}  // namespace sluice::loop
