#pragma once
// The condition language (successCondition, failureCondition, Prometheus range bounds): compile
// once against the type of the result, evaluate as often as wanted. Pure: no clock, no files; time
// and zone data are arguments. Nothing here throws.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "analysis/expr/value.h"
#include "analysis/expr/zone.h"
#include "analysis/work.h"
#include "base/result.h"
#include "base/time.h"

namespace sluice::analysis::expr {

// Departures from the reference behaviour; all off by default (expressions.md §9.1, §14).
struct Options {
  bool honour_arguments = false;  // isNil(x) and default(x, d) look at x instead of at `result`
  bool null_is_nil = false;       // the word null means nil
};

// Which names an expression may use.
class Environment {
 public:
  // `result` and the six analysis functions. Only the type of the value counts (expressions.md §6).
  static Environment for_condition(const Value& result, Options options = {});
  // isNaN and isInf only: the bounds of a Prometheus range query.
  static Environment for_range_query(Options options = {});

  [[nodiscard]] bool has_result() const { return has_result_; }
  [[nodiscard]] const Value& result() const { return result_; }
  [[nodiscard]] const Options& options() const { return options_; }

 private:
  Value result_;
  bool has_result_ = false;
  Options options_;
};

// A checked expression. Immutable and cheap to copy; valid for every result of the type it was
// compiled against.
class Program {
 public:
  struct Body;
  explicit Program(std::shared_ptr<const Body> body) : body_(std::move(body)) {}
  [[nodiscard]] const Body& body() const { return *body_; }

 private:
  std::shared_ptr<const Body> body_;
};

// Where in the source a compile error is; both from 1, columns in bytes.
struct Position {
  int line = 1;
  int column = 1;
};

// Errors: Invalid, with the message of expressions.md §13 and nothing else; `where` gets the place.
// An empty source is an error.
[[nodiscard]] Result<Program> compile(std::string_view source, const Environment& environment,
                                      Position* where = nullptr);

// The grammar alone, for a template whose result type is not known yet.
[[nodiscard]] Status check_syntax(std::string_view source, Position* where = nullptr);

// A plain condition needs a dozen, and one predicate over the 11,000 points that Prometheus gives
// for a series at most some 55,000. All conditions are evaluated on the loop's one thread: what is
// spent here is taken from everybody else (ADR 14).
inline constexpr std::uint64_t kDefaultSteps = 500'000;

struct EvaluationInput {
  WallTime now{};                           // what now() yields
  ZoneLoader load_zone = {};                // names of time zones beyond UTC; none when empty
  std::uint64_t max_steps = kDefaultSteps;  // more end with an error
  Work* work = nullptr;                     // gets what was spent, also by what failed
};

// Errors: Invalid. `result` is ignored by programs of the range-query environment. Cost is bounded
// by counted steps and elements, so evaluation ends for every input.
[[nodiscard]] Result<Value> evaluate(const Program& program, const Value& result,
                                     const EvaluationInput& input = {});

}  // namespace sluice::analysis::expr
