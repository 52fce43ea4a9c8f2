// The builtins that take a predicate (expressions.md §10.1).
#include <algorithm>

#include "analysis/expr/builtins.h"
#include "analysis/expr/evaluator.h"
#include "analysis/expr/operators.h"
#include "analysis/expr/sorting.h"

namespace sluice::analysis::expr {

Value Evaluator::Sequence::at(std::size_t i) const {
  if (const List* list = holder.as_list()) return list->items[i];
  return Value::byte(static_cast<std::uint8_t>(holder.as_string()[i]));
}

Evaluator::Sequence Evaluator::sequence_of(const Node& node) {
  Sequence out;
  out.holder = eval(*node.children[0]);
  if (const List* list = out.holder.as_list()) {
    out.size = list->items.size();
  } else if (out.holder.is(ValueKind::String)) {
    out.size = out.holder.as_string().size();
  } else if (const Map* map = out.holder.as_map()) {
    if (!map->entries.empty()) raise("reflect: call of reflect.Value.Index on map Value");
  } else {
    raise("reflect: call of reflect.Value.Len on " +
          (out.holder.is_nil() ? std::string("zero") : type_name(out.holder)) + " Value");
  }
  return out;
}

Value Evaluator::in_scope(const Node& body, const Value& element, std::size_t index) {
  scopes_.push_back(Scope{element, static_cast<std::int64_t>(index), Value()});
  Value out = eval(body);
  scopes_.pop_back();
  return out;
}

bool Evaluator::test(const Node& body, const Value& element, std::size_t index) {
  return truth(in_scope(body, element, index));
}

Value Evaluator::predicate_builtin(const Node& node) {
  const std::string& name = node.text;
  if (name == "all" || name == "any" || name == "none") return quantifier(node);
  if (name == "one") return one(node);
  if (name == "filter") return filter(node);
  if (name == "map") return transform(node);
  if (name == "count") return count(node);
  if (name == "sum") return sum(node);
  if (name == "groupBy") return group(node);
  if (name == "sortBy") return sort_by(node);
  if (name == "reduce") return reduce(node);
  return search(node);
}

Value Evaluator::quantifier(const Node& node) {
  const Sequence items = sequence_of(node);
  const bool all = node.text == "all";
  for (std::size_t i = 0; i < items.size; ++i) {
    if (test(*node.children[1], items.at(i), i) != all) return Value::boolean(node.text == "any");
  }
  return Value::boolean(node.text != "any");
}

Value Evaluator::one(const Node& node) {
  const Sequence items = sequence_of(node);
  std::size_t matches = 0;
  for (std::size_t i = 0; i < items.size; ++i) {
    if (test(*node.children[1], items.at(i), i)) ++matches;
  }
  return Value::boolean(matches == 1);
}

Value Evaluator::filter(const Node& node) {
  const Sequence items = sequence_of(node);
  std::vector<Value> out;
  for (std::size_t i = 0; i < items.size; ++i) {
    Value element = items.at(i);
    if (!test(*node.children[1], element, i)) continue;
    if (node.map_step != nullptr) element = in_scope(*node.map_step, element, i);
    context_.budget.grow(1);
    out.push_back(std::move(element));
  }
  return Value::list(std::move(out));
}

Value Evaluator::transform(const Node& node) {
  const Sequence items = sequence_of(node);
  std::vector<Value> out;
  for (std::size_t i = 0; i < items.size; ++i) {
    out.push_back(in_scope(*node.children[1], items.at(i), i));
  }
  context_.budget.grow(out.size());
  return Value::list(std::move(out));
}

Value Evaluator::count(const Node& node) {
  const Sequence items = sequence_of(node);
  std::int64_t matches = 0;
  for (std::size_t i = 0; i < items.size; ++i) {
    const bool match =
        node.children.size() > 1 ? test(*node.children[1], items.at(i), i) : truth(items.at(i));
    if (match && ++matches == node.limit) break;
  }
  return Value::integer(matches);
}

Value Evaluator::sum(const Node& node) {
  Value total;
  if (sum_of_range(node, total)) return total;
  const Sequence items = sequence_of(node);
  total = Value::integer(0);
  for (std::size_t i = 0; i < items.size; ++i) {
    const Value item =
        node.children.size() > 1 ? in_scope(*node.children[1], items.at(i), i) : items.at(i);
    context_.budget.work(1);
    total = arithmetic(Op::Add, item, total);
  }
  return total;
}

// sum(a..b) and sum(a..b, #) with literal bounds need no list.
bool Evaluator::sum_of_range(const Node& node, Value& out) {
  const Node& list = *node.children[0];
  if (list.kind != NodeKind::Binary || list.op != Op::Range) return false;
  for (const Node* bound : list.children) {
    if (bound->kind != NodeKind::Constant || !bound->constant.is(ValueKind::Int)) return false;
  }
  if (node.children.size() > 1) {
    const Node* body = node.children[1];
    while (body->kind == NodeKind::Predicate) body = body->children[0];
    if (body->kind != NodeKind::Pointer || !body->text.empty()) return false;
  }
  const std::int64_t low = list.children[0]->constant.as_integer();
  const std::int64_t high = list.children[1]->constant.as_integer();
  out = Value::integer(0);
  if (low > high) return true;
  // count * (low + high) / 2 with wrap-around: the even factor is halved before they meet.
  std::uint64_t count = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
  __int128 ends = static_cast<__int128>(low) + high;
  if (count % 2 == 0) {
    count /= 2;
  } else {
    ends /= 2;
  }
  out = Value::integer(static_cast<std::int64_t>(count * static_cast<std::uint64_t>(ends)));
  return true;
}

// find, findIndex, findLast, findLastIndex
Value Evaluator::search(const Node& node) {
  const Sequence items = sequence_of(node);
  const bool backwards = node.text == "findLast" || node.text == "findLastIndex";
  const bool index = node.text == "findIndex" || node.text == "findLastIndex";
  for (std::size_t step = 0; step < items.size; ++step) {
    const std::size_t i = backwards ? items.size - 1 - step : step;
    const Value element = items.at(i);
    if (!test(*node.children[1], element, i)) continue;
    if (index) return Value::integer(static_cast<std::int64_t>(i));
    return node.map_step == nullptr ? element : in_scope(*node.map_step, element, i);
  }
  if (node.must_match) raise("reflect: slice index out of range");
  return Value();
}

Value Evaluator::group(const Node& node) {
  const Sequence items = sequence_of(node);
  std::vector<std::pair<Value, std::size_t>> keyed;
  for (std::size_t i = 0; i < items.size; ++i) {
    Value key = in_scope(*node.children[1], items.at(i), i);
    if (key.as_list() != nullptr || key.as_map() != nullptr || key.as_record() != nullptr) {
      raise("runtime error: hash of unhashable type " + type_name(key));
    }
    keyed.emplace_back(std::move(key), i);
  }
  // A map of all keys tells which group each element belongs to.
  std::vector<std::pair<Value, Value>> numbered;
  for (const auto& [key, i] : keyed) {
    numbered.emplace_back(key, Value::integer(static_cast<std::int64_t>(i)));
  }
  const Value first_of_key = Value::any_map(std::move(numbered));
  std::vector<std::vector<Value>> groups(items.size);
  for (const auto& [key, i] : keyed) {
    const Value* leader = first_of_key.as_map()->find(key);
    groups[leader == nullptr ? i : static_cast<std::size_t>(leader->as_integer())].push_back(
        items.at(i));
  }
  std::vector<std::pair<Value, Value>> out;
  for (const auto& [key, i] : keyed) {
    if (!groups[i].empty()) out.emplace_back(key, Value::list(std::move(groups[i])));
  }
  return Value::any_map(std::move(out));
}

Value Evaluator::sort_by(const Node& node) {
  const Sequence items = sequence_of(node);
  std::vector<std::pair<Value, Value>> keyed;
  for (std::size_t i = 0; i < items.size; ++i) {
    const Value element = items.at(i);
    keyed.emplace_back(in_scope(*node.children[1], element, i), element);
  }
  std::string order = "asc";
  if (node.children.size() > 2) order = string_argument(eval(*node.children[2]));
  if (order != "asc" && order != "desc") raise("unknown order, use asc or desc");
  context_.budget.grow(keyed.size());
  context_.budget.work(items.holder.weight() * 4);
  sort_by_key(keyed, order == "desc");
  std::vector<Value> out;
  for (auto& [key, element] : keyed) out.push_back(std::move(element));
  return Value::list(std::move(out));
}

Value Evaluator::reduce(const Node& node) {
  const Sequence items = sequence_of(node);
  Value accumulator;
  std::size_t start = 0;
  if (node.children.size() > 2) {
    accumulator = eval(*node.children[2]);
  } else {
    if (items.size == 0) raise("reduce of empty array with no initial value");
    accumulator = items.at(0);
    start = 1;
  }
  for (std::size_t i = start; i < items.size; ++i) {
    scopes_.push_back(Scope{items.at(i), static_cast<std::int64_t>(i), std::move(accumulator)});
    accumulator = eval(*node.children[1]);
    scopes_.pop_back();
  }
  return accumulator;
}

}  // namespace sluice::analysis::expr
