// Events that wait: whose turn it is, and who has to go when there is no room.
#include "controller/loop/event_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/resources.h"
#include "controller/loop/fair_memory.h"

namespace sluice::loop {
namespace {

using testing::ElementsAre;

struct B5_EventQueue : testing::Test {
  static EventQueue::Notice notice(const std::string& ns, const std::string& name, int number) {
    EventQueue::Notice out;
    out.about.regarding_type = api::kRollouts;
    out.about.regarding = {ns, name};
    out.about.message = std::to_string(number);
    return out;
  }
  static std::string text(const EventQueue::Notice& notice) {
    return notice.about.regarding.text() + " " + notice.about.message;
  }
  // What had to go, or "".
  std::string push(const std::string& ns, const std::string& name, int number) {
    const auto gone = queue.push(notice(ns, name, number));
    return gone ? text(*gone) : "";
  }
  static EventQueue::Object object(const std::string& ns, const std::string& name) {
    return EventQueue::object_of(notice(ns, name, 0).about);
  }
  std::string take() {
    const auto* next = queue.take(now);
    return next ? text(*next) : "";
  }
  std::vector<std::string> take_all() {
    std::vector<std::string> out;
    for (auto one = take(); !one.empty(); one = take()) out.push_back(one);
    return out;
  }
  MonoTime now{Seconds(100)};
  EventQueue queue{{.places = 10, .per_object = 4, .in_flight = 12}};
};

TEST_F(B5_EventQueue, goes_round_by_namespace_and_by_object) {
  for (int i = 0; i < 2; ++i) {
    push("a", "x", i);
    push("a", "y", i);
    push("b", "z", i);
  }
  EXPECT_THAT(take_all(), ElementsAre("a/x 0", "b/z 0", "a/y 0"));
  for (const auto* name : {"x", "y"}) queue.done(object("a", name));
  queue.done(object("b", "z"));
  EXPECT_THAT(take_all(), ElementsAre("b/z 1", "a/x 1", "a/y 1"));
  EXPECT_EQ(queue.in_flight(), 3U);
}

TEST_F(B5_EventQueue, has_a_bound_for_an_object) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(push("a", "x", i), "");
  EXPECT_EQ(push("a", "x", 4), "a/x 4");
  EXPECT_EQ(push("a", "y", 0), "");
}

TEST_F(B5_EventQueue, is_shared_so_that_who_holds_the_most_gives_way) {
  for (int i = 0; i < 7; ++i) push("a", "x" + std::to_string(i % 2), i);
  for (int i = 0; i < 3; ++i) push("b", "z", i);
  EXPECT_EQ(push("a", "new", 0), "a/x0 6") << "its namespace's own, of the object with the most";
  EXPECT_EQ(push("c", "x", 0), "a/x1 5");
  EXPECT_EQ(push("c", "x", 1), "a/x0 4");
  EXPECT_EQ(push("c", "x", 2), "a/x1 3");
  EXPECT_EQ(push("b", "z", 3), "b/z 3") << "none holds more than it would";
  EXPECT_EQ(queue.size(), 10U);
}

TEST_F(B5_EventQueue, never_takes_back_what_is_on_its_way) {
  for (int i = 0; i < 10; ++i) push("a", "x" + std::to_string(i), i);
  EXPECT_EQ(take_all().size(), 4U) << "half of what is free";
  for (int i = 0; i < 6; ++i) EXPECT_NE(push("b", "y", i), "") << i;
  EXPECT_EQ(queue.in_flight(), 4U);
  EXPECT_EQ(queue.size(), 10U);
}

TEST_F(B5_EventQueue, lets_no_namespace_take_all_that_may_be_on_its_way) {
  queue = EventQueue{};
  std::size_t hoarders = 0;
  for (; queue.in_flight() < 12; ++hoarders) {
    for (int i = 0; i < 20; ++i) push("evil" + std::to_string(hoarders), std::to_string(i), i);
    if (take_all().empty()) break;
  }
  EXPECT_EQ(hoarders, 6U);
  push("shop", "web", 1);
  EXPECT_EQ(take(), "");
  queue.done(object("evil0", "0"));
  EXPECT_EQ(take(), "shop/web 1");
}

TEST_F(B5_EventQueue, lets_one_namespace_rest_and_no_other) {
  push("a", "x", 0);
  push("a", "x", 1);
  push("a", "y", 0);
  EXPECT_THAT(take_all(), ElementsAre("a/x 0", "a/y 0"));
  EXPECT_TRUE(queue.again(object("a", "x"), now + Seconds(5)));
  EXPECT_TRUE(queue.again(object("a", "y"), now + Seconds(2))) << "the longer one counts";
  push("b", "z", 0);
  EXPECT_THAT(take_all(), ElementsAre("b/z 0"));
  EXPECT_EQ(queue.next_time(), now + Seconds(5));
  EXPECT_FALSE(queue.settled());
  queue.done(object("b", "z"));
  EXPECT_TRUE(queue.settled());
  now += Seconds(5);
  EXPECT_THAT(take_all(), ElementsAre("a/x 0", "a/y 0"));
  EXPECT_EQ(queue.next_time(), MonoTime::max());
}

TEST_F(B5_EventQueue, is_empty_after_it_was_cleared_and_what_was_on_its_way_came_back) {
  for (int i = 0; i < 3; ++i) push("a", "x", i);
  push("b", "x", 0);
  push("c", "x", 0);
  EXPECT_EQ(take(), "a/x 0");
  EXPECT_EQ(take(), "b/x 0");
  EXPECT_TRUE(queue.again(object("b", "x"), now + Seconds(1)));
  queue.clear();
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_EQ(queue.next_time(), MonoTime::max());
  push("a", "x", 7);
  EXPECT_EQ(take(), "") << "the earlier one is still on its way";
  EXPECT_FALSE(queue.again(object("a", "x"), now + Seconds(1)));
  EXPECT_EQ(take(), "a/x 7");
  queue.done(object("a", "x"));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.in_flight(), 0U);
}

TEST(B5_FairMemory, who_remembers_the_most_forgets_what_was_not_asked_for_the_longest) {
  FairMemory<int, std::string> memory(6);
  for (int i = 0; i < 4; ++i) memory.put("evil", i, "e");
  memory.put("shop", 1, "s");
  memory.put("shop", 2, "s");
  EXPECT_NE(memory.find("evil", 0), nullptr);
  for (int i = 10; i < 15; ++i) memory.put("evil", i, "e");
  EXPECT_EQ(memory.size(), 6U);
  EXPECT_NE(memory.find("shop", 1), nullptr);
  EXPECT_NE(memory.find("shop", 2), nullptr);
  EXPECT_EQ(memory.find("evil", 1), nullptr);
  EXPECT_EQ(memory.find("evil", 0), nullptr);
  EXPECT_NE(memory.find("evil", 11), nullptr);
  memory.put("shop", 3, "s");
  EXPECT_EQ(memory.find("evil", 12), nullptr) << "asked for the longest ago";
  EXPECT_NE(memory.find("evil", 11), nullptr);
  memory.erase("evil", 11);
  memory.erase_if([](const std::string& value) { return value == "s"; });
  EXPECT_EQ(memory.size(), 2U);
  memory.clear();
  EXPECT_EQ(memory.size(), 0U);
}

}  // namespace
}  // namespace sluice::loop
