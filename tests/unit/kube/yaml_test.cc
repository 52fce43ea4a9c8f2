#include "kube/json/yaml.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/strings.h"
#include "json_gen.h"

namespace sluice::kube {
namespace {

Json only(std::string_view text) {
  const auto documents = parse_yaml(text);
  EXPECT_TRUE(documents) << text << ": " << (documents ? "" : documents.error().message);
  if (!documents || documents->size() != 1) return Json("not one document");
  return documents->front();
}

TEST(Yaml, ResolvesPlainScalarsAsKubectlDoes) {
  const struct {
    std::string_view text, json;
  } rows[] = {
      {"true", "true"},
      {"True", "true"},
      {"yes", "true"},
      {"on", "true"},
      {"y", "true"},
      {"no", "false"},
      {"Off", "false"},
      {"N", "false"},
      {"FALSE", "false"},
      {"tRue", "\"tRue\""},
      {"~", "null"},
      {"null", "null"},
      {"Null", "null"},
      {"nULL", "\"nULL\""},
      {"", "null"},
      {"10", "10"},
      {"-10", "-10"},
      {"+10", "10"},
      {"010", "8"},
      {"0o10", "8"},
      {"0x1F", "31"},
      {"-0x1F", "-31"},
      {"0b101", "5"},
      {"1_000", "1000"},
      {"0", "0"},
      {"08", "8"},
      {"1.5", "1.5"},
      {".5", "0.5"},
      {"1.", "1"},
      {"1.0", "1"},
      {"1e3", "1000"},
      {"1e-3", "0.001"},
      {"-1.5e2", "-150"},
      {"+1.5", "1.5"},
      {"1e", "\"1e\""},
      {"0x", "\"0x\""},
      {"1:30", "\"1:30\""},
      {"1.2.3", "\"1.2.3\""},
      {"100m", "\"100m\""},
      {"2001-12-14", "\"2001-12-14\""},
      {"2026-11-21T14:28:03Z", "\"2026-11-21T14:28:03Z\""},
      {"-", "[null]"},
      {"-x", "\"-x\""},
      {".", "\".\""},
      {"\"10\"", "\"10\""},
      {"'true'", "\"true\""},
      {"\"\"", "\"\""},
      {"!!str 10", "\"10\""},
      {"!!int \"7\"", "7"},
      {"!!binary aGk=", "\"hi\""},
      {"9223372036854775807", "9223372036854775807"},
      {"18446744073709551615", "18446744073709551615"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"1_", "1"},
      {"=", "\"=\""},
      {"18446744073709551616", "1.8446744073709552e+19"},
  };
  for (const auto& row : rows) {
    const Json value = only("v: " + std::string(row.text == "-" ? "\n  -" : row.text) + "\n");
    EXPECT_EQ(dump(value), "{\"v\":" + std::string(row.json) + "}") << row.text;
  }
}

TEST(Yaml, MemberNamesBecomeText) {
  EXPECT_EQ(dump(only("on: a\n2: b\n0.5: c\nx: d\n")), R"({"0.5":"c","2":"b","true":"a","x":"d"})");
}

TEST(Yaml, DuplicateKeysAreRefusedWithTheirPlace) {
  for (const std::string_view text :
       {"a: 1\nb: 2\na: 3\n", "m:\n  x: 1\n  x: 2\n", "{a: 1, a: 2}", "on: 1\n\"true\": 2\n"}) {
    const auto documents = parse_yaml(text);
    ASSERT_FALSE(documents) << text;
    EXPECT_EQ(documents.error().code, ErrorCode::Decode);
    EXPECT_NE(documents.error().message.find("already set"), std::string::npos);
  }
  EXPECT_NE(parse_yaml("a: 1\nb: 2\na: 3\n").error().message.find("line 3, column 1"),
            std::string::npos);
}

TEST(Yaml, AnchorsAndMergeKeysExpand) {
  EXPECT_EQ(dump(only("base: &b {p: 1, q: 2}\nuse:\n  <<: *b\n  q: 3\nagain: *b\n")),
            R"({"again":{"p":1,"q":2},"base":{"p":1,"q":2},"use":{"p":1,"q":3}})");
  EXPECT_EQ(dump(only("a: &a {p: 1}\nb: &b {p: 2, q: 2}\nc:\n  z: 1\n  <<: [*a, *b]\n")["c"]),
            R"({"p":1,"q":2,"z":1})");
  EXPECT_FALSE(parse_yaml("a: {<<: 3}\n"));
  EXPECT_EQ(dump(only("a: {\"<<\": 3}\n")), R"({"a":{"<<":3}})");
}

TEST(Yaml, BlocksKeepTheirLineBreaks) {
  EXPECT_EQ(only("a: |\n  x\n    y\n\n  z\nb: >\n  p\n  q\nc: |-\n  10\n"),
            Json({{"a", "x\n  y\n\nz\n"}, {"b", "p q\n"}, {"c", "10"}}));
}

TEST(Yaml, EmptyDocumentsAreLeftOut) {
  const auto documents =
      parse_yaml("---\n# only a comment\n---\na: 1\n---\n---\nb: 2\n...\n").value();
  ASSERT_EQ(documents.size(), 2U);
  EXPECT_EQ(documents[1], Json({{"b", 2}}));
  EXPECT_TRUE(parse_yaml("").value().empty());
  EXPECT_TRUE(parse_yaml("# nothing\n").value().empty());
}

TEST(Yaml, JsonIsTakenAsItIs) {
  EXPECT_EQ(only("  {\"a\": \"\\ud83d\\ude00\",\n\t\"b\": [1, 2.0]}\n"),
            Json({{"a", "😀"}, {"b", {1, 2.0}}}));
  EXPECT_EQ(only("{a: yes}"), Json({{"a", true}})) << "flow YAML is not JSON";
}

TEST(Yaml, RefusesWhatHasNoJsonForm) {
  for (const std::string_view text :
       {"a: .nan\n", "a: -.inf\n", "~: 1\n", "[1]: 2\n", "a: !!int x\n", "a: !!bool 3\n",
        "a: !!binary '*'\n", "a: [1\n", "a: b: c\n", "\ta: 1\n", "a: *nobody\n"}) {
    const auto documents = parse_yaml(text);
    ASSERT_FALSE(documents) << text;
    EXPECT_EQ(documents.error().code, ErrorCode::Decode);
    EXPECT_NE(documents.error().message.find("line "), std::string::npos)
        << documents.error().message;
  }
}

TEST(Yaml, HostileDocumentsEnd) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string below = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + below;
    for (int k = 0; k < 9; ++k) bomb += "," + below;
    bomb += "]\n";
  }
  EXPECT_FALSE(parse_yaml(bomb));
  EXPECT_FALSE(parse_yaml("a: &a [*a]\n"));
  EXPECT_FALSE(parse_yaml("- " + std::string(20'000, '[')));
  std::string deep = "x: ";
  for (int i = 0; i < 2000; ++i) deep += "[";
  for (int i = 0; i < 2000; ++i) deep += "]";
  EXPECT_FALSE(parse_yaml(deep));
}

TEST(Yaml, WritesAsKubectlPrints) {
  const Json value =
      parse_json(
          R"({"kind":"Rollout","spec":{"replicas":3,"steps":[{"setWeight":20},{"pause":{}},[1,[2]],"x"],"empty":[],"none":null,)"
          R"("flag":true,"text":"true","num":"10","date":"2001-12-14","multi":"a\n  b\n","tail":"a\nb","odd":"a: b","space":" x",)"
          R"("mark":"- x","star":"*x","colon":"a:b","quote":"it's #1","tab":"a\tb","blank":"","half":0.5}})")
          .value();
  EXPECT_EQ(to_yaml(value), R"(kind: Rollout
spec:
  blank: ""
  colon: a:b
  date: "2001-12-14"
  empty: []
  flag: true
  half: 0.5
  mark: "- x"
  multi: |
    a
      b
  none: null
  num: "10"
  odd: 'a: b'
  quote: 'it''s #1'
  replicas: 3
  space: ' x'
  star: '*x'
  steps:
  - setWeight: 20
  - pause: {}
  - - 1
    - - 2
  - x
  tab: "a\tb"
  tail: |-
    a
    b
  text: "true"
)");
  EXPECT_EQ(to_yaml(Json::object()), "{}\n");
  EXPECT_EQ(to_yaml(Json("x")), "x\n");
}

// DEL, C1, bidi marks, and what YAML 1.1 takes for the end of a line.
TEST(F6_Yaml, what_a_reader_would_not_see_is_escaped_and_reads_back) {
  for (const char* hidden : {"\x7f", "\xC2\x9B", "\xC2\x85", "\u202E", "\u2066", "\u2028", "\x1b",
                             "\r", "\r\n"}) {
    for (const char* frame : {"", "text ", "line\n", "- "}) {
      const std::string text = std::string(frame) + hidden + "31m";
      const Json value = {{"key " + text, text}, {"list", {text}}};
      const std::string written = to_yaml(value);
      EXPECT_EQ(printable(written), written);
      const auto read = parse_yaml(written);
      ASSERT_TRUE(read && read->size() == 1U) << written;
      EXPECT_EQ(read->front(), value) << written;
    }
  }
}

RC_GTEST_PROP(Yaml, WhatIsWrittenReadsBack, ()) {
  const Json value = {{"v", given::random_json(4, true)}};
  const std::string text = to_yaml(value);
  RC_LOG() << text;
  const auto documents = parse_yaml(text);
  RC_ASSERT(documents.has_value());
  RC_ASSERT(documents->size() == 1U);
  RC_ASSERT(documents->front() == value);
}

}  // namespace
}  // namespace sluice::kube
