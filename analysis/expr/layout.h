#pragma once
// Reference-time layouts cut into literal text and elements.
#include <cstdint>
#include <string_view>

namespace sluice::analysis::expr {

enum class LayoutElement : std::uint8_t {
  None,  // the layout is used up
  LongMonth,
  Month,
  NumericMonth,
  ZeroMonth,
  LongWeekday,
  Weekday,
  Day,
  SpaceDay,
  ZeroDay,
  SpaceYearDay,
  ZeroYearDay,
  Hour24,
  Hour12,
  ZeroHour12,
  Minute,
  ZeroMinute,
  Second,
  ZeroSecond,
  LongYear,
  ShortYear,
  UpperHalf,
  LowerHalf,  // PM, pm
  ZoneName,
  Offset,         // -0700 and its relatives; see LayoutChunk::text
  OffsetOrZ,      // Z07:00 and its relatives
  FixedFraction,  // .000
  LooseFraction,  // .999
};

struct LayoutChunk {
  std::string_view prefix;  // literal text before the element
  LayoutElement element = LayoutElement::None;
  std::string_view text;  // the element as written
  std::string_view rest;
};

[[nodiscard]] LayoutChunk next_chunk(std::string_view layout);

}  // namespace sluice::analysis::expr
