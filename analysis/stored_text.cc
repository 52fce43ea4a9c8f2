#include "analysis/stored_text.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace sluice::analysis {

namespace {

constexpr std::string_view kEllipsis = "…";
constexpr std::size_t kTersestText = 256;       // what an old measurement keeps of a long text
constexpr std::size_t kMeasurementFrame = 200;  // phase, times, names of members

// Bytes of the text in JSON, at most: control characters become \u00XX, and bytes that are no
// UTF-8 a replacement character of three.
std::size_t json_size(std::string_view text) {
  std::size_t out = 2;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 ? 6 : (byte >= 0x80 ? 3 : (c == '"' || c == '\\' ? 2 : 1));
  }
  return out;
}

std::size_t json_size(const api::Measurement& one) {
  std::size_t out = kMeasurementFrame + json_size(one.value) + json_size(one.message);
  for (const auto& [key, value] : one.metadata) out += json_size(key) + json_size(value) + 2;
  return out;
}

void shorten_texts(api::Measurement& one, std::size_t max) {
  one.value = shortened(std::move(one.value), max);
  one.message = shortened(std::move(one.message), max);
  for (auto& [key, value] : one.metadata) value = shortened(std::move(value), max);
}

// All measurements, the oldest of every metric first.
std::vector<api::Measurement*> oldest_first(api::AnalysisRunStatus& status) {
  std::vector<std::pair<std::size_t, api::Measurement*>> by_age;  // how many newer ones there are
  for (api::MetricResult& result : status.metric_results) {
    const std::size_t size = result.measurements.size();
    for (std::size_t i = 0; i < size; ++i)
      by_age.emplace_back(size - i, &result.measurements[i]);
  }
  std::stable_sort(by_age.begin(), by_age.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<api::Measurement*> out;
  out.reserve(by_age.size());
  for (const auto& [newer, one] : by_age) out.push_back(one);
  return out;
}

// Drops the oldest measurements, metric by metric, until `surplus` bytes are gone.
void drop_oldest(api::AnalysisRunStatus& status, std::size_t surplus) {
  for (api::MetricResult& result : status.metric_results) {
    std::size_t drop = 0;
    while (surplus > 0 && drop + 1 < result.measurements.size()) {
      surplus -= std::min(surplus, json_size(result.measurements[drop]));
      ++drop;
    }
    result.measurements.erase(result.measurements.begin(),
                              result.measurements.begin() + static_cast<std::ptrdiff_t>(drop));
  }
}

}  // namespace

std::string shortened(std::string text, std::size_t max) {
  if (text.size() <= max) return text;
  std::size_t end = max - std::min(max, kEllipsis.size());
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  return text.append(kEllipsis);
}

void clean_texts(api::Measurement& measurement) {
  shorten_texts(measurement, kStoredTextMax);  // an answer may have megabytes
  measurement.value = printable(measurement.value);
  measurement.message = printable(measurement.message);
  for (auto& [key, value] : measurement.metadata) value = printable(value);
  shorten_texts(measurement, kStoredTextMax);  // escapes are longer than what they stand for
}

void bound_measurements(api::AnalysisRunStatus& status) {
  std::size_t total = 0;
  const std::vector<api::Measurement*> all = oldest_first(status);
  for (const api::Measurement* one : all) total += json_size(*one);
  for (api::Measurement* one : all) {
    if (total <= kStoredStatusMax) return;
    total -= json_size(*one);
    shorten_texts(*one, kTersestText);
    total += json_size(*one);
  }
  if (total > kStoredStatusMax) drop_oldest(status, total - kStoredStatusMax);
}

}  // namespace sluice::analysis
