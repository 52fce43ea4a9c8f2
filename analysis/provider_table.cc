#include "analysis/provider_table.h"

#include <array>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "analysis/providers/job.h"
#include "analysis/providers/prometheus.h"
#include "analysis/providers/web.h"

namespace sluice::analysis {
namespace {

std::vector<const Provider*>& table() {
  static std::vector<const Provider*> rows{&prometheus::provider(), &web::provider(),
                                           &job::provider()};
  return rows;
}

const Provider* find(std::string_view kind) {
  for (const auto* provider : providers())
    if (provider->kind() == kind) return provider;
  return nullptr;
}

}  // namespace

std::vector<std::string> Provider::secrets(const api::Metric&) const {
  return {};
}

std::span<const Provider* const> providers() {
  return table();
}

const Provider* provider_of(const api::Metric& metric) {
  return find(metric.provider_kind);
}

bool is_job(const api::Metric& metric) {
  const Provider* provider = provider_of(metric);
  return provider != nullptr && provider->traits().job;
}

std::string unsupported_provider(const api::Metric& metric) {
  std::string kinds;
  const auto all = providers();
  for (std::size_t i = 0; i < all.size(); ++i)
    kinds += std::string(i == 0                ? ""
                         : i + 1 == all.size() ? " or "
                                               : ", ") +
             std::string(all[i]->kind());
  return fmt::format("provider.{} is not implemented by this release: use {}", metric.provider_kind,
                     kinds);
}

std::string_view metric_type(std::string_view provider_kind) {
  if (const Provider* provider = find(provider_kind)) return provider->type();
  constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kOthers{
      {{"kayenta", "Kayenta"},
       {"datadog", "Datadog"},
       {"wavefront", "Wavefront"},
       {"newRelic", "NewRelic"},
       {"cloudWatch", "CloudWatch"},
       {"graphite", "Graphite"},
       {"influxdb", "Influxdb"},
       {"skywalking", "skywalking"},
       {"plugin", "RPCPlugin"}}};
  for (const auto& [member, type] : kOthers)
    if (member == provider_kind) return type;
  return "Unknown Provider";
}

ExtraProvider::ExtraProvider(const Provider& provider) : provider_(&provider) {
  table().push_back(provider_);
}

ExtraProvider::~ExtraProvider() {
  std::erase(table(), provider_);
}

}  // namespace sluice::analysis
