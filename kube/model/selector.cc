#include "kube/model/selector.h"

#include <fmt/core.h>

#include <algorithm>

#include "kube/model/label_rules.h"

namespace sluice::kube {

namespace {

using Op = SelectorRequirement::Op;

bool holds(const SelectorRequirement& r, const StringMap& labels) {
  if (r.unknown_op) return false;
  const std::string* value = find_or_null(labels, r.key);
  const auto listed = [&] {
    return std::find(r.values.begin(), r.values.end(), *value) != r.values.end();
  };
  switch (r.op) {
    case Op::In:
      return value != nullptr && listed();
    case Op::NotIn:
      return value == nullptr || !listed();
    case Op::Exists:
      return value != nullptr;
    case Op::DoesNotExist:
      return value == nullptr;
  }
  return false;
}

std::string requirement_text(const SelectorRequirement& r) {
  std::vector<std::string> values = r.values;
  std::sort(values.begin(), values.end());
  switch (r.op) {
    case Op::In:
      return fmt::format("{} in ({})", r.key, join(values, ","));
    case Op::NotIn:
      return fmt::format("{} notin ({})", r.key, join(values, ","));
    case Op::Exists:
      return r.key;
    case Op::DoesNotExist:
      return "!" + r.key;
  }
  return {};
}

std::string invalid_value(std::string_view path, std::string_view value, std::string_view why) {
  return fmt::format("{}: Invalid value: {}: {}", path, quote(value), why);
}

// The first thing wrong with a requirement, in the API server's order.
std::string requirement_problem(const SelectorRequirement& r, const std::string& path) {
  if (r.unknown_op)
    return invalid_value(path + ".operator", *r.unknown_op, "not a valid selector operator");
  switch (r.op) {
    case Op::In:
    case Op::NotIn:
      if (r.values.empty())
        return path +
               ".values: Required value: must be specified when `operator` is 'In' or 'NotIn'";
      break;
    case Op::Exists:
    case Op::DoesNotExist:
      if (!r.values.empty())
        return path +
               ".values: Forbidden: may not be specified when `operator` is 'Exists' or "
               "'DoesNotExist'";
      break;
  }
  if (const auto bad = label_key_problems(r.key); !bad.empty())
    return invalid_value(path + ".key", r.key, bad.front());
  for (std::size_t i = 0; i < r.values.size(); ++i) {
    if (const auto bad = label_value_problems(r.values[i]); !bad.empty())
      return invalid_value(fmt::format("{}.values[{}]", path, i), r.values[i], bad.front());
  }
  return {};
}

}  // namespace

bool LabelSelector::matches(const StringMap& labels) const {
  for (const auto& [key, value] : match_labels) {
    const std::string* found = find_or_null(labels, key);
    if (found == nullptr || *found != value) return false;
  }
  return std::all_of(expressions.begin(), expressions.end(),
                     [&](const SelectorRequirement& r) { return holds(r, labels); });
}

std::string LabelSelector::text() const {
  if (empty()) return "<none>";
  std::vector<std::pair<std::string, std::string>> parts;
  for (const auto& [key, value] : match_labels) parts.emplace_back(key, key + "=" + value);
  for (const auto& r : expressions) {
    if (r.unknown_op) return "<error>";
    parts.emplace_back(r.key, requirement_text(r));
  }
  std::stable_sort(parts.begin(), parts.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string out;
  for (const auto& [key, part] : parts) {
    if (!out.empty()) out += ',';
    out += part;
  }
  return out;
}

std::string LabelSelector::problem(std::string_view path) const {
  const std::string labels = std::string(path) + ".matchLabels";
  for (const auto& [key, value] : match_labels) {
    if (const auto bad = label_key_problems(key); !bad.empty())
      return invalid_value(labels, key, bad.front());
    if (const auto bad = label_value_problems(value); !bad.empty())
      return invalid_value(labels, value, bad.front());
  }
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    std::string problem =
        requirement_problem(expressions[i], fmt::format("{}.matchExpressions[{}]", path, i));
    if (!problem.empty()) return problem;
  }
  return {};
}

LabelSelector decode_selector(Node node) {
  LabelSelector out;
  out.match_labels = node["matchLabels"].string_map();
  node["matchExpressions"].each_element([&](Node expression) {
    SelectorRequirement r;
    r.key = expression["key"].string_or();
    const std::string op = expression["operator"].string_or();
    if (op == "In") {
      r.op = Op::In;
    } else if (op == "NotIn") {
      r.op = Op::NotIn;
    } else if (op == "Exists") {
      r.op = Op::Exists;
    } else if (op == "DoesNotExist") {
      r.op = Op::DoesNotExist;
    } else {
      r.unknown_op = op;
    }
    expression["values"].each_element([&](Node value) { r.values.push_back(value.string_or()); });
    out.expressions.push_back(std::move(r));
  });
  return out;
}

namespace {

// The grammar of the labelSelector query parameter.
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text), whole_(text) {}

  Result<LabelSelector> parse() {
    LabelSelector out;
    skip_space();
    if (rest_.empty()) return out;
    while (true) {
      SLUICE_CHECK_OK(requirement(out));
      skip_space();
      if (rest_.empty()) return out;
      if (!take(",")) return bad("expected ',' or the end");
    }
  }

 private:
  tl::unexpected<Error> bad(std::string_view why) const {
    return fail(ErrorCode::Invalid, fmt::format("unable to parse selector {}: {} at {}",
                                                quote(whole_), why, quote(rest_)));
  }
  void skip_space() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t'))
      rest_.remove_prefix(1);
  }
  bool take(std::string_view token) {
    skip_space();
    if (rest_.substr(0, token.size()) != token) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  std::string word() {
    skip_space();
    const std::size_t end = std::min(rest_.find_first_of(" \t,=!()<>"), rest_.size());
    std::string out(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return out;
  }

  Status requirement(LabelSelector& out) {
    SelectorRequirement r;
    const bool negated = take("!");
    r.key = word();
    if (const auto problems = label_key_problems(r.key); !problems.empty())
      return bad("key " + problems.front());
    skip_space();
    if (negated || rest_.empty() || rest_.front() == ',') {
      r.op = negated ? Op::DoesNotExist : Op::Exists;
    } else if (take("!=")) {
      r.op = Op::NotIn;
      r.values.push_back(word());
    } else if (take("==") || take("=")) {
      r.values.push_back(word());
      if (const auto problems = label_value_problems(r.values.front()); !problems.empty())
        return bad(problems.front());
      if (out.match_labels.try_emplace(r.key, r.values.front()).second) return {};
    } else {
      SLUICE_CHECK_OK(set(r));
    }
    for (const auto& value : r.values)
      if (const auto problems = label_value_problems(value); !problems.empty())
        return bad(problems.front());
    out.expressions.push_back(std::move(r));
    return {};
  }

  Status set(SelectorRequirement& r) {
    const std::string op = word();
    if (op != "in" && op != "notin") return bad("expected =, ==, !=, in or notin");
    r.op = op == "in" ? Op::In : Op::NotIn;
    if (!take("(")) return bad("expected '('");
    do r.values.push_back(word());
    while (take(","));
    if (!take(")")) return bad("expected ',' or ')'");
    return {};
  }

  std::string_view rest_, whole_;
};

}  // namespace

Result<LabelSelector> parse_selector(std::string_view text) {
  return Parser(text).parse();
}

}  // namespace sluice::kube
