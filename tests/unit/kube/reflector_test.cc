#include "kube/watch/reflector.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::kube {
namespace {

using Kind = TransportEvent::Kind;

struct Sink final : ReflectorSink {
  std::vector<std::string> log;
  void on_upsert(Node object) override {
    log.push_back("+" + object["metadata"]["name"].string_or());
  }
  void on_delete(Node object) override {
    log.push_back("-" + object["metadata"]["name"].string_or());
  }
  void on_unreadable(Node object, std::string_view why) override {
    const Node metadata = object["metadata"];
    EXPECT_FALSE(why.empty());
    EXPECT_TRUE(object["spec"].absent());
    log.push_back("?" + metadata["name"].string_or() + "/" + metadata["uid"].string_or() + "@" +
                  metadata["resourceVersion"].string_or());
  }
  void on_list_started() override { log.emplace_back("["); }
  void on_list_finished() override { log.emplace_back("]"); }
  std::string take() {
    std::string out;
    for (const auto& entry : log) out += entry;
    log.clear();
    return out;
  }
};

Json object(std::string_view name, int version) {
  return {{"metadata",
           {{"name", name},
            {"namespace", "shop"},
            {"uid", name},
            {"resourceVersion", std::to_string(version)}}}};
}

std::string list_text(std::vector<Json> items, int version, std::string_view more = "") {
  Json metadata = {{"resourceVersion", std::to_string(version)}};
  if (!more.empty()) metadata["continue"] = more;
  return dump(Json{{"kind", "PodList"}, {"metadata", metadata}, {"items", items}});
}

std::string event_text(std::string_view type, const Json& value) {
  return dump(Json{{"type", type}, {"object", value}}) + "\n";
}

std::string status_text(int code, std::string_view reason, std::string_view message = "told so") {
  return dump(Json{{"kind", "Status"}, {"code", code}, {"reason", reason}, {"message", message}});
}

// Plays the owner and the server: virtual time, scripted answers.
struct ReflectorTest : ::testing::Test {
  Sink sink;
  SeededRng rng{1};
  Reflector reflector{
      {.type = kPods, .namespace_ = "shop", .label_selector = "app=web"}, sink, rng};
  MonoTime now{};
  RequestToken last = 0;
  http::Request request;

  // Asks for the next request, letting time pass as told; returns how long it had to wait.
  Millis send() {
    Millis waited{0};
    auto step = reflector.next(now);
    if (!step.request) {
      EXPECT_TRUE(step.wait_until) << "neither a request nor a time";
      if (!step.wait_until) return waited;
      waited = std::chrono::ceil<Millis>(*step.wait_until - now);
      EXPECT_FALSE(reflector.next(*step.wait_until - Micros(1)).request) << "too early";
      now = *step.wait_until;
      step = reflector.next(now);
    }
    EXPECT_TRUE(step.request);
    request = step.request.value_or(http::Request{});
    reflector.submitted(++last);
    return waited;
  }
  void feed(Kind kind, int status, std::string body) {
    TransportEvent event;
    event.token = last;
    event.kind = kind;
    event.response.status = status;
    event.response.body = std::move(body);
    reflector.on_event(event, now);
  }
  void respond(std::string body, int status = 200) {
    feed(Kind::Response, status, std::move(body));
  }
  void data(std::string body) { feed(Kind::StreamData, 200, std::move(body)); }
  void fail_with(ErrorCode code) {
    TransportEvent event;
    event.token = last;
    event.error = Error{code, "lost", std::nullopt};
    reflector.on_event(event, now);
  }
  std::string param(std::string_view name) const {
    const std::string* value = nullptr;
    const auto target = http::parse_target(request.url);
    value = target.param(name);
    return value == nullptr ? "" : *value;
  }
  // Through a first list and into an open watch at version 10.
  void start_watching() {
    send();
    respond(list_text({object("a", 1), object("b", 2)}, 10));
    EXPECT_EQ(sink.take(), "[+a+b]");
    send();
    feed(Kind::StreamOpened, 200, "");
  }
};

TEST_F(ReflectorTest, ListsThenWatchesFromTheListsVersion) {
  EXPECT_EQ(send(), Millis(0));
  EXPECT_EQ(request.url, "/api/v1/namespaces/shop/pods?labelSelector=app%3Dweb&limit=500");
  EXPECT_FALSE(request.stream);
  EXPECT_FALSE(reflector.synced());
  EXPECT_FALSE(reflector.next(now).request) << "one request at a time";
  respond(list_text({object("a", 1)}, 10));
  EXPECT_EQ(sink.take(), "[+a]");
  EXPECT_TRUE(reflector.synced());
  EXPECT_EQ(reflector.resource_version(), "10");
  EXPECT_EQ(send(), Millis(0));
  EXPECT_TRUE(request.stream);
  EXPECT_EQ(param("watch"), "true");
  EXPECT_EQ(param("resourceVersion"), "10");
  EXPECT_EQ(param("allowWatchBookmarks"), "true");
  EXPECT_EQ(param("labelSelector"), "app=web");
  const int timeout = std::stoi(param("timeoutSeconds"));
  EXPECT_GE(timeout, 240);
  EXPECT_LE(timeout, 300);
  EXPECT_EQ(request.stream_silence, Seconds(timeout) + Seconds(5));
}

TEST_F(ReflectorTest, EventsArriveInOrderWhateverThePiecesAre) {
  start_watching();
  const std::string text = event_text("ADDED", object("c", 11)) +
                           event_text("MODIFIED", object("a", 12)) +
                           event_text("BOOKMARK", {{"metadata", {{"resourceVersion", "15"}}}}) +
                           "\r\n" + event_text("DELETED", object("b", 16));
  for (const char c : text) data(std::string(1, c));
  EXPECT_EQ(sink.take(), "+c+a-b");
  EXPECT_EQ(reflector.resource_version(), "16");
}

TEST_F(ReflectorTest, AWatchThatEndsInGoodOrderIsResumedAtOnceFromTheLastVersion) {
  start_watching();
  data(event_text("BOOKMARK", {{"metadata", {{"resourceVersion", "99"}}}}));
  feed(Kind::StreamEnded, 0, "");
  EXPECT_EQ(send(), Millis(0));
  EXPECT_EQ(param("resourceVersion"), "99");
  EXPECT_EQ(sink.take(), "");
}

TEST_F(ReflectorTest, AHalfLineOfABrokenStreamIsForgotten) {
  start_watching();
  const std::string text = event_text("ADDED", object("c", 11));
  data(text.substr(0, 20));
  fail_with(ErrorCode::Unavailable);
  send();
  feed(Kind::StreamOpened, 200, "");
  data(text);
  EXPECT_EQ(sink.take(), "+c");
}

TEST_F(ReflectorTest, ASilentWatchIsResumedAfterABreath) {
  start_watching();
  fail_with(ErrorCode::Timeout);
  ASSERT_TRUE(reflector.last_error());
  EXPECT_EQ(reflector.last_error()->code, ErrorCode::Timeout);
  const Millis waited = send();
  EXPECT_GE(waited, Millis(250));
  EXPECT_LE(waited, Millis(500));
  EXPECT_EQ(param("resourceVersion"), "10") << "resumes, does not list";
  feed(Kind::StreamOpened, 200, "");
  EXPECT_FALSE(reflector.last_error());
}

TEST_F(ReflectorTest, AWatchThatEndsAtOnceIsNotABusyLoop) {
  start_watching();
  Millis total{0};
  for (int i = 0; i < 6; ++i) {
    feed(Kind::StreamEnded, 0, "");
    total += send();
    feed(Kind::StreamOpened, 200, "");
  }
  EXPECT_GT(total, Seconds(10));
}

TEST_F(ReflectorTest, GoneAsAStatusMeansANewList) {
  start_watching();
  respond(status_text(410, "Expired"), 410);
  EXPECT_EQ(send(), Millis(0)) << "the first time at once";
  EXPECT_EQ(param("watch"), "");
  respond(list_text({object("b", 20)}, 21));
  EXPECT_EQ(sink.take(), "[+b]");
  send();
  EXPECT_EQ(param("resourceVersion"), "21");
}

TEST_F(ReflectorTest, GoneInTheStreamMeansANewList) {
  start_watching();
  data(event_text("ADDED", object("c", 11)) +
       event_text("ERROR", *parse_json(status_text(410, "Expired"))) +
       event_text("ADDED", object("never", 12)));
  EXPECT_EQ(sink.take(), "+c") << "nothing after the error counts";
  EXPECT_FALSE(reflector.token()) << "the owner may cancel the stream";
  EXPECT_EQ(reflector.last_error()->code, ErrorCode::Gone);
  feed(Kind::StreamEnded, 0, "");
  EXPECT_EQ(send(), Millis(0));
  EXPECT_EQ(param("limit"), "500");
}

TEST_F(ReflectorTest, GoneAgainAndAgainSlowsDown) {
  start_watching();
  Millis last_wait{0};
  for (int i = 0; i < 6; ++i) {
    respond(status_text(410, "Gone"), 410);
    last_wait = send();
    respond(list_text({}, 30 + i));
    send();
  }
  EXPECT_GE(last_wait, Seconds(4));
}

TEST_F(ReflectorTest, OtherErrorsInTheStreamResumeTheWatch) {
  start_watching();
  data(event_text("ERROR", *parse_json(status_text(500, "InternalError"))));
  EXPECT_EQ(reflector.last_error()->code, ErrorCode::Unavailable);
  EXPECT_GT(send(), Millis(0));
  EXPECT_EQ(param("resourceVersion"), "10");
  EXPECT_EQ(param("watch"), "true");
}

TEST_F(ReflectorTest, UnreadableEventsMeanANewListBecauseSomethingWasMissed) {
  for (const std::string_view line :
       {"{nonsense\n", "{\"type\":\"ADDED\"}\n",
        "{\"type\":\"WHAT\",\"object\":{\"metadata\":{\"resourceVersion\":\"1\"}}}\n",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"1\"}}}\n"}) {
    Sink own;
    Reflector fresh({.type = kPods}, own, rng);
    (void)fresh.next(now);
    fresh.submitted(1);
    fresh.on_event({.token = 1, .kind = Kind::Response, .response = {200, {}, list_text({}, 5)}},
                   now);
    (void)fresh.next(now);
    fresh.submitted(2);
    fresh.on_event({.token = 2, .kind = Kind::StreamOpened}, now);
    fresh.on_event({.token = 2, .kind = Kind::StreamData, .response = {200, {}, std::string(line)}},
                   now);
    ASSERT_TRUE(fresh.last_error()) << line;
    EXPECT_EQ(fresh.last_error()->code, ErrorCode::Decode);
    const auto wait = fresh.next(now).wait_until;
    ASSERT_TRUE(wait);
    const auto step = fresh.next(*wait);
    ASSERT_TRUE(step.request);
    EXPECT_FALSE(step.request->stream) << line;
    EXPECT_EQ(own.take(), "[]");
  }
}

// The API server stores up to 10,000 levels.
constexpr std::string_view kDeepMark = R"("@deep")";
std::string deepened(std::string text) {
  for (auto at = text.find(kDeepMark); at != std::string::npos; at = text.find(kDeepMark)) {
    std::string deep;
    for (int i = 0; i < 9000; ++i) deep += R"({"a":[)";
    deep += R"("}]\\\"{")";
    for (int i = 0; i < 9000; ++i) deep += "]}";
    text.replace(at, kDeepMark.size(), deep);
  }
  return text;
}
Json deep_object(std::string_view name, int version) {
  Json out = object(name, version);
  out["spec"]["deep"] = "@deep";
  return out;
}
Json deep_in_managed_fields(std::string_view name, int version) {
  Json out = object(name, version);
  out["metadata"]["managedFields"] = Json::array({{{"fieldsV1", "@deep"}}});
  return out;
}
using DeepObjects = ReflectorTest;

TEST_F(DeepObjects, InAListSpoilThemselvesOnly) {
  send();
  respond(deepened(list_text({object("a", 1), deep_object("x", 2), object("b", 3)}, 10, "more")));
  EXPECT_EQ(sink.take(), "[+a?x/x@2+b");
  EXPECT_FALSE(reflector.last_error());
  EXPECT_EQ(send(), Millis(0));
  EXPECT_EQ(param("continue"), "more");
  respond(deepened(list_text({deep_object("y", 4)}, 10)));
  EXPECT_EQ(sink.take(), "?y/y@4]");
  EXPECT_TRUE(reflector.synced());
  EXPECT_EQ(reflector.resource_version(), "10");
}

TEST_F(DeepObjects, InAWatchSpoilThemselvesOnlyAndNothingIsListedAgain) {
  start_watching();
  data(deepened(
      event_text("ADDED", deep_object("x", 11)) + event_text("MODIFIED", object("a", 12)) +
      event_text("MODIFIED", deep_object("b", 13)) + event_text("DELETED", deep_object("x", 14))));
  EXPECT_EQ(sink.take(), "?x/x@11+a?b/b@13-x");
  EXPECT_TRUE(reflector.token()) << "the watch goes on";
  EXPECT_FALSE(reflector.last_error());
  EXPECT_EQ(reflector.resource_version(), "14");
}

TEST_F(DeepObjects, AreReadWhereOnlyTheirManagedFieldsAreDeep) {
  send();
  respond(deepened(list_text({deep_in_managed_fields("a", 1), object("b", 2)}, 10)));
  EXPECT_EQ(sink.take(), "[+a+b]");
  send();
  feed(Kind::StreamOpened, 200, "");
  data(deepened(event_text("MODIFIED", deep_in_managed_fields("a", 11))));
  EXPECT_EQ(sink.take(), "+a");
}

// It would pass for deleted.
TEST_F(DeepObjects, ThatCannotBeNamedFailTheList) {
  for (const Json& metadata : {Json(), Json("@deep"), Json{{"uid", "u"}}}) {
    Json item = deep_object("x", 2);
    item["metadata"] = metadata;
    send();
    respond(deepened(list_text({object("a", 1), item}, 10)));
    ASSERT_TRUE(reflector.last_error());
    EXPECT_EQ(reflector.last_error()->code, ErrorCode::Decode);
    EXPECT_EQ(sink.take(), "");
  }
}

TEST_F(DeepObjects, OfAListThatIsCutShortAreNoList) {
  const std::string whole = deepened(list_text({object("a", 1), deep_object("x", 2)}, 10));
  for (const std::size_t size : {whole.size() - 1, whole.size() / 2, std::size_t{40}}) {
    send();
    respond(whole.substr(0, size));
    ASSERT_TRUE(reflector.last_error());
    EXPECT_EQ(reflector.last_error()->code, ErrorCode::Decode);
    EXPECT_EQ(sink.take(), "");
  }
}

TEST_F(ReflectorTest, ChunksAreOneList) {
  send();
  respond(list_text({object("a", 1)}, 10, "tok 1"));
  EXPECT_FALSE(reflector.synced());
  EXPECT_EQ(send(), Millis(0));
  EXPECT_EQ(param("continue"), "tok 1");
  EXPECT_EQ(param("resourceVersion"), "");
  respond(list_text({object("b", 2)}, 10, "tok 2"));
  send();
  respond(list_text({object("c", 3)}, 10));
  EXPECT_EQ(sink.take(), "[+a+b+c]");
  EXPECT_TRUE(reflector.synced());
}

TEST_F(ReflectorTest, AChunkThatFailsIsAskedForAgain) {
  send();
  respond(list_text({object("a", 1)}, 10, "tok"));
  send();
  fail_with(ErrorCode::Unavailable);
  EXPECT_GT(send(), Millis(0));
  EXPECT_EQ(param("continue"), "tok");
  respond(list_text({object("b", 2)}, 10));
  EXPECT_EQ(sink.take(), "[+a+b]");
}

TEST_F(ReflectorTest, GoneMidwayStartsOverInOnePiece) {
  send();
  respond(list_text({object("a", 1)}, 10, "tok"));
  send();
  respond(status_text(410, "Expired"), 410);
  EXPECT_EQ(send(), Millis(0));
  EXPECT_EQ(param("continue"), "");
  EXPECT_EQ(param("limit"), "") << "all at once, so that it cannot expire again";
  respond(list_text({object("b", 2)}, 20));
  EXPECT_EQ(sink.take(), "[+a[+b]");
  send();
  EXPECT_EQ(param("resourceVersion"), "20");
  respond(status_text(410, "Expired"), 410);
  send();
  EXPECT_EQ(param("limit"), "500") << "the next list is chunked again";
}

TEST_F(ReflectorTest, BackoffGrowsToItsBoundAndEndsWithSuccess) {
  std::vector<Millis> waits;
  send();
  for (int i = 0; i < 12; ++i) {
    fail_with(ErrorCode::Unavailable);
    waits.push_back(send());
  }
  EXPECT_LE(waits.front(), Millis(500));
  EXPECT_GE(waits[4], Seconds(4));
  for (const Millis w : waits) EXPECT_LE(w, Seconds(30));
  EXPECT_GE(waits.back(), Seconds(15));
  respond(list_text({}, 5));
  EXPECT_EQ(send(), Millis(0));
  fail_with(ErrorCode::Unavailable);
  EXPECT_LE(send(), Millis(500)) << "starts small again";
}

TEST_F(ReflectorTest, ALongWaitEndsWhenTheServerAnswersOthers) {
  send();
  for (int i = 0; i < 8; ++i) {
    fail_with(ErrorCode::Unavailable);
    if (i < 7) send();
  }
  ASSERT_GE(*reflector.next(now).wait_until - now, Seconds(15));
  reflector.server_answers(now);
  EXPECT_LE(send(), Millis(500));
  fail_with(ErrorCode::Unavailable);
  EXPECT_GE(send(), Seconds(15)) << "a server that fails only here is not hammered";
}

TEST_F(ReflectorTest, AWaitForAnotherReasonStaysWhenTheServerAnswersOthers) {
  send();
  for (int i = 0; i < 8; ++i) {
    respond(status_text(403, "Forbidden"), 403);
    if (i < 7) send();
  }
  reflector.server_answers(now);
  EXPECT_GE(send(), Seconds(15)) << "a right that is missing";
  TransportEvent event{
      .token = last, .kind = Kind::Response, .response = {503, {{"Retry-After", "20"}}, ""}};
  reflector.on_event(event, now);
  reflector.server_answers(now);
  EXPECT_GE(send(), Seconds(20)) << "the server's wish";
}

TEST_F(ReflectorTest, TheServersWishToWaitIsALowerBound) {
  send();
  TransportEvent event{
      .token = last, .kind = Kind::Response, .response = {429, {{"Retry-After", "20"}}, ""}};
  reflector.on_event(event, now);
  EXPECT_EQ(reflector.last_error()->code, ErrorCode::Throttled);
  const Millis waited = send();
  EXPECT_GE(waited, Seconds(20));
  EXPECT_LE(waited, Seconds(21));
}

TEST_F(ReflectorTest, AMissingRightIsKnownUntilItIsGranted) {
  send();
  respond(status_text(403, "Forbidden", "pods is forbidden"), 403);
  EXPECT_TRUE(reflector.forbidden());
  EXPECT_EQ(reflector.last_error()->message, "list pods in shop: pods is forbidden");
  EXPECT_EQ(sink.take(), "");
  send();
  respond(list_text({}, 5));
  EXPECT_FALSE(reflector.forbidden());
  EXPECT_FALSE(reflector.last_error());
}

TEST_F(ReflectorTest, AnswersThatAreNotListsAreErrors) {
  for (const std::string_view body :
       {"", "<html>", "{}", "[]", R"({"metadata":{"resourceVersion":"1"},"items":{}})",
        R"({"items":[]})"}) {
    send();
    respond(std::string(body));
    ASSERT_TRUE(reflector.last_error()) << body;
    EXPECT_EQ(reflector.last_error()->code, ErrorCode::Decode);
    EXPECT_FALSE(reflector.synced());
  }
  EXPECT_EQ(sink.take(), "");
  send();
  respond(R"({"metadata":{"resourceVersion":"1"},"items":null})");
  EXPECT_EQ(sink.take(), "[]") << "an empty list may be null";
}

TEST_F(ReflectorTest, EventsOfOldRequestsAreIgnored) {
  start_watching();
  const TransportEvent old{.token = last - 1,
                           .kind = Kind::StreamData,
                           .response = {200, {}, event_text("ADDED", object("z", 99))}};
  reflector.on_event(old, now);
  EXPECT_EQ(sink.take(), "");
  EXPECT_EQ(reflector.resource_version(), "10");
}

TEST_F(ReflectorTest, TheServedVersionAndAllNamespacesAreRespected) {
  Reflector other({.type = kPodDisruptionBudgets, .version = "v1beta1", .silence_max = Seconds(77)},
                  sink, rng);
  EXPECT_EQ(other.next(now).request->url, "/apis/policy/v1beta1/poddisruptionbudgets?limit=500");
  other.submitted(50);
  other.on_event({.token = 50, .kind = Kind::Response, .response = {200, {}, list_text({}, 5)}},
                 now);
  EXPECT_EQ(other.next(now).request->stream_silence, Seconds(77));
}

TEST(LineFramer, RefusesALineThatIsTooLongAndGoesOn) {
  LineFramer framer(10);
  std::vector<std::string> lines;
  const auto take = [&](std::string_view line) { lines.emplace_back(line); };
  EXPECT_TRUE(framer.feed("0123456789\n", take));
  EXPECT_TRUE(framer.feed("01234", take));
  const Status status = framer.feed("567890\n", take);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::Decode);
  EXPECT_TRUE(framer.feed("ok\n", take));
  EXPECT_EQ(lines, (std::vector<std::string>{"0123456789", "ok"}));
}

RC_GTEST_PROP(LineFramer, LinesDoNotDependOnThePieces, ()) {
  const auto lines = *rc::gen::container<std::vector<std::string>>(
      rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', 'z'))));
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  LineFramer framer;
  std::vector<std::string> seen;
  while (!text.empty()) {
    const auto size = *rc::gen::inRange<std::size_t>(1, text.size() + 1);
    RC_ASSERT(
        framer.feed(text.substr(0, size), [&](std::string_view line) { seen.emplace_back(line); })
            .has_value());
    text.erase(0, size);
  }
  RC_ASSERT(seen == lines);
}

}  // namespace
}  // namespace sluice::kube
