#include "kube/json/patch.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include "json_gen.h"

namespace sluice::kube {
namespace {

Json json(std::string_view text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value) << text;
  return value.value_or(Json());
}

// ---- RFC 7386 ----

TEST(MergePatch, AppliesTheStandardsExamples) {
  const struct {
    std::string_view target, patch, result;
  } rows[] = {
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b"})", R"({"a":null})", R"({})"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
      {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
      {R"({"a":"foo"})", R"(null)", R"(null)"},
      {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
      {R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
      {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
  };
  for (const auto& row : rows) {
    Json target = json(row.target);
    apply_merge_patch(target, json(row.patch));
    EXPECT_EQ(target, json(row.result)) << row.target << " + " << row.patch;
  }
}

TEST(MergePatch, TheDifferenceIsMinimal) {
  const struct {
    std::string_view from, to, patch;
  } rows[] = {
      {R"({"a":1,"b":{"c":2,"d":3}})", R"({"a":1,"b":{"c":2,"d":4}})", R"({"b":{"d":4}})"},
      {R"({"a":1,"b":2})", R"({"b":2})", R"({"a":null})"},
      {R"({"a":[1,2]})", R"({"a":[1,3]})", R"({"a":[1,3]})"},
      {R"({"a":{"b":1}})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"({"a":[1]})", R"({"a":{"b":1}})", R"({"a":{"b":1}})"},
      {R"({"a":{"b":1}})", R"({"a":{}})", R"({"a":{"b":null}})"},
      {R"({"a":1})", R"({"a":1})", R"({})"},
      {R"({})", R"({"a":null})", R"({})"},
      {R"({"a":1})", R"({"a":null})", R"({"a":null})"},
      {R"({"a":null})", R"({"a":null})", R"({})"},
      {R"({})", R"({"a":{"b":null}})", R"({"a":{}})"},
      {R"({"a":[{"b":1}]})", R"({"a":[{"b":null}]})", R"({"a":[{"b":null}]})"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(merge_patch_diff(json(row.from), json(row.to)), json(row.patch))
        << row.from << " → " << row.to;
}

RC_GTEST_PROP(MergePatch, ApplyingTheDifferenceReachesTheGoal, ()) {
  const Json from = given::random_json(4, true);
  const Json to = given::random_json(4, false);
  Json result = from;
  apply_merge_patch(result, merge_patch_diff(from, to));
  RC_ASSERT(result == to);
  if (to.is_object()) RC_ASSERT(merge_patch_diff(result, to).empty());
}

RC_GTEST_PROP(MergePatch, ASmallEditMakesASmallPatch, ()) {
  Json from = {{"fixed", given::random_json(3, false)}, {"x", 1}};
  Json to = from;
  to["x"] = 2;
  RC_ASSERT(merge_patch_diff(from, to) == Json({{"x", 2}}));
}

// ---- RFC 6902 ----

TEST(JsonPatch, AppliesOperations) {
  const struct {
    std::string_view target, patch, result;
  } rows[] = {
      {R"({"foo":"bar"})", R"([{"op":"add","path":"/baz","value":"qux"}])",
       R"({"baz":"qux","foo":"bar"})"},
      {R"({"foo":["bar","baz"]})", R"([{"op":"add","path":"/foo/1","value":"qux"}])",
       R"({"foo":["bar","qux","baz"]})"},
      {R"({"foo":["bar"]})", R"([{"op":"add","path":"/foo/-","value":["x"]}])",
       R"({"foo":["bar",["x"]]})"},
      {R"({"foo":["bar"]})", R"([{"op":"add","path":"/foo/1","value":1}])", R"({"foo":["bar",1]})"},
      {R"({"baz":"qux","foo":"bar"})", R"([{"op":"remove","path":"/baz"}])", R"({"foo":"bar"})"},
      {R"({"foo":["a","b","c"]})", R"([{"op":"remove","path":"/foo/1"}])", R"({"foo":["a","c"]})"},
      {R"({"a":1})", R"([{"op":"replace","path":"/a","value":null}])", R"({"a":null})"},
      {R"({"a":{"b":1},"c":{}})", R"([{"op":"move","from":"/a/b","path":"/c/d"}])",
       R"({"a":{},"c":{"d":1}})"},
      {R"({"l":[1,2,3]})", R"([{"op":"move","from":"/l/0","path":"/l/2"}])", R"({"l":[2,3,1]})"},
      {R"({"a":1})", R"([{"op":"copy","from":"/a","path":"/b"}])", R"({"a":1,"b":1})"},
      {R"({"a/b":1,"m~n":2})",
       R"([{"op":"test","path":"/a~1b","value":1},{"op":"test","path":"/m~0n","value":2}])",
       R"({"a/b":1,"m~n":2})"},
      {R"({"a":1})", R"([{"op":"test","path":"/missing","value":null}])", R"({"a":1})"},
      {R"({"a":1})", R"([{"op":"add","path":"","value":[1]}])", R"([1])"},
      {R"({"":1})", R"([{"op":"remove","path":"/"}])", R"({})"},
      {R"({"a":1})", R"([])", R"({"a":1})"},
  };
  for (const auto& row : rows) {
    Json target = json(row.target);
    const Status status = apply_json_patch(target, json(row.patch));
    ASSERT_TRUE(status) << row.patch << ": " << status.error().message;
    EXPECT_EQ(target, json(row.result)) << row.patch;
  }
}

TEST(JsonPatch, RefusesAndLeavesTheTargetAlone) {
  const struct {
    std::string_view patch, message;
  } rows[] = {
      {R"([{"op":"replace","path":"/a","value":2},{"op":"test","path":"/a","value":1}])",
       "testing value /a failed: test failed"},
      {R"([{"op":"remove","path":"/x"}])",
       "remove operation does not apply: doc is missing path: \"/x\""},
      {R"([{"op":"replace","path":"/x/y","value":1}])", "replace operation does not apply"},
      {R"([{"op":"add","path":"/x/y","value":1}])", "add operation does not apply"},
      {R"([{"op":"add","path":"/l/3","value":1}])", "add operation does not apply"},
      {R"([{"op":"add","path":"/l/01","value":1}])", "add operation does not apply"},
      {R"([{"op":"add","path":"/l/-1","value":1}])", "add operation does not apply"},
      {R"([{"op":"remove","path":"/l/-"}])", "remove operation does not apply"},
      {R"([{"op":"add","path":"/a/b","value":1}])", "add operation does not apply"},
      {R"([{"op":"move","from":"/o","path":"/o/p"}])", "into itself"},
      {R"([{"op":"copy","from":"/none","path":"/b"}])", "doc is missing path: \"/none\""},
      {R"([{"op":"add","path":"/b"}])", "`value` is missing"},
      {R"([{"op":"spin","path":"/b"}])", "`op` must be"},
      {R"([{"op":"add","path":"b","value":1}])", "not a JSON pointer"},
      {R"([{"op":"add","path":"/b~2","value":1}])", "not a JSON pointer"},
      {R"([{"path":"/b","value":1}])", "`op` must be a string"},
      {R"([1])", "`op` must be a string"},
      {R"({"op":"remove","path":"/a"})", "must be a list"},
  };
  const Json before = json(R"({"a":1,"l":[1,2],"o":{}})");
  for (const auto& row : rows) {
    Json target = before;
    const Status status = apply_json_patch(target, json(row.patch));
    ASSERT_FALSE(status) << row.patch;
    EXPECT_EQ(status.error().code, ErrorCode::Invalid);
    EXPECT_NE(status.error().message.find(row.message), std::string::npos)
        << status.error().message;
    EXPECT_EQ(target, before);
  }
}

RC_GTEST_PROP(JsonPatch, AddingAndRemovingAMemberIsNoChange, ()) {
  Json object = {{"old", given::random_json(3, true)}};
  const Json before = object;
  const Json operations = {
      {{"op", "add"}, {"path", "/fresh"}, {"value", given::random_json(2, true)}},
      {{"op", "remove"}, {"path", "/fresh"}}};
  RC_ASSERT(apply_json_patch(object, operations).has_value());
  RC_ASSERT(object == before);
}

}  // namespace
}  // namespace sluice::kube
