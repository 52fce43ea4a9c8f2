// Slots that namespaces and runs share: what can be hoarded, and whose turn it is.
#include "controller/loop/fair_share.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace sluice::loop {
namespace {

struct F4_FairShare : testing::Test {
  // This run asks for so many slots and lets none of them go; how many it gets.
  std::size_t hoard(const std::string& namespace_, const std::string& run, int queries) {
    const std::size_t before = share.held();
    for (int i = 0; i < queries; ++i) share.wait({namespace_, run}, ++last);
    while (share.take()) {
    }
    return share.held() - before;
  }
  bool gets_one(const std::string& namespace_, const std::string& run) {
    share.wait({namespace_, run}, ++last);
    const auto id = share.take();
    return id && *id == last;
  }
  FairShare share{256};
  FairShare::Id last = 0;
};

TEST_F(F4_FairShare, what_one_run_and_one_namespace_can_hoard_is_as_documented) {
  EXPECT_EQ(hoard("evil", "a", 256), 15U);
  std::size_t all = 15;
  for (char run = 'b'; run <= 'z'; ++run) all += hoard("evil", std::string(1, run), 256);
  EXPECT_EQ(all, 28U);
  EXPECT_EQ(share.held_by("evil"), 28U);
  EXPECT_TRUE(gets_one("shop", "web"));
}

TEST_F(F4_FairShare, a_run_of_the_same_namespace_gets_its_slot_beside_one_that_hoards) {
  hoard("evil", "a", 256);
  EXPECT_TRUE(gets_one("evil", "b"));
  EXPECT_EQ(share.held_by("evil"), 16U);
}

TEST_F(F4_FairShare, an_innocent_gets_a_slot_beside_39_namespaces_that_hoard_all_they_can) {
  for (int i = 0; i < 39; ++i) {
    for (const char* run : {"a", "b", "c", "d", "e", "f"})
      hoard("evil" + std::to_string(i), run, 256);
    ASSERT_TRUE(gets_one("shop", "web")) << i;
    share.give_back({"shop", "web"});
  }
  EXPECT_LT(share.held(), 256U);
}

TEST_F(F4_FairShare, with_few_slots_it_takes_29_namespaces_to_keep_another_out) {
  share = FairShare(64);
  int evil = 0;
  while (share.held() < 64) {
    for (const char* run : {"a", "b", "c", "d", "e"}) hoard("evil" + std::to_string(evil), run, 64);
    ++evil;
  }
  EXPECT_EQ(evil, 29);
  // And then the next slot that is free is not for those who hold some already.
  share.wait({"shop", "web"}, ++last);
  EXPECT_FALSE(share.take());
  share.give_back({"evil0", "a"});
  EXPECT_EQ(share.take(), last);
}

TEST_F(F4_FairShare, free_slots_go_round_by_namespace_and_by_run) {
  share = FairShare(1);
  EXPECT_TRUE(gets_one("z", "z"));
  std::vector<std::pair<kube::ObjectKey, FairShare::Id>> waiting;
  const auto wait = [&](const char* namespace_, const char* run) {
    waiting.push_back({{namespace_, run}, ++last});
    share.wait(waiting.back().first, last);
    return last;
  };
  const auto a1 = wait("a", "x"), a2 = wait("a", "x"), a3 = wait("a", "y");
  const auto b1 = wait("b", "x"), b2 = wait("b", "x");
  std::vector<FairShare::Id> order;
  share.give_back({"z", "z"});
  while (const auto id = share.take()) {
    order.push_back(*id);
    share.give_back(waiting[*id - a1].first);
  }
  EXPECT_EQ(order, (std::vector<FairShare::Id>{a1, b1, a3, b2, a2}));
  EXPECT_EQ(share.held(), 0U);
  EXPECT_EQ(share.waiting(), 0U);
}

TEST_F(F4_FairShare, what_is_withdrawn_gets_none) {
  share = FairShare(1);
  EXPECT_TRUE(gets_one("a", "x"));
  share.wait({"b", "x"}, 100);
  share.wait({"b", "x"}, 101);
  share.withdraw({"b", "x"}, 100);
  share.withdraw({"b", "none"}, 7);
  EXPECT_EQ(share.waiting(), 1U);
  share.give_back({"a", "x"});
  share.give_back({"a", "x"});
  EXPECT_EQ(share.take(), 101U);
  EXPECT_FALSE(share.take());
}

}  // namespace
}  // namespace sluice::loop
