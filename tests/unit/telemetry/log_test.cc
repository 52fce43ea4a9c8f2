#include "telemetry/log_line.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/strings.h"
#include "telemetry/telemetry.h"

namespace sluice::telemetry {
namespace {

using testing::HasSubstr;
using testing::Not;

const WallTime kTime = WallTime(Micros(1'795'271'283'007'900));  // 2026-11-21T14:28:03.0079Z

class FixedClock final : public Clock {
 public:
  WallTime wall_now() override { return kTime; }
  MonoTime mono_now() override { return {}; }
};

TEST(LogLine, TimesAreInMilliseconds) {
  EXPECT_EQ(format_millis(kTime), "2026-11-21T14:28:03.007Z");
  EXPECT_EQ(format_millis(WallTime(Micros(0))), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_millis(WallTime(Micros(999'999))), "1970-01-01T00:00:00.999Z");
}

TEST(LogLine, TextQuotesOnlyWhereItMust) {
  EXPECT_EQ(
      text_line(kTime, LogLevel::Info, "weight set",
                {{"rollout", "shop/web"},
                 {"weight", "20"},
                 {"why", "step 1"},
                 {"empty", ""},
                 {"e", "a=b"}}),
      R"(time=2026-11-21T14:28:03.007Z level=info msg="weight set" rollout=shop/web weight=20 why="step 1" empty="" e="a=b")");
}

TEST(LogLine, JsonIsJsonWhateverComesIn) {
  struct Case {
    std::string in, out;
  };
  const Case cases[] = {
      {"plain", "plain"},
      {"a\"b\\c", "a\"b\\c"},
      {"tab\tline\nret\r", "tab\tline\nret\r"},
      {std::string("nul\0x", 5), std::string("nul\0x", 5)},
      {"\x1b[31m\x7f", "\x1b[31m\x7f"},
      {"\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80"},
      {"\xff", "\xef\xbf\xbd"},
      {"a\xc3", "a\xef\xbf\xbd"},
      {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
      {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
      {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
  };
  for (const auto& c : cases) {
    const std::string line = json_line(kTime, LogLevel::Warn, c.in, {{"key", c.in}});
    EXPECT_THAT(line, Not(HasSubstr("\n")));
    const auto parsed = nlohmann::json::parse(line, nullptr, false);
    ASSERT_TRUE(parsed.is_object()) << line;
    EXPECT_EQ(parsed["msg"].get<std::string>(), c.out);
    EXPECT_EQ(parsed["key"].get<std::string>(), c.out);
    EXPECT_EQ(parsed["level"].get<std::string>(), "warn");
    EXPECT_EQ(parsed["time"].get<std::string>(), "2026-11-21T14:28:03.007Z");
  }
}

TEST(LogLine, ATextLineIsOneLineWhateverComesIn) {
  const std::string line = text_line(kTime, LogLevel::Error, "a\nb", {{"k\n", "v\nlevel=info"}});
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  EXPECT_THAT(line, HasSubstr(R"("k\n"="v\nlevel=info")"));
}

TEST(F6_LogLine, no_line_of_either_format_steers_a_terminal) {
  const std::string hostile = "\xC2\x9B" "31m \x9B" "2J \u202Eevil\u2066 \x1b]0;t\a \u2028 \x7f";
  const std::string lines[] = {
      text_line(kTime, LogLevel::Warn, hostile, {{"k" + hostile, hostile}}),
      json_line(kTime, LogLevel::Warn, hostile, {{"k" + hostile, hostile}})};
  for (const auto& line : lines) {
    EXPECT_EQ(printable_line(line), line);
    EXPECT_THAT(line, HasSubstr(R"(\u009b31m)"));
    EXPECT_THAT(line, HasSubstr(R"(\u202eevil\u2066)"));
  }
  // Readers of the log get what it was.
  const auto parsed = nlohmann::json::parse(lines[1], nullptr, false);
  ASSERT_TRUE(parsed.is_object());
  EXPECT_EQ(parsed["msg"].get<std::string>(),
            "\xC2\x9B" "31m \xEF\xBF\xBD" "2J \u202Eevil\u2066 \x1b]0;t\a \u2028 \x7f");
}

TEST(LogLine, FieldsCannotShadowOurOwn) {
  const std::string line =
      json_line(kTime, LogLevel::Info, "m", {{"msg", "x"}, {"time", "y"}, {"level", "z"}});
  const auto parsed = nlohmann::json::parse(line, nullptr, false);
  EXPECT_EQ(parsed["msg"].get<std::string>(), "m");
  EXPECT_EQ(parsed["msg_"].get<std::string>(), "x");
}

struct LogFile : testing::Test {
  void SetUp() override {
    char folder[] = "/tmp/sluice-log-XXXXXX";
    ASSERT_NE(::mkdtemp(folder), nullptr);
    folder_ = folder;
    path = folder_ + "/log";
  }
  void TearDown() override {
    ::unlink(path.c_str());
    ::rmdir(folder_.c_str());
  }
  std::string written() const {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  FixedClock clock;
  std::string path;

 private:
  std::string folder_;
};

TEST_F(LogFile, LinesAreThereAtOnceAndLevelsFilter) {
  auto telemetry = make({.log_format = "json", .log_level = "warn", .log_file = path}, clock);
  telemetry->log(LogLevel::Info, "quiet", {});
  telemetry->log(LogLevel::Warn, "{} loud", {{"k", "{}"}});
  EXPECT_EQ(written(),
            "{\"time\":\"2026-11-21T14:28:03.007Z\",\"level\":\"warn\",\"msg\":\"{} "
            "loud\",\"k\":\"{}\"}\n");
}

TEST_F(LogFile, ALogIsContinuedNotOverwritten) {
  make({.log_file = path}, clock)->log(LogLevel::Info, "one", {});
  make({.log_file = path}, clock)->log(LogLevel::Info, "two", {});
  EXPECT_THAT(written(), HasSubstr("msg=\"one\""));
  EXPECT_THAT(written(), HasSubstr("msg=\"two\""));
}

TEST_F(LogFile, AMisusedMetricIsSaidOnce) {
  auto telemetry = make({.log_file = path}, clock);
  for (int i = 0; i < 3; ++i) telemetry->count("rollout_info", {}, 1);
  const std::string text = written();
  EXPECT_THAT(text, HasSubstr("metric=rollout_info"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST_F(LogFile, MetricsComeOutAsText) {
  auto telemetry = make({.log_file = path}, clock);
  telemetry->count("workqueue_adds_total", {{"name", "Rollouts"}});
  telemetry->gauge("workqueue_depth", {{"name", "Rollouts"}}, 2);
  telemetry->observe("workqueue_work_duration_seconds", {{"name", "Rollouts"}}, 0.5);
  const std::string text = telemetry->metrics_text();
  EXPECT_THAT(text, HasSubstr("workqueue_adds_total{name=\"Rollouts\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("workqueue_depth{name=\"Rollouts\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("workqueue_work_duration_seconds_sum{name=\"Rollouts\"} 0.5\n"));
}

TEST_F(LogFile, TheProgramSaysHowItWasBuilt) {
  auto telemetry = make({.log_file = path}, clock);
  const std::string text = telemetry->metrics_text();
  EXPECT_THAT(text, HasSubstr("build_info{commit=\""));
  EXPECT_THAT(text, HasSubstr("version=\"" SLUICE_VERSION "\""));
  EXPECT_THAT(text, HasSubstr("goversion=\"g++ "));
  EXPECT_THAT(text, HasSubstr("argo_rollouts_controller_info{version=\"" SLUICE_VERSION "\"} 1"));
}

TEST(Log, AFileThatCannotBeOpenedDoesNotStopUs) {
  FixedClock clock;
  auto telemetry = make({.log_file = "/proc/nowhere/log"}, clock);
  ASSERT_NE(telemetry, nullptr);
  telemetry->log(LogLevel::Info, "on stderr", {});
}

}  // namespace
}  // namespace sluice::telemetry
