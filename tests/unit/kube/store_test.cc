#include "kube/cache/store.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "kube/json/json.h"
#include "kube/model/objects.h"

namespace sluice::kube {
namespace {

struct Thing {
  Meta meta;
  RawJson raw;
  int value = 0;
};

constexpr ResourceType kOwnerType{"", "v1", "ks", "K"};

Thing decode_thing(Node object) {
  Thing out;
  out.meta = decode_meta(object);
  out.raw = std::make_shared<const std::string>(object.raw_object());
  out.value = static_cast<int>(object["value"].int_or(0));
  return out;
}

// As the server would send it.
Thing sent(const Thing& thing) {
  Json object = {{"metadata",
                  {{"namespace", thing.meta.key.namespace_},
                   {"name", thing.meta.key.name},
                   {"uid", thing.meta.uid},
                   {"resourceVersion", thing.meta.resource_version}}},
                 {"value", thing.value}};
  for (const auto& owner : thing.meta.owners)
    object["metadata"]["ownerReferences"].push_back(
        {{"apiVersion", owner.api_version},
         {"kind", owner.kind},
         {"name", "o"},
         {"uid", owner.uid},
         {"controller", owner.controller}});
  if (thing.meta.deleted_at) object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  return decode_thing(Document::parse(dump(object))->root());
}

Thing thing(std::string name, int version, std::string uid = "u", int value = 0) {
  Thing out;
  out.meta.key = {"ns", std::move(name)};
  out.meta.uid = std::move(uid);
  out.meta.resource_version = std::to_string(version);
  out.value = value;
  return sent(out);
}

Thing owned(std::string name, int version, std::string uid, std::string owner) {
  Thing out = thing(std::move(name), version, std::move(uid));
  out.meta.owners.push_back({"v1", "K", "o", std::move(owner), true, true});
  return sent(out);
}

Thing terminating(Thing t) {
  t.meta.deleted_at = WallTime{};
  return sent(t);
}

constexpr int kAllViews = -1;

// The parameter: how many objects are kept as views.
struct StoreTest : ::testing::TestWithParam<int> {
  StoreTest() {
    if (GetParam() != kAllViews)
      store.rest_unread(static_cast<std::size_t>(GetParam()), decode_thing);
    store.index_orphans();
  }
  Store<Thing> store;
  std::vector<std::string> gone;

  std::string version(const std::string& name) const {
    const auto found = store.get({"ns", name});
    return found ? found->meta.resource_version : "none";
  }
  void list(std::vector<Thing> things, std::string_view list_version) {
    gone.clear();
    store.list_started();
    for (auto& t : things) store.upsert(std::move(t));
    store.list_finished([&](const Thing& t) { gone.push_back(t.meta.key.name); }, list_version);
  }
};
INSTANTIATE_TEST_SUITE_P(AtRest, StoreTest, ::testing::Values(kAllViews, 0, 1, 512),
                         [](const auto& given) {
                           return given.param == kAllViews ? std::string("none")
                                                           : "but" + std::to_string(given.param);
                         });

TEST_P(StoreTest, TheWatchSetsReplacesAndErases) {
  EXPECT_TRUE(store.upsert(thing("a", 1)));
  EXPECT_TRUE(store.upsert(thing("a", 2)));
  EXPECT_FALSE(store.upsert(thing("a", 2))) << "nothing new";
  EXPECT_EQ(store.size(), 1U);
  EXPECT_FALSE(store.erase({"ns", "a"}, "another")) << "an earlier object of that name";
  EXPECT_TRUE(store.erase({"ns", "a"}, "u"));
  EXPECT_FALSE(store.erase({"ns", "a"}, "u"));
  EXPECT_EQ(store.size(), 0U);
}

TEST_P(StoreTest, OwnWritesWinUntilTheWatchHasThem) {
  store.upsert(thing("a", 5));
  store.overlay(thing("a", 7));
  EXPECT_EQ(version("a"), "7");
  EXPECT_FALSE(store.upsert(thing("a", 6))) << "left the server before our write";
  EXPECT_EQ(version("a"), "7");
  EXPECT_FALSE(store.upsert(thing("a", 7))) << "our own echo";
  EXPECT_TRUE(store.upsert(thing("a", 9)));
  EXPECT_EQ(version("a"), "9");
}

TEST_P(StoreTest, ANewerWatchEventBeatsTheAnswerOfAnEarlierWrite) {
  store.upsert(thing("a", 9));
  store.overlay(thing("a", 7));
  EXPECT_EQ(version("a"), "9");
}

TEST_P(StoreTest, TheWatchDoesNotGoBackInTime) {
  store.upsert(thing("a", 9));
  EXPECT_FALSE(store.upsert(thing("a", 8)));
  EXPECT_EQ(version("a"), "9");
  EXPECT_FALSE(store.upsert(thing("a", 7, "earlier object")))
      << "versions order objects of one name as well";
  EXPECT_EQ(version("a"), "9");
}

TEST_P(StoreTest, VersionsThatAreNotNumbersCannotBeOrderedSoTheWatchWins) {
  Thing odd = thing("a", 0);
  odd.meta.resource_version = "x";
  store.overlay(thing("a", 7));
  EXPECT_TRUE(store.upsert(sent(odd)));
  EXPECT_EQ(version("a"), "x");
}

TEST_P(StoreTest, AListOlderThanAWriteKeepsTheWrite) {
  list({thing("a", 1, "ua")}, "5");
  store.overlay(thing("a", 7, "ua"));
  store.overlay(thing("new", 8, "un"));
  list({thing("a", 1, "ua")}, "6");
  EXPECT_EQ(version("a"), "7");
  EXPECT_EQ(version("new"), "8");
  EXPECT_TRUE(gone.empty());
}

TEST_P(StoreTest, AListAsNewAsAWriteIsRight) {
  store.overlay(thing("new", 8, "un"));
  list({}, "8");
  EXPECT_EQ(version("new"), "none");
  EXPECT_EQ(gone, (std::vector<std::string>{"new"}));
}

TEST_P(StoreTest, AWriteAnsweredDuringAListStays) {
  store.list_started();
  store.overlay(thing("new", 8, "un"));
  store.list_finished([&](const Thing&) { FAIL(); }, "5");
  EXPECT_EQ(version("new"), "8");
  EXPECT_FALSE(store.upsert(thing("new", 8, "un")));
  list({}, "9");
  EXPECT_EQ(version("new"), "none") << "once confirmed, it is an object as any other";
}

TEST_P(StoreTest, AListDropsWhatItDoesNotNameAndTellsAfterwards) {
  list({thing("a", 1, "ua"), thing("b", 2, "ub"), thing("c", 3, "uc")}, "3");
  store.list_started();
  store.upsert(thing("b", 2, "ub"));
  std::vector<std::string> seen;
  store.list_finished(
      [&](const Thing& t) {
        EXPECT_EQ(store.size(), 1U);
        store.overlay(thing("from callback " + t.meta.key.name, 50, "x" + t.meta.key.name));
        store.erase({"ns", "from callback " + t.meta.key.name}, "");
        seen.push_back(t.meta.key.name);
      },
      "9");
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "c"}));
}

TEST_P(StoreTest, AnAbandonedListDoesNotCount) {
  list({thing("a", 1, "ua"), thing("b", 2, "ub")}, "3");
  store.list_started();
  store.upsert(thing("a", 1, "ua"));
  list({thing("b", 2, "ub")}, "4");
  EXPECT_EQ(gone, (std::vector<std::string>{"a"}));
}

TEST_P(StoreTest, AListFromARestoredServerIsRightAlthoughItsVersionsAreOlder) {
  list({thing("a", 100)}, "100");
  list({thing("a", 40)}, "50");
  EXPECT_EQ(version("a"), "40");
}

TEST_P(StoreTest, OurOwnDeleteHidesUntilItIsConfirmed) {
  store.upsert(thing("a", 5));
  store.overlay_deleted({"ns", "a"});
  EXPECT_EQ(store.get({"ns", "a"}), nullptr);
  EXPECT_EQ(store.size(), 0U);
  EXPECT_TRUE(store.list("ns").empty());
  EXPECT_FALSE(store.upsert(thing("a", 6))) << "late news from before the delete";
  EXPECT_EQ(store.get({"ns", "a"}), nullptr);
  EXPECT_FALSE(store.erase({"ns", "a"}, "u")) << "nothing new: readers had lost it already";
  EXPECT_EQ(store.size(), 0U);
}

TEST_P(StoreTest, AFinalizerMakesADeletedObjectVisibleAsTerminating) {
  store.upsert(thing("a", 5));
  store.overlay_deleted({"ns", "a"});
  EXPECT_TRUE(store.upsert(terminating(thing("a", 7))));
  ASSERT_NE(store.get({"ns", "a"}), nullptr);
  EXPECT_TRUE(store.get({"ns", "a"})->meta.deleted_at);
}

TEST_P(StoreTest, ASuccessorOfTheSameNameIsNotHidden) {
  store.upsert(thing("a", 5, "old"));
  store.overlay_deleted({"ns", "a"}, "old");
  EXPECT_TRUE(store.upsert(thing("a", 9, "new")));
  store.overlay_deleted({"ns", "a"}, "old");
  EXPECT_EQ(version("a"), "9");
  EXPECT_FALSE(store.erase({"ns", "a"}, "old"));
  EXPECT_EQ(version("a"), "9");
}

TEST_P(StoreTest, ATombstoneIsDroppedByAListWithoutASound) {
  list({thing("a", 5)}, "5");
  store.overlay_deleted({"ns", "a"});
  list({}, "9");
  EXPECT_TRUE(gone.empty());
  EXPECT_EQ(store.size(), 0U);
}

TEST_P(StoreTest, AnAnswerThatArrivesAfterTheNewsOfTheDeletionMakesNoGhost) {
  store.upsert(thing("a", 5));
  store.erase({"ns", "a"}, "u");
  store.overlay(thing("a", 6));
  EXPECT_EQ(version("a"), "none");
  store.erase({"ns", "b"}, "ub");
  store.overlay(thing("b", 6, "ub"));
  EXPECT_EQ(version("b"), "none") << "created by us, deleted by another before our answer came";
  EXPECT_TRUE(store.upsert(thing("a", 8))) << "a selector watch may bring the same object back";
  store.overlay(thing("a", 9));
  EXPECT_EQ(version("a"), "9");
}

TEST_P(StoreTest, OwnersAreIndexed) {
  store.upsert(owned("b", 1, "ub", "o1"));
  store.upsert(owned("a", 2, "ua", "o1"));
  store.upsert(owned("c", 3, "uc", "o2"));
  const auto names = [&](const std::string& owner) {
    std::string out;
    for (const auto& t : store.owned_by({kOwnerType, "ns", owner})) out += t->meta.key.name;
    return out;
  };
  EXPECT_EQ(names("o1"), "ab");
  store.overlay(owned("b", 4, "ub", "o2"));
  EXPECT_EQ(names("o1"), "a");
  EXPECT_EQ(names("o2"), "bc");
  store.overlay_deleted({"ns", "a"});
  EXPECT_EQ(names("o1"), "");
  store.erase({"ns", "c"}, "uc");
  EXPECT_EQ(names("o2"), "b");
}

// ---- whose object is it ----

// Names the owner's uid; the rest is as said.
Thing claiming(std::string ns, std::string name, const std::string& api_version,
               const std::string& kind, bool controller = true) {
  Thing out = thing(std::move(name), 1);
  out.meta.key.namespace_ = std::move(ns);
  out.meta.uid = out.meta.key.text();
  out.meta.owners.push_back({api_version, kind, "o", "uid-o", controller, false});
  return sent(out);
}
constexpr ResourceType kRolloutType{"argoproj.io", "v1alpha1", "rollouts", "Rollout"};

TEST_P(StoreTest, F1_owned_is_what_has_the_uid_and_the_namespace_and_the_kind) {
  const std::string version = "argoproj.io/v1alpha1";
  store.upsert(claiming("shop", "b", version, "Rollout"));
  store.upsert(claiming("shop", "a", "argoproj.io/v1beta1", "Rollout"));
  store.upsert(claiming("evil", "a", version, "Rollout"));
  store.upsert(claiming("zoo", "z", version, "Rollout"));
  store.upsert(claiming("shop", "other-kind", "apps/v1", "ReplicaSet"));
  store.upsert(claiming("shop", "other-group", "example.org/v1", "Rollout"));
  store.upsert(claiming("shop", "no-group", "v1", "Rollout"));
  store.upsert(claiming("shop", "no-controller", version, "Rollout", false));
  std::string found;
  std::vector<ObjectKey> impostors;
  for (const auto& one : store.owned_by({kRolloutType, "shop", "uid-o"}, &impostors))
    found += one->meta.key.text() + " ";
  EXPECT_EQ(found, "shop/a shop/b ");
  std::string refused;
  for (const auto& key : impostors) refused += key.text() + " ";
  EXPECT_EQ(refused, "shop/no-group shop/other-group shop/other-kind evil/a zoo/z ");
  impostors.clear();
  EXPECT_EQ(store.owned_by({kRolloutType, "evil", "uid-o"}, &impostors).size(), 1U)
      << "to an owner there, if there is one";
  EXPECT_TRUE(store.owned_by({kRolloutType, "shop", ""}).empty()) << "no uid is no owner";
  EXPECT_TRUE(store.owned_by({kRolloutType, "", "uid-o"}).empty());
}

TEST_P(StoreTest, F1_impostors_are_bounded_and_cost_those_that_are_owned_nothing) {
  for (int i = 0; i < 100; ++i) {
    store.upsert(claiming("evil", std::to_string(i), "argoproj.io/v1alpha1", "Rollout"));
    store.upsert(claiming("zoo", std::to_string(i), "argoproj.io/v1alpha1", "Rollout"));
  }
  store.upsert(claiming("shop", "a", "argoproj.io/v1alpha1", "Rollout"));
  std::vector<ObjectKey> impostors;
  ASSERT_EQ(store.owned_by({kRolloutType, "shop", "uid-o"}, &impostors).size(), 1U);
  EXPECT_EQ(impostors.size(), Store<Thing>::kImpostorsMax);
  impostors.clear();
  EXPECT_EQ(store.owned_by({kRolloutType, "zoo", "uid-o"}, &impostors).size(), 100U);
}

TEST_P(StoreTest, ObjectsAreKnownByNameUidAndFlagWithoutTheirViews) {
  store.upsert(thing("a", 1, "ua"));
  store.upsert(thing("b", 2, "ub"));
  EXPECT_TRUE(store.contains({"ns", "a"}));
  EXPECT_TRUE(store.contains({"ns", "a"}, "ua"));
  EXPECT_FALSE(store.contains({"ns", "a"}, "ub"));
  EXPECT_FALSE(store.contains({"elsewhere", "a"}));
  EXPECT_FALSE(store.flagged({"ns", "a"})) << "no predicate";
  EXPECT_EQ(store.with_uids({"ub", "gone"}), (std::vector<ObjectKey>{{"ns", "b"}}));
  store.overlay_deleted({"ns", "a"});
  EXPECT_FALSE(store.contains({"ns", "a"}));
  EXPECT_FALSE(store.contains({"ns", "a"}, "ua"));
}

// Whatever came and went in whatever order: exactly those objects that say all three.
RC_GTEST_PROP(StoreOwners, F1_the_index_answers_as_a_look_at_every_object_would, ()) {
  const int views = *rc::gen::element(kAllViews, 0, 1, 3);
  Store<Thing> store;
  if (views != kAllViews) store.rest_unread(static_cast<std::size_t>(views), decode_thing);
  if (*rc::gen::arbitrary<bool>()) store.index_orphans();
  const std::vector<std::string> spaces{"a", "ab", "b", ""}, uids{"u", "v", ""};
  const std::vector<std::string> kinds{"Rollout", "K"}, versions{"argoproj.io/v1alpha1", "v1"};
  std::map<ObjectKey, Thing> model;
  const auto steps = *rc::gen::inRange(1, 40);
  for (int i = 0; i < steps; ++i) {
    const ObjectKey key{*rc::gen::elementOf(spaces), std::to_string(*rc::gen::inRange(0, 4))};
    if (*rc::gen::inRange(0, 4) == 0) {
      store.erase(key, "");
      model.erase(key);
      continue;
    }
    Thing one = thing(key.name, i + 1, key.text());
    one.meta.key = key;
    one.meta.owners.push_back({*rc::gen::elementOf(versions), *rc::gen::elementOf(kinds), "o",
                               *rc::gen::elementOf(uids), *rc::gen::arbitrary<bool>(), false});
    one = sent(one);
    store.upsert(one);
    model[key] = one;
  }
  for (const auto& type : {kRolloutType, kOwnerType}) {
    for (const auto& ns : spaces) {
      for (const auto& uid : uids) {
        std::vector<ObjectKey> expected, found;
        for (const auto& [key, one] : model) {
          const auto& owner = one.meta.owners.at(0);
          if (!uid.empty() && key.namespace_ == ns && owner.controller && owner.uid == uid &&
              owner.kind == type.kind && owner.api_version == type.api_version())
            expected.push_back(key);
        }
        for (const auto& one : store.owned_by({type, ns, uid})) found.push_back(one->meta.key);
        RC_ASSERT(found == expected);
      }
    }
  }
}

TEST_P(StoreTest, ListsAreByNamespaceInOrder) {
  Thing other = thing("x", 1, "ux");
  other.meta.key.namespace_ = "ns2";
  store.upsert(sent(other));
  store.upsert(thing("b", 2, "ub"));
  store.upsert(thing("a", 3, "ua"));
  ASSERT_EQ(store.list("ns").size(), 2U);
  EXPECT_EQ(store.list("ns")[0]->meta.key.name, "a");
  int all = 0;
  store.each([&](const Thing&) { ++all; });
  EXPECT_EQ(all, 3);
}

TEST_P(StoreTest, OrphansAreFoundByNamespaceUntilSomebodyOwnsThem) {
  store.upsert(thing("b", 1, "ub"));
  store.upsert(thing("a", 2, "ua"));
  store.upsert(owned("c", 3, "uc", "o"));
  ASSERT_EQ(store.orphans("ns").size(), 2U);
  EXPECT_EQ(store.orphans("ns")[0]->meta.key.name, "a");
  EXPECT_TRUE(store.orphans("elsewhere").empty());
  store.overlay(owned("a", 4, "ua", "o"));
  EXPECT_EQ(store.orphans("ns").size(), 1U);
  EXPECT_EQ(store.owned_by({kOwnerType, "ns", "o"}).size(), 2U);
  store.upsert(thing("c", 5, "uc"));
  EXPECT_EQ(store.orphans("ns").size(), 2U);
}

TEST_P(StoreTest, PrefixesTellEndAndOwner) {
  store.upsert(owned("web-1", 1, "u1", "o1"));
  store.upsert(owned("web-2", 2, "u2", "o2"));
  store.upsert(owned("web-2-3", 3, "u3", "o2"));
  store.upsert(thing("web-4", 4, "u4"));
  store.upsert(owned("webber-5", 5, "u5", "o2"));
  std::string asked;
  const auto found = store.with_prefix("ns", "web-", [&](auto end, auto owner) {
    asked += std::string(end) + ":" + std::string(owner) + " ";
    return owner == "o2" && end.find('-') == end.npos;
  });
  EXPECT_EQ(asked, "1:o1 2:o2 2-3:o2 4: ");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0]->meta.key.name, "web-2");
}

TEST_P(StoreTest, WhatIsHeldInThisVersionNeedsNoDecoding) {
  store.overlay(thing("a", 5, "u"));
  EXPECT_FALSE(store.confirm({"ns", "a"}, "u", "4"));
  EXPECT_FALSE(store.confirm({"ns", "a"}, "v", "5"));
  EXPECT_FALSE(store.confirm({"ns", "b"}, "u", "5"));
  store.list_started();
  EXPECT_TRUE(store.confirm({"ns", "a"}, "u", "5"));
  store.list_finished([&](const Thing& t) { gone.push_back(t.meta.key.name); }, "9");
  EXPECT_TRUE(gone.empty()) << "the list named it";
  // It is the watch's now, and no write of ours that waits for its echo.
  list({}, "4");
  EXPECT_EQ(gone, std::vector<std::string>{"a"});
}

TEST_P(StoreTest, AChangeTellsWhatThereWasBefore) {
  Store<Thing>::Ptr before;
  EXPECT_TRUE(store.upsert(thing("a", 1, "u", 10), &before));
  EXPECT_EQ(before, nullptr);
  EXPECT_TRUE(store.upsert(thing("a", 2, "u", 20), &before));
  ASSERT_NE(before, nullptr);
  EXPECT_EQ(before->value, 10);
  before.reset();
  EXPECT_FALSE(store.upsert(thing("a", 2, "u", 20), &before));
  EXPECT_EQ(before, nullptr);
  EXPECT_TRUE(store.erase({"ns", "a"}, "u", &before));
  ASSERT_NE(before, nullptr);
  EXPECT_EQ(before->value, 20);
  store.upsert(thing("b", 3, "v"));
  store.overlay_deleted({"ns", "b"});
  before.reset();
  EXPECT_FALSE(store.erase({"ns", "b"}, "v", &before));
  EXPECT_EQ(before, nullptr) << "nobody saw it";
}

TEST(StoreAtRest, KeepsSoManyViewsAndAnswersTheSame) {
  Store<Thing> store;
  store.rest_unread(3, decode_thing);
  store.flag([](const Thing& t) { return t.value % 2 == 1; });
  for (int i = 0; i < 200; ++i)
    store.upsert(thing("t" + std::to_string(i), i + 1, "u" + std::to_string(i), i));
  EXPECT_EQ(store.views(), 3U);
  EXPECT_EQ(store.size(), 200U);
  for (int i = 0; i < 200; ++i) {
    const auto found = store.get({"ns", "t" + std::to_string(i)});
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->value, i);
    EXPECT_EQ(found->meta.uid, "u" + std::to_string(i));
  }
  EXPECT_EQ(store.views(), 3U);
  int flagged = 0;
  store.each_flagged([&](const ObjectKey&) { ++flagged; });
  EXPECT_EQ(flagged, 100);
  EXPECT_EQ(store.views(), 3U);
}

// The view of what is read all the time is not made again and again.
TEST(StoreAtRest, WhatIsReadAgainStaysAView) {
  Store<Thing> store;
  store.rest_unread(4, decode_thing);
  for (int i = 0; i < 100; ++i)
    store.upsert(thing("t" + std::to_string(i), i + 1, "u" + std::to_string(i), i));
  const auto hot = store.get({"ns", "t7"});
  for (int i = 20; i < 90; ++i) {
    EXPECT_EQ(store.get({"ns", "t7"}), hot) << "after " << i;
    static_cast<void>(store.get({"ns", "t" + std::to_string(i)}));
  }
}

TEST(StoreAtRest, AViewThatIsInUseOutlivesItsPlace) {
  Store<Thing> store;
  store.rest_unread(0, decode_thing);
  store.upsert(thing("a", 1, "ua", 1));
  const auto held = store.get({"ns", "a"});
  store.upsert(thing("b", 2, "ub", 2));
  store.erase({"ns", "a"}, "ua");
  EXPECT_EQ(held->value, 1);
}

// Objects that come and go leave nothing behind.
TEST(StoreAtRest, TheirNamesAreForgotten) {
  Store<Thing> store;
  store.rest_unread(8, decode_thing);
  for (int i = 0; i < 10'000; ++i) {
    const std::string name = "t" + std::to_string(i % 5), uid = "u" + std::to_string(i);
    store.upsert(thing(name, i + 1, uid));
    store.erase({"ns", name}, uid);
  }
  EXPECT_EQ(store.size(), 0U);
  EXPECT_EQ(store.views(), 0U);
  EXPECT_LE(store.names_kept(), 8U);
}

// A server of one object that is created, changed and deleted by us and by others; its news arrive
// in order but late, our answers at once. What the cache shows is never older than our last write,
// and in the end it is right.
RC_GTEST_PROP(StoreProperty, NeverOlderThanOurWritesAndRightInTheEnd, ()) {
  Store<Thing> store;
  if (*rc::gen::arbitrary<bool>()) store.rest_unread(0, decode_thing);
  struct News {
    Thing object;
    bool deleted = false;
  };
  std::deque<News> pending;
  std::optional<Thing> real;
  int clock = 0;
  int own_version = 0;
  int uids = 0;
  const auto deliver = [&] {
    const News news = pending.front();
    pending.pop_front();
    if (news.deleted) {
      store.erase(news.object.meta.key, news.object.meta.uid);
    } else {
      store.upsert(news.object);
    }
  };
  const int steps = *rc::gen::inRange(1, 40);
  for (int i = 0; i < steps; ++i) {
    const bool ours = *rc::gen::arbitrary<bool>();
    switch (*rc::gen::inRange(0, 5)) {
      case 0:
      case 1:
        if (!real) {
          real = thing("a", ++clock, "u" + std::to_string(++uids));
        } else {
          real = thing("a", ++clock, real->meta.uid);
        }
        pending.push_back({*real, false});
        if (ours) {
          store.overlay(*real);
          own_version = clock;
        }
        break;
      case 2: {
        if (!real) break;
        const auto known = store.get({"ns", "a"});
        const bool seen =
            known && known->meta.uid == real->meta.uid;  // we delete only what we have seen
        Thing last = *real;
        last.meta.resource_version = std::to_string(++clock);
        pending.push_back({last, true});
        real.reset();
        if (ours && seen) {
          store.overlay_deleted(last.meta.key, last.meta.uid);
          own_version = clock;
        }
        break;
      }
      case 3:
        if (!pending.empty()) deliver();
        break;
      default:  // the watch broke: the news are lost, a list takes their place
        pending.clear();
        store.list_started();
        if (real) store.upsert(*real);
        store.list_finished([](const Thing&) {}, std::to_string(clock));
        break;
    }
    const auto shown = store.get({"ns", "a"});
    if (shown)
      RC_ASSERT(std::stoi(shown->meta.resource_version) >= own_version || !real ||
                shown->meta.deleted_at);
  }
  while (!pending.empty()) deliver();
  const auto shown = store.get({"ns", "a"});
  RC_ASSERT(static_cast<bool>(shown) == real.has_value());
  if (real) RC_ASSERT(shown->meta.resource_version == real->meta.resource_version);
  RC_ASSERT(store.size() == (real ? 1U : 0U));
}

}  // namespace
}  // namespace sluice::kube
