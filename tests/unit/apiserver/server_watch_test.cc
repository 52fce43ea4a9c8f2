#include "tests/unit/apiserver/server_fixture.h"

namespace sluice::apiserver {
namespace {

using testing_support::config_map;
using testing_support::pod;
using testing_support::World;

constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";
constexpr const char* kMerge = "application/merge-patch+json";

std::string watch_url(const std::string& more) {
  return std::string(kMaps) + "?watch=1" + more;
}

TEST(ServerWatch, DeliversChangesAsTheyHappen) {
  World w;
  const auto sink =
      w.watch(watch_url("&resourceVersion=" + std::to_string(w.server.resource_version())));
  EXPECT_TRUE(sink->events.empty());
  w.call("POST", kMaps, config_map("a"));
  w.call("PATCH", std::string(kMaps) + "/a", {{"data", {{"k", "1"}}}}, kMerge);
  w.call("PATCH", std::string(kMaps) + "/a", {{"data", {{"k", "1"}}}}, kMerge);
  w.call("DELETE", std::string(kMaps) + "/a");
  EXPECT_EQ(sink->summary(), (std::vector<std::string>{"ADDED a", "MODIFIED a", "DELETED a"}));
}

TEST(ServerWatch, OtherNamespacesAndClosedWatchesHearNothing) {
  World w;
  w.call("POST", "/api/v1/namespaces",
         {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "other"}}}});
  const auto sink = w.watch(watch_url(""));
  w.call("POST", "/api/v1/namespaces/other/configmaps", config_map("a"));
  EXPECT_TRUE(sink->events.empty());
  w.server.close_watch(w.opened.id);
  w.call("POST", kMaps, config_map("b"));
  EXPECT_TRUE(sink->events.empty());
  EXPECT_FALSE(sink->ended);
}

TEST(ServerWatch, AVersionBeyondTheWindowIsGoneInTheStream) {
  World w(ApiServer::Options{.watch_window = 3});
  const std::string old = std::to_string(w.server.resource_version());
  for (int i = 0; i < 6; ++i) w.call("POST", kMaps, config_map("c" + std::to_string(i)));
  const auto sink = w.watch(watch_url("&resourceVersion=" + old));
  ASSERT_EQ(sink->events.size(), 1U);
  EXPECT_EQ(sink->events[0]["type"], "ERROR");
  EXPECT_EQ(sink->events[0]["object"]["code"], 410);
  EXPECT_EQ(sink->events[0]["object"]["reason"], "Expired");
  EXPECT_TRUE(sink->ended);
}

TEST(ServerWatch, OrGoneAsAnHttpStatusWhenAskedTo) {
  World w(ApiServer::Options{.watch_window = 3, .gone_as_http_status = true});
  const std::string old = std::to_string(w.server.resource_version());
  for (int i = 0; i < 6; ++i) w.call("POST", kMaps, config_map("c" + std::to_string(i)));
  const auto sink = w.watch(watch_url("&resourceVersion=" + old));
  EXPECT_EQ(w.opened.id, 0U);
  EXPECT_EQ(w.opened.refusal.status, 410);
}

TEST(ServerWatch, ExpiringWindowsEndsOpenWatchesAndRefusesResumption) {
  World w;
  const auto open = w.watch(watch_url(""));
  const std::string last = std::to_string(w.server.resource_version());
  w.server.expire_watch_windows();
  ASSERT_EQ(open->events.size(), 1U);
  EXPECT_EQ(open->events[0]["object"]["code"], 410);
  EXPECT_TRUE(open->ended);
  const auto resumed = w.watch(watch_url("&resourceVersion=" + last));
  ASSERT_EQ(resumed->events.size(), 1U);
  EXPECT_EQ(resumed->events[0]["type"], "ERROR");
  // A fresh list gives a version that works.
  const std::string fresh = kube::get_string(w.call("GET", kMaps).body, "metadata.resourceVersion");
  const auto again = w.watch(watch_url("&resourceVersion=" + fresh));
  EXPECT_TRUE(again->events.empty());
  EXPECT_FALSE(again->ended);
}

TEST(ServerWatch, BookmarksComeEveryMinuteAndCarryTheVersion) {
  World w;
  const auto sink = w.watch(watch_url("&allowWatchBookmarks=true&resourceVersion=" +
                                      std::to_string(w.server.resource_version())));
  w.call("POST", "/api/v1/namespaces/default/secrets",
         {{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", {{"name", "s"}}}});
  const MonoTime due = w.server.tick();
  EXPECT_EQ(due - w.clock.mono_now(), Seconds(60));
  w.clock.advance(Seconds(60));
  (void)w.server.tick();
  ASSERT_EQ(sink->events.size(), 1U);
  EXPECT_EQ(sink->events[0]["type"], "BOOKMARK");
  EXPECT_EQ(sink->events[0]["object"]["kind"], "ConfigMap");
  EXPECT_EQ(kube::get_string(sink->events[0], "object.metadata.resourceVersion"),
            std::to_string(w.server.resource_version()));
}

TEST(ServerWatch, TimeoutSecondsEndTheWatchInGoodOrder) {
  World w;
  const auto sink = w.watch(watch_url("&timeoutSeconds=5"));
  EXPECT_EQ(w.server.tick() - w.clock.mono_now(), Seconds(5));
  w.clock.advance(Seconds(5));
  (void)w.server.tick();
  EXPECT_TRUE(sink->ended);
  EXPECT_TRUE(sink->events.empty());
}

TEST(ServerWatch, SendInitialEventsEndsWithAnAnnotatedBookmark) {
  World w;
  w.call("POST", kMaps, config_map("a"));
  const auto sink = w.watch(watch_url(
      "&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"));
  ASSERT_EQ(sink->events.size(), 2U);
  EXPECT_EQ(sink->events[0]["type"], "ADDED");
  EXPECT_EQ(sink->events[1]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"],
            "true");
}

TEST(ServerWatch, DeletedThroughASelectorShowsTheLastMatchingState) {
  World w;
  Json object = config_map("a");
  object["metadata"]["labels"] = {{"app", "x"}};
  w.call("POST", kMaps, object);
  const auto sink = w.watch(watch_url("&labelSelector=app%3Dx&resourceVersion=" +
                                      std::to_string(w.server.resource_version())));
  w.call("PATCH", std::string(kMaps) + "/a", {{"metadata", {{"labels", {{"app", "y"}}}}}}, kMerge);
  ASSERT_EQ(sink->summary(), (std::vector<std::string>{"DELETED a"}));
  EXPECT_EQ(sink->events[0]["object"]["metadata"]["labels"]["app"], "x");
  EXPECT_EQ(kube::get_string(sink->events[0], "object.metadata.resourceVersion"),
            std::to_string(w.server.resource_version()));
}

TEST(ServerWatch, ContinuingAListAfterTheWindowIsGone) {
  World w(ApiServer::Options{.watch_window = 2});
  for (int i = 0; i < 4; ++i) w.call("POST", kMaps, config_map("c" + std::to_string(i)));
  const Json first = w.call("GET", std::string(kMaps) + "?limit=1").body;
  for (int i = 4; i < 9; ++i) w.call("POST", kMaps, config_map("c" + std::to_string(i)));
  const auto second = w.call("GET", std::string(kMaps) + "?limit=1&continue=" +
                                        url_encode(kube::get_string(first, "metadata.continue")));
  EXPECT_EQ(second.status, 410);
  EXPECT_EQ(kube::get_string(second.body, "reason"), "Expired");
}

TEST(ServerWatch, ListsOfThePastAndOfTheFuture) {
  World w;
  w.call("POST", kMaps, config_map("a"));
  const std::string then = std::to_string(w.server.resource_version());
  w.call("POST", kMaps, config_map("b"));
  w.call("DELETE", std::string(kMaps) + "/a");
  const Json past =
      w.call("GET", std::string(kMaps) + "?resourceVersionMatch=Exact&resourceVersion=" + then)
          .body;
  ASSERT_EQ(past["items"].size(), 1U);
  EXPECT_EQ(past["items"][0]["metadata"]["name"], "a");
  EXPECT_EQ(kube::get_string(past, "metadata.resourceVersion"), then);
  const Json newer = w.call("GET", std::string(kMaps) +
                                       "?resourceVersionMatch=NotOlderThan&resourceVersion=" + then)
                         .body;
  EXPECT_EQ(newer["items"][0]["metadata"]["name"], "b");
  const auto future = w.call("GET", std::string(kMaps) + "?resourceVersion=999999");
  EXPECT_EQ(future.status, 504);
  EXPECT_EQ(kube::get_int(future.body, "details.retryAfterSeconds"), 1);
  EXPECT_EQ(
      w.call("GET", std::string(kMaps) + "?resourceVersionMatch=Exact&resourceVersion=0").status,
      422);
  EXPECT_EQ(w.call("GET", std::string(kMaps) + "?resourceVersion=abc").status, 422);
}

}  // namespace
}  // namespace sluice::apiserver
