// Memory that namespaces share: who has to go when there is not enough.
#include "base/budget.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(F13_Budget, the_largest_piece_of_the_owner_that_holds_the_most_has_to_go) {
  Budget budget(100);
  budget.hold(1, "evil", 30);
  budget.hold(2, "evil", 35);
  budget.hold(3, "shop", 35);
  EXPECT_FALSE(budget.evict());  // exactly full
  budget.hold(4, "shop", 10);
  EXPECT_EQ(budget.evict(), 2U);
  EXPECT_FALSE(budget.evict());
  EXPECT_EQ(budget.total(), 75U);
}

// Whoever comes last would otherwise pay for those who fill the room and stay.
TEST(F13_Budget, a_newcomer_does_not_pay_for_many_small_pieces_of_another) {
  Budget budget(100);
  for (Budget::Id id = 1; id <= 20; ++id) budget.hold(id, "evil", 5);
  budget.hold(99, "shop", 40);
  int evicted = 0;
  while (const auto victim = budget.evict()) {
    EXPECT_NE(*victim, 99U);
    ++evicted;
  }
  EXPECT_EQ(evicted, 8);
}

TEST(F13_Budget, a_piece_that_grows_is_counted_once_and_one_that_is_released_not_at_all) {
  Budget budget(100);
  budget.hold(1, "a", 40);
  budget.hold(1, "a", 90);
  EXPECT_EQ(budget.total(), 90U);
  budget.release(1);
  budget.release(1);
  EXPECT_EQ(budget.total(), 0U);
  budget.hold(2, "a", 101);
  EXPECT_EQ(budget.evict(), 2U);
  EXPECT_EQ(budget.total(), 0U);
  EXPECT_FALSE(budget.evict());
}

}  // namespace
}  // namespace sluice
