#include "cli/text.h"

#include "cli/pod_state.h"
#include "tests/unit/cli/support.h"

namespace sluice::cli {
namespace {

TEST(Text, AgesReadAsInKubectl) {
  struct Row {
    std::int64_t seconds;
    const char* want;
  };
  for (const Row& row : {Row{-5, "<invalid>"},     Row{-1, "0s"},          Row{0, "0s"},
                         Row{45, "45s"},           Row{119, "119s"},       Row{120, "2m"},
                         Row{252, "4m12s"},        Row{599, "9m59s"},      Row{600, "10m"},
                         Row{10799, "179m"},       Row{10800, "3h"},       Row{14340, "3h59m"},
                         Row{28800, "8h"},         Row{172799, "47h"},     Row{172800, "2d"},
                         Row{176400, "2d1h"},      Row{691200, "8d"},      Row{41 * 86400, "41d"},
                         Row{729 * 86400, "729d"}, Row{730 * 86400, "2y"}, Row{731 * 86400, "2y1d"},
                         Row{3000LL * 86400, "8y"}}) {
    EXPECT_EQ(human_duration(Seconds(row.seconds)), row.want) << row.seconds;
  }
}

TEST(Text, ColumnsAreAsWideAsWhatIsSeen) {
  std::vector<std::size_t> widths;
  const Painter paint(true);
  EXPECT_EQ(terminal_text(table_text(
                {{"A", "B", "C"}, {paint(Colour::Red, "✖") + " x", "yy", ""}}, widths)),
            "A    B   C\n\x1b[31m✖\x1b[0m x  yy\n");
  EXPECT_EQ(widths, (std::vector<std::size_t>{3, 2, 1}));
  EXPECT_EQ(Painter(false)(Colour::Red, "x"), "x");
}

TEST(F6_Text, a_cell_is_one_line_and_only_a_painter_colours) {
  std::vector<std::size_t> widths;
  const Painter paint(true);
  const std::string forged = "a\nweb  Healthy\x1b[32m";
  EXPECT_EQ(terminal_text(table_text({{paint(Colour::Green, forged), "B"}, {"x", "y"}}, widths)),
            "\x1b[32ma web  Healthy\\u001b[32m\x1b[0m  B\n"
            "x                         y\n");
  EXPECT_EQ(terminal_text("\x1b[31m\xC2\x9B" "0m"), "\\u001b[31m\\u009b0m");
  // Colours of every kind, and marks without an end.
  EXPECT_EQ(terminal_text(paint(Colour::Yellow, "a") + paint(Colour::BrightBlue, "b")),
            "\x1b[33ma\x1b[0m\x1b[94mb\x1b[0m");
  EXPECT_EQ(terminal_text("a\xFF"), "a\x1b[0m");
}

TEST(Text, EveryStateHasItsIcon) {
  struct Row {
    Icon (*icon)(std::string_view);
    const char *word, *sign;
  };
  for (const Row& row : {Row{rollout_icon, "Progressing", "◌"},
                         Row{rollout_icon, "Healthy", "✔"},
                         Row{rollout_icon, "Degraded", "✖"},
                         Row{rollout_icon, "Paused", "॥"},
                         Row{rollout_icon, "Error", "⚠"},
                         Row{rollout_icon, "", " "},
                         Row{replica_set_icon, "ScaledDown", "•"},
                         Row{replica_set_icon, "ReplicaFailure", "✖"},
                         Row{run_icon, "Pending", "◷"},
                         Row{run_icon, "Running", "◌"},
                         Row{run_icon, "Inconclusive", "?"},
                         Row{run_icon, "Error", "⚠"},
                         Row{run_icon, "Failed", "✖"},
                         Row{run_icon, "Successful", "✔"},
                         Row{pod_icon, "Running", "✔"},
                         Row{pod_icon, "Init:CrashLoopBackOff", "◌"},
                         Row{pod_icon, "Terminating", "◌"},
                         Row{pod_icon, "ExitCode:1", "✖"},
                         Row{pod_icon, "CrashLoopBackOff", "✖"},
                         Row{pod_icon, "ErrImagePull", "⚠"},
                         Row{pod_icon, "CreateContainerConfigError", "⚠"},
                         Row{pod_icon, "ImagePullBackOff", "⚠"},
                         Row{pod_icon, "Evicted", " "}}) {
    EXPECT_EQ(row.icon(row.word).sign, row.sign) << row.word;
  }
}

struct PodRow {
  const char *name, *status, *want;
  int ready, total, restarts;
  const char* spec = R"({"containers":[{"name":"a"},{"name":"b"}]})";
  const char* metadata = "{}";
};

TEST(PodStates, AreThoseOfKubectl) {
  const char* kInit =
      R"({"initContainers":[{"name":"i"},{"name":"j"}],"containers":[{"name":"a"}]})";
  const char* kSidecar =
      R"({"initContainers":[{"name":"s","restartPolicy":"Always"}],"containers":[{"name":"a"}]})";
  const PodRow rows[] = {
      {"phase alone", R"({"phase":"Pending"})", "Pending", 0, 2, 0},
      {"reason beats phase", R"({"phase":"Failed","reason":"Evicted"})", "Evicted", 0, 2, 0},
      {"running",
       R"({"phase":"Running","containerStatuses":[{"ready":true,"restartCount":2,"state":{"running":{}}},{"ready":true,"restartCount":1,"state":{"running":{}}}]})",
       "Running", 2, 2, 3},
      {"the first container has the last word",
       R"({"phase":"Running","containerStatuses":[{"state":{"waiting":{"reason":"CrashLoopBackOff"}},"restartCount":3},{"state":{"waiting":{"reason":"ErrImagePull"}}}]})",
       "CrashLoopBackOff", 0, 2, 3},
      {"terminated by signal",
       R"({"phase":"Running","containerStatuses":[{"state":{"terminated":{"signal":9,"exitCode":137}}}]})",
       "Signal:9", 0, 2, 0},
      {"terminated by exit",
       R"({"phase":"Running","containerStatuses":[{"state":{"terminated":{"exitCode":3}}}]})",
       "ExitCode:3", 0, 2, 0},
      {"one completed, one runs",
       R"({"phase":"Running","containerStatuses":[{"state":{"terminated":{"reason":"Completed","exitCode":0}}},{"ready":true,"state":{"running":{}}}]})",
       "Running", 1, 2, 0},
      {"ready but not running does not count",
       R"({"phase":"Running","containerStatuses":[{"ready":true,"state":{}}]})", "Running", 0, 2,
       0},
      {"init progress",
       R"({"phase":"Pending","initContainerStatuses":[{"name":"i","restartCount":1,"state":{"terminated":{"exitCode":0}}},{"name":"j","state":{"running":{}}}]})",
       "Init:1/2", 0, 1, 1, kInit},
      {"init failed",
       R"({"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"terminated":{"exitCode":2}}}]})",
       "Init:ExitCode:2", 0, 1, 0, kInit},
      {"init failed by reason",
       R"({"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"terminated":{"exitCode":2,"reason":"Error"}}}]})",
       "Init:Error", 0, 1, 0, kInit},
      {"init waits",
       R"({"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"waiting":{"reason":"ImagePullBackOff"}}}]})",
       "Init:ImagePullBackOff", 0, 1, 0, kInit},
      {"init is about to begin",
       R"({"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"waiting":{"reason":"PodInitializing"}}}]})",
       "Init:0/2", 0, 1, 0, kInit},
      {"init done",
       R"({"phase":"Running","initContainerStatuses":[{"name":"i","restartCount":5,"state":{"terminated":{"exitCode":0}}}],"containerStatuses":[{"ready":true,"restartCount":1,"state":{"running":{}}}]})",
       "Running", 1, 1, 1, kInit},
      {"sidecar",
       R"({"phase":"Running","initContainerStatuses":[{"name":"s","started":true,"ready":true,"restartCount":1,"state":{"running":{}}}],"containerStatuses":[{"ready":true,"state":{"running":{}}}]})",
       "Running", 2, 2, 1, kSidecar},
      {"sidecar not started",
       R"({"phase":"Pending","initContainerStatuses":[{"name":"s","state":{"running":{}}}]})",
       "Init:0/1", 0, 2, 0, kSidecar},
      {"deleted", R"({"phase":"Running"})", "Terminating", 0, 2, 0,
       R"({"containers":[{"name":"a"},{"name":"b"}]})",
       R"({"deletionTimestamp":"2026-11-21T14:00:00Z"})"},
      {"node lost", R"({"phase":"Running","reason":"NodeLost"})", "Unknown", 0, 2, 0,
       R"({"containers":[{"name":"a"},{"name":"b"}]})",
       R"({"deletionTimestamp":"2026-11-21T14:00:00Z"})"},
      {"malformed", R"({"phase":7,"containerStatuses":"x"})", "", 0, 2, 0},
  };
  for (const auto& row : rows) {
    const auto document =
        kube::Document::parse(std::string(R"({"metadata":)") + row.metadata + R"(,"spec":)" +
                              row.spec + R"(,"status":)" + row.status + "}");
    ASSERT_TRUE(document) << row.name;
    const PodState got = pod_state(document->root());
    EXPECT_EQ(got.reason, row.want) << row.name;
    EXPECT_EQ(got.ready, row.ready) << row.name;
    EXPECT_EQ(got.total, row.total) << row.name;
    EXPECT_EQ(got.restarts, row.restarts) << row.name;
  }
}

}  // namespace
}  // namespace sluice::cli
