// Members of a pod template that our types do not have (ADR 12): at rest they do nothing; a change
// of nothing else is a new version only on a server that keeps them.
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

using testing::IsEmpty;

Json& odd_volume(Cluster& c) {
  return c.rollout()["spec"]["template"]["spec"]["volumes"][0]["secret"]["items"][0];
}

// At rest on its first version, with a member of no type in a volume, if `odd` is one. The server
// is one that keeps what it does not know; with `drops` it is a real one, with our types.
Cluster with_volume(const Json& odd, bool drops) {
  Cluster c;
  if (drops) {
    c.serve = [](Json& pod_template) {
      for (auto& item : pod_template["spec"]["volumes"][0]["secret"]["items"])
        item.erase("optional");
    };
  }
  auto object = rollout(4, json(R"({"canary":{"steps":[{"setWeight":50},{"pause":{}}]}})"));
  object["spec"]["template"]["spec"]["volumes"] = json(
      R"([{"name":"key","secret":{"secretName":"s","items":[{"key":"k","path":"p"}]}}])");
  c.put(object);
  if (!odd.is_null()) odd_volume(c)["optional"] = odd;
  c.run();
  EXPECT_EQ(c.phase(), "Healthy");
  EXPECT_EQ(c.objects["ReplicaSet"].size(), 1U);
  EXPECT_EQ(c.dry_runs, 0);
  return c;
}

void set_odd(Cluster& c, const Json& value) {
  if (value.is_null()) {
    odd_volume(c).erase("optional");
  } else {
    odd_volume(c)["optional"] = value;
  }
  c.touch_spec(c.rollout());
}

Json odd_of(Cluster& c, const std::string& set) {
  const auto& item =
      c.get("ReplicaSet", set)["spec"]["template"]["spec"]["volumes"][0]["secret"]["items"][0];
  return item.value("optional", Json());
}

// The Rollout was decided on, and not one ReplicaSet was touched.
void expect_no_version(Cluster& c, std::size_t since) {
  const auto first = new_set(c);
  c.run();
  EXPECT_EQ(c.objects["ReplicaSet"].size(), 1U) << c.history(since);
  EXPECT_EQ(new_set(c), first);
  EXPECT_EQ(c.phase(), "Healthy");
  EXPECT_FALSE(c.status().contains("collisionCount"));
  EXPECT_EQ(kube::get_string(c.status(), "observedGeneration"),
            std::to_string(kube::get_int(c.rollout(), "metadata.generation")));
  for (auto i = since; i < c.sent.size(); ++i)
    EXPECT_EQ(c.sent[i].kind, "Rollout") << c.history(since);
}

class MisplacedFieldTakeOver : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Fixtures, MisplacedFieldTakeOver,
                         testing::Values("bluegreen-idle", "bluegreen-preview-paused",
                                         "canary-basic-idle", "canary-basic-paused",
                                         "canary-nginx-aborted-by-user", "canary-nginx-idle",
                                         "canary-nginx-paused", "canary-nginx-rolled-back",
                                         "invalid-missing-service"),
                         [](const auto& parameter) {
                           std::string out = parameter.param;
                           std::replace(out.begin(), out.end(), '-', '_');
                           return out;
                         });

// The reference never sent such a member, whatever the server would do with it.
TEST_P(MisplacedFieldTakeOver, writes_nothing_and_asks_nothing) {
  auto c = Cluster::from_fixture(GetParam());
  auto& pod = c.rollout()["spec"]["template"];
  pod["metadata"]["optional"] = true;
  pod["spec"]["containers"][0]["optional"] = true;
  pod["spec"]["containers"][0]["securityContextt"] = json(R"({"privileged":true})");
  c.pass();
  EXPECT_THAT(c.sent, IsEmpty()) << c.last_purposes();
  EXPECT_THAT(c.events, IsEmpty());
  EXPECT_EQ(c.dry_runs, 0);
}

TEST(MisplacedFieldIdentity, added_removed_or_changed_is_no_version_when_the_server_drops_it) {
  const Json kNone;
  for (const auto& [before, after] : std::vector<std::pair<Json, Json>>{
           {kNone, true}, {true, kNone}, {true, false}, {true, json(R"({"a":1})")}}) {
    SCOPED_TRACE(before.dump() + " -> " + after.dump());
    auto c = with_volume(before, true);
    const auto since = c.sent.size();
    set_odd(c, after);
    expect_no_version(c, since);
    const auto sent = c.sent.size();
    const auto asked = c.dry_runs;
    EXPECT_EQ(asked, after.is_null() ? 0 : 1);
    c.run();
    EXPECT_EQ(c.sent.size(), sent);
    EXPECT_EQ(c.dry_runs, asked) << "at rest nothing is asked";
  }
}

TEST(MisplacedFieldIdentity, added_removed_or_changed_is_a_version_when_the_server_keeps_it) {
  const Json kNone;
  for (const auto& [before, after] : std::vector<std::pair<Json, Json>>{
           {kNone, true}, {true, kNone}, {true, false}, {true, json(R"({"a":1})")}}) {
    SCOPED_TRACE(before.dump() + " -> " + after.dump());
    auto c = with_volume(before, false);
    const auto first = new_set(c);
    set_odd(c, after);
    c.run();
    EXPECT_EQ(c.phase(), "Paused") << "the steps run as for any other version";
    ASSERT_EQ(c.objects["ReplicaSet"].size(), 2U);
    const auto second = new_set(c);
    EXPECT_NE(second, first);
    EXPECT_EQ(stable_set(c), first);
    EXPECT_EQ(odd_of(c, first), before);
    EXPECT_EQ(odd_of(c, second), after);
    EXPECT_EQ(kube::get_int(c.status(), "collisionCount"), 1)
        << "with it the reference finds the new one too";
    EXPECT_EQ(c.annotation("ReplicaSet", second, "rollout.argoproj.io/revision"), "2");

    resume(c);
    c.run();
    EXPECT_EQ(c.phase(), "Healthy");
    EXPECT_EQ(stable_set(c), second);
    // And back again: the first one is there still, under its hash.
    const auto asked = c.dry_runs;
    set_odd(c, before);
    c.run();
    EXPECT_EQ(new_set(c), first);
    EXPECT_EQ(c.objects["ReplicaSet"].size(), 2U);
    EXPECT_EQ(kube::get_int(c.status(), "collisionCount"), 1);
    EXPECT_EQ(c.dry_runs, asked) << "what is there need not be asked for";
  }
}

TEST(MisplacedFieldIdentity, that_stays_as_it_is_makes_no_version_of_another_change) {
  for (const bool drops : {false, true}) {
    SCOPED_TRACE(drops);
    auto c = with_volume(true, drops);
    const auto first = new_set(c);
    c.edit_rollout(R"({"spec":{"replicas":6}})");
    c.run();
    EXPECT_EQ(c.objects["ReplicaSet"].size(), 1U);
    EXPECT_EQ(c.size(first), 6);
    c.set_image("web:2");
    const auto asked = c.dry_runs;
    c.run();
    EXPECT_EQ(c.dry_runs, asked) << "a new image needs no question";
    EXPECT_EQ(c.objects["ReplicaSet"].size(), 2U);
    EXPECT_FALSE(c.status().contains("collisionCount"));
    c.set_image("web:1");
    c.run();
    EXPECT_EQ(new_set(c), first);
    EXPECT_EQ(c.objects["ReplicaSet"].size(), 2U);
  }
}

// A newer server has a default for a member that we do not know; a webhook rewrites it. What it
// makes of the template is what it made of it.
TEST(MisplacedFieldIdentity, that_the_server_adds_or_rewrites_is_no_change) {
  for (const bool given : {false, true}) {
    SCOPED_TRACE(given);
    Cluster c;
    c.serve = [](Json& pod_template) {
      pod_template["spec"]["policyOfTomorrow"] = "Default";
      if (pod_template["spec"].contains("volumes"))
        pod_template["spec"]["volumes"][0]["more"] = json(R"({"set":"by the server"})");
    };
    auto object = rollout(2, json(R"({"canary":{}})"));
    if (given)
      object["spec"]["template"]["spec"]["volumes"] =
          json(R"([{"name":"v","emptyDir":{},"more":{"set":"by the user"}}])");
    c.put(object);
    c.run();
    for (int replicas = 3; replicas < 6; ++replicas) {
      c.edit_rollout(R"({"spec":{"replicas":)" + std::to_string(replicas) + "}}");
      c.run();
      EXPECT_EQ(c.objects["ReplicaSet"].size(), 1U);
      EXPECT_EQ(c.size(new_set(c)), replicas);
    }
    EXPECT_EQ(c.phase(), "Healthy");
    EXPECT_FALSE(c.status().contains("collisionCount"));
  }
}

TEST(MisplacedFieldIdentity, holds_nothing_up_when_the_server_does_not_say) {
  auto c = with_volume(Json(), false);
  c.answers_dry_runs = false;
  set_odd(c, true);
  c.edit_rollout(R"({"spec":{"replicas":7}})");
  c.run();
  EXPECT_GT(c.dry_runs, 0);
  EXPECT_EQ(c.objects["ReplicaSet"].size(), 1U);
  EXPECT_EQ(c.size(new_set(c)), 7);
  EXPECT_EQ(c.phase(), "Healthy");
}

// The process may end before any write of the new version.
TEST(MisplacedFieldIdentity, a_version_is_made_once_however_often_the_controller_dies) {
  for (const bool rewritten : {false, true}) {
    for (int dies = 0; dies < 4; ++dies) {
      SCOPED_TRACE(std::to_string(rewritten) + " " + std::to_string(dies));
      auto c = with_volume(Json(), false);
      if (rewritten)
        c.serve = [](Json& pod_template) {
          auto& item = pod_template["spec"]["volumes"][0]["secret"]["items"][0];
          if (item.contains("optional")) item["optional"] = "rewritten";
        };
      set_odd(c, true);
      c.crash_at = static_cast<int>(c.sent.size()) + dies;
      c.run();
      EXPECT_EQ(c.objects["ReplicaSet"].size(), 2U);
      EXPECT_EQ(odd_of(c, new_set(c)), rewritten ? Json("rewritten") : Json(true));
      EXPECT_EQ(c.phase(), "Paused");
    }
  }
}

// What is refused may be allowed later: meanwhile the version that users have stays in charge.
TEST(MisplacedFieldIdentity, a_version_that_the_server_will_not_have_yet_is_made_later) {
  auto c = with_volume(Json(), false);
  const auto first = new_set(c);
  c.refuses = [](const kube::Write& write) { return write.purpose == "CreateReplicaSet"; };
  set_odd(c, true);
  c.run();
  EXPECT_EQ(c.objects["ReplicaSet"].size(), 1U);
  EXPECT_GT(c.refused["CreateReplicaSet"], 0);
  EXPECT_EQ(stable_set(c), first);
  EXPECT_EQ(c.size(first), 4);
  EXPECT_NE(c.phase(), "Healthy");
  c.refuses = nullptr;
  c.run_for(Seconds{1200});
  ASSERT_EQ(c.objects["ReplicaSet"].size(), 2U) << c.history();
  EXPECT_EQ(odd_of(c, new_set(c)), true);
  EXPECT_EQ(c.phase(), "Paused");
}

TEST(MisplacedFieldIdentity, the_question_to_the_server_is_a_creation_that_stores_nothing) {
  auto c = with_volume(Json(), false);
  EXPECT_FALSE(dry_run(c.observe(), c.now));
  set_odd(c, true);
  const auto write = dry_run(c.observe(), c.now);
  ASSERT_TRUE(write);
  EXPECT_TRUE(write->dry_run);
  EXPECT_EQ(write->verb, kube::Verb::Create);
  EXPECT_EQ(write->key, (kube::ObjectKey{"shop", ""}));
  const auto body = json(write->body);
  EXPECT_EQ(body["kind"], "ReplicaSet");
  EXPECT_EQ(body["metadata"]["generateName"], "web-");
  EXPECT_FALSE(body["metadata"].contains("name"));
  EXPECT_EQ(body["spec"]["replicas"], 0);
  EXPECT_EQ(body["spec"]["template"]["spec"]["volumes"],
            c.rollout()["spec"]["template"]["spec"]["volumes"]);
  // A spec that is refused anyway, and a Rollout that goes, are no reason to ask.
  c.edit_rollout(R"({"spec":{"strategy":{"canary":{"maxSurge":0,"maxUnavailable":0}}}})");
  EXPECT_FALSE(dry_run(c.observe(), c.now));
  auto gone = with_volume(Json(), false);
  set_odd(gone, true);
  gone.rollout()["metadata"]["deletionTimestamp"] = "2026-11-21T15:00:00Z";
  EXPECT_FALSE(dry_run(gone.observe(), gone.now));
}

}  // namespace
}  // namespace sluice::rollout::test
