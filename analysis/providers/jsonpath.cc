#include "analysis/providers/jsonpath.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>

#include "analysis/providers/jsonpath_nodes.h"
#include "kube/json/json.h"

namespace sluice::analysis {

namespace {

using kube::Json;
using Node = JsonPath::Node;
using Kind = Node::Kind;
using Found = std::vector<const Json*>;

// Values that one evaluation may look at, on the thread that everybody waits for (ADR 14): a filter
// over tens of thousands of objects fits in, a path that multiplies what it finds does not.
constexpr std::size_t kVisitsMax = 500'000;
constexpr std::size_t kStepsOfAVisit = 2;  // in Work
constexpr int kRangeNestingMax = 64;
// What compiling a pattern costs in visits, for each of its bytes.
constexpr std::size_t kPatternCost = 50;

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
std::optional<int> json_order(const Json& a, const Json& b) {
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

Result<bool> compare_by(const std::string& op, const Json& left, const Json& right) {
  static const std::vector<std::string> kOperators{"<", ">", "<=", ">=", "==", "!="};
  if (std::find(kOperators.begin(), kOperators.end(), op) == kOperators.end())
    return problem("unrecognized filter operator " + op);
  const auto order = json_order(left, right);
  if (!order) return problem("incompatible types for comparison");
  if (op == "<") return *order < 0;
  if (op == ">") return *order > 0;
  if (op == "<=") return *order <= 0;
  if (op == ">=") return *order >= 0;
  return (op == "==") == (*order == 0);
}

class Evaluator {
 public:
  explicit Evaluator(Work* work) : work_(work) {}
  ~Evaluator() {
    if (work_ != nullptr) work_->steps += kStepsOfAVisit * visits_;
  }
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  // Actions of the template from `begin` on, applied to `current`; stops behind the {end} of the
  // range it is in and says where that was.
  // `depth`: of the ranges around it.
  Result<std::size_t> run(const std::vector<Node>& actions, std::size_t begin, const Found& current,
                          int depth, Found& out) {
    if (depth > kRangeNestingMax)
      return problem(fmt::format("ranges are nested deeper than {} levels", kRangeNestingMax));
    for (std::size_t i = begin; i < actions.size(); ++i) {
      const Node& action = actions[i];
      if (has_identifier(action, "end")) {
        if (depth == 0) return problem("not in range, nothing to end");
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
        SLUICE_CHECK_OK(spend(1));
        SLUICE_TRY(end, run(actions, i + 1, Found{one}, depth + 1, out));
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

  Status spend(std::size_t visits) {
    visits_ += visits;
    if (visits_ > kVisitsMax)
      return problem(fmt::format("the JSONPath looks at more than {} values", kVisitsMax));
    return {};
  }

  const Json* keep(Json value) {
    literals_.push_back(std::move(value));
    return &literals_.back();
  }

  Result<Found> walk(const Node& node, const Found& input) {
    SLUICE_CHECK_OK(spend(1 + input.size()));
    return step(node, input);
  }

  Result<Found> step(const Node& node, const Found& input) {
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
      case Kind::Recursive: {
        Found out;
        SLUICE_CHECK_OK(descend(input, out));
        return out;
      }
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

  Result<Found> slice(const Node& node, const Found& input) {
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
      SLUICE_CHECK_OK(spend(static_cast<std::size_t>(end - start)));
      for (std::int64_t i = start; i < end; i += std::min(step, length))
        out.push_back(&(*value)[static_cast<std::size_t>(i)]);
    }
    return out;
  }

  Result<Found> children_of(const Found& input) {
    Found out;
    for (const Json* value : input) {
      if (!value->is_structured()) continue;
      SLUICE_CHECK_OK(spend(value->size()));
      for (const Json& child : *value) out.push_back(&child);
    }
    return out;
  }

  // Every container below, itself included.
  Status descend(const Found& input, Found& out) {
    for (const Json* value : input) {
      SLUICE_TRY(const Found below, children_of({value}));
      if (below.empty()) continue;
      out.push_back(value);
      SLUICE_CHECK_OK(descend(below, out));
    }
    return {};
  }

  // Compiled once, whatever the number of elements it is held against.
  Result<const RE2*> pattern_of(const std::string& text) {
    auto known = patterns_.find(text);
    if (known == patterns_.end()) {
      SLUICE_CHECK_OK(spend(kPatternCost * (1 + text.size())));
      known = patterns_.emplace(text, std::make_unique<RE2>(text, RE2::Quiet)).first;
    }
    const RE2& pattern = *known->second;
    if (!pattern.ok()) return problem("error parsing regexp: " + pattern.error());
    return &pattern;
  }

  Result<bool> test(const std::string& op, const Json& left, const Json& right) {
    if (op != "=~") return compare_by(op, left, right);
    if (!left.is_string() || !right.is_string())
      return problem("incompatible types for comparison");
    SLUICE_TRY(const RE2* pattern, pattern_of(right.get_ref<const std::string&>()));
    return RE2::PartialMatch(left.get_ref<const std::string&>(), *pattern);
  }

  Result<Found> filter(const Node& node, const Found& input) {
    Found out;
    for (const Json* value : input) {
      if (!value->is_array())
        return problem(
            fmt::format("{} is not array or slice and cannot be filtered", kube::dump(*value)));
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
  std::map<std::string, std::unique_ptr<RE2>> patterns_;
  std::size_t visits_ = 0;
  Work* work_;
};

}  // namespace

Result<JsonPath> JsonPath::parse(std::string_view text) {
  SLUICE_TRY(Node root, parse_json_path(text));
  JsonPath out;
  out.root_ = std::make_shared<const Node>(std::move(root));
  return out;
}

Result<std::vector<Json>> JsonPath::find(const Json& document, std::size_t max, Work* work) const {
  return evaluate_json_path(*root_, document, max, work);
}

Result<std::vector<Json>> evaluate_json_path(const JsonPath::Node& root, const Json& document,
                                             std::size_t max, Work* work) {
  Evaluator evaluator(work);
  Found found;
  SLUICE_TRY([[maybe_unused]] const std::size_t end,
             evaluator.run(root.children, 0, Found{&document}, 0, found));
  std::vector<Json> out;
  found.resize(std::min(found.size(), max));
  out.reserve(found.size());
  for (const Json* value : found) out.push_back(*value);
  return out;
}

}  // namespace sluice::analysis
