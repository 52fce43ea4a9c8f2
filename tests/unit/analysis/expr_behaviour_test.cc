// What the vectors leave open: the given/when/then rows, options, the JSON bridge, texts.
#include <gtest/gtest.h>

#include "expr_test_support.h"
#include "kube/json/json.h"

namespace sluice::analysis::expr {
namespace {

TEST(Expressions, AnswerTheGivenWhenThenRows) {
  const Row rows[] = {
      {"result >= 0.95", "float 0.97", "true"},
      {"all(result.v, {asFloat(.value) >= 9900})", R"(json {"v":[{"value":"9950"}]})", "true"},
      {"7 / 2", "", "3.5"},
      {"7.0 % 2", "", "compile: invalid operation: % (mismatched types float64 and int)"},
      {"-2 ** 2", "", "-4.0"},
      {"1 < 2 < 2", "", "false"},
      {"nil ?? 1 + 2", "",
       "compile: Operator (+) and coalesce expressions (?"
       "?) cannot be mixed. Wrap either by "
       "parentheses."},
      {"1 + nil ?? 2", "", "3"},
      {"findIndex([1], # > 5)", "", "nil"},
      {"max([])", "", "nil"},
      {"len(1..1000000)", "", "runtime: memory budget exceeded"},
      {"\n result // why\n > /* not */ 1\n", "float 2", "true"},
      {"result > 50%", "float 1", "compile: unexpected token EOF"},
      {"date(\"2024-02-03\") + duration(\"24h\")", "", "time(2024-02-04T00:00:00Z)"},
      {"result[0] + result[1]", "influx", "7"},
      {"result.a?.x.y", R"(json {"a":{}})", "runtime: cannot fetch y from <nil>"},
  };
  expect_rows(rows);
}

TEST(Expressions, TakeBracesAndLeadingDotsInPredicates) {
  const Row rows[] = {
      {"count(result.v, {let t = .n; t > 1})", R"(json {"v":[{"n":1},{"n":2}]})", "1"},
      {"map([1, 2], {#; # * 2})", "", "[2, 4]"},
      {"map([[1, 2], [3]], {let outer = #; map(outer, # + len(outer))})", "", "[[3, 4], [4]]"},
      {".a", "json {}", "compile: unexpected token Operator(\".\")"},
      {"filter([1], )", "", "compile: unexpected token Bracket(\")\")"},
      {"[1] | count(# == 1)", "", "1"},
      {"[3, 1] | sort() | first()", "", "1"},
      {"filter([1, 2, 3], # > 1,)", "", "[2, 3]"},
  };
  expect_rows(rows);
}

TEST(Expressions, KeepTheOriginalOrderOfEvaluationInRewrites) {
  const Row rows[] = {
      {"sum(map(result.v, .n))", R"(json {"v":[{"n":1},{"n":2}]})", "3.0"},
      {"map(map([5, 6], #index), # + 1)", "", "[1, 2]"},
      {"map(filter([5, 6, 7], # > 5), #index)", "", "[0, 1]"},
      {"filter(filter([1, 2, 3], # > 1), # < 3)", "", "[2]"},
      {"first(map(filter([1, 2, 3], # > 1), # * 10))", "", "20"},
      {"map(filter([1, 2, 3], # > 1), # * 10)[-1]", "", "30"},
      {"none([1, 2], # > 5) and none([1, 2], # < 0)", "", "true"},
      {"none([1, 2], # > 1) and none([1, 2], # < 0)", "", "false"},
      {"count([1, 2, 3], # > 0) < 2", "", "false"},
      {"count([1, 2, 3], # > 5) <= 0", "", "true"},
      {"sum(5..1)", "", "0"},
      {"sum(-3..3)", "", "0"},
      {"len([1, 2] ?? [])", "", "2"},
  };
  expect_rows(rows);
}

TEST(Expressions, FormatTimesByReferenceLayouts) {
  const std::string base = "date(\"2024-02-03T04:05:06.789Z\").Format(\"";
  const struct {
    const char* layout;
    const char* text;
  } rows[] = {
      {"Monday, 2 January 2006", "Saturday, 3 February 2024"},
      {"Mon Jan _2 15:04:05 2006", "Sat Feb  3 04:05:06 2024"},
      {"06-1-2 3:4:5PM", "24-2-3 4:5:6AM"},
      {"15:04:05.000 MST -0700", "04:05:06.789 UTC +0000"},
      {"05.99999 Z07:00", "06.789 Z"},
      {"002 __2", "034  34"},
      {"-07 -07:00 Z0700", "+00 +00:00 Z"},
      {"Janus monk", "Janus monk"},
      {"pm", "am"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(outcome(base + row.layout + "\")", ""), "\"" + std::string(row.text) + "\"");
  }
}

TEST(Expressions, ReadTimesByReferenceLayouts) {
  const Row rows[] = {
      {"date('Feb 3 2024 4:05PM', 'Jan 2 2006 3:04PM')", "", "time(2024-02-03T16:05:00Z)"},
      {"date('24-034', '06-002')", "", "time(2024-02-03T00:00:00Z)"},
      {"date('2024-02-03T00:00:00.5Z')", "", "time(2024-02-03T00:00:00.5Z)"},
      {"date('2024-02-03 00:00 -0330', '2006-01-02 15:04 -0700')", "",
       "time(2024-02-03T00:00:00-03:30)"},
      {"date('2024-02-30')", "", "runtime: invalid date 2024-02-30"},
      {"date('2024-02-30', '2006-01-02')", "",
       "runtime: parsing time \"2024-02-30\": day out of range"},
      {"date('2024-02-03x', '2006-01-02')", "",
       "runtime: parsing time \"2024-02-03x\": extra text: \"x\""},
      {"date('25:00', '15:04')", "", "runtime: parsing time \"25:00\": hour out of range"},
      {"date('Saturday, 03-Feb-24 04:05:06 GMT').Unix()", "", "int64(1706933106)"},
  };
  expect_rows(rows);
}

TEST(Expressions, KnowSummerTimeFromTheTableAndFromTheRule) {
  const Row rows[] = {
      {"date('1996-07-01 00:00', '2006-01-02 15:04', 'Europe/Zurich')", "",
       "time(1996-07-01T00:00:00+02:00)"},
      {"date('2031-07-01 00:00', '2006-01-02 15:04', 'Europe/Zurich')", "",
       "time(2031-07-01T00:00:00+02:00)"},
      {"date('2031-12-01 00:00', '2006-01-02 15:04', 'Europe/Zurich')", "",
       "time(2031-12-01T00:00:00+01:00)"},
      {"string(date('2024-03-31T01:00:00Z').In(timezone('Europe/Zurich')))", "",
       "\"2024-03-31 03:00:00 +0200 CEST\""},
      {"string(date('2024-03-31T00:59:59Z').In(timezone('Europe/Zurich')))", "",
       "\"2024-03-31 01:59:59 +0100 CET\""},
      {"now(timezone('Europe/Zurich')) == now()", "", "true"},
      {"timezone('../etc/passwd')", "", "runtime: time: invalid location name"},
  };
  expect_rows(rows);
}

TEST(Expressions, CarryMonthsAndRoundTimes) {
  const Row rows[] = {
      {"date('2024-01-31').AddDate(0, 1, 0)", "", "time(2024-03-02T00:00:00Z)"},
      {"date('2024-01-31').AddDate(0, -13, 0)", "", "time(2022-12-31T00:00:00Z)"},
      {"date('2024-02-03T04:05:31Z').Round(duration('1m'))", "", "time(2024-02-03T04:06:00Z)"},
      {"date('2024-02-03T04:05:31Z').Truncate(duration('1h'))", "", "time(2024-02-03T04:00:00Z)"},
      {"duration('90s').Round(duration('1m'))", "", "duration(2m0s)"},
      {"duration('-90s').Truncate(duration('1m'))", "", "duration(-1m0s)"},
      {"date('2024-02-03').Nope()", "", "compile: type time.Time has no method Nope"},
      {"date('2024-02-03').Add('1h')", "",
       "compile: cannot use string as argument (type time.Duration) to call Add"},
      {"result[6].Year()", "influx", "2023"},
      {"result[6].Add(5)", "influx", "runtime: reflect: Call using int as type time.Duration"},
      {"duration('3000000h')", "", "runtime: time: invalid duration \"3000000h\""},
      {"duration('5')", "", "runtime: time: missing unit in duration \"5\""},
  };
  expect_rows(rows);
}

TEST(Expressions, RefuseBadJsonWithItsPlace) {
  const Row rows[] = {
      {"fromJSON('')", "", "runtime: unexpected end of JSON input"},
      {"fromJSON('[1,]')", "", "runtime: invalid character ']' looking for beginning of value"},
      {"fromJSON('{\"a\" 1}')", "", "runtime: invalid character '1' after object key"},
      {"fromJSON('1 2')", "", "runtime: invalid character '2' after top-level value"},
      {"fromJSON('tru')", "", "runtime: unexpected end of JSON input"},
      {"fromJSON('nul0')", "", "runtime: invalid character '0' in literal null (expecting 'l')"},
      {"fromJSON('{\"a\":1,\"a\":2}').a", "", "2.0"},
      {"fromJSON('\"\\\\ud83d\\\\ude00\"')", "", "\"😀\""},
      {"len(fromJSON(repeat('[', 900) + repeat(']', 900)))", "", "1"},
      {"fromJSON(repeat('[', 5000))", "", "runtime: exceeded max depth"},
  };
  expect_rows(rows);
}

TEST(Expressions, HaveTheTextHelpers) {
  const Row rows[] = {
      {"fromBase64(toBase64('héllo ✓'))", "", "\"héllo ✓\""},
      {"fromBase64('aGk')", "", "runtime: illegal base64 data at input byte 3"},
      {"replace('aaa', 'a', 'b', 2)", "", "\"bba\""},
      {"trim('  x\\u00a0 ')", "", "\"x\""},
      {"splitAfter('a,b', ',', -1)", "", "[\"a,\", \"b\"]"},
      {"upper('straße ω')", "", "\"STRAßE Ω\""},
      {"lastIndexOf('abc', '')", "", "3"},
      {"join([], ',')", "", "\"\""},
      {"bitshl(1, 70)", "", "0"},
      {"bitshr(-8, 1)", "", "-4"},
      {"bitushr(-1, 63)", "", "1"},
      {"bitnot(0)", "", "-1"},
      {"uniq([1, 2, 1, '1'])", "", "[1, 2, \"1\"]"},
      {"-9223372036854775807 - 1 == int(9.3e18)", "", "true"},
      {"(-9223372036854775807 - 1) % -1", "", "0"},
      {"int('9223372036854775808')", "", "runtime: invalid operation: int(9223372036854775808)"},
      {"asFloat('1e-400')", "", "0.0"},
      {"asFloat('1__0')", "", "runtime: strconv.ParseFloat: parsing \"1__0\": invalid syntax"},
      {"type(uniq)", "", "\"nil\""},
      {"get({f: isNaN}, 'f')", "", "function"},
      {"{f: isNaN}.f(1.0, 2)", "", "runtime: reflect: Call with too many input arguments"},
  };
  expect_rows(rows);
}

TEST(Options, AreOffUntilAskedFor) {
  EXPECT_EQ(outcome("null", ""), "compile: unknown name null");
  EXPECT_EQ(outcome("null == nil", "", Options{false, true}), "true");
  EXPECT_EQ(outcome("default(result.a, 5)", R"(json {"a":null})", Options{true, false}), "5");
  EXPECT_EQ(outcome("isNil(result.a)", R"(json {"a":null})", Options{true, false}), "true");
  EXPECT_EQ(outcome("default(result, 5)", "float 1", Options{true, false}), "1.0");
}

TEST(Syntax, IsCheckedWithoutAResult) {
  Position where;
  EXPECT_TRUE(check_syntax("result.anything[0] > nosuch").has_value());
  const auto bad = check_syntax("result >\n  > 1", &where);
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().message, "unexpected token Operator(\">\")");
  EXPECT_EQ(where.line, 2);
  EXPECT_EQ(where.column, 3);
}

TEST(Programs, AreGoodForEveryResultOfTheirType) {
  const auto program = compile("result[0] > 1", Environment::for_condition(Value::floats({1})));
  ASSERT_TRUE(program.has_value());
  EXPECT_TRUE(evaluate(*program, Value::floats({2}))->as_bool());
  EXPECT_FALSE(evaluate(*program, Value::floats({0}))->as_bool());
}

TEST(Programs, KnowNoTimeZonesUnlessGiven) {
  const auto program = compile("timezone('Europe/Zurich')", Environment::for_range_query());
  ASSERT_TRUE(program.has_value());
  EXPECT_EQ(evaluate(*program, Value()).error().message, "unknown time zone Europe/Zurich");
}

TEST(Zones, RefuseDamagedFiles) {
  EXPECT_EQ(Zone::from_tzif("X", ""), nullptr);
  EXPECT_EQ(Zone::from_tzif("X", "TZif2 but nothing behind it"), nullptr);
  const std::string whole = *test_input().load_zone("Europe/Zurich");
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    const auto zone = Zone::from_tzif("X", std::string_view(whole).substr(0, cut));
    if (zone != nullptr) (void)zone->at(1'700'000'000);
  }
  ASSERT_NE(Zone::from_tzif("X", whole), nullptr);
}

TEST(JsonBridge, MakesFloatsOfAllNumbers) {
  const auto json = kube::Json::parse(R"({"a":[1,2.5,-3],"b":{"c":null,"d":true},"e":"x"})");
  EXPECT_EQ(shown(from_json(json)),
            R"({"a": [1.0, 2.5, -3.0], "b": {"c": nil, "d": true}, "e": "x"})");
  EXPECT_EQ(shown(from_json(kube::Json(18446744073709551615ULL))), "1.8446744073709552e+19");
}

}  // namespace
}  // namespace sluice::analysis::expr
