#include "demo/report.h"

#include <gtest/gtest.h>

namespace sluice::demo {
namespace {

TEST(F6_DemoView, is_one_line_per_rollout_whatever_its_message_says) {
  RolloutView view;
  view.name = "web";
  view.phase = "Progressing\x1b[2J";
  view.message = "a\nshop   Healthy\xC2\x9B" "0m\u202E";
  view.step = "1/3";
  view.asked_weight = 20;
  view.ready = 4;
  view.desired = 5;
  EXPECT_EQ(status_line(view),
            "  web    Progressing\\u001b[2J step 1/3   weight  20 %  ready 4/5  a shop   Healthy"
            "\\u009b0m\\u202e");
  view.message = std::string(59, 'x') + "ééé";  // cut between two characters
  EXPECT_TRUE(status_line(view).ends_with("  " + std::string(59, 'x')));
}

}  // namespace
}  // namespace sluice::demo
