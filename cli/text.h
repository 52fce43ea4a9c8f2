#pragma once
// Text for people: colours, columns, ages. Pure.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace sluice::cli {

enum class Colour { None = 0, Red = 31, Green = 32, Yellow = 33, BrightBlue = 94 };

class Painter {
 public:
  explicit Painter(bool on) : on_(on) {}
  // With marks around it, or as it is. Marks are bytes that no UTF-8 holds, and so nothing that an
  // API server sent can hold; terminal_text() turns them into escapes.
  [[nodiscard]] std::string operator()(Colour colour, std::string_view text) const;

 private:
  bool on_;
};

// A view as it goes out: marks are colours, everything else is printable().
[[nodiscard]] std::string terminal_text(std::string_view view);
// printable_line() of all but the marks: what stands in one cell or behind one key must not begin a
// line that looks like ours.
[[nodiscard]] std::string cell_text(std::string_view text);

// Columns on a terminal: characters, marks not counted.
[[nodiscard]] std::size_t visible_width(std::string_view text);

// Columns two blanks apart, as wide as their widest cell or `widths`, which it updates; lines end
// without blanks. Cells are cell_text().
[[nodiscard]] std::string table_text(const std::vector<std::vector<std::string>>& rows,
                                     std::vector<std::size_t>& widths);

// Kubernetes' short durations: 45s, 4m12s, 3h59m, 41d.
[[nodiscard]] std::string human_duration(Micros duration);
// Since `from`; "" without a time.
[[nodiscard]] std::string age_text(const std::optional<WallTime>& from, WallTime now);

// The icon of a state and its colour (clients.md §1.7.2).
struct Icon {
  std::string_view sign = " ";
  Colour colour = Colour::None;
};
[[nodiscard]] Icon rollout_icon(std::string_view phase);
[[nodiscard]] Icon replica_set_icon(std::string_view status);
[[nodiscard]] Icon run_icon(std::string_view phase);  // AnalysisRuns, Experiments, Jobs
[[nodiscard]] Icon pod_icon(std::string_view reason);

}  // namespace sluice::cli
