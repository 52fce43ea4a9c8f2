// docs/reference/cli.md and the table of commands must not drift apart.
#include "cli/command_table.h"
#include "tests/unit/cli/support.h"

namespace sluice::cli {
namespace {

TEST(Reference, NamesEveryCommandAndFlag) {
  std::ifstream file(std::string(SLUICE_SOURCE_DIR) + "/docs/reference/cli.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string page = text.str();
  ASSERT_FALSE(page.empty());
  for (const auto& spec : commands()) {
    if (spec.hidden) continue;
    EXPECT_THAT(page, testing::HasSubstr("| `" + spec.path())) << spec.path();
    for (const auto& flag : spec.flags) {
      if (flag.hidden) continue;
      EXPECT_THAT(page, testing::HasSubstr("--" + std::string(flag.name))) << spec.path();
    }
  }
  for (const auto& flag : global_flags())
    EXPECT_THAT(page, testing::HasSubstr("--" + std::string(flag.name) + "`"));
}

}  // namespace
}  // namespace sluice::cli
