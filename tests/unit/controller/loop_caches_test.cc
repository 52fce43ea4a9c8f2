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

}  // namespace
}  // namespace sluice::loop
