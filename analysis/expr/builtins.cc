#include "analysis/expr/builtins.h"

#include <algorithm>

#include "analysis/expr/parser.h"

namespace sluice::analysis::expr {

const Builtin* find_builtin(std::string_view name) {
  for (const BuiltinTable& table :
       {number_builtins(), string_builtins(), collection_builtins(), time_builtins()}) {
    for (const Builtin* builtin = table.begin; builtin != table.end; ++builtin) {
      if (builtin->name == name) return builtin;
    }
  }
  return nullptr;
}

bool is_builtin(std::string_view name) {
  return find_builtin(name) != nullptr || is_predicate_builtin(name);
}

void check_signature(const Signature& signature, const std::vector<Type>& arguments) {
  const std::size_t required = signature.params.size();
  if (arguments.size() > required + signature.optional_params.size()) {
    raise("too many arguments to call " + signature.name);
  }
  if (arguments.size() < required) raise("not enough arguments to call " + signature.name);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const Type& wanted =
        i < required ? signature.params[i] : signature.optional_params[i - required];
    const Type& given = arguments[i];
    if (given.is_unknown() || wanted.is(Type::Kind::Any)) continue;
    if (wanted.is(Type::Kind::Float) && given.is_integer()) continue;
    if (wanted.is_integer() && given.is_integer()) continue;
    if (given.is(Type::Kind::Nil)) {
      raise("cannot use nil as argument (type " + wanted.name + ") to call " + signature.name);
    }
    if (!assignable(given, wanted)) {
      raise("cannot use " + given.name + " as argument (type " + wanted.name + ") to call " +
            signature.name + " ");
    }
  }
}

void check_count(const std::vector<Type>& arguments, std::size_t expected) {
  if (arguments.size() == expected) return;
  raise("invalid number of arguments (expected " + std::to_string(expected) + ", got " +
        std::to_string(arguments.size()) + ")");
}

std::string shown(const Type& type) {
  if (type.is(Type::Kind::Nil)) return "%!s(<nil>)";
  return type.is_unknown() ? "interface {}" : type.name;
}

const std::string& string_argument(const Value& value) {
  if (!value.is(ValueKind::String)) raise_conversion(value, "string");
  return value.as_string();
}

std::uint64_t search_cost(std::string_view text, std::string_view part) {
  return 1 + text.size() * std::max<std::size_t>(part.size(), 1) / 64;
}

const std::vector<Value>* list_items(const Value& value) {
  const List* list = value.as_list();
  return list == nullptr ? nullptr : &list->items;
}

void raise_conversion(const Value& value, std::string_view wanted) {
  raise("interface conversion: interface {} is " +
        (value.is_nil() ? std::string("nil") : type_name(value)) + ", not " + std::string(wanted));
}

}  // namespace sluice::analysis::expr
