#pragma once
// What every provider shares (analysis.md §12.1): a sample, and how it becomes a measurement.
#include <cstdint>
#include <string>
#include <string_view>

#include "analysis/expr/value.h"
#include "analysis/expr/zone.h"
#include "analysis/work.h"
#include "api/analysis.h"
#include "base/http.h"
#include "base/result.h"
#include "base/time.h"
#include "kube/json/json_fwd.h"

namespace sluice::analysis {

// As many as Go's HTTP client follows.
inline constexpr int kRedirectsMax = 10;

inline constexpr std::size_t kResponseBytesMax = 10U << 20U;  // a longer answer is an error

// What a provider read from an answer.
struct Sample {
  expr::Value result;  // what the conditions see
  std::string text;    // Measurement.value
  StringMap metadata;
};

// Keys of Measurement.metadata of ours: what a measurement that is not Successful was asked and
// held against.
inline constexpr std::string_view kQueryMetadata = "query";
inline constexpr std::string_view kConditionMetadata = "condition";

struct Timing {
  WallTime started_at{};
  WallTime finished_at{};
};

// A finished measurement: the sample judged by the metric's conditions, or phase Error with the
// error's text. A value that is known is kept even when a condition fails on it. `query` goes into
// the metadata of anything but Successful. `zones` is for the condition language's timezone();
// `work` gets what the conditions cost.
[[nodiscard]] api::Measurement measure(const api::Metric& metric, const Result<Sample>& sample,
                                       std::string_view query, Timing timing,
                                       const expr::ZoneLoader& zones = {}, Work* work = nullptr);
[[nodiscard]] api::Measurement error_measurement(std::string message, Timing timing);

// The conditions of a metric in one line: `successCondition: result[0] >= 0.95`, joined by "; ", ""
// when none.
[[nodiscard]] std::string conditions_text(const api::Metric& metric);

// `Get "http://x": cause`, as a Go client words a request that got no answer.
[[nodiscard]] std::string transport_text(std::string_view method, std::string_view url,
                                         const Error& error);
// An absolute http or https URL with a host. Nothing else may leave as a metric query: a bare path
// would be sent to the API server.
[[nodiscard]] bool is_absolute_url(std::string_view text);

// Refuses what could not be sent as it stands, rather than to leave it out: a method or a header
// name that is no token, a header value with control characters (a Secret that ends in a line
// break).
[[nodiscard]] Status check_sendable(const http::Request& request);

// How long a metric may wait for its answer: what the user says, a day at most. The controller has
// a ceiling of its own, which is lower.
[[nodiscard]] Seconds bounded_timeout(std::int64_t seconds);

// What stands below the provider's name in the metric; {} when that is no JSON.
[[nodiscard]] kube::Json config_of(const api::Metric& metric);
// The user's `headers`: later ones replace earlier ones of the same name.
void add_custom_headers(const kube::Json& config, http::Headers& headers);

// Notes in `request` what of it holds a Secret's value. `altered`: the same request, made with
// another value of each Secret; when it could not be made, all may hold one.
void mark_secrets(http::Request& request, const Result<http::Request>& altered);

// Sets `Authorization: Basic …`.
void set_basic_auth(http::Headers& headers, std::string_view username, std::string_view password);

}  // namespace sluice::analysis
