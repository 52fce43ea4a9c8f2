#pragma once
// Time zones as plain data. Nothing here reads files: whoever embeds the language hands in a
// function that returns the content of a zone file (TZif, RFC 8536) for a name.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::analysis::expr {

struct ZoneOffset {
  std::int32_t seconds = 0;  // east of Greenwich
  std::string abbreviation;  // "UTC", "CEST"; "" for a bare numeric offset
};

class Zone {
 public:
  static std::shared_ptr<const Zone> utc();
  static std::shared_ptr<const Zone> fixed(std::string name, std::int32_t offset_seconds);
  // The bytes of a TZif file, version 1 to 4; nullptr when they are malformed.
  static std::shared_ptr<const Zone> from_tzif(std::string name, std::string_view bytes);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] ZoneOffset at(std::int64_t unix_seconds) const;
  // The instant at which clocks of this zone show the given seconds (counted as if they were UTC).
  // In a gap the earlier offset is used, in a fold the first of the two instants.
  [[nodiscard]] std::int64_t to_unix(std::int64_t local_seconds) const;

 private:
  struct Type {
    std::int32_t offset = 0;
    bool dst = false;
    std::string abbreviation;
  };
  struct Transition {
    std::int64_t when = 0;
    std::uint8_t type = 0;
  };
  // "Mm.w.d/time", "Jn" and "n" of a POSIX TZ text.
  struct Rule {
    enum class Form : std::uint8_t { Julian, DayOfYear, MonthWeekDay };
    Form form = Form::MonthWeekDay;
    int month = 0, week = 0, day = 0;
    std::int32_t time = 7200;
  };
  struct Footer {
    Type standard, daylight;
    bool has_daylight = false;
    Rule start, end;
  };

  static std::optional<Footer> parse_footer(std::string_view text);
  [[nodiscard]] bool read_block(std::string_view block, int width);
  [[nodiscard]] const Type& footer_type(std::int64_t unix_seconds) const;
  static std::int64_t rule_instant(const Rule& rule, std::int64_t year, std::int32_t offset);

  std::string name_;
  std::vector<Type> types_;
  std::vector<Transition> transitions_;
  std::optional<Footer> footer_;
};

// The content of the zone file of that name ("Europe/Zurich"), nullopt when there is none.
using ZoneLoader = std::function<std::optional<std::string>(std::string_view name)>;

}  // namespace sluice::analysis::expr
