#pragma once
// Which cells of (write point × fault) have been run, per workflow.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/scenario.h"

namespace sluice::sim {

class Coverage {
 public:
  void expect(Workflow workflow, const std::vector<WritePoint>& points);
  void ran(Workflow workflow, const PlannedFault& cell);
  // 0…1; `fault` None: all faults of the table.
  [[nodiscard]] double share(Workflow workflow, Fault fault = Fault::None) const;
  [[nodiscard]] double share() const;
  [[nodiscard]] bool crashes_complete() const;
  // One line per workflow, with a head.
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
