#include "telemetry/metrics.h"

#include <prometheus/check_names.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <vector>

#include "telemetry/process_metrics.h"

namespace sluice::telemetry {
namespace {

constexpr Seconds kLastScrape{65};
constexpr Seconds kFadesAfter{900};  // long enough for an alert with a `for:`
constexpr std::size_t kChunk = 1000;  // series written between two looks at the lock
constexpr MonoTime kAlive = MonoTime::max();

struct Histogram {
  std::vector<std::uint64_t> counts;  // one for each bucket and one for what is above them
  double sum = 0;
};

struct Series {
  double value = 0;
  std::unique_ptr<Histogram> histogram;
  MonoTime gone_at = kAlive;  // forgotten, but shown until then
};

// The values of all labels, in the family's order, each followed by a zero byte: the series of an
// object are neighbours.
using Key = std::string;

struct Family {
  const MetricSpec* spec = nullptr;  // nullptr: not in the table
  std::string name, help;
  MetricType type = MetricType::Gauge;
  std::vector<std::string> labels;
  std::vector<double> buckets;
  int identity = -1;
  bool of_objects = false;  // namespace and name are the first two labels
  bool analysis = false;    // its phases come to an end (is_over)
  std::map<Key, Series> series;
  [[nodiscard]] bool has_label(std::string_view label) const {
    return std::find(labels.begin(), labels.end(), label) != labels.end();
  }
};

void append_value(Key& key, std::string_view value) {
  for (const char c : value)
    if (c != '\0') key += c;
  key += '\0';
}

std::vector<std::string_view> values_of(const Key& key) {
  std::vector<std::string_view> out;
  std::string_view rest = key;
  while (!rest.empty()) {
    const auto end = rest.find('\0');
    out.push_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  return out;
}

// The part of a key that holds its first `count` values.
std::string_view prefix_of(const Key& key, int count) {
  std::size_t end = 0;
  for (int i = 0; i < count; ++i) end = key.find('\0', end) + 1;
  return std::string_view(key).substr(0, end);
}

// False when the labels are not the family's.
bool make_key(const Family& family, Telemetry::Labels labels, Key& key) {
  if (labels.size() != family.labels.size()) return false;
  for (const auto& name : family.labels) {
    const auto* found = std::find_if(labels.begin(), labels.end(),
                                     [&](const auto& label) { return label.first == name; });
    if (found == labels.end()) return false;
    append_value(key, found->second);
  }
  return true;
}

// "rollout/web": families that begin with "rollout_", and API requests about "rollouts".
// "service/web" and "ingress/web" are of the latter only.
struct Scope {
  explicit Scope(std::string_view object_name) {
    const auto slash = object_name.find('/');
    if (slash == std::string_view::npos) {
      name = object_name;
      return;
    }
    name = object_name.substr(slash + 1);
    family_prefix = std::string(object_name.substr(0, slash)) + "_";
    for (const char c : family_prefix)
      if (c != '_') resource += c;
    resource += resource.ends_with('s') ? "es" : "s";
  }
  [[nodiscard]] bool covers(const Family& family, const Key& key) const {
    if (family_prefix.empty() || family.name.starts_with(family_prefix)) return true;
    const auto kind = std::find(family.labels.begin(), family.labels.end(), "kind");
    return kind != family.labels.end() &&
           values_of(key)[static_cast<std::size_t>(kind - family.labels.begin())] == resource;
  }
  [[nodiscard]] bool may_cover(const Family& family) const {
    return family_prefix.empty() || family.name.starts_with(family_prefix) ||
           family.has_label("kind");
  }
  std::string_view name;
  std::string family_prefix, resource;
};

prometheus::MetricType wire_type(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return prometheus::MetricType::Counter;
    case MetricType::Gauge:
      return prometheus::MetricType::Gauge;
    case MetricType::Histogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

void set_value(prometheus::ClientMetric& out, const Family& family, const Series& series) {
  if (family.type == MetricType::Counter) out.counter.value = series.value;
  if (family.type == MetricType::Gauge) out.gauge.value = series.value;
  if (family.type != MetricType::Histogram) return;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < series.histogram->counts.size(); ++i) {
    total += series.histogram->counts[i];
    prometheus::ClientMetric::Bucket bucket;
    bucket.cumulative_count = total;
    bucket.upper_bound =
        i < family.buckets.size() ? family.buckets[i] : std::numeric_limits<double>::infinity();
    out.histogram.bucket.push_back(bucket);
  }
  out.histogram.sample_count = total;
  out.histogram.sample_sum = series.histogram->sum;
}

// What one series of `from` says in the words of `spec` (which may be read off another family).
void write_series(const Family& from, const std::vector<std::string>& labels,
                  const std::vector<std::string_view>& phases, const Key& key, const Series& series,
                  std::vector<prometheus::ClientMetric>& out) {
  const auto values = values_of(key);
  prometheus::ClientMetric metric;
  std::size_t phase_at = labels.size();
  std::string_view present;
  for (const auto& label : labels) {
    const auto index = static_cast<std::size_t>(
        std::find(from.labels.begin(), from.labels.end(), label) - from.labels.begin());
    if (label == "phase") {
      phase_at = metric.label.size();
      present = values[index].empty() && !phases.empty() ? "Pending" : values[index];
    }
    metric.label.push_back({label, std::string(label == "phase" ? present : values[index])});
  }
  set_value(metric, from, series);
  if (phases.empty() || phase_at == labels.size()) {
    out.push_back(std::move(metric));
    return;
  }
  const bool only_present = from.analysis && is_over(present);
  for (const auto phase : phases) {
    if (only_present && phase != present) continue;
    metric.label[phase_at].value = phase;
    metric.gauge.value = phase == present ? 1 : 0;
    out.push_back(metric);
  }
}

}  // namespace

struct Metrics::Impl {
  Impl(Clock& clock_in, std::size_t max) : clock(clock_in), series_max(max) {}

  // nullptr: a name or label that Prometheus does not take, or a metric that is not recorded.
  Family* family_of(MetricType type, std::string_view name, Telemetry::Labels labels) {
    if (const auto it = families.find(name); it != families.end()) return &it->second;
    Family family;
    family.name = std::string(name);
    family.type = type;
    family.spec = find_metric(name);
    if (family.spec != nullptr) {
      const MetricSpec& spec = *family.spec;
      if (!spec.source.empty()) return nullptr;
      family.type = spec.type;
      family.help = std::string(spec.help);
      family.labels.assign(spec.labels.begin(), spec.labels.end());
      family.buckets = spec.buckets;
      family.identity = spec.identity;
    } else {
      for (const auto& [label, value] : labels) family.labels.emplace_back(label);
      family.buckets = default_buckets();
      std::sort(family.labels.begin(), family.labels.end());
      if (std::adjacent_find(family.labels.begin(), family.labels.end()) != family.labels.end())
        return nullptr;
      if (!prometheus::CheckMetricName(family.name)) return nullptr;
      for (const auto& label : family.labels)
        if (!prometheus::CheckLabelName(label)) return nullptr;
      std::stable_partition(family.labels.begin(), family.labels.end(),
                            [](const std::string& label) { return label == "namespace"; });
      const auto second = family.labels.begin() + (family.labels.empty() ? 0 : 1);
      std::stable_partition(second, family.labels.end(),
                            [](const std::string& label) { return label == "name"; });
    }
    family.analysis = name.starts_with("analysis_") || name.starts_with("experiment_");
    family.of_objects = family.labels.size() >= 2 && family.labels[0] == "namespace" &&
                        family.labels[1] == "name";
    return &families.emplace(family.name, std::move(family)).first->second;
  }

  Series* series_of(Family& family, const Key& key) {
    if (const auto it = family.series.find(key); it != family.series.end()) {
      it->second.gone_at = kAlive;  // it lives again
      return &it->second;
    }
    if (series_count >= series_max) {
      full = true;
      return nullptr;
    }
    ++series_count;
    Series made;
    if (family.type == MetricType::Histogram) {
      made.histogram = std::make_unique<Histogram>();
      made.histogram->counts.resize(family.buckets.size() + 1);
    }
    return &family.series.emplace(key, std::move(made)).first->second;
  }

  // Removes the series whose key begins so and that `which` picks.
  template <class Which>
  void remove_range(Family& family, std::string_view prefix, const Which& which) {
    for (auto it = family.series.lower_bound(std::string(prefix));
         it != family.series.end() && it->first.starts_with(prefix);) {
      if (which(it->first, it->second)) {
        it = family.series.erase(it);
        --series_count;
      } else {
        ++it;
      }
    }
  }

  void purge() {
    const MonoTime now = clock.mono_now();
    while (!going.empty() && going.begin()->first <= now) {
      const Going next = std::move(going.begin()->second);
      going.erase(going.begin());
      const auto it = next.family->series.find(next.key);
      // It may live again, or have been forgotten again later.
      if (it == next.family->series.end() || it->second.gone_at > now) continue;
      next.family->series.erase(it);
      --series_count;
    }
  }

  // Says of itself that it does not lead.
  [[nodiscard]] bool standby() const {
    const auto it = families.find(std::string_view("rollout_controller_leader"));
    return it != families.end() && !it->second.series.empty() &&
           it->second.series.begin()->second.value == 0;
  }

  // Appends up to kChunk series of `from` after `last`, in the words of `spec` where that is given.
  // False at the end.
  bool write_chunk(const Family& from, const MetricSpec* spec, Key& last, bool first,
                   std::string& out) {
    prometheus::MetricFamily family;
    std::vector<std::string> labels = from.labels;
    if (spec != nullptr) labels.assign(spec->labels.begin(), spec->labels.end());
    std::sort(labels.begin(), labels.end());
    family.name = spec != nullptr ? std::string(spec->name) : from.name;
    family.help = spec != nullptr ? std::string(spec->help) : from.help;
    family.type = wire_type(from.type);
    static const std::vector<std::string_view> kNoPhases;
    bool more = true;
    {
      const std::lock_guard lock(mutex);
      auto it = first ? from.series.begin() : from.series.upper_bound(last);
      for (std::size_t i = 0; i < kChunk && it != from.series.end(); ++i, ++it) {
        write_series(from, labels, spec != nullptr ? spec->phases : kNoPhases, it->first,
                     it->second, family.metric);
        last = it->first;
      }
      more = it != from.series.end();
    }
    if (family.metric.empty()) return false;
    const std::string text = prometheus::TextSerializer().Serialize({family});
    // HELP and TYPE stand before the first piece only.
    out.append(text, first ? 0 : text.find('\n', text.find('\n') + 1) + 1);
    return more;
  }

  void end_at(Family& family, const Key& key, Series& series, MonoTime when) {
    series.gone_at = when;
    going.emplace(when, Going{&family, key});
  }
  static bool fades(const Family& family, const Key& key) {
    if (family.spec == nullptr || !family.spec->fades) return false;
    const auto phase = std::find(family.labels.begin(), family.labels.end(), "phase");
    return is_over(values_of(key)[static_cast<std::size_t>(phase - family.labels.begin())]);
  }

  struct Going {
    Family* family;
    Key key;
  };
  Clock& clock;
  const std::size_t series_max;
  std::mutex mutex;
  std::map<std::string, Family, std::less<>> families;  // never removed: their addresses stay
  std::multimap<MonoTime, Going> going;
  std::size_t series_count = 0;
  bool full = false;
  std::atomic<std::size_t> last_size{0};  // of the text
};

Metrics::Metrics(Clock& clock, std::size_t series_max)
    : impl_(std::make_unique<Impl>(clock, series_max)) {}
Metrics::~Metrics() = default;

bool Metrics::record(MetricType type, std::string_view name, Telemetry::Labels labels,
                     double value) {
  const std::lock_guard lock(impl_->mutex);
  if (type == MetricType::Counter && !(value >= 0)) return false;
  Family* family = impl_->family_of(type, name, labels);
  Key key;
  if (family == nullptr || family->type != type || !make_key(*family, labels, key)) return false;
  impl_->purge();
  if (family->identity >= 0)
    impl_->remove_range(*family, prefix_of(key, family->identity),
                        [&](const Key& other, const Series&) { return other != key; });
  Series* series = impl_->series_of(*family, key);
  if (series == nullptr) return false;
  if (type == MetricType::Counter) {
    series->value += value;
  } else if (type == MetricType::Gauge) {
    series->value = value;
    if (Impl::fades(*family, key))
      impl_->end_at(*family, key, *series, impl_->clock.mono_now() + kFadesAfter);
  } else {
    const auto bucket = std::lower_bound(family->buckets.begin(), family->buckets.end(), value);
    ++series->histogram->counts[static_cast<std::size_t>(bucket - family->buckets.begin())];
    series->histogram->sum += value;
  }
  return true;
}

void Metrics::forget(std::string_view object_namespace, std::string_view object_name) {
  const std::lock_guard lock(impl_->mutex);
  const Scope scope(object_name);
  const MonoTime gone_at = impl_->clock.mono_now() + kLastScrape;
  Key prefix;
  append_value(prefix, object_namespace);
  append_value(prefix, scope.name);
  for (auto& [metric, family] : impl_->families) {
    if (!family.of_objects || !scope.may_cover(family)) continue;
    Family& owner = family;
    impl_->remove_range(family, prefix, [&](const Key& key, Series& series) {
      if (!scope.covers(owner, key)) return false;
      if (owner.type == MetricType::Gauge) return true;
      if (series.gone_at == kAlive) {
        impl_->end_at(owner, key, series, gone_at);
      }
      return false;
    });
  }
  impl_->purge();
}

std::size_t Metrics::series_count() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->series_count;
}

bool Metrics::full() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->full;
}

std::string Metrics::text() {
  // What to write: families in the order of their names, each with its source. A standby that keeps
  // its caches warm knows the objects as well as the leader does; sums over both would count twice.
  std::map<std::string_view, std::pair<const Family*, const MetricSpec*>> plan;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->purge();
    const bool standby = impl_->standby();
    const auto shown = [standby](const Family& family) {
      return !standby || !family.of_objects || family.has_label("kind");
    };
    for (const auto& [name, family] : impl_->families)
      if (shown(family)) plan[name] = {&family, family.spec};
    for (const auto& spec : all_metrics()) {
      if (spec.source.empty()) continue;
      const auto it = impl_->families.find(spec.source);
      if (it != impl_->families.end() && shown(it->second)) plan[spec.name] = {&it->second, &spec};
    }
  }
  std::string out;
  out.reserve(impl_->last_size.load() * 9 / 8);
  for (const auto& [name, what] : plan) {
    Key last;
    bool first = true;
    while (impl_->write_chunk(*what.first, what.second, last, first, out)) first = false;
  }
  impl_->last_size = out.size();
  out += prometheus::TextSerializer().Serialize(process_metrics());
  return out;
}

}  // namespace sluice::telemetry
