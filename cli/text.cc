#include "cli/text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"

namespace sluice::cli {
namespace {

constexpr Icon kWaiting{"◷", Colour::Yellow}, kProgressing{"◌", Colour::BrightBlue},
    kOk{"✔", Colour::Green}, kBad{"✖", Colour::Red}, kWarning{"⚠", Colour::Red},
    kUnknown{"?", Colour::Yellow}, kPaused{"॥", Colour::None}, kNeutral{"•", Colour::None},
    kNone{" ", Colour::None};

struct IconRow {
  std::string_view word;
  Icon icon;
};

template <std::size_t N>
Icon look_up(const IconRow (&rows)[N], std::string_view word) {
  const auto it = std::find_if(std::begin(rows), std::end(rows),
                               [&](const auto& row) { return row.word == word; });
  return it == std::end(rows) ? kNone : it->icon;
}

constexpr IconRow kRolloutIcons[] = {
    {"Progressing", kProgressing}, {"Healthy", kOk},    {"Degraded", kBad},
    {"Paused", kPaused},           {"Error", kWarning}, {"InvalidSpec", kWarning},
    {"Unknown", kUnknown}};
constexpr IconRow kSetIcons[] = {{"Progressing", kProgressing},
                                 {"ReplicaFailure", kBad},
                                 {"ScaledDown", kNeutral},
                                 {"Healthy", kOk}};
constexpr IconRow kRunIcons[] = {{"Pending", kWaiting}, {"Running", kProgressing},
                                 {"Successful", kOk},   {"Failed", kBad},
                                 {"Error", kWarning},   {"Inconclusive", kUnknown}};
constexpr IconRow kPodIcons[] = {{"Pending", kProgressing},
                                 {"Terminating", kProgressing},
                                 {"ContainerCreating", kProgressing},
                                 {"Running", kOk},
                                 {"Completed", kOk},
                                 {"Failed", kBad},
                                 {"InvalidImageName", kBad},
                                 {"CrashLoopBackOff", kBad},
                                 {"ImagePullBackOff", kWarning},
                                 {"RegistryUnavailable", kWarning},
                                 {"Unknown", kUnknown}};

// Where the wording of an age changes: below `until`, `big` units and, unless it is 0 there,
// `small` ones.
struct AgeRow {
  std::int64_t until, big, small;  // seconds; small = 0: none shown
  char big_letter, small_letter;
};
constexpr std::int64_t kMinute = 60, kHour = 3600, kDay = 86400, kYear = 365 * kDay;
constexpr AgeRow kAges[] = {
    {2 * kMinute, 1, 0, 's', 0},     {10 * kMinute, kMinute, 1, 'm', 's'},
    {3 * kHour, kMinute, 0, 'm', 0}, {8 * kHour, kHour, kMinute, 'h', 'm'},
    {2 * kDay, kHour, 0, 'h', 0},    {8 * kDay, kDay, kHour, 'd', 'h'},
    {2 * kYear, kDay, 0, 'd', 0},    {8 * kYear, kYear, kDay, 'y', 'd'},
};

// The colour's number follows the first mark as a byte.
constexpr char kColourMark = '\xFF', kEndMark = '\xFE';

std::size_t mark_size(std::string_view text) {
  if (text.front() == kEndMark) return 1;
  return text.front() == kColourMark ? std::min<std::size_t>(2, text.size()) : 0;
}

// What stands between marks goes through `clean`, each mark through `mark`.
template <class Clean, class Mark>
std::string between_marks(std::string_view text, Clean clean, Mark mark) {
  constexpr char kMarks[] = {kColourMark, kEndMark};
  std::string out;
  while (!text.empty()) {
    if (const std::size_t size = mark_size(text); size > 0) {
      out += mark(text.substr(0, size));
      text.remove_prefix(size);
      continue;
    }
    const std::string_view piece =
        text.substr(0, text.find_first_of(std::string_view(kMarks, sizeof kMarks)));
    out += clean(piece);
    text.remove_prefix(piece.size());
  }
  return out;
}

std::string escape_of(std::string_view mark) {
  if (mark.size() < 2) return "\x1b[0m";
  return fmt::format("\x1b[{}m", static_cast<int>(mark[1]));
}

}  // namespace

std::string Painter::operator()(Colour colour, std::string_view text) const {
  if (!on_ || colour == Colour::None || text.empty()) return std::string(text);
  return fmt::format("{}{}{}{}", kColourMark, static_cast<char>(colour), text, kEndMark);
}

std::string terminal_text(std::string_view view) {
  return between_marks(view, printable, escape_of);
}

std::string cell_text(std::string_view text) {
  return between_marks(text, printable_line,
                       [](std::string_view mark) { return std::string(mark); });
}

std::size_t visible_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const std::size_t mark = mark_size(text);
    if (mark == 0 && (static_cast<unsigned char>(text.front()) & 0xC0U) != 0x80U) ++width;
    text.remove_prefix(std::max<std::size_t>(mark, 1));
  }
  return width;
}

std::string table_text(const std::vector<std::vector<std::string>>& foreign,
                       std::vector<std::size_t>& widths) {
  auto rows = foreign;
  for (auto& row : rows) {
    if (widths.size() < row.size()) widths.resize(row.size(), 0);
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = cell_text(row[i]);
      widths[i] = std::max(widths[i], visible_width(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - visible_width(row[i]) + 2, ' ');
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += line + "\n";
  }
  return out;
}

std::string human_duration(Micros duration) {
  const std::int64_t seconds = std::chrono::duration_cast<Seconds>(duration).count();
  if (seconds < -1) return "<invalid>";  // a clock that is behind
  if (seconds <= 0) return "0s";
  for (const auto& row : kAges) {
    if (seconds >= row.until) continue;
    const std::int64_t rest = row.small == 0 ? 0 : seconds % row.big / row.small;
    std::string out = fmt::format("{}{}", seconds / row.big, row.big_letter);
    return rest == 0 ? out : out + fmt::format("{}{}", rest, row.small_letter);
  }
  return fmt::format("{}y", seconds / kYear);
}

std::string age_text(const std::optional<WallTime>& from, WallTime now) {
  return !from || *from == WallTime{} ? std::string() : human_duration(now - *from);
}

Icon rollout_icon(std::string_view phase) {
  return look_up(kRolloutIcons, phase);
}
Icon replica_set_icon(std::string_view status) {
  return look_up(kSetIcons, status);
}
Icon run_icon(std::string_view phase) {
  return look_up(kRunIcons, phase);
}

Icon pod_icon(std::string_view reason) {
  const auto begins = [&](std::string_view part) { return reason.substr(0, part.size()) == part; };
  if (begins("Init:")) return kProgressing;
  if (begins("Signal:") || begins("ExitCode:")) return kBad;
  if (begins("Err") || (reason.size() >= 5 && reason.substr(reason.size() - 5) == "Error"))
    return kWarning;
  return look_up(kPodIcons, reason);
}

}  // namespace sluice::cli
