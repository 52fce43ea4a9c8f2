#include "analysis/expr/expr.h"

#include <exception>

#include "analysis/expr/ast.h"
#include "analysis/expr/checker.h"
#include "analysis/expr/context.h"
#include "analysis/expr/evaluator.h"
#include "analysis/expr/optimize.h"
#include "analysis/expr/parser.h"
#include "analysis/expr/runtime_error.h"

namespace sluice::analysis::expr {

struct Program::Body {
  Tree tree;
  Names names;
  Options options;
};

namespace {

// Messages that quote a name may end in a blank; reports do not.
std::string trimmed(std::string message) {
  while (!message.empty() && message.back() == ' ') message.pop_back();
  return message;
}

void locate(std::string_view source, std::size_t offset, Position* where) {
  if (where == nullptr) return;
  *where = Position{};
  for (std::size_t i = 0; i < offset && i < source.size(); ++i) {
    if (source[i] == '\n') {
      ++where->line;
      where->column = 1;
    } else {
      ++where->column;
    }
  }
}

// Runs `work` and turns what it throws into an Error.
template <class T, class Work>
Result<T> contained(std::string_view source, Position* where, Work work) {
  try {
    return work();
  } catch (const CompileError& error) {
    locate(source, error.position, where);
    return fail(ErrorCode::Invalid, trimmed(error.message));
  } catch (const RuntimeError& error) {
    return fail(ErrorCode::Invalid, trimmed(error.message));
  } catch (const std::exception& error) {
    return fail(ErrorCode::Internal, error.what());
  }
}

}  // namespace

Environment Environment::for_condition(const Value& result, Options options) {
  Environment environment;
  environment.result_ = result;
  environment.has_result_ = true;
  environment.options_ = options;
  return environment;
}

Environment Environment::for_range_query(Options options) {
  Environment environment;
  environment.options_ = options;
  return environment;
}

Result<Program> compile(std::string_view source, const Environment& environment, Position* where) {
  return contained<Program>(source, where, [&] {
    auto body = std::make_shared<Program::Body>();
    body->options = environment.options();
    body->names.has_result = environment.has_result();
    body->names.only_numeric_tests = !environment.has_result();
    if (environment.has_result()) body->names.result = type_of(environment.result());
    body->tree = parse(source, environment.options().null_is_nil);
    check(body->tree, body->names);
    optimize(body->tree);
    return Program(std::move(body));
  });
}

Status check_syntax(std::string_view source, Position* where) {
  const auto parsed = contained<bool>(source, where, [&] {
    (void)parse(source, true);
    return true;
  });
  if (!parsed) return fail(parsed.error());
  return {};
}

Result<Value> evaluate(const Program& program, const Value& result, const EvaluationInput& input) {
  return contained<Value>({}, nullptr, [&] {
    const Program::Body& body = program.body();
    Context context{input.now, &input.load_zone, Budget(input.max_steps, input.work)};
    const FunctionContext functions{result, body.options.honour_arguments};
    Evaluator evaluator(context, body.names, functions);
    return evaluator.eval(*body.tree.root);
  });
}

}  // namespace sluice::analysis::expr
