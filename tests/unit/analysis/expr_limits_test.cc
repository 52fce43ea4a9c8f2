// Hostile and merely huge expressions: every one ends with an error or a value (expressions.md
// §12.2).
#include <gtest/gtest.h>
#include <pthread.h>

#include <functional>
#include <random>

#include "expr_test_support.h"

namespace sluice::analysis::expr {
namespace {

std::string repeated(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

std::string with_steps(const std::string& source, std::uint64_t steps) {
  const auto program = compile(source, Environment::for_condition(Value()));
  if (!program) return program.error().message;
  EvaluationInput input;
  input.max_steps = steps;
  const auto value = evaluate(*program, Value(), input);
  return value ? shown(*value) : value.error().message;
}

TEST(ExpressionLimits, TenThousandNodesAreTheMost) {
  // A flat list: one node per element and one for the list.
  EXPECT_EQ(outcome("len([" + repeated("1,", 9'998) + "])", ""), "9998");
  EXPECT_EQ(outcome("len([" + repeated("1,", 10'001) + "])", ""),
            "compile: compilation failed: expression exceeds maximum allowed nodes");
}

TEST(ExpressionLimits, NestingIsBoundedWhateverBuildsIt) {
  const std::string deep = "compile: compilation failed: expression is nested too deeply";
  EXPECT_EQ(outcome(repeated("(", 100'000) + "1", ""), deep);
  EXPECT_EQ(outcome(repeated("[", 100'000) + "1", ""), deep);
  EXPECT_EQ(outcome(repeated("-", 100'000) + "1", ""), deep);
  EXPECT_EQ(outcome(repeated("!", 100'000) + "true", ""), deep);
  EXPECT_EQ(outcome(repeated("if true { ", 100'000), ""), deep);
  EXPECT_EQ(outcome(repeated("true ? ", 100'000) + "1", ""), deep);
  EXPECT_EQ(outcome("1" + repeated(" + 1", 4'000), ""), deep);
  EXPECT_EQ(outcome("result" + repeated(".a", 4'000), "json {}"), deep);
}

TEST(ExpressionLimits, LongButSensibleChainsAreFine) {
  EXPECT_EQ(outcome("result > 1" + repeated(" || result > 1", 400), "float 2"), "true");
  EXPECT_EQ(outcome(repeated("(", 200) + "1" + repeated(")", 200), ""), "1");
  EXPECT_EQ(outcome(repeated("result > 5 ? 1 : ", 150) + "0", "float 2"), "0");
}

// Runs `work` in a thread with a stack of that many bytes: one that needs more ends the program.
void with_stack(std::size_t bytes, std::function<void()> work) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, bytes), 0);
  pthread_t thread;
  const auto run = [](void* argument) -> void* {
    (*static_cast<std::function<void()>*>(argument))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, run, &work), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

// The loop has eight megabytes; sanitizers and debuggers' builds have frames many times as large.
TEST(ExpressionLimits, TheDeepestTreeNeedsLessThanHalfOfTheStack) {
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__)
  constexpr std::size_t kStack = 4UL << 20;
#else
  constexpr std::size_t kStack = 64UL << 20;
#endif
  with_stack(kStack, [] {
    EXPECT_EQ(outcome("1" + repeated(" + 1", 1'990), ""), "1991");
    EXPECT_EQ(outcome("true" + repeated(" and true", 1'990), ""), "true");
    EXPECT_EQ(outcome("nil" + repeated(" ?? nil", 1'990), ""), "nil");
    EXPECT_EQ(outcome(repeated("[", 330) + "1" + repeated("]", 330) + " == nil", ""), "false");
    EXPECT_EQ(outcome("len(" + repeated("map([1], {", 240) + "1" + repeated("})", 240) + ")", ""),
              "1");
  });
}

TEST(ExpressionLimits, SharedMiddleOperandsDoNotMultiplyTheWork) {
  std::string nested = "true";
  for (int i = 0; i < 60; ++i) nested = "(" + nested + " ?: false)";
  EXPECT_EQ(outcome(nested, ""), "true");
}

TEST(ExpressionLimits, StepsAreCounted) {
  EXPECT_EQ(outcome("all(1..2000, len(1..2000) > 0)", ""), "runtime: memory budget exceeded");
  const std::string source = "let l = 1..30; all(l, all(l, all(l, # > 0)))";
  EXPECT_EQ(with_steps(source, 100'000), "expression evaluation exceeded 100000 steps");
  EXPECT_EQ(with_steps(source, 1'000'000), "true");
}

// All conditions are evaluated on the one thread that also renews the Lease.
TEST(ExpressionLimits, B2_a_condition_of_nested_predicates_is_stopped_by_the_usual_limit) {
  const std::string stopped = "runtime: expression evaluation exceeded 500000 steps";
  EXPECT_EQ(outcome("all(1..900, {all(1..900, {# > 0})}) or result == 5", "float 5"), stopped);
  EXPECT_EQ(outcome("let l = 1..100; all(l, all(l, all(l, # > 0)))", ""), stopped);
}

// As many points as Prometheus gives for one series.
TEST(ExpressionLimits, B2_what_is_done_with_a_whole_range_of_points_fits_in) {
  std::string points = "floats [0.5";
  for (int i = 1; i < 11'000; ++i) points += ", 0.5";
  points += "]";
  const char* const rows[] = {
      "all(result, # < 1 and # >= 0 and not isNaN(#))",
      "len(filter(result, {# > 0.4})) / len(result) > 0.95",
      "mean(map(filter(result, {not isNaN(#)}), {# * 100})) > 40",
      "all(result, # < 0.9) and any(result, # > 0.1) and count(result, # > 2) == 0",
      "sum(filter(result, {# > 0.1})) / len(result) < 1 and max(result) < 1 and min(result) > 0",
  };
  for (const char* row : rows) EXPECT_EQ(outcome(row, points), "true") << row;
}

TEST(ExpressionLimits, LongTextsAreChargedForBeingLookedAt) {
  const char* const rows[] = {
      "let s = repeat(\"a\", 900000); let t = s + s + s + s; all(1..9000, t + \"x\" != t + \"y\")",
      "let s = repeat(\"a\", 900000); any(1..9000, s contains s + \"b\")",
      "let s = repeat(\"a\", 900000); any(1..9000, len(s) == 0)",
      "let s = repeat(\"a\", 900000); any(1..9000, indexOf(s, s + \"b\") > 0)",
      "any(1..9000, \"a\" matches string(#) + \"(x+x+)+y\")",
  };
  for (const char* row : rows) {
    EXPECT_EQ(with_steps(row, 300'000), "expression evaluation exceeded 300000 steps") << row;
  }
}

TEST(ExpressionLimits, ValuesCannotGrowWithoutEnd) {
  const std::string budget = "runtime: memory budget exceeded";
  // However many steps there are, memory has a bound of its own.
  constexpr std::uint64_t kMany = 10'000'000;
  const std::string no_prefix = "memory budget exceeded";
  EXPECT_EQ(with_steps("len(reduce(1..60, #acc + #acc, \"aaaaaaaa\"))", kMany), no_prefix);
  EXPECT_EQ(outcome("string(reduce(1..60, [#acc, #acc], 1))", ""), budget);
  EXPECT_EQ(outcome("type(reduce(1..60, ({a: #acc, b: #acc}), 1))", ""), budget);
  EXPECT_EQ(with_steps("len(flatten(reduce(1..24, [#acc, #acc], 1)))", kMany), no_prefix);
  EXPECT_EQ(outcome("reduce(1..5000, [#acc], 1) == nil", ""), "runtime: recursion depth exceeded");
  EXPECT_EQ(outcome("(-9223372036854775807)..9223372036854775807 == nil", ""), budget);
  EXPECT_EQ(
      outcome("replace(repeat(\"a\", 400000), \"a\", repeat(\"b\", 400000))", "").substr(0, 7),
      "runtime");
}

TEST(ExpressionLimits, BackReferencesAndHugePatternsAreRefused) {
  EXPECT_EQ(outcome("\"aa\" matches \"(a)\\\\1\"", ""),
            "compile: error parsing regexp: invalid escape sequence: `\\1`");
  EXPECT_EQ(outcome("\"a\" matches \"(?=a)\"", "").substr(0, 31),
            "compile: error parsing regexp: ");
  EXPECT_EQ(outcome("\"a\" matches \"a{100000}\"", ""),
            "compile: error parsing regexp: invalid repeat count: `{100000}`");
}

TEST(ExpressionLimits, PatternsTakeLinearTime) {
  EXPECT_EQ(outcome("repeat(\"a\", 50000) matches \"^(a+)+$\"", ""), "true");
  EXPECT_EQ(outcome("repeat(\"a\", 50000) + \"b\" matches \"^(a+)+$\"", ""), "false");
}

// Random strings of tokens: whatever they mean, they must give a value or an error.
TEST(ExpressionLimits, NoSequenceOfTokensGoesUnanswered) {
  static const char* const kTokens[] = {
      "1",       "0",       "-",        "+",         "*",      "/",      "%",      "**",
      "2.5",     "result",  "(",        ")",         "[",      "]",      "{",      "}",
      ",",       ":",       "?",        "?.",        ".",      "a",      "b",      "\"x\"",
      "'y'",     "==",      "<",        ">=",        "&&",     "||",     "!",      "not",
      "in",      "matches", "contains", "..",        "??",     "|",      "let",    "x",
      "=",       ";",       "if",       "else",      "#",      "true",   "nil",    "map(",
      "filter(", "sum(",    "reduce(",  "all(",      "len(",   "first(", "max(",   "sort(",
      "get(",    "date(",   "now()",    "duration(", "\"1h\"", "$env",   "isNaN(", "default(",
      "asInt(",  "string(", "count(",   "groupBy(",  "split(", "take(",  "#index", "#acc",
      "::",      "b'z'",    "`r`",      "find("};
  static const char* const kResults[] = {"",
                                         "float 2",
                                         "floats [1, NaN]",
                                         "influx",
                                         "cw",
                                         "json {\"a\":{\"b\":[1,\"x\",null]},\"x\":true}",
                                         "nrql {\"a\":1}",
                                         "string \"abc\""};
  std::mt19937 random(20'261'121);
  int compiled = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string source;
    const int length = 1 + static_cast<int>(random() % 14);
    for (int i = 0; i < length; ++i) {
      source += kTokens[random() % std::size(kTokens)];
      if (random() % 2 == 0) source += ' ';
    }
    const std::string answer = outcome(source, kResults[random() % std::size(kResults)]);
    ASSERT_FALSE(answer.empty()) << source;
    if (answer.substr(0, 8) != "compile:") ++compiled;
  }
  EXPECT_GT(compiled, 200);
}

TEST(ExpressionLimits, NoSequenceOfBytesGoesUnanswered) {
  std::mt19937 random(7);
  const std::string seed =
      "all(result.v, {let y = #.x ?? 0; y matches \"^\\u00e9[a-z]+$\" and 1 in [1]})";
  for (int round = 0; round < 5'000; ++round) {
    std::string source = seed;
    for (unsigned i = 0; i < 1 + random() % 4; ++i) {
      source[random() % source.size()] = static_cast<char>(random() % 256);
    }
    ASSERT_FALSE(outcome(source, "json {\"v\":[{\"x\":\"a\"}]}").empty());
  }
}

}  // namespace
}  // namespace sluice::analysis::expr
