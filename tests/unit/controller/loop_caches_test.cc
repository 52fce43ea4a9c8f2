// What a kind's cache tells the loop when watch events and answers to own writes cross.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/rng.h"
#include "controller/loop/caches.h"
#include "kube/json/node.h"

namespace sluice::loop {
namespace {

class CachesTest : public ::testing::Test {
 protected:
  static kube::Document rollout(const std::string& version) {
    return *kube::Document::parse(
        R"({"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout","metadata":{"name":"web",)"
        R"("namespace":"shop","uid":"u1","resourceVersion":")" +
        version + R"("},"spec":{}})");
  }

  SeededRng rng{1};
  std::vector<std::string> told;
  KindCache<api::Rollout> cache{{api::kRollouts, "", "", "", "", Millis{0}},
                                false,
                                rng,
                                api::decode_rollout,
                                [this](const api::Rollout* before, const api::Rollout* now_object) {
                                  ASSERT_TRUE(before != nullptr || now_object != nullptr);
                                  told.push_back(before == nullptr       ? "added"
                                                 : now_object == nullptr ? "gone"
                                                                         : "changed");
                                }};
};

TEST_F(CachesTest, AnAnswerThatComesAfterTheObjectIsGoneTellsNothing) {
  cache.on_upsert(rollout("5").root());
  cache.on_delete(rollout("6").root());
  cache.overlay(rollout("5").root());
  EXPECT_EQ(told, (std::vector<std::string>{"added", "gone"}));
  EXPECT_EQ(cache.store.size(), 0U);
}

TEST_F(CachesTest, AnAnswerAheadOfTheWatchIsToldAtOnceAndItsEchoIsNot) {
  cache.on_upsert(rollout("5").root());
  cache.overlay(rollout("7").root());
  cache.on_upsert(rollout("7").root());
  EXPECT_EQ(told, (std::vector<std::string>{"added", "changed"}));
}

// What the cache tells of objects that cannot be read, and what it holds of them.
class DeepObjects : public CachesTest {
 protected:
  void unreadable(const std::string& version, const std::string& uid = "u1") {
    const auto head = kube::Document::parse(
        R"({"metadata":{"name":"web","namespace":"shop","uid":")" + uid +
        R"(","resourceVersion":")" + version + R"("}})");
    cache.on_unreadable(head->root(), "too deep");
  }
  std::string news() {
    std::string out;
    for (const auto& one : cache.take_unreadable())
      out += one.meta.key.text() + "@" + one.meta.resource_version + (one.kept ? " kept;" : ";");
    return out;
  }
  const kube::ObjectKey key{"shop", "web"};
};

TEST_F(DeepObjects, AreToldOfOnceInEachVersionHoweverOftenTheyAreListed) {
  for (int i = 0; i < 3; ++i) {
    cache.on_list_started();
    unreadable("5");
    if (i == 1) cache.on_list_started();  // it starts over
    if (i == 1) unreadable("5");
    cache.on_list_finished();
    EXPECT_EQ(news(), i == 0 ? "shop/web@5;" : "");
    EXPECT_TRUE(cache.unreadable(key));
    EXPECT_TRUE(cache.any_unreadable("shop"));
    EXPECT_FALSE(cache.any_unreadable("sho"));
  }
  unreadable("6");
  EXPECT_EQ(news(), "shop/web@6;");
  EXPECT_TRUE(told.empty());
  cache.on_list_started();
  EXPECT_TRUE(cache.unreadable(key)) << "until the list is complete";
  cache.on_list_finished();
  EXPECT_FALSE(cache.unreadable(key)) << "it is gone";
}

TEST_F(DeepObjects, StayAsTheyWereBeforeAndAreNotDeleted) {
  cache.on_upsert(rollout("5").root());
  unreadable("6");
  cache.on_list_started();
  unreadable("6");
  cache.on_list_finished();
  EXPECT_EQ(news(), "shop/web@6 kept;");
  EXPECT_EQ(told, std::vector<std::string>{"added"});
  ASSERT_TRUE(cache.store.get(key));
  EXPECT_EQ(cache.store.get(key)->meta.resource_version, "5");
  cache.on_upsert(rollout("7").root());
  EXPECT_FALSE(cache.unreadable(key));
  EXPECT_EQ(told, (std::vector<std::string>{"added", "changed"}));
}

TEST_F(DeepObjects, DoNotKeepAnEarlierObjectOfTheirName) {
  cache.on_upsert(rollout("5").root());
  cache.on_list_started();
  unreadable("9", "another");
  cache.on_list_finished();
  EXPECT_EQ(news(), "shop/web@9;");
  EXPECT_EQ(told, (std::vector<std::string>{"added", "gone"}));
}

TEST_F(DeepObjects, ThatAreDeletedAreGone) {
  cache.on_upsert(rollout("5").root());
  unreadable("6");
  cache.on_delete(rollout("7").root());
  EXPECT_FALSE(cache.unreadable(key));
  EXPECT_EQ(told, (std::vector<std::string>{"added", "gone"}));
}

}  // namespace
}  // namespace sluice::loop
