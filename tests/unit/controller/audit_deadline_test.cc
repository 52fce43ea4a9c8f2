// The progress deadline (rollout.md §1.17, §7.3): when it is declared, when never, and what it may
// abort.
#include "tests/unit/controller/given.h"

namespace sluice::rollout::test {
namespace {

using testing::Contains;

struct DeadlineRow {
  const char* point;
  const char* steps;
  const char* spec;    // patch before the update
  const char* status;  // patch in the middle
  bool routed;
  const char* reason;  // of Progressing an hour later
  bool aborted;
};

TEST(AuditDeadline, is_declared_only_for_an_update_that_should_move) {
  const std::vector<DeadlineRow> rows{
      {"a step whose pods never come", R"([{"setWeight":50}])", R"({"progressDeadlineSeconds":60})",
       "{}", false, "ProgressDeadlineExceeded", false},
      {"the same behind a router", R"([{"setWeight":50}])", R"({"progressDeadlineSeconds":60})",
       "{}", true, "ProgressDeadlineExceeded", false},
      {"the default of ten minutes", R"([{"setWeight":50}])", "{}", "{}", false,
       "ProgressDeadlineExceeded", false},
      {"with abort", R"([{"setWeight":50}])",
       R"({"progressDeadlineSeconds":60,"progressDeadlineAbort":true})", "{}", false,
       "RolloutAborted", true},
      {"with abort behind a router", R"([{"setWeight":50}])",
       R"({"progressDeadlineSeconds":60,"progressDeadlineAbort":true})", "{}", true,
       "RolloutAborted", true},
      {"no steps", "[]", R"({"progressDeadlineSeconds":60})", "{}", false,
       "ProgressDeadlineExceeded", false},
      {"a person's pause", R"([{"setWeight":50}])",
       R"({"progressDeadlineSeconds":60,"progressDeadlineAbort":true,"paused":true})", "{}", false,
       "RolloutPaused", false},
      {"a pause step", R"([{"pause":{}},{"setWeight":50}])",
       R"({"progressDeadlineSeconds":60,"progressDeadlineAbort":true})", "{}", false,
       "RolloutPaused", false},
      {"an analysis step", R"([{"analysis":{"templates":[{"templateName":"once"}]}}])",
       R"({"progressDeadlineSeconds":60,"progressDeadlineAbort":true})", "{}", true,
       "ReplicaSetUpdated", false},
      {"an abort by a person", R"([{"setWeight":50}])",
       R"({"progressDeadlineSeconds":60,"progressDeadlineAbort":true})", R"({"abort":true})", false,
       "RolloutAborted", true},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.point);
    auto c = row.routed ? nginx_canary(4, row.steps)
                        : basic_canary(4, row.steps, R"({"maxSurge":2,"maxUnavailable":0})");
    c.edit_rollout(std::string(R"({"spec":)") + row.spec + "}");
    c.run();
    c.set_image("web:2");
    for (int i = 0; i < 6; ++i) {
      c.settle();
      c.sync_pods(false);
      c.now += Seconds{4};
    }
    c.edit_rollout(std::string(R"({"status":)") + row.status + "}");
    c.settle();
    c.now += Seconds{3600};
    c.settle();
    c.now += Seconds{60};  // the pods of an aborted version have gone by now
    c.settle();
    EXPECT_EQ(c.reason("Progressing"), row.reason) << c.status().dump(1);
    EXPECT_EQ(kube::get_bool(c.status(), "abort"), row.aborted);
    const auto before = c.sent.size();
    c.now += Seconds{3600};
    c.settle();
    EXPECT_EQ(c.sent.size(), before) << c.history(before);
  }
}

TEST(AuditDeadline, an_abort_by_deadline_is_one_write_with_both_events) {
  auto c = basic_canary(4, R"([{"setWeight":50}])", R"({"maxSurge":2,"maxUnavailable":0})");
  c.edit_rollout(R"({"spec":{"progressDeadlineSeconds":60,"progressDeadlineAbort":true}})");
  c.set_image("web:2");
  c.settle();
  c.sync_pods(false);
  c.now += Seconds{5};
  c.settle();
  const auto since = *parse_rfc3339(kube::get_string(c.condition("Progressing"), "lastUpdateTime"));
  EXPECT_EQ(c.wake_at, since + Seconds{61});
  c.now = since + Seconds{60};
  const auto before = c.sent.size();
  c.settle();
  EXPECT_EQ(c.sent.size(), before) << "not before it has passed" << c.history(before);
  c.now = since + Seconds{61};
  c.pass();
  const auto name = new_set(c);
  const std::string text = "ReplicaSet \"" + name + "\" has timed out progressing.";
  ASSERT_GT(c.sent.size(), before);
  std::string patch;
  for (auto i = before; i < c.sent.size(); ++i)
    if (c.sent[i].purpose == "PatchStatus") patch += c.sent[i].body;
  EXPECT_THAT(patch, testing::HasSubstr(R"("abort":true)"));
  EXPECT_THAT(patch, testing::HasSubstr("RolloutAborted"));
  EXPECT_THAT(c.events, Contains("RolloutAborted: " + text));
  EXPECT_THAT(c.events, Contains("RolloutAborted: Rollout aborted update to revision 2: " + text));
}

TEST(AuditDeadline, an_old_set_inside_its_delay_is_no_delay_of_the_update) {
  auto c = nginx_canary(2, R"([{"setWeight":50}])", R"({"scaleDownDelaySeconds":3600})");
  c.edit_rollout(R"({"spec":{"progressDeadlineSeconds":60,"progressDeadlineAbort":true}})");
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.phase(), "Healthy");
  c.now += Seconds{600};
  c.settle();
  EXPECT_EQ(c.phase(), "Healthy") << c.message();
  EXPECT_NE(c.reason("Progressing"), "ProgressDeadlineExceeded");
}

TEST(AuditDeadline, of_a_blue_green_preview_that_never_gets_ready) {
  for (const bool abort : {false, true}) {
    auto c = blue_green(2);
    c.edit_rollout(
        std::string(R"({"spec":{"progressDeadlineSeconds":60,"progressDeadlineAbort":)") +
        (abort ? "true" : "false") + "}}");
    c.run();
    const auto old = c.current_hash();
    c.set_image("web:2");
    for (int i = 0; i < 40; ++i) {
      c.settle();
      for (auto& [name, set] : c.objects["ReplicaSet"])
        c.pods(name, name == "web-" + old ? static_cast<int>(c.size(name)) : 0);
      c.now += Seconds{4};
    }
    EXPECT_EQ(c.phase(), "Degraded") << c.status().dump(1);
    EXPECT_EQ(c.reason("Progressing"), abort ? "RolloutAborted" : "ProgressDeadlineExceeded");
    EXPECT_EQ(c.selected("web-active"), old);
    if (abort) {
      EXPECT_EQ(c.size(new_set(c)), 0) << "30 s behind the abort";
    }
  }
}

TEST(AuditDeadline, promote_full_of_a_small_preview_does_not_flap_to_degraded) {
  auto c = blue_green(4, R"({"autoPromotionEnabled":false,"previewReplicaCount":1})");
  c.edit_rollout(R"({"spec":{"progressDeadlineSeconds":1}})");
  c.run();
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.phase(), "Paused") << c.message();
  c.now += Seconds{600};
  c.edit_rollout(R"({"status":{"promoteFull":true}})");
  c.pass();
  EXPECT_NE(c.phase(), "Degraded") << c.message();
  c.run();
  EXPECT_EQ(c.phase(), "Healthy");
}

TEST(AuditDeadline, a_blue_green_pause_longer_than_the_deadline_stays_a_pause) {
  auto c = blue_green(2, R"({"autoPromotionEnabled":false})");
  c.edit_rollout(R"({"spec":{"progressDeadlineSeconds":60,"progressDeadlineAbort":true}})");
  c.run();
  c.set_image("web:2");
  c.run();
  ASSERT_EQ(c.phase(), "Paused");
  c.now += Seconds{86400};
  const auto before = c.sent.size();
  c.settle();
  EXPECT_EQ(c.phase(), "Paused");
  EXPECT_EQ(c.sent.size(), before) << c.history(before);
}

}  // namespace
}  // namespace sluice::rollout::test
