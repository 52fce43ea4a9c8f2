#include "cli/list_view.h"

#include <fmt/format.h>

#include "cli/summary.h"

namespace sluice::cli {
namespace {

struct Column {
  const char* title;
  std::size_t width;
};
constexpr Column kTime{"TIMESTAMP", 20}, kNamespace{"NAMESPACE", 9};
constexpr Column kColumns[] = {{"NAME", 10},   {"STRATEGY", 9},    {"STATUS", 12},
                               {"STEP", 4},    {"SET-WEIGHT", 10}, {"READY", 5},
                               {"DESIRED", 7}, {"UP-TO-DATE", 10}, {"AVAILABLE", 9}};

std::vector<Column> columns(const Options& options) {
  std::vector<Column> out;
  if (options.timestamps) out.push_back(kTime);
  if (options.all_namespaces) out.push_back(kNamespace);
  for (const auto& column : kColumns) out.push_back(column);
  return out;
}

std::string strategy_text(StrategyKind strategy) {
  if (strategy == StrategyKind::Canary) return "Canary";
  return strategy == StrategyKind::BlueGreen ? "BlueGreen" : "unknown";
}

}  // namespace

std::vector<std::string> list_header(const Options& options) {
  std::vector<std::string> out;
  for (const auto& column : columns(options)) out.emplace_back(column.title);
  return out;
}

std::vector<std::size_t> list_widths(const Options& options) {
  std::vector<std::size_t> out;
  for (const auto& column : columns(options)) out.push_back(column.width);
  return out;
}

std::vector<std::string> list_row(const api::Rollout& rollout, WallTime now,
                                  const Options& options) {
  const Summary summary = summarise(rollout, now);
  const auto& status = rollout.status;
  const bool canary = summary.strategy == StrategyKind::Canary;
  std::vector<std::string> out;
  if (options.all_namespaces) out.push_back(rollout.meta.key.namespace_);
  out.push_back(rollout.meta.key.name);
  out.push_back(strategy_text(summary.strategy));
  out.push_back(summary.phase.phase);
  out.push_back(summary.step.empty() ? "-" : summary.step);
  out.push_back(canary ? std::to_string(summary.set_weight) : "-");
  out.push_back(fmt::format("{}/{}", status.ready_replicas, status.replicas));
  out.push_back(std::to_string(rollout.spec.replicas_or_default()));
  out.push_back(std::to_string(status.updated_replicas));
  out.push_back(std::to_string(status.available_replicas));
  return out;
}

std::vector<std::string> stamped(std::vector<std::string> row, WallTime now,
                                 const Options& options) {
  if (options.timestamps) row.insert(row.begin(), format_rfc3339(now));
  return row;
}

}  // namespace sluice::cli
