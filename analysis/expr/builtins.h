#pragma once
// The functions that take values (those that take predicates live in the evaluator).
#include <string>
#include <string_view>
#include <vector>

#include "analysis/expr/context.h"
#include "analysis/expr/type.h"
#include "analysis/expr/value.h"

namespace sluice::analysis::expr {

using Arguments = std::vector<Value>;
using Types = std::vector<Type>;  // of the arguments
// Both throw RuntimeError; the checker adds the position.
using CheckFunction = Type (*)(const std::string& name, const std::vector<Type>& arguments);
using CallFunction = Value (*)(const Arguments& arguments, Context& context);

struct Builtin {
  std::string_view name;
  CheckFunction check;
  CallFunction call;
};

// nullptr when there is none of that name.
[[nodiscard]] const Builtin* find_builtin(std::string_view name);
// Predicate builtins included.
[[nodiscard]] bool is_builtin(std::string_view name);

// One table per group of functions; find_builtin searches them all.
struct BuiltinTable {
  const Builtin* begin;
  const Builtin* end;
};
[[nodiscard]] BuiltinTable number_builtins();
[[nodiscard]] BuiltinTable string_builtins();
[[nodiscard]] BuiltinTable collection_builtins();
[[nodiscard]] BuiltinTable time_builtins();

// ---- helpers of the groups ----------------------------------------------------------------------

// The arguments against a signature, with the message of the first mismatch.
void check_signature(const Signature& signature, const std::vector<Type>& arguments);
void check_count(const std::vector<Type>& arguments, std::size_t expected);
// A type as messages of the functions print it: nil has a form of its own.
[[nodiscard]] std::string shown(const Type& type);
[[nodiscard]] const std::string& string_argument(const Value& value);
// What looking for `part` may cost at worst, in steps.
[[nodiscard]] std::uint64_t search_cost(std::string_view text, std::string_view part);
[[nodiscard]] const std::vector<Value>* list_items(const Value& value);
// "interface conversion: interface {} is int, not string"
[[noreturn]] void raise_conversion(const Value& value, std::string_view wanted);

}  // namespace sluice::analysis::expr
