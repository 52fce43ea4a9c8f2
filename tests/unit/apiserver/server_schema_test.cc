// The parts below the server: patterns, JSONPath, ages, field sets.
#include <gtest/gtest.h>

#include "apiserver/server/columns.h"
#include "apiserver/server/fieldset.h"
#include "apiserver/server/json_path.h"
#include "apiserver/server/pattern.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

TEST(ServerPattern, MatchesAsRe2Would) {
  struct Case {
    const char *pattern, *text;
    bool match;
  };
  const Case cases[] = {{"^[a-z]+$", "abc", true},
                        {"^[a-z]+$", "abC", false},
                        {"b", "abc", true},
                        {"^(a|bc)*$", "abcbca", true},
                        {"^(a|bc)*$", "abb", false},
                        {"^\\d{2,3}$", "12", true},
                        {"^\\d{2,3}$", "1234", false},
                        {"^a?b$", "b", true},
                        {"^[^/]+/[-_.\\w]+$", "x/y-1", true},
                        {"^.$", "\n", false},
                        {"^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE]"
                         "(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$",
                         "100Mi", true},
                        {"^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE]"
                         "(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$",
                         "100 Mi", false},
                        {"^(?:ab){2}$", "abab", true},
                        {"^[a-]$", "-", true},
                        {"^$", "", true}};
  for (const Case& c : cases)
    EXPECT_EQ(Pattern(c.pattern).search(c.text), c.match) << c.pattern << " on " << c.text;
}

TEST(ServerPattern, BrokenPatternsAreKnownAsSuch) {
  for (const char* text : {"(a", "[a", "a)", "*a", "(?P<x>a)"})
    EXPECT_FALSE(Pattern(text).valid()) << text;
}

TEST(ServerPattern, AHostilePatternEnds) {
  EXPECT_FALSE(Pattern("^(a+)+$").search(std::string(40, 'a') + "b"));
}

TEST(ServerJsonPath, FindsWhatPrinterColumnsAskFor) {
  const Json object = *kube::parse_json(
      R"({"spec":{"a.b":1,"list":[{"type":"x","n":1},{"type":"y","n":2}]},"metadata":{"labels":{"app/x":"v"}}})");
  struct Case {
    const char *path, *want;
  };
  const Case cases[] = {{".spec.list[1].n", "2"},
                        {".spec.list[-1].n", "2"},
                        {".spec.list[?(@.type==\"y\")].n", "2"},
                        {".spec.list[?(@.type=='x')].n", "1"},
                        {".spec.list[*].type", "\"x\""},
                        {".spec.a\\.b", "1"},
                        {".metadata.labels['app/x']", "\"v\""},
                        {"{.spec.list[0].n}", "1"},
                        {".spec.none.deep", nullptr},
                        {".spec.list[9].n", nullptr},
                        {".spec.list[?(@.type==\"z\")].n", nullptr},
                        {".spec.list[", nullptr}};
  for (const Case& c : cases) {
    const Json* found = json_path(object, c.path);
    EXPECT_EQ(found == nullptr ? "none" : kube::dump(*found), c.want == nullptr ? "none" : c.want)
        << c.path;
  }
}

TEST(ServerColumns, AgesReadAsKubectlWritesThem) {
  const std::pair<std::int64_t, const char*> cases[] = {
      {0, "0s"},       {119, "119s"},     {120, "2m"},      {125, "2m5s"},     {599, "9m59s"},
      {600, "10m"},    {10'799, "179m"},  {10'800, "3h"},   {12'660, "3h31m"}, {28'800, "8h"},
      {172'800, "2d"}, {176'400, "2d1h"}, {864'000, "10d"}, {63'072'000, "2y"}};
  for (const auto& [seconds, want] : cases)
    EXPECT_EQ(human_duration(Seconds(seconds)), want) << seconds;
}

Json set(const char* text) {
  return *kube::parse_json(text);
}

TEST(ServerFieldSet, OperationsKeepMembersAndChildrenApart) {
  const Json a = set(R"({"f:x":{".":{},"f:y":{},"f:z":{}},"f:w":{}})");
  const Json b = set(R"({"f:x":{"f:y":{}}})");
  EXPECT_EQ(fieldset::subtract(a, b), set(R"({"f:x":{".":{},"f:z":{}},"f:w":{}})"));
  EXPECT_EQ(fieldset::intersect(a, b), b);
  EXPECT_EQ(fieldset::unite(b, set(R"({"f:x":{},"f:v":{}})")),
            set(R"({"f:x":{".":{},"f:y":{}},"f:v":{}})"));
  EXPECT_EQ(fieldset::subtract(a, a), Json::object());
  EXPECT_EQ(
      fieldset::paths(set(R"({"f:spec":{"f:c":{"k:{\"name\":\"web\"}":{".":{},"f:image":{}}}}})")),
      (std::vector<std::string>{".spec.c[name=\"web\"]", ".spec.c[name=\"web\"].image"}));
}

}  // namespace
}  // namespace sluice::apiserver::server
