// The program itself, with an address that it cannot listen at, so that it ends by itself.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/strings.h"
#include "net/net.h"

namespace sluice::app {
namespace {

// What it writes to its log, and its exit code.
std::pair<std::string, int> started(std::vector<std::string> flags) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(pipe(ends), 0);
  net::ProcessOptions options;
  options.words = {SLUICE_BINARY, "controller"};
  options.words.insert(options.words.end(), flags.begin(), flags.end());
  options.err = ends[1];
  const auto pid = net::start_process(options);
  close(ends[1]);
  std::string log;
  char bytes[4096];
  for (ssize_t n = 0; (n = read(ends[0], bytes, sizeof bytes)) > 0;)
    log.append(bytes, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  if (!pid || waitpid(*pid, &status, 0) != *pid) return {log, -1};
  return {log, WEXITSTATUS(status)};
}

TEST(Issue9Start, TheFirstLineOfTheLogIsTheRulesInForce) {
  const auto [log, code] = started({"--server", "http://127.0.0.1:1", "--bind-address", "192.0.2.1",
                                    "--qps", "5", "--secrets-need-label", "--token", "hush"});
  EXPECT_EQ(code, 2);
  const std::string first = split(log, '\n').front();
  EXPECT_THAT(first, testing::HasSubstr("these rules are in force"));
  EXPECT_THAT(first, testing::HasSubstr("denied_beyond_defaults=--secrets-need-label"));
  EXPECT_THAT(log, testing::HasSubstr("--bind-address"));
  EXPECT_THAT(log, testing::Not(testing::HasSubstr("hush")));
}

TEST(Issue9Start, AWrongValueEndsTheProcessAsOtherErrorsOfUsageDo) {
  const auto [log, code] = started({"--job-service-accounts", "a/b/c"});
  EXPECT_EQ(code, 2);
  EXPECT_THAT(log, testing::HasSubstr("--job-service-accounts: \"a/b/c\""));
}

}  // namespace
}  // namespace sluice::app
