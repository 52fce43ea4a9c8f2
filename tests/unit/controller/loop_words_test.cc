// What the loop hands on from strangers: texts of Events (F6), values of Secrets (F9).
#include <gtest/gtest.h>

#include "api/resources.h"
#include "base/hash.h"
#include "base/strings.h"
#include "controller/loop/events.h"
#include "controller/loop/run_inbox.h"
#include "kube/json/json.h"

namespace sluice::loop {
namespace {

struct WordsClock final : Clock {
  WallTime wall_now() override { return *parse_rfc3339("2027-01-15T08:01:00Z"); }
  MonoTime mono_now() override { return MonoTime(Seconds(100)); }
};
struct KeptRequests final : Transport {
  RequestToken submit(http::Request request) override {
    requests.push_back(std::move(request));
    return requests.size();
  }
  void cancel(RequestToken) override {}
  void poll(std::vector<TransportEvent>&, Millis) override {}
  void wake() override {}
  std::vector<http::Request> requests;
};
struct NoLines final : Telemetry {
  void log(LogLevel, std::string_view, std::vector<LogField>) override {}
  void count(std::string_view, Labels, double) override {}
  void gauge(std::string_view, Labels, double) override {}
  void observe(std::string_view, Labels, double) override {}
  void forget(std::string_view, std::string_view) override {}
};

struct Words : ::testing::Test {
  Options options;
  WordsClock clock;
  SeededRng rng{1};
  KeptRequests transport;
  NoLines telemetry;
  Requests requests{transport};
};

using F6_Events = Words;
TEST_F(F6_Events, no_event_steers_the_terminal_of_who_describes_the_object) {
  EventRecorder recorder{clock, rng, requests, telemetry};
  controller::EventIntent event;
  event.regarding_type = api::kRollouts;
  event.regarding = {"shop", "web"};
  event.regarding_uid = "u";
  event.warning = true;
  event.reason = "TrafficRoutingError";
  event.message = "admission webhook said: \x1b[2J\xC2\x9B" "0m\u202E" + std::string(2000, '\a');
  recorder.record(event);
  recorder.flush();
  ASSERT_EQ(transport.requests.size(), 1U);
  const auto body = kube::parse_json(transport.requests[0].body);
  ASSERT_TRUE(body);
  const std::string message = kube::get_string(*body, "message");
  EXPECT_EQ(message.substr(0, 53), "admission webhook said: \\u001b[2J\\u009b0m\\u202e\\u0007");
  EXPECT_EQ(printable(message), message);
  EXPECT_LE(message.size(), 1024U);
}

using F9_Inbox = Words;
TEST_F(F9_Inbox, asks_for_the_label_when_the_flag_does) {
  for (const bool need_label : {false, true}) {
    options.secrets_need_label = need_label;
    transport.requests.clear();
    RunInbox inbox{options, clock, requests};
    const kube::ObjectKey run{"shop", "web-abc-2"};
    api::AnalysisRun object;
    object.meta.key = run;
    inbox.attend(object);
    int answered = 0;
    inbox.read_secret(run, "prom/token", [&] { ++answered; });
    ASSERT_EQ(transport.requests.size(), 1U);
    TransportEvent event;
    event.token = 1;
    event.kind = TransportEvent::Kind::Response;
    event.response = {200, {}, R"({"kind":"Secret","data":{"token":"aHVudGVyMg=="}})"};
    requests.dispatch(event);
    EXPECT_EQ(answered, 1);
    analysisrun::Observed observed;
    observed.run = std::make_shared<api::AnalysisRun>(object);
    inbox.fill(observed);
    const auto& value = observed.secrets.at("prom/token");
    EXPECT_EQ(value.has_value(), !need_label);
    if (!value) {
      EXPECT_NE(value.error().message.find("--secrets-need-label"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace sluice::loop
