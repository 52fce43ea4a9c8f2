// Values that a Rollout's analysis takes from the Rollout itself (analysis.md §5.3).
#include <fmt/format.h>

#include "analysis/go_text.h"
#include "analysis/run_spec.h"
#include "kube/json/json.h"

namespace sluice::analysis {

namespace {

using kube::Json;

std::string lines_of(const StringMap& map) {
  std::string out;
  for (const auto& [key, value] : map) {
    if (!out.empty()) out += '\n';
    out += key + "=" + quote(value);
  }
  return out;
}

// What the downward API can name.
Result<std::string> metadata_field(std::string_view path, const kube::Meta& meta) {
  std::string_view base = path;
  std::optional<std::string_view> subscript;
  if (const std::size_t open = path.find("['");
      open != std::string_view::npos && path.ends_with("']")) {
    base = path.substr(0, open);
    subscript = path.substr(open + 2, path.size() - open - 4);
  }
  if (base == "metadata.labels" || base == "metadata.annotations") {
    const StringMap& map = base == "metadata.labels" ? meta.labels : meta.annotations;
    return subscript ? get_or(map, *subscript) : lines_of(map);
  }
  if (subscript)
    return fail(ErrorCode::Invalid,
                fmt::format("fieldPath {} does not support subscript", quote(path)));
  if (base == "metadata.name") return meta.key.name;
  if (base == "metadata.namespace") return meta.key.namespace_;
  if (base == "metadata.uid") return meta.uid;
  return fail(ErrorCode::Invalid, fmt::format("unsupported fieldPath: {}", path));
}

// Splits at '.', '[' and ']'. A quoted segment (['a.b']) and an escaped dot (a\.b) keep their dots.
std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> out;
  std::string current;
  const auto flush = [&] {
    if (!current.empty()) out.push_back(std::move(current));
    current.clear();
  };
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '[' && i + 1 < path.size() && path[i + 1] == '\'') {
      const std::size_t close = path.find("']", i + 2);
      if (close != std::string_view::npos) {
        flush();
        current = path.substr(i + 2, close - i - 2);
        flush();
        i = close + 1;
        continue;
      }
    }
    if (c == '\\' && i + 1 < path.size()) {
      current += path[++i];
    } else if (c == '.' || c == '[' || c == ']') {
      flush();
    } else {
      current += c;
    }
  }
  flush();
  return out;
}

Result<std::string> walk(const Json& root, std::string_view path) {
  const auto missing = [&] {
    return fail(ErrorCode::Invalid, fmt::format("invalid path {} in rollout", path));
  };
  const Json* at = &root;
  for (const std::string& segment : segments_of(path)) {
    if (at->is_array()) {
      const auto index = parse_int(segment);
      if (!index || *index < 0)
        return fail(ErrorCode::Invalid, fmt::format("invalid index '{}'", segment));
      if (static_cast<std::size_t>(*index) >= at->size())
        return fail(ErrorCode::Invalid, fmt::format("index {} out of range", *index));
      at = &(*at)[static_cast<std::size_t>(*index)];
    } else if (at->is_object()) {
      auto member = at->find(segment);
      if (member == at->end() || member->is_null()) return missing();
      at = &*member;
    } else {
      return missing();
    }
  }
  if (at->is_null()) return missing();
  if (at->is_structured()) {
    return fail(ErrorCode::Invalid,
                fmt::format("path {} in rollout must terminate in a primitive value", path));
  }
  if (at->is_string()) return at->get<std::string>();
  if (at->is_number_float()) return format_fixed(at->get<double>());
  return at->dump();
}

Result<std::string> field_value(const std::string& path, const api::Rollout& rollout) {
  if (path.rfind("metadata", 0) == 0) return metadata_field(path, rollout.meta);
  SLUICE_TRY(const Json object, kube::parse_json(rollout.raw ? *rollout.raw : std::string("{}")));
  return walk(object, path);
}

}  // namespace

Result<std::vector<api::Argument>> resolve_rollout_args(const std::vector<api::Argument>& args,
                                                        const api::Rollout& rollout,
                                                        std::string_view stable_hash,
                                                        std::string_view latest_hash) {
  std::vector<api::Argument> out;
  std::optional<Error> problem;
  for (const api::Argument& arg : args) {
    api::Argument literal;
    literal.name = arg.name;
    literal.value = arg.value.value_or("");
    if (arg.pod_template_hash) {
      literal.value = std::string(*arg.pod_template_hash == "Stable" ? stable_hash : latest_hash);
    } else if (arg.field_path) {
      auto value = field_value(*arg.field_path, rollout);
      if (value) {
        literal.value = std::move(*value);
      } else {
        problem = std::move(value.error());
        literal.value = "";
      }
    }
    out.push_back(std::move(literal));
  }
  if (problem) return fail(std::move(*problem));
  return out;
}

}  // namespace sluice::analysis
