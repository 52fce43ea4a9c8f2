#include "analysis/expr/layout.h"

#include <cstddef>

namespace sluice::analysis::expr {
namespace {

struct Entry {
  std::string_view text;
  LayoutElement element;
  bool word = false;  // a lower-case letter behind it makes it ordinary text
};

// Longer spellings come before their beginnings.
constexpr Entry kEntries[] = {
    {"January", LayoutElement::LongMonth},  {"Jan", LayoutElement::Month, true},
    {"Monday", LayoutElement::LongWeekday}, {"Mon", LayoutElement::Weekday, true},
    {"MST", LayoutElement::ZoneName},       {"002", LayoutElement::ZeroYearDay},
    {"01", LayoutElement::ZeroMonth},       {"02", LayoutElement::ZeroDay},
    {"03", LayoutElement::ZeroHour12},      {"04", LayoutElement::ZeroMinute},
    {"05", LayoutElement::ZeroSecond},      {"06", LayoutElement::ShortYear},
    {"15", LayoutElement::Hour24},          {"1", LayoutElement::NumericMonth},
    {"2006", LayoutElement::LongYear},      {"2", LayoutElement::Day},
    {"__2", LayoutElement::SpaceYearDay},   {"_2", LayoutElement::SpaceDay},
    {"3", LayoutElement::Hour12},           {"4", LayoutElement::Minute},
    {"5", LayoutElement::Second},           {"PM", LayoutElement::UpperHalf},
    {"pm", LayoutElement::LowerHalf},       {"-070000", LayoutElement::Offset},
    {"-07:00:00", LayoutElement::Offset},   {"-0700", LayoutElement::Offset},
    {"-07:00", LayoutElement::Offset},      {"-07", LayoutElement::Offset},
    {"Z070000", LayoutElement::OffsetOrZ},  {"Z07:00:00", LayoutElement::OffsetOrZ},
    {"Z0700", LayoutElement::OffsetOrZ},    {"Z07:00", LayoutElement::OffsetOrZ},
    {"Z07", LayoutElement::OffsetOrZ},
};

bool has_digit_at(std::string_view text, std::size_t at) {
  return at < text.size() && text[at] >= '0' && text[at] <= '9';
}

// The length of ".000" or ".999" at the start of `text`; 0 when there is none.
std::size_t fraction_length(std::string_view text) {
  if (text.size() < 2 || (text[0] != '.' && text[0] != ',')) return 0;
  if (text[1] != '0' && text[1] != '9') return 0;
  std::size_t end = 1;
  while (end < text.size() && text[end] == text[1]) ++end;
  return has_digit_at(text, end) ? 0 : end;
}

const Entry* entry_at(std::string_view text) {
  for (const Entry& entry : kEntries) {
    if (!text.starts_with(entry.text)) continue;
    const std::string_view after = text.substr(entry.text.size());
    if (entry.word && !after.empty() && after[0] >= 'a' && after[0] <= 'z') continue;
    // "_2006" is an underscore and a year.
    if (entry.element == LayoutElement::SpaceDay && text.starts_with("_2006")) continue;
    return &entry;
  }
  return nullptr;
}

}  // namespace

LayoutChunk next_chunk(std::string_view layout) {
  for (std::size_t at = 0; at < layout.size(); ++at) {
    const std::string_view here = layout.substr(at);
    std::size_t length = fraction_length(here);
    LayoutElement element = LayoutElement::None;
    if (length > 0) {
      element = here[1] == '0' ? LayoutElement::FixedFraction : LayoutElement::LooseFraction;
    } else if (const Entry* entry = entry_at(here)) {
      element = entry->element;
      length = entry->text.size();
    } else {
      continue;
    }
    return {layout.substr(0, at), element, here.substr(0, length), here.substr(length)};
  }
  return {layout, LayoutElement::None, {}, {}};
}

}  // namespace sluice::analysis::expr
