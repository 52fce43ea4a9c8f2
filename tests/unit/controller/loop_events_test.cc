// Events as the API server gets them: in which order, after which answer, and whose.
#include "controller/loop/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "api/resources.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::loop {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct EventsClock final : Clock {
  WallTime wall_now() override { return *parse_rfc3339("2027-01-15T08:01:00Z") + now; }
  MonoTime mono_now() override { return MonoTime(Seconds(100) + now); }
  Micros now{0};
};
struct EventsTelemetry final : Telemetry {
  void log(LogLevel, std::string_view message, std::vector<LogField> fields) override {
    lines.emplace_back(message);
    for (const auto& field : fields)
      lines.back() += " " + std::string(field.key) + "=" + field.value;
  }
  void count(std::string_view metric, Labels labels, double by) override {
    std::string name(metric);
    for (const auto& label : labels) name += " " + std::string(label.second);
    counted[name] += by;
  }
  void gauge(std::string_view, Labels, double) override {}
  void observe(std::string_view, Labels, double) override {}
  void forget(std::string_view, std::string_view) override {}
  std::vector<std::string> lines;
  std::map<std::string, double> counted;
};
// Keeps what is under way until it is answered.
struct EventsServer final : Transport {
  RequestToken submit(http::Request request) override {
    under_way[++last] = std::move(request);
    return last;
  }
  void cancel(RequestToken) override {}
  void poll(std::vector<TransportEvent>&, Millis) override {}
  void wake() override {}
  RequestToken last = 0;
  std::map<RequestToken, http::Request> under_way;
};

struct LoopEvents : ::testing::Test {
  EventsClock clock;
  SeededRng rng{1};
  EventsServer server;
  EventsTelemetry telemetry;
  Requests requests{server};
  EventRecorder recorder{clock, rng, requests, telemetry};

  static controller::EventIntent event(const std::string& ns, const std::string& name,
                                       const std::string& message, bool once = false) {
    return {api::kRollouts, {ns, name}, "uid-" + ns + "-" + name, true, "Said", message, once};
  }
  void record(const std::string& ns, const std::string& name, const std::string& message) {
    recorder.record(event(ns, name, message));
  }
  static std::string text(const http::Request& request) {
    const auto body = kube::parse_json(request.body);
    if (request.method != "POST")
      return request.method + " " + std::to_string(kube::get_int(*body, "count"));
    return kube::get_string(*body, "involvedObject.namespace") + "/" +
           kube::get_string(*body, "involvedObject.name") + " " +
           kube::get_string(*body, "message");
  }
  // What is under way now, in the order in which it was sent.
  std::vector<std::string> sent() {
    recorder.flush();
    std::vector<std::string> out;
    for (const auto& [token, request] : server.under_way) out.push_back(text(request));
    return out;
  }
  std::vector<RequestToken> tokens() const {
    std::vector<RequestToken> out;
    for (const auto& [token, request] : server.under_way) out.push_back(token);
    return out;
  }
  // Status 0: the answer is lost.
  void answer(RequestToken token, int status, http::Headers headers = {}) {
    TransportEvent event;
    event.token = token;
    event.kind = status == 0 ? TransportEvent::Kind::Failed : TransportEvent::Kind::Response;
    event.error = {ErrorCode::Timeout, "no answer", std::nullopt};
    event.response = {status, std::move(headers), "{}"};
    server.under_way.erase(token);
    requests.dispatch(event);
  }
  // Answers the oldest request of this text.
  void answer(const std::string& what, int status, http::Headers headers = {}) {
    for (const RequestToken token : tokens())
      if (text(server.under_way.at(token)) == what)
        return answer(token, status, std::move(headers));
    FAIL() << "not under way: " << what;
  }
  // Answers whatever is sent until nothing waits; what was answered, in order.
  std::vector<std::string> drain() {
    std::vector<std::string> out;
    for (auto now = sent(); !now.empty(); now = sent()) {
      out.insert(out.end(), now.begin(), now.end());
      for (const RequestToken token : tokens()) answer(token, 201);
    }
    return out;
  }
  void pass(Micros time) { clock.now += time; }
};

// ---- the order in which things happened (issue 10, a) ----

TEST_F(LoopEvents, order_of_one_object_is_that_of_what_happened_and_others_go_beside_it) {
  record("shop", "web", "updated");
  record("shop", "web", "set created");
  record("shop", "api", "completed");
  record("shop", "web", "scaled");
  EXPECT_THAT(sent(), testing::UnorderedElementsAre("shop/web updated", "shop/api completed"));
  answer("shop/api completed", 201);
  EXPECT_THAT(sent(), ElementsAre("shop/web updated"));
  answer("shop/web updated", 201);
  EXPECT_THAT(sent(), ElementsAre("shop/web set created"));
  answer("shop/web set created", 201);
  EXPECT_THAT(sent(), ElementsAre("shop/web scaled"));
  EXPECT_FALSE(recorder.idle());
  answer("shop/web scaled", 201);
  EXPECT_TRUE(recorder.idle());
}

TEST_F(LoopEvents, order_is_kept_by_one_that_is_tried_again) {
  for (const int status : {500, 429, 503, 0}) {
    record("shop", "web", "first " + std::to_string(status));
    record("shop", "web", "second");
    const std::string first = "shop/web first " + std::to_string(status);
    ASSERT_THAT(sent(), ElementsAre(first));
    answer(first, status);
    pass(Seconds(30));
    ASSERT_THAT(sent(), ElementsAre(first)) << status;
    // It had been created: that is success.
    answer(first, 409);
    ASSERT_EQ(drain().size(), 1U) << status;
  }
  EXPECT_EQ(telemetry.counted.count("rollout_controller_events_dropped_total refused"), 0U);
}

TEST_F(LoopEvents, order_a_repeat_is_counted_up_behind_the_create_that_it_counts) {
  record("shop", "web", "scaled");
  record("shop", "web", "scaled");
  EXPECT_THAT(sent(), ElementsAre("shop/web scaled"));
  record("shop", "web", "paused");
  record("shop", "web", "scaled");
  EXPECT_THAT(drain(), ElementsAre("shop/web scaled", "PATCH 2", "shop/web paused", "PATCH 3"));
}

TEST_F(LoopEvents, repeats_with_nothing_between_are_one_request) {
  for (int i = 0; i < 50; ++i) record("shop", "web", "scaled");
  EXPECT_THAT(drain(), ElementsAre("shop/web scaled", "PATCH 50"));
}

TEST_F(LoopEvents, one_that_never_was_created_is_not_counted_up) {
  record("shop", "web", "scaled");
  ASSERT_EQ(sent().size(), 1U);
  answer("shop/web scaled", 403);
  record("shop", "web", "scaled");
  EXPECT_THAT(drain(), ElementsAre("shop/web scaled"));
  // Somebody deletes it.
  record("shop", "web", "scaled");
  ASSERT_THAT(sent(), ElementsAre("PATCH 2"));
  answer("PATCH 2", 404);
  record("shop", "web", "scaled");
  EXPECT_THAT(drain(), ElementsAre("shop/web scaled"));
}

TEST_F(LoopEvents, tries_wait_for_their_time_and_end) {
  record("shop", "web", "said");
  record("other", "web", "said");
  ASSERT_EQ(sent().size(), 2U);
  answer("other/web said", 201);
  answer("shop/web said", 429, {{"Retry-After", "7"}});
  record("shop", "api", "of the same namespace");
  record("other", "web", "of another one");
  EXPECT_THAT(sent(), ElementsAre("other/web of another one"));
  answer("other/web of another one", 201);
  EXPECT_EQ(recorder.flush(), clock.mono_now() + Seconds(7));
  pass(Millis(6999));
  EXPECT_THAT(sent(), IsEmpty());
  EXPECT_TRUE(recorder.settled()) << "nobody who leaves waits for it";
  pass(Millis(1));
  EXPECT_EQ(sent().size(), 2U);
  answer("shop/web said", 0);
  EXPECT_EQ(sent().size(), 1U) << "not at once";
  // A server that answers again ends the wait.
  recorder.server_answers();
  EXPECT_EQ(sent().size(), 2U);
  answer("shop/api of the same namespace", 201);
  for (int tries = 2; tries < 5; ++tries) {
    answer("shop/web said", 500);
    pass(Seconds(30));
    EXPECT_EQ(sent().size(), tries < 4 ? 1U : 0U) << tries;
  }
  EXPECT_TRUE(recorder.idle());
  EXPECT_EQ(telemetry.counted["rollout_controller_events_dropped_total no_answer"], 1);
}

TEST_F(LoopEvents, nothing_that_waits_or_is_tried_again_outlives_the_lead) {
  record("shop", "web", "first");
  record("shop", "web", "second");
  ASSERT_EQ(sent().size(), 1U);
  recorder.drop_waiting();
  EXPECT_FALSE(recorder.idle()) << "one is on its way";
  answer("shop/web first", 500);
  EXPECT_TRUE(recorder.idle());
  pass(Seconds(60));
  EXPECT_THAT(sent(), IsEmpty());
  // And it is told anew, since nobody knows whether it was created.
  record("shop", "web", "first");
  EXPECT_THAT(drain(), ElementsAre("shop/web first"));
}

TEST_F(LoopEvents, names_of_one_moment_differ) {
  std::set<std::string> names;
  for (int i = 0; i < 1000; ++i) {
    record("shop", "web", "said " + std::to_string(i));
    recorder.flush();
    for (const RequestToken token : tokens()) {
      const auto body = kube::parse_json(server.under_way.at(token).body);
      names.insert(kube::get_string(*body, "metadata.name"));
      answer(token, 201);
    }
  }
  EXPECT_EQ(names.size(), 1000U);
}

// ---- whose turn it is (B5) ----

TEST_F(LoopEvents, B5_a_namespace_that_floods_neither_hides_nor_delays_the_warning_of_another) {
  for (int i = 0; i < 6000; ++i) record("evil", "run-" + std::to_string(i), "broken");
  static_cast<void>(sent());  // and its server lets them wait
  record("shop", "web", "aborted");
  EXPECT_THAT(sent(), testing::Contains("shop/web aborted"));
  answer("shop/web aborted", 201);
  // The places of the one that floods are its own to lose, and that is told.
  EXPECT_EQ(telemetry.counted["rollout_controller_events_dropped_total no_room"], 1001);
  pass(Seconds(60));
  recorder.flush();
  const auto tells = [](const std::string& line) {
    return line.starts_with("Events were dropped") && line.find("most_in=evil") != line.npos;
  };
  EXPECT_EQ(std::count_if(telemetry.lines.begin(), telemetry.lines.end(), tells), 2);
}

TEST_F(LoopEvents, B5_nor_do_many_namespaces_that_flood) {
  for (int i = 0; i < 6000; ++i)
    record("evil" + std::to_string(i % 40), "run-" + std::to_string(i), "broken");
  for (int i = 0; i < 50; ++i) record("shop", "web", "aborted " + std::to_string(i));
  std::vector<std::string> innocent;
  for (const auto& one : drain())
    if (one.starts_with("shop/")) innocent.push_back(one);
  ASSERT_EQ(innocent.size(), 50U);
  EXPECT_EQ(innocent.front(), "shop/web aborted 0");
  EXPECT_EQ(innocent.back(), "shop/web aborted 49");
}

TEST_F(LoopEvents, B5_repeats_are_still_known_after_a_stranger_has_said_much) {
  record("shop", "web", "scaled");
  static_cast<void>(drain());
  for (int i = 0; i < 5000; ++i) {
    record("evil", "run", "broken " + std::to_string(i));
    if (i % 50 == 49) static_cast<void>(drain());
  }
  record("shop", "web", "scaled");
  EXPECT_THAT(drain(), ElementsAre("PATCH 2"));
}

TEST_F(LoopEvents, B5_what_is_told_once_is_told_of_each_up_to_a_bound_that_the_last_one_explains) {
  const auto tell = [&](int from, int to) {
    for (int i = from; i < to; ++i)
      recorder.record(event("victim", "evt", "run " + std::to_string(i), true));
  };
  tell(0, 20);
  tell(0, 20);
  auto said = drain();
  ASSERT_EQ(said.size(), 20U) << "each once";
  EXPECT_EQ(said.back(), "victim/evt run 19");
  tell(0, 500);
  said = drain();
  ASSERT_EQ(said.size(), 44U);
  EXPECT_EQ(said[42], "victim/evt run 62");
  EXPECT_EQ(said[43],
            "victim/evt run 63; no more of these are told of for this object, though there may be "
            "more");
  // Those of another reason have a bound of their own.
  auto other = event("victim", "evt", "cannot be read", true);
  other.reason = "ObjectUnreadable";
  recorder.record(other);
  EXPECT_THAT(drain(), ElementsAre("victim/evt cannot be read"));
}

TEST_F(LoopEvents, B5_what_is_told_once_and_was_lost_is_told_again_but_not_what_was_refused) {
  const auto one = event("victim", "evt", "run", true);
  recorder.record(one);
  for (int tries = 0; tries < 5; ++tries) {
    ASSERT_EQ(sent().size(), 1U) << tries;
    answer("victim/evt run", 0);
    pass(Seconds(30));
  }
  recorder.record(one);
  ASSERT_EQ(sent().size(), 1U);
  answer("victim/evt run", 403);
  recorder.record(one);
  EXPECT_THAT(sent(), IsEmpty());
}

}  // namespace
}  // namespace sluice::loop
