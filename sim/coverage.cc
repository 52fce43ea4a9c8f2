#include "sim/coverage.h"

#include <algorithm>
#include <iterator>

#include <fmt/core.h>

#include "base/strings.h"

namespace sluice::sim {

std::optional<Share> Share::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto k = parse_int(text.substr(0, slash)), n = parse_int(text.substr(slash + 1));
  if (!k || !n || *k < 1 || *n < *k) return std::nullopt;
  return Share{static_cast<std::size_t>(*k - 1), static_cast<std::size_t>(*n)};
}

void Coverage::expect(Workflow workflow, const std::vector<WritePoint>& points) {
  workflows_[workflow].points.insert(points.begin(), points.end());
}

void Coverage::ran(Workflow workflow, const PlannedFault& cell) {
  Cells& cells = workflows_[workflow];
  if (cells.points.contains(cell.point)) cells.run.emplace(cell.point, cell.fault);
}

std::size_t Coverage::count(const Cells& cells, Fault fault) {
  return static_cast<std::size_t>(
      std::count_if(cells.run.begin(), cells.run.end(), [fault](const auto& item) {
        if (fault != Fault::None) return item.second == fault;
        return std::find(std::begin(kCellFaults), std::end(kCellFaults), item.second) !=
               std::end(kCellFaults);
      }));
}

double Coverage::share(Workflow workflow, Fault fault) const {
  const auto it = workflows_.find(workflow);
  if (it == workflows_.end() || it->second.points.empty()) return 0;
  const std::size_t faults = fault == Fault::None ? std::size(kCellFaults) : 1;
  return static_cast<double>(count(it->second, fault)) /
         static_cast<double>(it->second.points.size() * faults);
}

double Coverage::share() const {
  std::size_t all = 0, run = 0;
  for (const auto& [workflow, cells] : workflows_) {
    all += cells.points.size() * std::size(kCellFaults);
    run += count(cells, Fault::None);
  }
  return all == 0 ? 0 : static_cast<double>(run) / static_cast<double>(all);
}

bool Coverage::crashes_complete() const {
  return !workflows_.empty() &&
         std::all_of(workflows_.begin(), workflows_.end(), [](const auto& item) {
           return count(item.second, Fault::CrashBefore) == item.second.points.size() &&
                  count(item.second, Fault::CrashAfter) == item.second.points.size();
         });
}

std::string Coverage::table() const {
  const auto percent = [](std::size_t run, std::size_t all) {
    return all == 0 ? 0 : run * 100 / all;
  };
  std::string out = fmt::format("{:<20}{:>7}", "workflow", "points");
  for (const Fault fault : kCellFaults) out += fmt::format("{:>21}", to_string(fault));
  out += fmt::format("{:>17}\n", "cells");
  std::map<Fault, std::size_t> sums;
  std::size_t points = 0, run = 0;
  for (const auto& [workflow, cells] : workflows_) {
    const std::size_t all = cells.points.size(), done = count(cells, Fault::None);
    out += fmt::format("{:<20}{:>7}", to_string(workflow), all);
    for (const Fault fault : kCellFaults) {
      out += fmt::format("{:>20}%", percent(count(cells, fault), all));
      sums[fault] += count(cells, fault);
    }
    out += fmt::format("{:>17}\n", fmt::format("{} of {}", done, all * std::size(kCellFaults)));
    points += all;
    run += done;
  }
  out += fmt::format("{:<20}{:>7}", "all", points);
  for (const Fault fault : kCellFaults) out += fmt::format("{:>20}%", percent(sums[fault], points));
  out += fmt::format("{:>17}\n", fmt::format("{} of {}", run, points * std::size(kCellFaults)));
  return out;
}

}  // namespace sluice::sim
