// Rows of the language's own tables that no vector shows: tokens, grammar, static checks, builtins
// (expressions.md §2–§12). The notation is that of expr_test_support.h.
#include <gtest/gtest.h>

#include "expr_test_support.h"

namespace sluice::analysis::expr {
namespace {

TEST(ExpressionRows, Tokens) {
  const Row rows[] = {
      {"0X1F + 0B11", "", "34"},
      {"0b12", "", "compile: bad number syntax: \"0b12\""},
      {"0b", "",
       "compile: invalid binary literal: strconv.ParseInt: parsing \"0b\": invalid syntax"},
      {"0o8", "", "compile: bad number syntax: \"0o8\""},
      {"0o", "", "compile: invalid octal literal: strconv.ParseInt: parsing \"0o\": invalid syntax"},
      {"12abc", "", "compile: bad number syntax: \"12a\""},
      {"1.e3", "", "1000.0"},
      {"1..3", "", "[1, 2, 3]"},
      {"'it\\'s'", "", "\"it's\""},
      {"'a\nb'", "", "compile: literal not terminated"},
      {"`a\r\nb\rc`", "", "\"a\\nb\\nc\""},
      {"\"\\x4\"", "", "compile: invalid char escape"},
      {"\"\\u12\"", "", "compile: invalid char escape"},
      {"\"\\u{}\"", "", "compile: invalid char escape"},
      {"\"\\400\"", "", "compile: unable to unescape string"},
      {"\"\\UFFFFFFFF\"", "", "compile: unable to unescape string"},
      {"b\"\\u0041\"", "", "compile: unable to unescape string"},
      {"@", "", "compile: unrecognized character: U+0040 '@'"},
      {"1 === 1", "", "compile: unexpected token Operator(\"=\")"},
      {"1 & 2", "", "compile: unexpected token Operator(\"&\")"},
      {"/* open", "", "compile: unclosed comment"},
      {"result ?.5 : 1", "json true", "compile: expected name"},
      {"result ? .5 : 1", "json true", "0.5"},
      {"result.not + result.matches", "json {\"not\":1,\"matches\":2}", "3.0"},
      {"null", "", "compile: unknown name null"},
      {"TRUE", "", "compile: unknown name TRUE"},
  };
  expect_rows(rows);
}

TEST(ExpressionRows, Grammar) {
  const Row rows[] = {
      {"let x = 1; let x = 2; x", "", "compile: cannot redeclare variable x"},
      {"let len = 1; 2", "", "compile: cannot redeclare builtin len"},
      {"let isNaN = 1; 2", "", "compile: cannot redeclare isNaN"},
      {"(if true {1} else {2}) + 1", "", "2"},
      {"if false {1} else if false {2} else {3}", "", "3"},
      {"1 + (let x = 2; x)", "", "3"},
      {"[let x = 1; x]", "", "[1]"},
      {"{a: let x = 1; x}.a", "", "1"},
      {"true ? let x = 1; x : 2", "", "1"},
      {"(len)(\"a\")", "", "compile: unexpected token Bracket(\"(\")"},
      {"\"ab\" | upper", "", "compile: unexpected token EOF"},
      {"(\"ab\" | split(\"\"))[1]", "", "\"b\""},
      {"{a: 1, a: 2}.a", "", "1"},
      {"{(1): 2}", "", "runtime: interface conversion: interface {} is int, not string"},
      {"1; 2; ; 3", "", "compile: unexpected token Operator(\";\")"},
      {"#", "", "compile: unexpected token Operator(\"#\")"},
      {"filter([1])", "", "compile: expected at least 2 arguments"},
      {"::len([1, 2])", "", "2"},
  };
  expect_rows(rows);
}

TEST(ExpressionRows, Operators) {
  const Row rows[] = {
      {"not 1 in [1]", "", "compile: invalid operation: not (mismatched type int)"},
      {"1 not in [1]", "", "false"},
      {"not (1 in [2])", "", "true"},
      {"1 not > 2", "", "compile: unexpected token Operator(\">\")"},
      {"\"abc\" not contains \"b\"", "", "false"},
      {"1 ?: 2", "", "compile: non-bool expression (type int) used as condition"},
      {"false ?: 2", "", "2"},
      {"true && 5", "", "compile: invalid operation: && (mismatched types bool and int)"},
      {"true && result.x", "json {\"x\":5}", "5.0"},
      {"result.x && true", "json {\"x\":true}", "true"},
      {"5.5..7.5", "", "compile: invalid operation: .. (mismatched types float64 and float64)"},
      {"result.s contains result.n", "json {\"s\":\"a\"}", "false"},
      {"1 < 2 == true", "", "true"},
      {"1 < 2 == 2 > 1", "", "compile: invalid operation: == (mismatched types bool and int)"},
      {"3 > 2 > 1", "", "true"},
      {"3 > 2 > 2", "", "false"},
  };
  expect_rows(rows);
}

TEST(ExpressionRows, StaticChecks) {
  const Row rows[] = {
      {"[1][\"a\"]", "",
       "compile: array elements can only be selected using an integer (got string)"},
      {"{a: 1}[1]", "",
       "compile: cannot use int to get an element from map[string]interface {}"},
      {"(1).a", "", "compile: type int has no field a"},
      {"(1).a()", "", "compile: type int has no method a"},
      {"(1)[0]", "", "compile: type int[int] is undefined"},
      {"(1)[0:1]", "", "compile: cannot slice int"},
      {"[1][\"a\":]", "", "compile: non-integer slice index string"},
      {"all(1, true)", "", "compile: builtin all takes only array (got int)"},
      {"all([1], 1)", "", "compile: predicate should return boolean (got int)"},
      {"all([1], nil)", "", "compile: predicate should has one input and one output param"},
      {"isNaN()", "", "compile: not enough arguments to call isNaN"},
      {"isNaN(1.0, 2.0)", "", "compile: too many arguments to call isNaN"},
      {"isNaN(\"a\")", "", "compile: cannot use string as argument (type float64) to call isNaN"},
      {"isNaN(nil)", "", "compile: cannot use nil as argument (type float64) to call isNaN"},
      {"isNaN(int(1))", "", "runtime: interface conversion: interface {} is int, not float64"},
      {"1 ? 2 : 3", "", "compile: non-bool expression (type int) used as condition"},
      {"result()", "float 1", "compile: float64 is not callable"},
      {"result()", "nil", "compile: result is nil; cannot call nil as function"},
      {"result.f()", "json {\"f\":null}", "runtime: invalid operation: cannot call nil"},
      {"\"1\" in [1]", "", "compile: cannot use string as type int in array"},
      {"\"1\" in [1, true]", "", "false"},
      {"date(\"2024-02-01\").Month() == 2", "",
       "compile: invalid operation: == (mismatched types time.Month and int)"},
      {"int(date(\"2024-02-01\").Month()) == 2", "", "true"},
      {"map([1], #acc)", "", "compile: unknown pointer #acc"},
      {"filter([1], #index == 0)", "", "compile: unknown pointer #index"},
      {"result.a + true", "json {\"a\":1}",
       "compile: invalid operation: + (mismatched types interface {} and bool)"},
      {"(true ? \"a\" : 1) == \"a\"", "", "true"},
      {"false && nope", "", "compile: unknown name nope"},
      {"$env.nope", "", "compile: unknown name nope"},
      {"$env?.nope", "", "nil"},
  };
  expect_rows(rows);
}

TEST(ExpressionRows, Numbers) {
  const Row rows[] = {
      {"9223372036854775807 + 1", "", "-9223372036854775808"},
      {"abs(-9223372036854775807 - 1)", "", "-9223372036854775808"},
      {"ceil(1)", "", "1.0"},
      {"round(-2.5)", "", "-3.0"},
      {"7 % result.z", "json {\"z\":0}", "runtime: invalid operation: int % float64"},
      {"7 % int(result.z)", "json {\"z\":0}", "runtime: runtime error: integer divide by zero"},
      {"int(result)", "float NaN", "-9223372036854775808"},
      {"asInt(result)", "float +Inf", "int64(-9223372036854775808)"},
      {"float(\"1_000\")", "", "1000.0"},
      {"float(\"1__000\")", "", "runtime: invalid operation: float(1__000)"},
      {"int(\"1.5\")", "", "runtime: invalid operation: int(1.5)"},
      {"max()", "", "compile: not enough arguments to call max"},
      {"max([1, [7, 3]], 2)", "", "7"},
      {"max([NaN])", "", "compile: unknown name NaN"},
      {"min([])", "", "nil"},
      {"mean([])", "", "0.0"},
      {"median([])", "", "0.0"},
      {"bitnot(0)", "", "-1"},
      {"bitnand(6, 3)", "", "4"},
      {"bitshl(1, -1)", "", "runtime: invalid operation: negative shift count -1 (type int)"},
      {"bitand(result.a, 1)", "json {\"a\":1}",
       "runtime: cannot use float64 as argument (type int) to call bitand"},
      {"9007199254740993 > 9007199254740992.0", "", "false"},
  };
  expect_rows(rows);
}

TEST(ExpressionRows, TextsAndCollections) {
  const Row rows[] = {
      {"repeat(\"a\", -1)", "",
       "runtime: invalid argument for repeat (expected positive integer, got -1)"},
      {"repeat(\"a\", 1000001)", "", "runtime: memory budget exceeded"},
      {"split(\"\", \",\")", "", "[\"\"]"},
      {"split(\"a,b,c\", \",\", 0)", "", "[]"},
      {"split(\"a,b,c\", \",\", 2)", "", "[\"a\", \"b,c\"]"},
      {"splitAfter(\"a,b\", \",\")", "", "[\"a,\", \"b\"]"},
      {"replace(\"ab\", \"\", \"-\")", "", "\"-a-b-\""},
      {"fromBase64(\"!\")", "", "runtime: illegal base64 data at input byte 0"},
      {"trimPrefix(\" a\") + trimSuffix(\"b \")", "", "\"ab\""},
      {"take([1], -1)", "", "runtime: reflect.Value.Slice: slice index out of bounds"},
      {"take([1], 5)", "", "[1]"},
      {"first(1)", "", "compile: cannot get first element from int"},
      {"last(1)", "", "compile: cannot get last element from int"},
      {"get(1, 2)", "", "compile: type int does not support indexing"},
      {"reverse(1)", "", "compile: cannot reverse int"},
      {"uniq(1)", "", "compile: cannot uniq int"},
      {"sort([1], \"x\")", "", "runtime: invalid order x, expected asc or desc"},
      {"keys(1)", "", "compile: cannot get keys from int"},
      {"values(1)", "", "compile: cannot get values from int"},
      {"toPairs(1)", "", "compile: cannot transform int to pairs"},
      {"fromPairs([1])", "", "runtime: invalid pair 1"},
      {"fromPairs([[1]])", "", "runtime: invalid pair length [1]"},
      {"keys({b: 1, a: 2})", "", "[\"a\", \"b\"]"},
      {"reduce([], #acc + #)", "", "runtime: reduce of empty array with no initial value"},
      {"reduce([], #acc + #, 7)", "", "7"},
      {"sortBy([1], #, \"up\")", "", "runtime: unknown order, use asc or desc"},
      {"sum([])", "", "0"},
      {"findLastIndex([1, 2, 1], # == 1)", "", "2"},
      {"5 in result[0]", "cw",
       "compile: invalid operation: in (mismatched types int and types.MetricDataResult)"},
  };
  expect_rows(rows);
}

TEST(ExpressionRows, Times) {
  const Row rows[] = {
      {"date(\"x\")", "", "runtime: invalid date x"},
      {"date(\"a\", \"2006\")", "",
       "runtime: parsing time \"a\" as \"2006\": cannot parse \"a\" as \"2006\""},
      {"date(\"2024-01-01\", \"2006-01-02\", \"Nope/Zone\")", "",
       "runtime: unknown time zone Nope/Zone"},
      {"timezone(\"Nope\")", "", "runtime: unknown time zone Nope"},
      {"duration(\"1d\")", "", "runtime: time: unknown unit \"d\" in duration \"1d\""},
      {"duration(\"1h\") * 2", "", "duration(2h0m0s)"},
      {"duration(\"1s\") * 1.5", "", "1500000000.0"},
      {"-duration(\"1h\")", "", "compile: invalid operation: - (mismatched type time.Duration)"},
      {"duration(\"1h\") > 5", "",
       "compile: invalid operation: > (mismatched types time.Duration and int)"},
      {"date(\"2024-02-03\") + 1", "",
       "compile: invalid operation: + (mismatched types time.Time and int)"},
      {"date(\"2024-02-03\").Date()", "", "compile: func Date returns more then two values"},
      {"date(\"2024-02-03\").ISOWeek()", "", "2024"},
      {"int(date(\"2024-02-04\").Weekday())", "", "0"},
      {"duration(\"90s\").Minutes()", "", "1.5"},
  };
  expect_rows(rows);
}

TEST(ExpressionRows, Rewrites) {
  const Row rows[] = {
      {"result.x || true", "json {\"x\":5}", "true"},
      {"result.x && false", "json {\"x\":5}", "false"},
      {"result.x || false", "json {\"x\":5}", "5.0"},
      {"filter(result.v, # > 9)[0]", "json {\"v\":[1]}",
       "runtime: reflect: slice index out of range"},
      {"first(filter(result.v, # > 9))", "json {\"v\":[1]}", "nil"},
      {"count(result.v, # > 0) > 0", "json {\"v\":[1,\"x\"]}", "true"},
      {"sum(1..10000000)", "", "50000005000000"},
      {"2.5 in 1..3", "", "false"},
      {"result in 1..3", "json 2", "true"},
  };
  expect_rows(rows);
}

}  // namespace
}  // namespace sluice::analysis::expr
