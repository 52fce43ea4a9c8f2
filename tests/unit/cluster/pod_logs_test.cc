#include "cluster/pod_logs.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cluster/state.h"

namespace sluice::cluster {
namespace {

http::Request get(const std::string& url) {
  http::Request request;
  request.url = url;
  return request;
}

TEST(PodLogs, ARequestForALogIsRecognised) {
  const auto log = parse_log_request(
      get("/api/v1/namespaces/shop/pods/web-1/log?container=web&follow=true&tailLines=5"));
  ASSERT_TRUE(log);
  EXPECT_EQ(log->ns, "shop");
  EXPECT_EQ(log->pod, "web-1");
  EXPECT_TRUE(log->follow);
  EXPECT_FALSE(log->previous);
  EXPECT_EQ(log->tail_lines, 5);
  EXPECT_FALSE(log->limit_bytes);
}

TEST(PodLogs, OtherRequestsAreLeftAlone) {
  for (const char* url :
       {"/api/v1/namespaces/shop/pods/web-1", "/api/v1/namespaces/shop/pods/web-1/status",
        "/api/v1/namespaces/shop/pods", "/api/v1/namespaces/shop/services/web-1/log",
        "/apis/apps/v1/namespaces/shop/pods/web-1/log", "/", ""})
    EXPECT_FALSE(parse_log_request(get(url))) << url;
  http::Request post = get("/api/v1/namespaces/shop/pods/web-1/log");
  post.method = "POST";
  EXPECT_FALSE(parse_log_request(post));
}

TEST(PodLogs, ABadNumberIsNoLimit) {
  const auto log = parse_log_request(
      get("/api/v1/namespaces/a/pods/b/log?tailLines=-1&limitBytes=many"));
  ASSERT_TRUE(log);
  EXPECT_FALSE(log->tail_lines);
  EXPECT_FALSE(log->limit_bytes);
}

TEST(PodLogs, TailAndLimitCutTheText) {
  struct Case {
    const char* text;
    std::optional<std::int64_t> tail, limit;
    const char* want;
  };
  const Case cases[] = {
      {"a\nb\nc\n", std::nullopt, std::nullopt, "a\nb\nc\n"},
      {"a\nb\nc\n", 1, std::nullopt, "c\n"},
      {"a\nb\nc\n", 2, std::nullopt, "b\nc\n"},
      {"a\nb\nc\n", 9, std::nullopt, "a\nb\nc\n"},
      {"a\nb\nc\n", 0, std::nullopt, ""},
      {"a\nb\nc", 1, std::nullopt, "c"},
      {"a\nb\nc", 2, std::nullopt, "b\nc"},
      {"\n\n", 1, std::nullopt, "\n"},
      {"", 3, std::nullopt, ""},
      {"a\nb\nc\n", std::nullopt, 3, "a\nb"},
      {"a\nb\nc\n", 2, 1, "b"},
      {"a\n", std::nullopt, 99, "a\n"},
  };
  for (const Case& c : cases) {
    LogRequest request;
    request.tail_lines = c.tail;
    request.limit_bytes = c.limit;
    EXPECT_EQ(log_excerpt(c.text, request), c.want) << c.text << " tail " << c.tail.value_or(-1);
  }
}

class CollectedStream final : public Responder {
 public:
  void respond(http::Response) override {}
  void start_stream(int, http::Headers) override {}
  bool write(std::string_view bytes) override {
    text += bytes;
    return !gone;
  }
  void finish() override { finished = true; }
  std::string text;
  bool gone = false, finished = false;
};

TEST(PodLogs, AFollowerSendsWhatTheFileGains) {
  const std::string file =
      (std::filesystem::temp_directory_path() / ("pod-log-" + std::to_string(getpid()))).string();
  const auto append = [&](const char* text) { std::ofstream(file, std::ios::app) << text; };
  EXPECT_FALSE(read_log(file));
  append("old\n");
  auto stream = std::make_shared<CollectedStream>();
  LogFollower follower(file, 4, stream);
  EXPECT_TRUE(follower.poll());
  EXPECT_EQ(stream->text, "");
  append("new\n");
  EXPECT_TRUE(follower.poll());
  append("newer\n");
  EXPECT_TRUE(follower.poll());
  EXPECT_EQ(stream->text, "new\nnewer\n");
  stream->gone = true;
  append("late\n");
  EXPECT_FALSE(follower.poll());
  std::filesystem::remove(file);
}

// Sets a variable for the length of a test; nullptr takes it away.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    value == nullptr ? unsetenv(name) : setenv(name, value, 1);
  }
  ~Variable() { old_ ? setenv(name_, old_->c_str(), 1) : unsetenv(name_); }

 private:
  const char* name_;
  std::optional<std::string> old_;
};

TEST(StatePaths, AreAbsoluteAndNeverInADirectoryForEverybody) {
  {
    const Variable state("XDG_STATE_HOME", "/var/lib/me"), home("HOME", "/home/me");
    EXPECT_EQ(state_paths("a")->kubeconfig, "/var/lib/me/sluice/clusters/a/kubeconfig");
  }
  {
    const Variable state("XDG_STATE_HOME", "relative"), home("HOME", "/home/me");
    EXPECT_EQ(state_paths("a")->directory, "/home/me/.local/state/sluice/clusters/a");
  }
  const Variable state("XDG_STATE_HOME", nullptr), home("HOME", nullptr);
  const auto paths = state_paths("a");  // by the user's entry in the password file, or refused
  if (paths) {
    EXPECT_EQ(paths->directory.front(), '/');
    EXPECT_NE(paths->directory.rfind("/tmp/", 0), 0U) << paths->directory;
  } else {
    EXPECT_NE(paths.error().message.find("XDG_STATE_HOME"), std::string::npos);
  }
}

TEST(StatePaths, OddNamesAreRefused) {
  for (const char* name : {"", "A", "a/b", "..", "a b"}) EXPECT_FALSE(state_paths(name)) << name;
}

}  // namespace
}  // namespace sluice::cluster
