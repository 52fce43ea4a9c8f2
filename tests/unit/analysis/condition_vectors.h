#pragma once
// Condition vectors: both conditions, the result, and the phase or error. expressions.md §16.

namespace sluice::analysis {

struct ConditionVector {
  const char* id;
  const char* success;
  const char* failure;
  const char* result;
  const char* expected;
};

// clang-format off
inline constexpr ConditionVector kConditionVectors[] = {
    {"C1", "result[0] >= 0.95", "", "floats [0.99]", "Successful"},
    {"C2", "result[0] >= 0.95", "", "floats [0.90]", "Failed"},
    {"C3", "result[0] >= 0.95", "", "floats [NaN]", "Failed"},
    {"C4", "result[0] >= 0.95", "result[0] < 0.95", "floats [NaN]", "Inconclusive"},
    {"C5", "", "result[0] < 0.95", "floats [NaN]", "Successful"},
    {"C6", "result[0] >= 0.95", "", "floats []", R"x(Error: could not evaluate successCondition "result[0] >= 0.95": metric result is nil or empty: no data returned from the metric provider)x"},
    {"C7", "len(result) == 0 || result[0] >= 0.95", "", "floats []", "Successful"},
    {"C10", "result >= 0.9", "result < 0.5", "float 0.95", "Successful"},
    {"C11", "result >= 0.9", "result < 0.5", "float 0.2", "Failed"},
    {"C12", "", "result > 10", "float 3", "Successful"},
    {"C13", "", "result > 10", "float 30", "Failed"},
    {"C14", "true", "true", "float 1", "Failed"},
    {"C16", "", "", "float 1", "Successful"},
    {"C17", "", "", "nil", "Successful"},
    {"C19", "result >", "", "nil", R"x(Error: could not evaluate successCondition "result >": metric result is nil or empty: no data returned from the metric provider)x"},
    {"C20", "result", "", "float 1", R"x(Error: could not evaluate successCondition "result": expected bool, but got float64)x"},
    {"C21", "result + 1", "", "float 1", R"x(Error: could not evaluate successCondition "result + 1": expected bool, but got float64)x"},
    {"C22", "nil", "", "float 1", R"x(Error: could not evaluate successCondition "nil": expected bool, but got <nil>)x"},
    {"C23", "result > 1", "oops", "float 5", R"x(Error: could not evaluate failureCondition "oops": unknown name oops)x"},
    {"C24", "oops", "result > 1", "float 5", R"x(Error: could not evaluate successCondition "oops": unknown name oops)x"},
    {"C25", "result < 0.05", "", "nil pointer", R"x(Error: could not evaluate successCondition "result < 0.05": metric result is nil or empty: no data returned from the metric provider)x"},
    {"C26", "default(result, 0) < 0.05", "", "nil pointer", "Successful"},
    {"C28", "isNil(result) || result < 1", "", "nil pointer", R"x(Error: could not evaluate successCondition "isNil(result) || result < 1": metric result is nil or empty: no data returned from the metric provider)x"},
    {"C29", "", "isInf(result)", "float +Inf", "Failed"},
    {"C30", "result.ok", "", R"x(json {"ok":"true"})x", R"x(Error: could not evaluate successCondition "result.ok": expected bool, but got string)x"},
    {"C31", "result.ok", "", R"x(json {"ok":true})x", "Successful"},
    {"C33", "asInt(result) > 0", "asInt(result) <= 0", R"x(string "x1")x", R"x(Error: could not evaluate successCondition "asInt(result) > 0": strconv.ParseInt: parsing "x1": invalid syntax)x"},
    {"C34", R"x(result == "I am OK")x", "", R"x(string "I am OK")x", "Successful"},
    {"C38", "result[0] 10.0", "result[0] 10.0", "floats [10]", R"x(Error: could not evaluate successCondition "result[0] 10.0": unexpected token Number("10.0"))x"},
    {"C39", R"x("yes")x", "", "float 1", R"x(Error: could not evaluate successCondition ""yes"": expected bool, but got string)x"},
    {"C40", "asInt(result)", "", "float 1", R"x(Error: could not evaluate successCondition "asInt(result)": expected bool, but got int64)x"},
    {"C41", "result == nil || asFloat(result) > 1", "", "nil", "Successful"},
    {"C42", "result[0] >= 0.95 && result[1] < 2", "", "floats [0.96]", R"x(Error: could not evaluate successCondition "result[0] >= 0.95 && result[1] < 2": index out of range: 1 (array length is 1))x"},
    {"C44", "mean(result) < 1", "", "floats []", "Successful"},
    {"C45", "sum(result) < 1", "", "floats []", "Successful"},
    {"C46", "isNaN(result[0])", "result[0] > 5", "floats [NaN]", "Successful"},
    {"C48", "(result.rate ?? 0) < 0.05", "", "json {}", "Successful"},
    {"C49", "result.rate < 0.05", "", "json {}", R"x(Error: could not evaluate successCondition "result.rate < 0.05": invalid operation: <nil> < float64)x"},
    {"C50", "result == {}", "", "json {}", "Successful"},
    {"C52", "len(result) == 0", "", "json []", "Successful"},
    {"C54", R"x(result == "")x", "", R"x(string "")x", "Successful"},
    {"C55", "result.foo", "", R"x(string "")x", R"x(Error: could not evaluate successCondition "result.foo": type string has no field foo)x"},
    {"C56", "result.ok == true", "result.ok == false", R"x(json {"ok":"true"})x", "Inconclusive"},
    {"C57", "result != 0", "", "float 0", "Failed"},
    {"C59", "let r = result * 100; r >= 95", "r < 90", "float 0.96", R"x(Error: could not evaluate failureCondition "r < 90": unknown name r)x"},
};
// clang-format on

}  // namespace sluice::analysis
