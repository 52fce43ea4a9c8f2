#include <gmock/gmock.h>

#include "net/net.h"

namespace sluice::net {
namespace {

using testing::HasSubstr;

// A device as kubeconfig was read until there was no memory left.
TEST(F5_Files, a_file_without_end_is_refused) {
  const auto text = system_files()->read("/dev/zero");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::Invalid);
  EXPECT_THAT(text.error().message, testing::AllOf(HasSubstr("/dev/zero"), HasSubstr("16 MiB")));
  EXPECT_TRUE(system_files()->read("/etc/passwd"));
}

}  // namespace
}  // namespace sluice::net
