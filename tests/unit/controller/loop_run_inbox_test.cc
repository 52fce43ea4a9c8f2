// Queries and Secret reads of runs: shared slots, time-outs that count while they wait, and what
// nobody waits for any more is cancelled.
#include "controller/loop/run_inbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/resources.h"

namespace sluice::loop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct InboxClock final : Clock {
  WallTime wall_now() override { return WallTime(Seconds(1'800'000'000)) + passed; }
  MonoTime mono_now() override { return MonoTime(Seconds(100)) + passed; }
  Micros passed{0};
};

// Keeps what is under way; a peer that says nothing unless the test does.
struct InboxTransport final : Transport {
  RequestToken submit(http::Request request) override {
    open.emplace(++last, std::move(request));
    return last;
  }
  void cancel(RequestToken token) override { cancelled += static_cast<int>(open.erase(token)); }
  void poll(std::vector<TransportEvent>&, Millis) override {}
  void wake() override {}
  std::map<RequestToken, http::Request> open;
  RequestToken last = 0;
  int cancelled = 0;
};

struct InboxLines final : Telemetry {
  void log(LogLevel, std::string_view message, std::vector<LogField> fields) override {
    std::string line(message);
    for (const auto& field : fields) line += " " + std::string(field.key) + "=" + field.value;
    lines.push_back(line);
  }
  void count(std::string_view, Labels, double) override {}
  void gauge(std::string_view, Labels, double) override {}
  void observe(std::string_view, Labels, double) override {}
  void forget(std::string_view, std::string_view) override {}
  std::vector<std::string> lines;
};

const kube::ObjectKey kInnocent{"shop", "web"};

struct InboxFixture : testing::Test {
  // A run of this name, which the inbox attends to from now on.
  std::shared_ptr<const api::AnalysisRun> begin(const kube::ObjectKey& key,
                                                const std::string& uid = "uid",
                                                const std::string& metric = "{}") {
    auto run = std::make_shared<api::AnalysisRun>();
    run->meta.key = key;
    run->meta.uid = uid;
    run->spec.metrics.emplace_back().raw = metric;
    inbox.attend(*run);
    return run;
  }
  void ask(const kube::ObjectKey& run, const std::string& id, Millis timeout = Seconds(10),
           std::size_t body = 0) {
    http::Request request;
    request.url = "http://" + run.namespace_ + "/" + id;
    request.body = std::string(body, 'x');
    request.timeout = timeout;
    inbox.ask(run, {id, std::move(request)}, [this, run] { woken.push_back(run.namespace_); });
  }
  void hoard(const kube::ObjectKey& run, int queries, Millis timeout = Seconds(300)) {
    begin(run);
    for (int i = 0; i < queries; ++i) ask(run, "m" + std::to_string(i) + "#1", timeout);
  }
  analysisrun::Observed seen(const std::shared_ptr<const api::AnalysisRun>& run) {
    analysisrun::Observed out;
    out.run = run;
    inbox.fill(out);
    return out;
  }
  RequestToken sent(const std::string& url) {
    for (const auto& [token, request] : transport.open)
      if (request.url == url) return token;
    return 0;
  }
  void reply(RequestToken token, const std::string& body) {
    ASSERT_EQ(transport.open.erase(token), 1U);
    TransportEvent event;
    event.token = token;
    event.kind = TransportEvent::Kind::Response;
    event.response = {200, {}, body};
    requests.dispatch(event);
  }
  int open_of(const std::string& namespace_) {
    int out = 0;
    for (const auto& [token, request] : transport.open)
      out += request.on_behalf_of == namespace_ ? 1 : 0;
    return out;
  }

  Options options;
  InboxClock clock;
  InboxTransport transport;
  Requests requests{transport};
  RunInbox inbox{options, clock, requests};
  std::vector<std::string> woken;
};
using F4_Inbox = InboxFixture;
using F13_Inbox = InboxFixture;

TEST_F(F4_Inbox, an_innocent_is_asked_at_once_beside_a_run_whose_256_queries_hang) {
  hoard({"evil", "tarpit"}, 256);
  EXPECT_LT(open_of("evil"), 32);
  const auto run = begin(kInnocent);
  ask(kInnocent, "m#1");
  ASSERT_EQ(open_of("shop"), 1);
  reply(sent("http://shop/m#1"), "fine");
  EXPECT_THAT(woken, ElementsAre("shop"));
  ASSERT_EQ(seen(run).answers.size(), 1U);
  EXPECT_EQ(seen(run).answers[0].response->body, "fine");
}

TEST_F(F4_Inbox, many_hoarding_namespaces_leave_a_slot_for_another) {
  for (int i = 0; i < 30; ++i)
    for (const char* name : {"a", "b", "c", "d", "e"})
      hoard({"evil" + std::to_string(i), name}, 100);
  begin(kInnocent);
  ask(kInnocent, "m#1");
  EXPECT_EQ(open_of("shop"), 1);
}

TEST_F(F4_Inbox, a_run_that_is_forgotten_gives_its_slots_back_at_once_and_its_requests_end) {
  const kube::ObjectKey evil{"evil", "tarpit"};
  hoard(evil, 256);
  const int held = open_of("evil");
  inbox.forget(evil);
  EXPECT_EQ(transport.cancelled, held);
  EXPECT_THAT(transport.open, IsEmpty());
  EXPECT_EQ(inbox.queries_in_flight(), 0U);
  EXPECT_EQ(inbox.queries_waiting(), 0U);
  EXPECT_EQ(inbox.step(), MonoTime::max());
  EXPECT_EQ(requests.in_flight(), 0U);
}

TEST_F(F4_Inbox, slots_that_come_back_go_to_those_who_wait) {
  const kube::ObjectKey evil{"evil", "tarpit"};
  hoard(evil, 256);
  hoard({"evil", "second"}, 256);
  const int before = open_of("evil");
  inbox.forget(evil);
  EXPECT_EQ(inbox.queries_in_flight(), 15U);
  EXPECT_LT(open_of("evil"), before);
  EXPECT_EQ(inbox.queries_waiting(), 241U);
}

TEST_F(F4_Inbox, a_deposed_leader_lets_everything_go) {
  hoard({"evil", "tarpit"}, 256);
  begin(kInnocent);
  ask(kInnocent, "m#1");
  inbox.read_secret(kInnocent, "token/key", [] {});
  inbox.clear();
  EXPECT_THAT(transport.open, IsEmpty());
  EXPECT_EQ(inbox.queries_in_flight() + inbox.queries_waiting(), 0U);
  EXPECT_EQ(requests.in_flight(), 0U);
}

TEST_F(F4_Inbox, another_object_or_another_spec_ends_what_was_asked_for_the_one_before) {
  const auto first = begin(kInnocent, "uid", "{1}");
  ask(kInnocent, "m#1");
  reply(sent("http://shop/m#1"), "old");
  ask(kInnocent, "n#1");
  begin(kInnocent, "uid", "{1}");  // the same
  EXPECT_EQ(transport.cancelled, 0);
  EXPECT_EQ(seen(first).answers.size(), 1U);
  const auto changed = begin(kInnocent, "uid", "{2}");
  EXPECT_EQ(transport.cancelled, 1);
  EXPECT_THAT(seen(changed).answers, IsEmpty());
  EXPECT_THAT(seen(changed).in_flight, IsEmpty());
  ask(kInnocent, "m#1");
  const auto other = begin(kInnocent, "another-uid", "{2}");
  EXPECT_EQ(transport.cancelled, 2);
  EXPECT_THAT(seen(other).in_flight, IsEmpty());
}

// Whoever reads between a change of the run and its next decision gets no old answers either.
TEST_F(F4_Inbox, answers_are_shown_to_the_run_that_asked_only) {
  const auto asked = begin(kInnocent, "uid", "{1}");
  ask(kInnocent, "m#1");
  reply(sent("http://shop/m#1"), "old");
  auto changed = std::make_shared<api::AnalysisRun>(*asked);
  changed->spec.metrics[0].raw = "{2}";
  EXPECT_THAT(seen(changed).answers, IsEmpty());
  changed->spec.metrics[0].raw = "{1}";
  changed->spec.args.push_back({"host", "a", std::nullopt, std::nullopt, std::nullopt});
  EXPECT_THAT(seen(changed).answers, IsEmpty());
  EXPECT_EQ(seen(asked).answers.size(), 1U);
}

TEST_F(F4_Inbox, the_time_out_of_a_query_counts_while_it_waits_for_a_slot) {
  const kube::ObjectKey evil{"evil", "tarpit"};
  hoard(evil, 15, Seconds(300));
  ask(evil, "late#1", Seconds(30));
  EXPECT_EQ(sent("http://evil/late#1"), 0U);
  EXPECT_EQ(inbox.step(), clock.mono_now() + Seconds(30));
  clock.passed += Seconds(20);
  reply(sent("http://evil/m0#1"), "");
  ASSERT_NE(sent("http://evil/late#1"), 0U);
  EXPECT_EQ(transport.open.at(sent("http://evil/late#1")).timeout, Seconds(10));
}

TEST_F(F4_Inbox, a_query_that_waits_too_long_for_a_slot_is_an_error_that_says_so) {
  const kube::ObjectKey evil{"evil", "tarpit"};
  hoard(evil, 20, Seconds(300));
  const auto run = begin(evil);
  ask(evil, "late#1", Seconds(30));
  clock.passed += Millis(29'999);
  static_cast<void>(inbox.step());
  EXPECT_THAT(seen(run).answers, IsEmpty());
  clock.passed += Millis(1);
  static_cast<void>(inbox.step());
  const auto observed = seen(run);
  ASSERT_EQ(observed.answers.size(), 1U);
  EXPECT_EQ(observed.answers[0].id, "late#1");
  ASSERT_FALSE(observed.answers[0].response);
  EXPECT_EQ(observed.answers[0].response.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(observed.answers[0].response.error().message,
            "not asked, because no slot became free within 30s: 15 of the 15 queries under way are "
            "of namespace evil");
  EXPECT_FALSE(observed.in_flight.contains("late#1"));
  EXPECT_THAT(woken, ElementsAre("evil"));
  EXPECT_EQ(inbox.queries_waiting(), 5U);
}

TEST_F(F4_Inbox, secret_reads_are_bounded_shared_and_cancelled_like_queries) {
  const kube::ObjectKey evil{"evil", "many"};
  begin(evil);
  for (int i = 0; i < 1000; ++i) inbox.read_secret(evil, "s" + std::to_string(i) + "/key", [] {});
  EXPECT_LE(transport.open.size(), 8U);
  const auto run = begin(kInnocent);
  inbox.read_secret(kInnocent, "token/key", [this] { woken.push_back("secret"); });
  const auto token = sent("/api/v1/namespaces/shop/secrets/token");
  ASSERT_NE(token, 0U);
  reply(token, R"({"data":{"key":"aHVudGVyMg=="}})");
  EXPECT_THAT(woken, ElementsAre("secret"));
  EXPECT_EQ(*seen(run).secrets.at("token/key"), "hunter2");
  inbox.forget(evil);
  EXPECT_THAT(transport.open, IsEmpty());
}

// Each reply makes room for the next.
TEST_F(F4_Inbox, all_secrets_of_a_run_are_read_in_the_end) {
  const auto run = begin(kInnocent);
  for (int i = 0; i < 20; ++i)
    inbox.read_secret(kInnocent, "s" + std::to_string(i) + "/key", [] {});
  for (int turns = 0; !transport.open.empty() && turns < 100; ++turns)
    reply(transport.open.begin()->first, R"({"data":{"key":"MQ=="}})");
  EXPECT_EQ(seen(run).secrets.size(), 20U);
}

TEST_F(F4_Inbox, a_query_that_is_asked_again_takes_the_place_of_the_earlier_one) {
  const auto run = begin(kInnocent);
  ask(kInnocent, "m#1");
  ask(kInnocent, "m#1");
  EXPECT_EQ(transport.cancelled, 1);
  EXPECT_EQ(inbox.queries_in_flight(), 1U);
  EXPECT_EQ(seen(run).in_flight.size(), 1U);
}

TEST_F(F13_Inbox, answers_that_wait_for_secrets_do_not_fill_the_memory) {
  const kube::ObjectKey evil{"evil", "flood"};
  const auto flood = begin(evil);
  const auto run = begin(kInnocent);
  ask(kInnocent, "m#1");
  reply(sent("http://shop/m#1"), std::string(9U << 20U, 'i'));
  const std::string large(10U << 20U, 'e');
  for (int i = 0; i < 20; ++i) {
    const std::string id = "m" + std::to_string(i) + "#1";
    ask(evil, id);
    reply(sent("http://evil/" + id), large);
  }
  EXPECT_TRUE(seen(run).answers.at(0).response) << "whoever holds little keeps it";
  std::size_t bytes = 0;
  int dropped = 0;
  for (bool more = true; more;) {
    const auto observed = seen(flood);
    ASSERT_FALSE(observed.answers.empty());
    for (const auto& answer : observed.answers) {
      if (answer.response) bytes += answer.response->body.size();
      if (!answer.response) {
        ++dropped;
        EXPECT_THAT(answer.response.error().message, HasSubstr("more than 128 MiB together"));
      }
    }
    more = inbox.taken(observed, {});
  }
  EXPECT_LE(bytes, 128U << 20U);
  EXPECT_GT(dropped, 0);
  EXPECT_FALSE(inbox.taken(seen(run), {}));
  ask(evil, "next#1");
  reply(sent("http://evil/next#1"), large);
  EXPECT_TRUE(seen(flood).answers.at(0).response);
}

TEST_F(F13_Inbox, a_pass_gets_some_megabytes_of_answers_and_the_rest_later) {
  const auto run = begin(kInnocent);
  for (int i = 0; i < 10; ++i) {
    const std::string id = "m" + std::to_string(i) + "#1";
    ask(kInnocent, id);
    reply(sent("http://shop/" + id), std::string(1'000'000, 'i'));
  }
  const auto first = seen(run);
  EXPECT_EQ(first.answers.size(), 4U);
  EXPECT_EQ(first.in_flight.size(), 6U) << "what is not handed over is waited for";
  EXPECT_TRUE(first.in_flight.contains("m4#1"));

  EXPECT_TRUE(inbox.taken(first, {"m1#1", "m3#1"}));
  const auto second = seen(run);
  ASSERT_EQ(second.answers.size(), 4U);
  EXPECT_EQ(second.answers[0].id, "m1#1") << "what was not assessed is presented again";
  EXPECT_EQ(second.answers[1].id, "m3#1");
  EXPECT_EQ(second.answers[2].id, "m4#1");
  EXPECT_TRUE(inbox.taken(second, {}));
  EXPECT_FALSE(inbox.taken(seen(run), {}));
  EXPECT_THAT(seen(run).answers, IsEmpty());
}

TEST_F(F13_Inbox, queries_that_wait_do_not_fill_the_memory) {
  const kube::ObjectKey evil{"evil", "flood"};
  const auto flood = begin(evil);
  for (int i = 0; i < 40; ++i) ask(evil, "m" + std::to_string(i) + "#1", Seconds(300), 4U << 20U);
  const auto refused = seen(flood).answers;
  EXPECT_GE(refused.size(), 24U);
  EXPECT_THAT(refused[0].response.error().message, HasSubstr("more than 64 MiB together"));
  const auto run = begin(kInnocent);
  ask(kInnocent, "m#1", Seconds(10), 1U << 20U);
  EXPECT_EQ(open_of("shop"), 1);
  EXPECT_THAT(seen(run).answers, IsEmpty());
}

// A Job brings no answer: its measurement has the time at which it was seen.
TEST(LogSamples, a_measurement_of_a_job_has_a_time) {
  api::AnalysisRun before;
  before.meta.key = {"shop", "web"};
  before.status.phase = api::AnalysisPhase::Running;
  api::AnalysisRunStatus after = before.status;
  after.phase = api::AnalysisPhase::Successful;
  auto& result = after.metric_results.emplace_back();
  result.name = "smoke";
  result.count = 1;
  result.measurements.emplace_back().phase = api::AnalysisPhase::Successful;
  InboxLines telemetry;
  log_samples(telemetry, before, after, {}, WallTime(Seconds(1'800'000'000)));
  ASSERT_EQ(telemetry.lines.size(), 2U);
  for (const auto& line : telemetry.lines)
    EXPECT_THAT(line, HasSubstr("answered_at_ms=1800000000000"));
  telemetry.lines.clear();
  analysisrun::Answer answer;
  answer.finished_at = WallTime(Seconds(1'799'999'999));
  log_samples(telemetry, before, after, {answer}, WallTime(Seconds(1'800'000'000)));
  EXPECT_THAT(telemetry.lines[0], HasSubstr("answered_at_ms=1799999999000"));
}

}  // namespace
}  // namespace sluice::loop
