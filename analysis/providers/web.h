#pragma once
// Web metrics (analysis.md §12.3): an HTTP answer, by JSONPath or as text.
#include <string>

#include "analysis/provider.h"
#include "analysis/providers/sample.h"
#include "api/analysis.h"
#include "base/http.h"
#include "base/result.h"

namespace sluice::analysis::web {

// Errors: Invalid or Unsupported, the text of the measurement error (a malformed jsonPath too).
[[nodiscard]] Result<http::Request> build_request(const api::Metric& metric);

// `request` is the one that was sent; `work` gets what reading the answer cost. Errors: the text of
// the measurement error.
[[nodiscard]] Result<Sample> interpret(const api::Metric& metric, const http::Request& request,
                                       const Result<http::Response>& response,
                                       Work* work = nullptr);

// "GET http://host/path", for whoever looks at a measurement.
[[nodiscard]] std::string query_of(const api::Metric& metric);

// The row.
[[nodiscard]] const Provider& provider();

}  // namespace sluice::analysis::web
