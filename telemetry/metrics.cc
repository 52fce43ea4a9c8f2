#include "telemetry/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "telemetry/process_metrics.h"

namespace sluice::telemetry {
namespace {

constexpr Seconds kLastScrape{65};

using LabelMap = std::map<std::string, std::string>;
using LabelValues = std::vector<std::string>;  // in the order of the family's label names

struct Series {
  prometheus::Counter* counter = nullptr;
  prometheus::Gauge* gauge = nullptr;
  prometheus::Histogram* histogram = nullptr;
  std::optional<MonoTime> gone_at;  // forgotten, but shown until then
};

struct FamilyEntry {
  MetricType type = MetricType::Gauge;
  std::vector<std::string> labels;
  std::vector<double> buckets;
  int identity = -1;
  prometheus::Family<prometheus::Counter>* counters = nullptr;
  prometheus::Family<prometheus::Gauge>* gauges = nullptr;
  prometheus::Family<prometheus::Histogram>* histograms = nullptr;
  std::map<LabelValues, Series> series;

  void remove(const Series& gone) {
    if (gone.counter != nullptr) counters->Remove(gone.counter);
    if (gone.gauge != nullptr) gauges->Remove(gone.gauge);
    if (gone.histogram != nullptr) histograms->Remove(gone.histogram);
  }
  template <class Predicate>
  void remove_if(const Predicate& predicate) {
    for (auto it = series.begin(); it != series.end();) {
      if (predicate(it->first, it->second)) {
        remove(it->second);
        it = series.erase(it);
      } else {
        ++it;
      }
    }
  }
  [[nodiscard]] int index_of(std::string_view label) const {
    const auto it = std::find(labels.begin(), labels.end(), label);
    return it == labels.end() ? -1 : static_cast<int>(it - labels.begin());
  }
};

// Values in the family's order. nullopt: other labels than the family has.
std::optional<LabelValues> order(const FamilyEntry& family, Telemetry::Labels labels) {
  if (labels.size() != family.labels.size()) return std::nullopt;
  LabelValues values(family.labels.size());
  std::vector<bool> given(values.size(), false);
  for (const auto& [name, value] : labels) {
    const int index = family.index_of(name);
    if (index < 0 || given[static_cast<std::size_t>(index)]) return std::nullopt;
    values[static_cast<std::size_t>(index)] = std::string(value);
    given[static_cast<std::size_t>(index)] = true;
  }
  return values;
}

}  // namespace

struct Metrics::Impl {
  explicit Impl(Clock& clock_in) : clock(clock_in) {}

  // prometheus-cpp throws for names and labels it does not like: nullptr then.
  FamilyEntry* family(MetricType type, std::string_view name, Telemetry::Labels labels) {
    if (const auto it = families.find(name); it != families.end()) return &it->second;
    FamilyEntry entry;
    entry.type = type;
    std::string help;
    if (const MetricSpec* spec = find_metric(name)) {
      entry.type = spec->type;
      entry.labels.assign(spec->labels.begin(), spec->labels.end());
      entry.buckets = spec->buckets;
      entry.identity = spec->identity;
      help = std::string(spec->help);
    } else {
      for (const auto& [label, value] : labels) entry.labels.emplace_back(label);
      entry.buckets = default_buckets();
    }
    try {
      build(entry, std::string(name), help);
    } catch (const std::exception&) {
      return nullptr;
    }
    return &families.emplace(std::string(name), std::move(entry)).first->second;
  }

  void build(FamilyEntry& entry, const std::string& name, const std::string& help) {
    switch (entry.type) {
      case MetricType::Counter:
        entry.counters = &prometheus::BuildCounter().Name(name).Help(help).Register(registry);
        break;
      case MetricType::Gauge:
        entry.gauges = &prometheus::BuildGauge().Name(name).Help(help).Register(registry);
        break;
      case MetricType::Histogram:
        entry.histograms = &prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
        break;
    }
  }

  Series* series_of(FamilyEntry& entry, const LabelValues& values) {
    if (const auto it = entry.series.find(values); it != entry.series.end()) {
      it->second.gone_at.reset();  // it lives again
      return &it->second;
    }
    LabelMap labels;
    for (std::size_t i = 0; i < values.size(); ++i) labels[entry.labels[i]] = values[i];
    Series made;
    try {
      if (entry.counters != nullptr) made.counter = &entry.counters->Add(labels);
      if (entry.gauges != nullptr) made.gauge = &entry.gauges->Add(labels);
      if (entry.histograms != nullptr)
        made.histogram = &entry.histograms->Add(labels, entry.buckets);
    } catch (const std::exception&) {
      return nullptr;
    }
    return &entry.series.emplace(values, made).first->second;
  }

  void purge() {
    const MonoTime now = clock.mono_now();
    for (auto& [name, entry] : families) {
      entry.remove_if([now](const LabelValues&, const Series& series) {
        return series.gone_at && *series.gone_at <= now;
      });
    }
  }

  Clock& clock;
  std::mutex mutex;
  prometheus::Registry registry;
  std::map<std::string, FamilyEntry, std::less<>> families;
};

Metrics::Metrics(Clock& clock) : impl_(std::make_unique<Impl>(clock)) {}
Metrics::~Metrics() = default;

bool Metrics::record(MetricType type, std::string_view name, Telemetry::Labels labels,
                     double value) {
  const std::lock_guard lock(impl_->mutex);
  if (type == MetricType::Counter && !(value >= 0)) return false;
  FamilyEntry* family = impl_->family(type, name, labels);
  if (family == nullptr || family->type != type) return false;
  const auto values = order(*family, labels);
  if (!values) return false;
  if (family->identity >= 0) {
    const auto same = static_cast<std::ptrdiff_t>(family->identity);
    family->remove_if([&](const LabelValues& other, const Series&) {
      return other != *values && std::equal(other.begin(), other.begin() + same, values->begin());
    });
  }
  Series* series = impl_->series_of(*family, *values);
  if (series == nullptr) return false;
  if (series->counter != nullptr) series->counter->Increment(value);
  if (series->gauge != nullptr) series->gauge->Set(value);
  if (series->histogram != nullptr) series->histogram->Observe(value);
  return true;
}

void Metrics::forget(std::string_view object_namespace, std::string_view object_name) {
  const std::lock_guard lock(impl_->mutex);
  const MonoTime gone_at = impl_->clock.mono_now() + kLastScrape;
  for (auto& [metric, family] : impl_->families) {
    const int ns = family.index_of("namespace"), name = family.index_of("name");
    if (ns < 0 || name < 0) continue;
    const bool at_once = family.type == MetricType::Gauge;
    family.remove_if([&](const LabelValues& values, Series& series) {
      if (values[static_cast<std::size_t>(ns)] != object_namespace ||
          values[static_cast<std::size_t>(name)] != object_name)
        return false;
      if (!at_once && !series.gone_at) series.gone_at = gone_at;
      return at_once;
    });
  }
  impl_->purge();
}

std::string Metrics::text() {
  const std::lock_guard lock(impl_->mutex);
  impl_->purge();
  auto collected = impl_->registry.Collect();
  std::erase_if(collected,
                [](const prometheus::MetricFamily& family) { return family.metric.empty(); });
  std::sort(collected.begin(), collected.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  for (auto& family : process_metrics()) collected.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(collected);
}

}  // namespace sluice::telemetry
