#pragma once
// Which cells of (write point × fault) have been run, per workflow.
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/scenario.h"

namespace sluice::sim {

// A part of the cells that are no crashes (those are never left out): the K-th of N, written "K/N".
// The N parts make up the whole, and each has every fault at some write of every workflow that has
// N of them.
struct Share {
  std::size_t number = 0, of = 1;  // number: 0 … of - 1
  [[nodiscard]] static std::optional<Share> parse(std::string_view text);
  // `point` and `fault` count within a workflow and within kCellFaults.
  [[nodiscard]] bool has(std::size_t point, std::size_t fault) const {
    return (point + fault) % of == number;
  }
};

class Coverage {
 public:
  void expect(Workflow workflow, const std::vector<WritePoint>& points);
  void ran(Workflow workflow, const PlannedFault& cell);
  // 0…1; `fault` None: all faults of the table.
  [[nodiscard]] double share(Workflow workflow, Fault fault = Fault::None) const;
  [[nodiscard]] double share() const;
  [[nodiscard]] bool crashes_complete() const;
  // One line per workflow, with a head and a sum: of each fault the cells that were run, in percent
  // rounded down, so that 100 means every one. The write points are those of the run without
  // faults; writes that only faults bring about are struck as well, but not counted.
  [[nodiscard]] std::string table() const;

 private:
  struct Cells {
    std::set<WritePoint> points;
    std::set<std::pair<WritePoint, Fault>> run;
  };
  [[nodiscard]] static std::size_t count(const Cells& cells, Fault fault);
  std::map<Workflow, Cells> workflows_;
};

}  // namespace sluice::sim
