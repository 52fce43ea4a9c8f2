#pragma once
// All metric providers, a row each.
#include <span>
#include <string>
#include <string_view>

#include "analysis/provider.h"
#include "api/analysis.h"

namespace sluice::analysis {

[[nodiscard]] std::span<const Provider* const> providers();
// nullptr when this release does not have the metric's provider.
[[nodiscard]] const Provider* provider_of(const api::Metric& metric);
[[nodiscard]] bool is_job(const api::Metric& metric);
// What to say of a metric whose provider this release does not have.
[[nodiscard]] std::string unsupported_provider(const api::Metric& metric);
// The label of metrics about metrics, also for providers that this release does not have
// (clients.md §4.1).
[[nodiscard]] std::string_view metric_type(std::string_view provider_kind);

// A row more, at the end of the table, for as long as this lives: a test brings its own provider.
class ExtraProvider {
 public:
  explicit ExtraProvider(const Provider& provider);
  ExtraProvider(const ExtraProvider&) = delete;
  ExtraProvider& operator=(const ExtraProvider&) = delete;
  ~ExtraProvider();

 private:
  const Provider* provider_;
};

}  // namespace sluice::analysis
