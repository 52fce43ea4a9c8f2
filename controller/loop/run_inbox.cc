#include "controller/loop/run_inbox.h"

#include <algorithm>

#include <fmt/core.h>

#include "base/hash.h"
#include "controller/analysisrun/secrets.h"
#include "kube/model/resources.h"
#include "kube/request/request.h"

namespace sluice::loop {

namespace {

// Queries as they are sent can be as large as arguments make them, and answers as large as an
// endpoint likes (each within its own limit).
constexpr std::size_t kRequestBytesMax = 64U << 20U;
constexpr std::size_t kAnswerBytesMax = 128U << 20U;
constexpr std::size_t kHandedOverMax = 4U << 20U;  // to one pass, and one answer in any case
constexpr std::size_t kQueryCost = 1024;           // in memory, beside its texts

std::uint64_t fingerprint(const api::AnalysisRun& run) {
  std::uint64_t hash = fnv1a64(run.meta.uid);
  const auto add = [&hash](std::string_view text) {
    hash = fnv1a64(text, hash);
    hash = fnv1a64(std::string_view("\0", 1), hash);
  };
  for (const auto& metric : run.spec.metrics) add(metric.raw);
  for (const auto& arg : run.spec.args) {
    add(arg.name);
    add(arg.value.value_or(""));
    if (arg.secret_key_ref) {
      add(arg.secret_key_ref->name);
      add(arg.secret_key_ref->key);
    }
  }
  return hash == 0 ? 1 : hash;
}

std::size_t size_of(const http::Request& request) {
  std::size_t out = kQueryCost + request.url.size() + request.body.size();
  for (const auto& [name, value] : request.headers) out += name.size() + value.size();
  return out;
}

std::size_t size_of(const analysisrun::Answer& answer) {
  return size_of(answer.request) + (answer.response ? answer.response->body.size() : 0);
}

// "name/key".
std::pair<std::string, std::string> parts_of(const std::string& name_and_key) {
  const auto slash = name_and_key.find('/');
  return {name_and_key.substr(0, slash),
          slash == std::string::npos ? "" : name_and_key.substr(slash + 1)};
}

Result<std::string> secret_value(const TransportEvent& event, const std::string& namespace_,
                                 const std::string& name_and_key, bool need_label) {
  const auto [name, data_key] = parts_of(name_and_key);
  if (event.kind != TransportEvent::Kind::Response) return fail(event.error);
  if (auto error =
          kube::response_error(event.response, fmt::format("Secret {}/{}", namespace_, name)))
    return fail(std::move(*error));
  return analysisrun::secret_value(event.response.body, name, data_key, need_label);
}

}  // namespace

RunInbox::RunInbox(const Options& options, Clock& clock, Requests& requests)
    : options_(options),
      clock_(clock),
      requests_(requests),
      query_slots_(options.queries_in_flight_max),
      secret_slots_(options.secret_reads_in_flight_max),
      request_bytes_(kRequestBytesMax),
      answer_bytes_(kAnswerBytesMax) {}

// ---- what a run sees ----

void RunInbox::attend(const api::AnalysisRun& run) {
  Box& box = boxes_[run.meta.key];
  const std::uint64_t whose = fingerprint(run);
  if (box.whose == whose) return;
  empty(box);
  box.whose = whose;
  pump();
}

void RunInbox::fill(analysisrun::Observed& observed) const {
  const auto it = boxes_.find(observed.run->meta.key);
  if (it == boxes_.end() || it->second.whose != fingerprint(*observed.run)) return;
  std::size_t bytes = 0;
  for (const auto& answer : it->second.answers) {
    bytes += size_of(answer);
    if (observed.answers.empty() || bytes <= kHandedOverMax) {
      observed.answers.push_back(answer);
    } else {
      observed.in_flight.insert(answer.id);
    }
  }
  for (const auto& [id, number] : it->second.in_flight) observed.in_flight.insert(id);
  observed.secrets = it->second.secrets;
}

bool RunInbox::taken(const analysisrun::Observed& observed,
                     const std::set<std::string>& unassessed) {
  auto it = boxes_.find(observed.run->meta.key);
  if (it == boxes_.end()) return false;
  Box& box = it->second;
  for (const auto& answer : observed.answers) {
    if (unassessed.contains(answer.id)) continue;
    const auto same = [&](const analysisrun::Answer& other) { return other.id == answer.id; };
    const auto place = std::find_if(box.answers.begin(), box.answers.end(), same);
    if (place == box.answers.end()) continue;
    const auto number = box.answer_ids.begin() + (place - box.answers.begin());
    answer_bytes_.release(*number);
    answers_.erase(*number);
    box.answer_ids.erase(number);
    box.answers.erase(place);
  }
  if (!box.answers.empty()) return true;
  // Secrets are read anew for each round of measurements, so that a rotated one is seen.
  if (box.secrets_asked.empty()) box.secrets.clear();
  return false;
}

void RunInbox::forget(const kube::ObjectKey& run) {
  const auto it = boxes_.find(run);
  if (it == boxes_.end()) return;
  empty(it->second);
  boxes_.erase(it);
  pump();
}

void RunInbox::clear() {
  for (auto& [run, box] : boxes_) empty(box);
  boxes_.clear();
}

void RunInbox::empty(Box& box) {
  for (const auto& [query, id] : box.in_flight) drop_query(id);
  for (const auto& [secret, id] : box.secrets_asked)
    if (const auto it = reads_.find(id); it != reads_.end()) static_cast<void>(take_read(it));
  for (const Id id : box.answer_ids) {
    answer_bytes_.release(id);
    answers_.erase(id);
  }
  box = Box{};
}

// ---- queries ----

void RunInbox::ask(const kube::ObjectKey& run, controller::QueryIntent query,
                   std::function<void()> answered) {
  Box& box = boxes_[run];
  if (const auto earlier = box.in_flight.find(query.id); earlier != box.in_flight.end())
    drop_query(earlier->second);
  const Id id = ++last_id_;
  box.in_flight[query.id] = id;
  request_bytes_.hold(id, run.namespace_, size_of(query.request));
  Query waiting{run, std::move(query), std::move(answered)};
  waiting.patience = waiting.query.request.timeout;
  waiting.deadline = clock_.mono_now() + waiting.patience;
  waiting.started_at = clock_.wall_now();
  patience_.emplace(waiting.deadline, id);
  queries_.emplace(id, std::move(waiting));
  query_slots_.wait(run, id);
  while (const auto victim = request_bytes_.evict())
    end_query(*victim,
              fail(ErrorCode::Unavailable,
                   fmt::format("not asked, because the queries that are under way, most of them "
                               "for this namespace, hold more than {} MiB together",
                               kRequestBytesMax >> 20U)));
  pump();
}

void RunInbox::pump() {
  static_cast<void>(step());  // whose time is up gets no slot any more
  while (const auto id = query_slots_.take()) send(*id);
  while (const auto id = secret_slots_.take()) send_read(*id);
}

void RunInbox::send(Id id) {
  Query& query = queries_.at(id);
  patience_.erase({query.deadline, id});
  http::Request request = query.query.request;  // the answer is read together with it
  request.client_name = "metric";
  request.on_behalf_of = query.run.namespace_;
  request.timeout =
      std::max(std::chrono::ceil<Millis>(query.deadline - clock_.mono_now()), Millis(1));
  query.started_at = clock_.wall_now();
  query.token = requests_.submit(std::move(request),
                                 [this, id](const TransportEvent& event) { on_answer(id, event); });
}

void RunInbox::on_answer(Id id, const TransportEvent& event) {
  if (event.kind == TransportEvent::Kind::Response) {
    end_query(id, event.response);
  } else {
    end_query(id, fail(event.error));
  }
  pump();
}

void RunInbox::end_query(Id id, Result<http::Response> response) {
  const auto found = queries_.find(id);
  if (found == queries_.end()) return;
  Query query = take_query(found);
  const auto it = boxes_.find(query.run);
  if (it == boxes_.end()) return;
  it->second.in_flight.erase(query.query.id);
  analysisrun::Answer answer;
  answer.id = query.query.id;
  answer.started_at = query.started_at;
  answer.finished_at = clock_.wall_now();
  answer.response = std::move(response);
  answer.request = std::move(query.query.request);
  if (!answer.response) answer.request.body.clear();  // only what was answered is read
  answer.wanted = query.query.wanted;
  answers_.emplace(id, query.run);
  answer_bytes_.hold(id, query.run.namespace_, size_of(answer));
  it->second.answers.push_back(std::move(answer));
  it->second.answer_ids.push_back(id);
  while (const auto victim = answer_bytes_.evict()) {
    Box& box = boxes_.at(answers_.at(*victim));
    const auto place = std::find(box.answer_ids.begin(), box.answer_ids.end(), *victim);
    box.answers[static_cast<std::size_t>(place - box.answer_ids.begin())].response =
        fail(ErrorCode::Unavailable,
             fmt::format("the answer was dropped, because those that wait to be assessed, most of "
                         "them for this namespace, hold more than {} MiB together",
                         kAnswerBytesMax >> 20U));
  }
  query.answered();
}

RunInbox::Query RunInbox::take_query(std::map<Id, Query>::iterator it) {
  const Id id = it->first;
  Query query = std::move(it->second);
  queries_.erase(it);
  request_bytes_.release(id);
  if (query.token != 0) {
    requests_.cancel(query.token);  // nothing, while it is being answered
    query_slots_.give_back(query.run);
  } else {
    patience_.erase({query.deadline, id});
    query_slots_.withdraw(query.run, id);
  }
  return query;
}

void RunInbox::drop_query(Id id) {
  const auto it = queries_.find(id);
  if (it != queries_.end()) static_cast<void>(take_query(it));
}

MonoTime RunInbox::step() {
  const MonoTime now = clock_.mono_now();
  while (!patience_.empty() && patience_.begin()->first <= now) {
    const Id id = patience_.begin()->second;
    const Query& query = queries_.at(id);
    end_query(id, fail(ErrorCode::Unavailable,
                       fmt::format("not asked, because no slot became free within {}: {} of the {} "
                                   "queries under way are of namespace {}",
                                   format_go_duration(query.patience),
                                   query_slots_.held_by(query.run.namespace_), query_slots_.held(),
                                   query.run.namespace_)));
  }
  return patience_.empty() ? MonoTime::max() : patience_.begin()->first;
}

// ---- Secrets ----

void RunInbox::read_secret(const kube::ObjectKey& run, const std::string& name_and_key,
                           std::function<void()> answered) {
  Box& box = boxes_[run];
  if (box.secrets_asked.contains(name_and_key)) return;
  const Id id = ++last_id_;
  box.secrets_asked.emplace(name_and_key, id);
  reads_.emplace(id, Read{run, name_and_key, std::move(answered)});
  secret_slots_.wait(run, id);
  pump();
}

void RunInbox::send_read(Id id) {
  Read& read = reads_.at(id);
  auto request =
      kube::make_get(kube::kSecrets, {read.run.namespace_, parts_of(read.name_and_key).first});
  read.token = requests_.submit(std::move(request),
                                [this, id](const TransportEvent& event) { on_secret(id, event); });
}

void RunInbox::on_secret(Id id, const TransportEvent& event) {
  const auto found = reads_.find(id);
  if (found == reads_.end()) return;
  const Read read = take_read(found);
  if (const auto it = boxes_.find(read.run); it != boxes_.end()) {
    it->second.secrets_asked.erase(read.name_and_key);
    it->second.secrets.insert_or_assign(
        read.name_and_key,
        secret_value(event, read.run.namespace_, read.name_and_key, options_.secrets_need_label));
    read.answered();
  }
  pump();
}

RunInbox::Read RunInbox::take_read(std::map<Id, Read>::iterator it) {
  const Id id = it->first;
  Read read = std::move(it->second);
  reads_.erase(it);
  if (read.token != 0) {
    requests_.cancel(read.token);
    secret_slots_.give_back(read.run);
  } else {
    secret_slots_.withdraw(read.run, id);
  }
  return read;
}

void log_samples(Telemetry& telemetry, const api::AnalysisRun& before,
                 const api::AnalysisRunStatus& after,
                 const std::vector<analysisrun::Answer>& answers, WallTime now) {
  WallTime answered_at = answers.empty() ? now : WallTime{};
  for (const auto& answer : answers) answered_at = std::max(answered_at, answer.finished_at);
  const auto millis = [](WallTime t) {
    return std::to_string(std::chrono::duration_cast<Millis>(t.time_since_epoch()).count());
  };
  for (const auto& result : after.metric_results) {
    const api::MetricResult* old = nullptr;
    for (const auto& candidate : before.status.metric_results)
      if (candidate.name == result.name) old = &candidate;
    const int taken_before = old ? old->count + old->error : 0;
    if (result.count + result.error <= taken_before || result.measurements.empty()) continue;
    const api::Measurement* last = nullptr;
    for (const auto& measurement : result.measurements)
      if (api::is_completed(measurement.phase)) last = &measurement;
    if (!last) continue;
    telemetry.log(LogLevel::Info, "measurement",
                  {{"namespace", before.meta.key.namespace_},
                   {"run", before.meta.key.name},
                   {"metric", result.name},
                   {"phase", std::string(api::to_string(last->phase))},
                   {"value", last->value},
                   {"message", last->message},
                   {"answered_at_ms", millis(answered_at)}});
  }
  if (!api::is_completed(before.status.phase) && api::is_completed(after.phase)) {
    telemetry.log(LogLevel::Info, "verdict",
                  {{"namespace", before.meta.key.namespace_},
                   {"run", before.meta.key.name},
                   {"phase", std::string(api::to_string(after.phase))},
                   {"message", after.message},
                   {"answered_at_ms", millis(answered_at)}});
  }
}

}  // namespace sluice::loop
