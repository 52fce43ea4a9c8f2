#pragma once
// Arguments: overlay of a caller's values and `{{ args.x }}` substitution (analysis.md §5). Pure.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/analysis.h"
#include "base/result.h"
#include "base/strings.h"

namespace sluice::analysis {

// Stands for a Secret's value wherever the real one is not needed: validation, scheduling,
// assessment (analysis.md §5.1).
inline constexpr std::string_view kSecretPlaceholder = "temp-for-secret";
// What a Secret's value becomes in anything that is stored or shown (analysis.md §5.6).
inline constexpr std::string_view kSecretMask = "*****";
// What substitution may produce: of one metric, and of all metrics of a run; bytes.
inline constexpr std::size_t kResolvedMetricMax = 10U << 20U;
inline constexpr std::size_t kResolvedMetricsMax = 32U << 20U;

// Template args (analysis.md §5.2) with the caller's values laid over them. A literal from the
// caller also drops the template's valueFrom, so that a Secret cannot win over it. Args of the
// caller that no template declares are ignored.
[[nodiscard]] std::vector<api::Argument> overlay_args(std::vector<api::Argument> declared,
                                                      const std::vector<api::Argument>& caller);
// Errors: Invalid `args.%s was not resolved` for the first arg that has neither a value nor a
// valueFrom.
[[nodiscard]] Status check_resolved(const std::vector<api::Argument>& args);

// Replaces (analysis.md §5.5) every `{{tag}}` of `text` by the value of the trimmed tag, verbatim,
// not scanned again. Errors: Invalid; of several unknown tags the last one is named; a result of
// more than kResolvedMetricMax bytes is refused, because a long value may stand in many places.
using TagLookup = std::function<std::optional<std::string>(std::string_view tag)>;
[[nodiscard]] Result<std::string> substitute(std::string_view text, const TagLookup& lookup);

// The text between the quotes of a JSON string.
[[nodiscard]] std::string json_escape(std::string_view text);

// Tag → value: "args.x" → "1". `secrets` maps "name/key" → value; nullptr puts the placeholder in
// their place. Errors: Invalid `argument "%s" was not supplied` for an arg without a value, used or
// not.
[[nodiscard]] Result<StringMap> argument_values(const std::vector<api::Argument>& args,
                                                const StringMap* secrets);

// One metric with all placeholders replaced: the metric's JSON is substituted as one text and
// decoded again.
[[nodiscard]] Result<api::Metric> resolve_metric(const api::Metric& metric,
                                                 const StringMap& values);
[[nodiscard]] Result<std::vector<api::Metric>> resolve_metrics(
    const std::vector<api::Metric>& metrics, const std::vector<api::Argument>& args,
    const StringMap* secrets);

// "name/key" of every Secret that the args refer to, each once, in order.
[[nodiscard]] std::vector<std::string> secret_references(const std::vector<api::Argument>& args);
// Replaces every occurrence of each non-empty value of `secrets` by the mask, longest first. Linear
// in the text for each value.
[[nodiscard]] std::string mask_secrets(std::string text, const StringMap& secrets);

}  // namespace sluice::analysis
