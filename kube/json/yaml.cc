// Reading YAML. yaml-cpp parses; types, duplicate keys and merge keys are resolved here (stack.md
// §4.5).
#include "kube/json/yaml.h"

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <cmath>
#include <optional>

#include "base/hash.h"
#include "base/strings.h"
#include "kube/json/json.h"
#include "kube/json/yaml_scalar.h"

namespace sluice::kube {

namespace {

constexpr int kYamlDepthMax = 400;
constexpr std::size_t kExpansionMin = 100'000;  // nodes that any file may have
constexpr std::size_t kExpansionFactor =
    10;  // nodes per byte of text beyond that: only aliases get there

std::string where(const YAML::Mark& mark) {
  return fmt::format("line {}, column {}", mark.line + 1, mark.column + 1);
}

class Converter {
 public:
  explicit Converter(std::size_t text_size)
      : nodes_left_(std::max(kExpansionMin, text_size * kExpansionFactor)) {}

  Result<Json> convert(const YAML::Node& node, int depth) {
    if (depth > kYamlDepthMax) return trouble(node, "nested too deeply");
    if (nodes_left_-- == 0) return trouble(node, "aliases expand to too many values");
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        return Json(nullptr);
      case YAML::NodeType::Scalar:
        return scalar(node);
      case YAML::NodeType::Sequence:
        return sequence(node, depth);
      case YAML::NodeType::Map:
        return mapping(node, depth);
    }
    return trouble(node, "unknown kind of node");
  }

 private:
  static tl::unexpected<Error> trouble(const YAML::Node& node, std::string_view what) {
    return fail(ErrorCode::Decode, fmt::format("invalid YAML at {}: {}", where(node.Mark()), what));
  }

  static Result<Json> scalar(const YAML::Node& node) {
    const std::string& tag = node.Tag();
    const std::string& text = node.Scalar();
    if (tag == "!" || tag == "tag:yaml.org,2002:str") return Json(text);
    if (tag == "tag:yaml.org,2002:binary") {
      std::string bytes;
      std::string packed;
      for (const char c : text)
        if (c != '\n' && c != ' ' && c != '\r' && c != '\t') packed += c;
      if (!base64_decode(packed, bytes)) return trouble(node, "!!binary is not base64");
      return Json(std::move(bytes));
    }
    Json value = resolve_plain_scalar(text);
    if (tag == "tag:yaml.org,2002:null" && !value.is_null())
      return trouble(node, "not a null: " + quote(text));
    if (tag == "tag:yaml.org,2002:bool" && !value.is_boolean())
      return trouble(node, "not a bool: " + quote(text));
    if (tag == "tag:yaml.org,2002:int" && !value.is_number_integer())
      return trouble(node, "not an integer: " + quote(text));
    if (tag == "tag:yaml.org,2002:float" && !value.is_number())
      return trouble(node, "not a number: " + quote(text));
    if (value.is_number_float() && !std::isfinite(value.get<double>()))
      return trouble(node, text + " has no JSON form");
    return value;
  }

  Result<Json> sequence(const YAML::Node& node, int depth) {
    Json out = Json::array();
    for (const auto& element : node) {
      SLUICE_TRY(Json value, convert(element, depth + 1));
      out.push_back(std::move(value));
    }
    return out;
  }

  // Scalars of any type become member names; true, 1 and 0.5 as Go prints them.
  Result<std::string> key_text(const YAML::Node& key) {
    if (!key.IsScalar()) return trouble(key, "a member name must be a scalar and not null");
    SLUICE_TRY(const Json value, scalar(key));
    if (value.is_string()) return value.get<std::string>();
    if (value.is_null()) return trouble(key, "a member name must be a scalar and not null");
    return dump(value);
  }

  static bool is_merge(const YAML::Node& key) {
    return key.IsScalar() && key.Tag() == "?" && key.Scalar() == "<<";
  }

  Result<Json> mapping(const YAML::Node& node, int depth) {
    Json own = Json::object();
    Json merged = Json::object();
    for (const auto& pair : node) {
      if (is_merge(pair.first)) {
        SLUICE_CHECK_OK(merge(pair.second, merged, depth));
        continue;
      }
      SLUICE_TRY(std::string key, key_text(pair.first));
      if (own.contains(key))
        return trouble(pair.first, "key " + quote(key) + " is already set in this mapping");
      SLUICE_TRY(own[key], convert(pair.second, depth + 1));
    }
    if (merged.empty()) return own;
    merged.update(own);  // what the mapping says itself wins
    return merged;
  }

  // `<<: *base` or `<<: [*a, *b]`; earlier ones win.
  Status merge(const YAML::Node& source, Json& into, int depth) {
    if (source.IsSequence()) {
      for (const auto& element : source) {
        if (!element.IsMap()) return trouble(element, "`<<` takes mappings only");
        SLUICE_CHECK_OK(merge(element, into, depth + 1));
      }
      return {};
    }
    if (!source.IsMap()) return trouble(source, "`<<` takes a mapping or a list of mappings");
    SLUICE_TRY(Json base, convert(source, depth + 1));
    base.update(into);
    into = std::move(base);
    return {};
  }

  std::size_t nodes_left_;
};

Result<std::vector<YAML::Node>> load(std::string_view text) {
  try {
    return YAML::LoadAll(std::string(text));
  } catch (const YAML::Exception& e) {
    return fail(ErrorCode::Decode, fmt::format("invalid YAML at {}: {}", where(e.mark), e.msg));
  } catch (const std::exception& e) {
    return fail(ErrorCode::Decode, fmt::format("invalid YAML: {}", e.what()));
  }
}

Result<std::vector<Json>> convert_all(const std::vector<YAML::Node>& documents,
                                      std::size_t text_size) {
  std::vector<Json> out;
  Converter converter(text_size);
  for (const auto& document : documents) {
    SLUICE_TRY(Json value, converter.convert(document, 0));
    if (!value.is_null()) out.push_back(std::move(value));
  }
  return out;
}

}  // namespace

Result<std::vector<Json>> parse_yaml(std::string_view text) {
  const std::string_view content = trim(text);
  if (!content.empty() && (content.front() == '{' || content.front() == '[')) {
    // JSON allows things that yaml-cpp stumbles over (surrogate pairs, tabs).
    if (auto json = parse_json(content)) return std::vector<Json>{std::move(*json)};
  }
  SLUICE_TRY(const auto documents, load(text));
  try {
    return convert_all(documents, text.size());
  } catch (const YAML::Exception& e) {
    return fail(ErrorCode::Decode, fmt::format("invalid YAML at {}: {}", where(e.mark), e.msg));
  }
}

}  // namespace sluice::kube
