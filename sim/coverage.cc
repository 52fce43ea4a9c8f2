#include "sim/coverage.h"

#include <algorithm>
#include <iterator>

#include <fmt/core.h>

namespace sluice::sim {

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
  std::string out = fmt::format("{:<20}{:>7}", "workflow", "points");
  for (const Fault fault : kCellFaults) out += fmt::format("{:>21}", to_string(fault));
  out += '\n';
  for (const auto& [workflow, cells] : workflows_) {
    out += fmt::format("{:<20}{:>7}", to_string(workflow), cells.points.size());
    for (const Fault fault : kCellFaults)
      out += fmt::format("{:>20.0f}%", share(workflow, fault) * 100);
    out += '\n';
  }
  return out;
}

}  // namespace sluice::sim
