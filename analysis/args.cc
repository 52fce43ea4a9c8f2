#include "analysis/args.h"

#include <algorithm>

#include "analysis/stored_text.h"
#include "kube/json/json.h"
#include "kube/json/node.h"

namespace sluice::analysis {

namespace {

bool has_value_from(const api::Argument& arg) {
  return arg.secret_key_ref || arg.field_path || arg.pod_template_hash;
}

std::string secret_id(const api::SecretKeyRef& ref) {
  return ref.name + "/" + ref.key;
}

std::string quoted_part(std::string_view text) {
  return quote(shortened(std::string(text.substr(0, kStoredTextMax + 1))));
}

// Secrets that consist of asterisks find themselves in the masks of others: beyond this, nothing
// of the text is kept.
constexpr std::size_t kMaskedMax = 64U << 20U;

std::string replace_all(const std::string& text, const std::string& what, std::string_view with) {
  std::string out;
  std::size_t from = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, from)) {
    out.append(text, from, at - from).append(with);
    from = at + what.size();
  }
  return out.append(text, from);
}

}  // namespace

std::vector<api::Argument> overlay_args(std::vector<api::Argument> declared,
                                        const std::vector<api::Argument>& caller) {
  for (api::Argument& arg : declared) {
    auto given = std::find_if(caller.begin(), caller.end(),
                              [&](const api::Argument& c) { return c.name == arg.name; });
    if (given == caller.end()) continue;
    if (given->value) {
      const std::string name = arg.name;
      arg = api::Argument{};
      arg.name = name;
      arg.value = given->value;
    } else if (has_value_from(*given)) {
      arg.secret_key_ref = given->secret_key_ref;
      arg.field_path = given->field_path;
      arg.pod_template_hash = given->pod_template_hash;
    }
  }
  return declared;
}

Status check_resolved(const std::vector<api::Argument>& args) {
  for (const api::Argument& arg : args)
    if (!arg.value && !has_value_from(arg))
      return fail(ErrorCode::Invalid, "args." + arg.name + " was not resolved");
  return {};
}

Result<std::string> substitute(std::string_view text, const TagLookup& lookup) {
  std::string out;
  std::optional<std::string> unknown;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t open = text.find("{{", at);
    if (open == std::string_view::npos) break;
    const std::size_t close = text.find("}}", open + 2);
    if (close == std::string_view::npos) {
      return fail(ErrorCode::Invalid, "Cannot find end tag=\"}}\" in the template=" +
                                          quoted_part(text) + " starting from " +
                                          quoted_part(text.substr(open + 2)));
    }
    out.append(text.substr(at, open - at));
    const std::string_view tag = text.substr(open + 2, close - open - 2);
    if (auto value = lookup(trim(tag))) {
      out.append(*value);
      if (out.size() > kResolvedMetricMax)
        return fail(ErrorCode::Invalid, "a metric with its arguments is longer than 10 MiB");
    } else {
      unknown = std::string(tag);
    }
    at = close + 2;
  }
  if (unknown)
    return fail(ErrorCode::Invalid, "failed to resolve {{" + shortened(std::move(*unknown)) + "}}");
  out.append(text.substr(at));
  return out;
}

std::string json_escape(std::string_view text) {
  const std::string quoted = kube::dump(kube::Json(std::string(text)));
  return quoted.substr(1, quoted.size() - 2);
}

Result<StringMap> argument_values(const std::vector<api::Argument>& args,
                                  const StringMap* secrets) {
  StringMap values;
  for (const api::Argument& arg : args) {
    std::optional<std::string> value = arg.value;
    if (arg.secret_key_ref) {
      if (secrets == nullptr) {
        value = std::string(kSecretPlaceholder);
      } else if (const std::string* secret =
                     find_or_null(*secrets, secret_id(*arg.secret_key_ref))) {
        value = *secret;
      } else {
        value.reset();
      }
    }
    if (!value)
      return fail(ErrorCode::Invalid, "argument " + quote(arg.name) + " was not supplied");
    values["args." + arg.name] = *value;
  }
  return values;
}

Result<api::Metric> resolve_metric(const api::Metric& metric, const StringMap& values) {
  if (metric.raw.find("{{") == std::string::npos) return metric;
  const TagLookup lookup = [&](std::string_view tag) -> std::optional<std::string> {
    const std::string* value = find_or_null(values, tag);
    if (value == nullptr) return std::nullopt;
    return json_escape(*value);
  };
  SLUICE_TRY(std::string text, substitute(metric.raw, lookup));
  SLUICE_TRY(kube::Document document, kube::Document::parse(text));
  return api::decode_metric(document.root());
}

Result<std::vector<api::Metric>> resolve_metrics(const std::vector<api::Metric>& metrics,
                                                 const std::vector<api::Argument>& args,
                                                 const StringMap* secrets) {
  SLUICE_TRY(const StringMap values, argument_values(args, secrets));
  std::vector<api::Metric> out;
  out.reserve(metrics.size());
  std::size_t bytes = 0;
  for (const api::Metric& metric : metrics) {
    SLUICE_TRY(api::Metric resolved, resolve_metric(metric, values));
    bytes += resolved.raw.size();
    if (bytes > kResolvedMetricsMax)
      return fail(ErrorCode::Invalid, "the metrics with their arguments are longer than 32 MiB");
    out.push_back(std::move(resolved));
  }
  return out;
}

std::vector<std::string> secret_references(const std::vector<api::Argument>& args) {
  std::vector<std::string> out;
  for (const api::Argument& arg : args) {
    if (!arg.secret_key_ref) continue;
    std::string id = secret_id(*arg.secret_key_ref);
    if (std::find(out.begin(), out.end(), id) == out.end()) out.push_back(std::move(id));
  }
  return out;
}

std::string mask_secrets(std::string text, const StringMap& secrets) {
  std::vector<std::string> values;
  for (const auto& [id, value] : secrets)
    if (!value.empty()) values.push_back(value);
  // A Secret that is part of another one must not leave the rest of the longer one readable.
  std::sort(values.begin(), values.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  values.erase(std::unique(values.begin(), values.end()), values.end());
  for (const std::string& value : values) {
    if (text.find(value) != std::string::npos) text = replace_all(text, value, kSecretMask);
    if (text.size() > kMaskedMax) return std::string(kSecretMask);
  }
  return text;
}

}  // namespace sluice::analysis
