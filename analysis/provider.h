#pragma once
// What a metric provider answers: which Secrets it needs, what is to be asked, and what an answer
// says. A provider is a row of provider_table.cc; nobody else names one.
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "analysis/providers/sample.h"
#include "analysis/work.h"
#include "api/analysis.h"
#include "base/http.h"
#include "base/result.h"
#include "base/strings.h"

namespace sluice::analysis {

struct AskContext {
  std::string default_address;  // of Prometheus: used when a metric names none
  WallTime now{};
  expr::ZoneLoader zones = {};  // for timezone() in the bounds of a range
  StringMap secrets = {};       // those of Provider::secrets(): "name/key" → value
};

// The same question is to be asked in another form, once.
struct Again {
  http::Request request;
};
using Reading = std::variant<Result<Sample>, Again>;

class Provider {
 public:
  struct Traits {
    // Measured by a Job of the run and not by a query: the functions for queries are not called.
    bool job = false;
    // The text of the query is kept with the metric's result (analysis.md §12.2).
    bool keeps_query = false;
  };
  // `kind` is the member of the metric's `provider`, `type` the label of metrics about it.
  constexpr Provider(std::string_view kind, std::string_view type, Traits traits)
      : kind_(kind), type_(type), traits_(traits) {}
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;
  virtual ~Provider() = default;

  [[nodiscard]] std::string_view kind() const { return kind_; }
  [[nodiscard]] std::string_view type() const { return type_; }
  [[nodiscard]] const Traits& traits() const { return traits_; }

  // Secrets of the run's namespace that the metric names in its provider, as "name/key"; those of
  // the run's arguments are not among them.
  [[nodiscard]] virtual std::vector<std::string> secrets(const api::Metric& metric) const;
  // Errors: Invalid or Unsupported, the text of the measurement error.
  [[nodiscard]] virtual Result<http::Request> ask(const api::Metric& metric,
                                                  const AskContext& context) const = 0;
  // `request` is the one that was sent; `work` gets what reading the answer cost. Errors: the text
  // of the measurement error.
  [[nodiscard]] virtual Reading read(const api::Metric& metric, const http::Request& request,
                                     const Result<http::Response>& response, Work* work) const = 0;
  // What is asked, for whoever looks at a measurement; "" when there is nothing to show.
  [[nodiscard]] virtual std::string query_of(const api::Metric& metric) const = 0;

 private:
  std::string_view kind_, type_;
  Traits traits_;
};

}  // namespace sluice::analysis
