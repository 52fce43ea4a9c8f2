#include "api/template_hash.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "kube/json/json.h"
#include "kube/schema/typed_json.h"

namespace sluice::api {
namespace {

constexpr std::string_view kStepTypes =
#include "api/step_types.inc"
    ;

const kube::TypedStruct& step_type() {
  static const kube::TypedSchema schema(kStepTypes, &kube::TypedSchema::pods());
  static const kube::TypedStruct& type = schema.type("CanaryStep");
  return type;
}

std::string encode_hash(std::string_view text, std::optional<std::int32_t> collision_count) {
  std::uint32_t hash = fnv1a32(text);
  if (collision_count) {
    std::array<char, 8> bytes{};
    const auto count = static_cast<std::uint32_t>(*collision_count);
    for (unsigned i = 0; i < 4; ++i) bytes[i] = static_cast<char>((count >> (8U * i)) & 0xFFU);
    hash = fnv1a32(std::string_view(bytes.data(), bytes.size()), hash);
  }
  return safe_encode_decimal(hash);
}

void add_unique(std::vector<std::string>& list, std::string value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(std::move(value));
}

// How the members that changed over the years were written, newest first. 1.9 and later · 1.7
// and 1.8 · 1.6 · before.
struct StepForm {
  bool empty_run_metadata;       // an analysis without analysisRunMetadata writes {}
  bool cluster_scope_false;      // an explicit `clusterScope: false` is written
  bool experiment_run_metadata;  // an experiment writes analysisRunMetadata always
};
constexpr std::array<StepForm, 4> kStepForms{
    {{false, true, true}, {true, false, true}, {true, false, false}, {false, false, false}}};

void drop_false_cluster_scope(kube::Json& analysis) {
  const auto templates = analysis.find("templates");
  if (templates == analysis.end() || !templates->is_array()) return;
  for (auto& reference : *templates)
    if (reference.is_object() && reference.contains("clusterScope") &&
        reference["clusterScope"] == false)
      reference.erase("clusterScope");
}

bool lacks(const kube::Json& object, const char* member) {
  return !object.contains(member) || object[member].is_null();
}

void shape_step(kube::Json& step, const StepForm& form) {
  if (!step.is_object() || !step.contains("analysis") || !step["analysis"].is_object()) return;
  auto& analysis = step["analysis"];
  if (!form.cluster_scope_false) drop_false_cluster_scope(analysis);
  if (form.empty_run_metadata && lacks(analysis, "analysisRunMetadata"))
    analysis["analysisRunMetadata"] = kube::Json::object();
}

// Only analysis steps change shape; the others keep the order of free-form members (plugin
// settings).
Result<std::string> shaped_step(const Step& step, const StepForm& form) {
  if (!step.analysis) return step.raw;
  SLUICE_TRY(auto json, kube::parse_json(step.raw));
  shape_step(json, form);
  return kube::dump(json);
}

Result<std::string> step_text(const Step& step, const StepForm& form) {
  SLUICE_TRY(const auto shaped, shaped_step(step, form));
  SLUICE_TRY(const auto document, kube::Document::parse(shaped));
  SLUICE_TRY(auto text, kube::typed_json(document.root(), step_type(), {}));
  static constexpr std::string_view kUnset = R"(,"analysisRunMetadata":{})";
  const bool drop = step.experiment && !form.experiment_run_metadata;
  if (const auto at = text.find(kUnset); drop && at != std::string::npos)
    text.erase(at, kUnset.size());
  return text;
}

Result<std::string> steps_text(const CanaryStrategy& canary, const StepForm& form) {
  std::string out = "[";
  for (const auto& step : canary.steps) {
    if (out.size() > 1) out += ',';
    SLUICE_TRY(const auto text, step_text(step, form));
    out += text;
  }
  return out + "]";
}

}  // namespace

Result<std::string> canonical_template_json(std::string_view template_json,
                                            bool creation_timestamp_null) {
  SLUICE_TRY(const auto document, kube::Document::parse(template_json));
  const auto& type = kube::TypedSchema::pods().type("PodTemplateSpec");
  auto text = kube::typed_json(document.root(), type, {creation_timestamp_null});
  if (!text) return fail(text.error().code, "spec.template." + text.error().message);
  return text;
}

std::string hash_template_text(std::string_view canonical,
                               std::optional<std::int32_t> collision_count) {
  return encode_hash(canonical, collision_count);
}

Result<std::vector<std::string>> template_hashes(std::string_view template_json,
                                                 std::optional<std::int32_t> collision_count) {
  std::vector<std::string> out;
  for (const bool creation_timestamp_null : {false, true}) {
    SLUICE_TRY(const auto text, canonical_template_json(template_json, creation_timestamp_null));
    add_unique(out, encode_hash(text, collision_count));
  }
  return out;
}

std::vector<std::string> step_hashes(const CanaryStrategy& canary) {
  std::vector<std::string> out;
  if (canary.steps.empty()) {
    add_unique(out, encode_hash(canary.has_steps_member ? "[]" : "null", std::nullopt));
    return out;
  }
  for (const auto& form : kStepForms)
    if (const auto text = steps_text(canary, form))
      add_unique(out, encode_hash(*text, std::nullopt));
  if (!out.empty()) return out;
  // Steps of a shape that the Go types cannot hold: any stable text will do.
  std::string raw;
  for (const auto& step : canary.steps) raw += step.raw;
  out.push_back(encode_hash(raw, std::nullopt));
  return out;
}

}  // namespace sluice::api
