#include "analysis/providers/jsonpath.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <deque>

#include "analysis/providers/jsonpath_nodes.h"
#include "kube/json/json.h"

namespace sluice::analysis {

namespace {

using kube::Json;
using Node = JsonPath::Node;
using Kind = Node::Kind;
using Found = std::vector<const Json*>;

tl::unexpected<Error> problem(std::string text) {
  return fail(ErrorCode::Invalid, std::move(text));
}

std::string_view go_type(const Json& value) {
  if (value.is_object()) return "map[string]interface {}";
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "bool";
  return "float64";
}

// nullopt = the two cannot be compared.
std::optional<int> compare(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) {
    const double x = a.get<double>(), y = b.get<double>();
    return x < y ? -1 : (x > y ? 1 : 0);
  }
  if (a.is_string() && b.is_string()) {
    const int order = a.get_ref<const std::string&>().compare(b.get_ref<const std::string&>());
    return order < 0 ? -1 : (order > 0 ? 1 : 0);
  }
  if (a.is_boolean() && b.is_boolean())
    return static_cast<int>(a.get<bool>()) - static_cast<int>(b.get<bool>());
  return std::nullopt;
}

Result<bool> test(const std::string& op, const Json& left, const Json& right) {
  if (op == "=~") {
    if (!left.is_string() || !right.is_string())
      return problem("incompatible types for comparison");
    const RE2 pattern(right.get<std::string>(), RE2::Quiet);
    if (!pattern.ok()) return problem("error parsing regexp: " + pattern.error());
    return RE2::PartialMatch(left.get<std::string>(), pattern);
  }
  static const std::vector<std::string> kOperators{"<", ">", "<=", ">=", "==", "!="};
  if (std::find(kOperators.begin(), kOperators.end(), op) == kOperators.end())
    return problem("unrecognized filter operator " + op);
  const auto order = compare(left, right);
  if (!order) return problem("incompatible types for comparison");
  if (op == "<") return *order < 0;
  if (op == ">") return *order > 0;
  if (op == "<=") return *order <= 0;
  if (op == ">=") return *order >= 0;
  return (op == "==") == (*order == 0);
}

class Evaluator {
 public:
  // Actions of the template from `begin` on, applied to `current`; stops behind the {end} of the
  // range it is in and says where that was.
  Result<std::size_t> run(const std::vector<Node>& actions, std::size_t begin, const Found& current,
                          bool in_range, Found& out) {
    for (std::size_t i = begin; i < actions.size(); ++i) {
      const Node& action = actions[i];
      if (has_identifier(action, "end")) {
        if (!in_range) return problem("not in range, nothing to end");
        return i;
      }
      SLUICE_TRY(const Found results, walk(action, current));
      if (!has_identifier(action, "range")) {
        out.insert(out.end(), results.begin(), results.end());
        continue;
      }
      std::size_t end = i;
      if (results.empty()) end = skip(actions, i + 1);
      for (const Json* one : results) {
        SLUICE_TRY(end, run(actions, i + 1, Found{one}, true, out));
      }
      i = end;
    }
    return actions.size();
  }

 private:
  static bool has_identifier(const Node& action, std::string_view name) {
    return action.kind == Kind::List &&
           std::any_of(action.children.begin(), action.children.end(),
                       [&](const Node& n) { return n.kind == Kind::Identifier && n.text == name; });
  }
  // The {end} that closes a range of nothing.
  static std::size_t skip(const std::vector<Node>& actions, std::size_t from) {
    int depth = 1;
    for (; from < actions.size(); ++from) {
      if (has_identifier(actions[from], "range")) ++depth;
      if (has_identifier(actions[from], "end") && --depth == 0) return from;
    }
    return actions.size();
  }

  const Json* keep(Json value) {
    literals_.push_back(std::move(value));
    return &literals_.back();
  }

  Result<Found> walk(const Node& node, const Found& input) {
    switch (node.kind) {
      case Kind::List: {
        Found current = input;
        for (const Node& child : node.children) {
          SLUICE_TRY(current, walk(child, current));
        }
        return current;
      }
      case Kind::Text:
        return Found{keep(node.text)};
      case Kind::Field:
        return field(node, input);
      case Kind::Identifier:
        return input;
      case Kind::Slice:
        return slice(node, input);
      case Kind::Filter:
        return filter(node, input);
      case Kind::Int:
        return Found(input.size(), keep(node.integer));
      case Kind::Float:
        return Found(input.size(), keep(node.number));
      case Kind::Bool:
        return Found(input.size(), keep(node.integer != 0));
      case Kind::Wildcard:
        return children_of(input);
      case Kind::Recursive:
        return descend(input);
      case Kind::Union: {
        Found out;
        for (const Node& branch : node.children) {
          SLUICE_TRY(const Found part, walk(branch, input));
          out.insert(out.end(), part.begin(), part.end());
        }
        return out;
      }
    }
    return Found{};
  }

  static Result<Found> field(const Node& node, const Found& input) {
    Found out;
    for (const Json* value : input) {
      if (!value->is_object()) continue;
      if (auto member = value->find(node.text); member != value->end()) out.push_back(&*member);
    }
    if (out.empty() && !input.empty()) return problem(node.text + " is not found");
    return out;
  }

  static Result<Found> slice(const Node& node, const Found& input) {
    Found out;
    for (const Json* value : input) {
      if (value->is_null()) continue;
      if (!value->is_array())
        return problem(fmt::format("{} is not array or slice", go_type(*value)));
      const auto length = static_cast<std::int64_t>(value->size());
      std::int64_t start = node.params[0].value.value_or(0);
      std::int64_t end = node.params[1].value.value_or(length);
      if (start < 0) start += length;
      if (end < 0 || (end == 0 && node.params[1].derived)) end += length;
      if (start == end) continue;
      if (start >= length || start < 0)
        return problem(
            fmt::format("array index out of bounds: index {}, length {}", start, length));
      if (end > length || end < 0)
        return problem(
            fmt::format("array index out of bounds: index {}, length {}", end - 1, length));
      if (start > end)
        return problem(
            fmt::format("starting index {} is greater than ending index {}", start, end));
      const std::int64_t step = node.params[2].value.value_or(1);
      if (step <= 0) return problem("step must be > 0");
      for (std::int64_t i = start; i < end; i += step)
        out.push_back(&(*value)[static_cast<std::size_t>(i)]);
    }
    return out;
  }

  static Found children_of(const Found& input) {
    Found out;
    for (const Json* value : input) {
      if (!value->is_structured()) continue;
      for (const Json& child : *value) out.push_back(&child);
    }
    return out;
  }

  // Every container below, itself included.
  static Found descend(const Found& input) {
    Found out;
    for (const Json* value : input) {
      const Found below = children_of({value});
      if (below.empty()) continue;
      out.push_back(value);
      const Found deeper = descend(below);
      out.insert(out.end(), deeper.begin(), deeper.end());
    }
    return out;
  }

  Result<Found> filter(const Node& node, const Found& input) {
    Found out;
    for (const Json* value : input) {
      if (!value->is_array())
        return problem(
            fmt::format("{} is not array or slice and cannot be filtered", value->dump()));
      for (const Json& element : *value) {
        auto left = walk(node.children[0], {&element});
        if (node.text == "exists") {
          if (left && !left->empty()) out.push_back(&element);
          continue;
        }
        if (!left) return fail(std::move(left.error()));
        SLUICE_TRY(const Found right, walk(node.children[1], {&element}));
        if (left->size() > 1 || right.size() > 1)
          return problem("can only compare one element at a time");
        if (left->empty() || right.empty()) continue;
        SLUICE_TRY(const bool pass, test(node.text, *left->front(), *right.front()));
        if (pass) out.push_back(&element);
      }
    }
    return out;
  }

  std::deque<Json> literals_;
};

}  // namespace

Result<JsonPath> JsonPath::parse(std::string_view text) {
  SLUICE_TRY(Node root, parse_json_path(text));
  JsonPath out;
  out.root_ = std::make_shared<const Node>(std::move(root));
  return out;
}

Result<std::vector<Json>> JsonPath::find(const Json& document) const {
  return evaluate_json_path(*root_, document);
}

Result<std::vector<Json>> evaluate_json_path(const JsonPath::Node& root, const Json& document) {
  Evaluator evaluator;
  Found found;
  SLUICE_TRY([[maybe_unused]] const std::size_t end,
             evaluator.run(root.children, 0, Found{&document}, false, found));
  std::vector<Json> out;
  out.reserve(found.size());
  for (const Json* value : found) out.push_back(*value);
  return out;
}

}  // namespace sluice::analysis
