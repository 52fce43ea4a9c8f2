#pragma once
// Prometheus metrics (analysis.md §12.2). Requests and answers as values; the shell moves them.
#include <string>
#include <string_view>

#include "analysis/provider.h"
#include "analysis/providers/sample.h"
#include "api/analysis.h"
#include "base/http.h"
#include "base/result.h"

namespace sluice::analysis::prometheus {

// Errors: Invalid or Unsupported, the text of the measurement error.
[[nodiscard]] Result<http::Request> build_request(const api::Metric& metric,
                                                  const AskContext& context);

// Servers and proxies without POST: the same question as a GET.
[[nodiscard]] bool wants_get(const http::Response& response);
[[nodiscard]] http::Request as_get(const http::Request& request);

// `request` is the one that was sent (for error texts). Errors: the text of the measurement error.
[[nodiscard]] Result<Sample> interpret(const http::Request& request,
                                       const Result<http::Response>& response,
                                       Work* work = nullptr);

// The PromQL text, "" when there is none.
[[nodiscard]] std::string query_of(const api::Metric& metric);

// The row.
[[nodiscard]] const Provider& provider();

}  // namespace sluice::analysis::prometheus
