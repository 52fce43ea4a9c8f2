#include "kube/model/quantity.h"

#include <algorithm>
#include <array>
#include <limits>

namespace sluice::kube {

namespace {

using Wide = __int128;

constexpr int kNano = -9;
constexpr Wide kBinaryMax =
    std::numeric_limits<std::int64_t>::max();   // binary quantities are capped there
constexpr std::size_t kBinaryFractionMax = 18;  // finer digits only round up
// Longer numbers are never kept as they were written.
constexpr std::size_t kDecimalDigitsMax = 18, kBinaryDigitsMax = 14;

enum class Family { Decimal, Binary, Exponent };

struct Suffix {
  Family family = Family::Decimal;
  int exponent = 0;  // of 10, or of 2 for Binary
};

struct NamedSuffix {
  std::string_view text;
  int exponent;
};
constexpr std::array<NamedSuffix, 10> kDecimalSuffixes = {{{"n", -9},
                                                           {"u", -6},
                                                           {"m", -3},
                                                           {"", 0},
                                                           {"k", 3},
                                                           {"M", 6},
                                                           {"G", 9},
                                                           {"T", 12},
                                                           {"P", 15},
                                                           {"E", 18}}};
constexpr std::array<NamedSuffix, 6> kBinarySuffixes = {
    {{"Ki", 10}, {"Mi", 20}, {"Gi", 30}, {"Ti", 40}, {"Pi", 50}, {"Ei", 60}}};

// A magnitude: `digits` is an integer without leading or trailing zeros ("" is
// zero), times 10^exponent.
struct Decimal {
  std::string digits;
  int exponent = 0;
};

struct Parsed {
  bool negative = false;
  std::string whole, fraction;
  Suffix suffix;
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Spaces around a quantity are allowed, other white space is not.
std::string_view without_spaces(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

std::optional<Suffix> read_suffix(std::string_view text) {
  for (const auto& s : kDecimalSuffixes)
    if (text == s.text) return Suffix{Family::Decimal, s.exponent};
  for (const auto& s : kBinarySuffixes)
    if (text == s.text) return Suffix{Family::Binary, s.exponent};
  if (text.size() < 2 || (text[0] != 'e' && text[0] != 'E')) return std::nullopt;
  text.remove_prefix(1);
  const bool negative = text[0] == '-';
  if (negative || text[0] == '+') text.remove_prefix(1);
  if (text.empty() || text.size() > 4 || !std::all_of(text.begin(), text.end(), is_digit))
    return std::nullopt;
  int exponent = 0;
  for (const char c : text) exponent = exponent * 10 + (c - '0');
  return Suffix{Family::Exponent, negative ? -exponent : exponent};
}

std::optional<Parsed> read(std::string_view text) {
  Parsed out;
  text = without_spaces(text);
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    out.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const auto digits = [&] {
    const auto* end = std::find_if_not(text.begin(), text.end(), is_digit);
    std::string found(text.begin(), end);
    text.remove_prefix(found.size());
    return found;
  };
  out.whole = digits();
  if (!text.empty() && text[0] == '.') {
    text.remove_prefix(1);
    out.fraction = digits();
  }
  if (out.whole.empty() && out.fraction.empty()) return std::nullopt;
  const auto suffix = read_suffix(text);
  if (!suffix) return std::nullopt;
  out.suffix = *suffix;
  return out;
}

void trim_zeros(Decimal& d) {
  d.digits.erase(0, std::min(d.digits.find_first_not_of('0'), d.digits.size()));
  while (!d.digits.empty() && d.digits.back() == '0') {
    d.digits.pop_back();
    ++d.exponent;
  }
  if (d.digits.empty()) d.exponent = 0;
}

// Nothing finer than a nano exists: round away from zero.
void round_to_nano(Decimal& d) {
  if (d.digits.empty() || d.exponent >= kNano) return;
  const auto drop = static_cast<std::size_t>(kNano - d.exponent);
  d.digits = drop < d.digits.size() ? d.digits.substr(0, d.digits.size() - drop) : "0";
  d.exponent = kNano;
  for (std::size_t i = d.digits.size();
       i-- > 0;) {  // something was dropped, and it was not zero: add one
    if (d.digits[i] != '9') {
      ++d.digits[i];
      trim_zeros(d);
      return;
    }
    d.digits[i] = '0';
  }
  d.digits.insert(0, 1, '1');
  trim_zeros(d);
}

std::string wide_text(Wide value) {
  std::string out;
  do {
    out += static_cast<char>('0' + static_cast<int>(value % 10));
    value /= 10;
  } while (value > 0);
  std::reverse(out.begin(), out.end());
  return out;
}

// number × 2^exponent in nanos, capped.
Wide binary_nanos(const Parsed& p) {
  constexpr Wide kGiga = 1'000'000'000;
  const Wide power = Wide(1) << p.suffix.exponent;
  Wide whole = 0;
  for (const char c : p.whole) {
    whole = whole * 10 + (c - '0');
    if (whole > kBinaryMax / power) return kBinaryMax * kGiga;
  }
  Wide fraction = 0;
  Wide scale = 1;
  for (std::size_t i = 0; i < std::min(p.fraction.size(), kBinaryFractionMax); ++i) {
    fraction = fraction * 10 + (p.fraction[i] - '0');
    scale *= 10;
  }
  const bool finer = p.fraction.size() > kBinaryFractionMax &&
                     p.fraction.find_first_not_of('0', kBinaryFractionMax) != std::string::npos;
  // fraction × power < 10^18 × 2^60 fits; split off the integer part before scaling to nanos.
  const Wide product = fraction * power;
  const Wide units = product / scale;
  const Wide rest = product % scale;
  const Wide nanos = (rest * kGiga + scale - 1) / scale + (finer && rest == 0 ? 1 : 0);
  return std::min((whole * power + units) * kGiga + nanos, kBinaryMax * kGiga);
}

struct Value {
  bool negative = false;
  Decimal magnitude;
  Family family = Family::Decimal;
};

Value value_of(const Parsed& p) {
  Value out{p.negative, {}, p.suffix.family};
  if (p.suffix.family == Family::Binary) {
    out.magnitude = {wide_text(binary_nanos(p)), kNano};
  } else {
    out.magnitude = {p.whole + p.fraction, p.suffix.exponent - static_cast<int>(p.fraction.size())};
  }
  trim_zeros(out.magnitude);
  round_to_nano(out.magnitude);
  if (out.magnitude.digits.empty()) out.negative = false;
  return out;
}

// Texts that Kubernetes keeps as they were written (rollout.md, Appendix A).
bool kept_verbatim(const Parsed& p) {
  std::string whole = p.whole.substr(std::min(p.whole.find_first_not_of('0'), p.whole.size()));
  if (whole.empty()) whole = "0";
  if (p.suffix.family == Family::Binary) {
    const auto digits = whole.size() + static_cast<std::size_t>(p.suffix.exponent) * 3 / 10;
    return p.fraction.empty() && digits <= kBinaryDigitsMax && std::stoll(whole) % 8 != 0;
  }
  const std::string digits = whole + p.fraction;
  if (digits.size() > kDecimalDigitsMax) return false;
  const int scale = p.suffix.exponent - static_cast<int>(p.fraction.size());
  if (scale < kNano || scale % 3 != 0 || digits.front() == '0') return false;
  return digits.size() < 3 || digits.compare(digits.size() - 3, 3, "000") != 0;
}

std::string decimal_text(Decimal d, Family family) {
  while (d.exponent % 3 != 0) {
    d.digits += '0';
    --d.exponent;
  }
  if (family == Family::Exponent)
    return d.exponent == 0 ? d.digits : d.digits + "e" + std::to_string(d.exponent);
  while (d.exponent > kDecimalSuffixes.back().exponent) {
    d.digits += "000";
    d.exponent -= 3;
  }
  for (const auto& s : kDecimalSuffixes)
    if (s.exponent == d.exponent) return d.digits + std::string(s.text);
  return d.digits;
}

// The integer a decimal stands for, when it is one and a binary suffix can show it.
std::optional<Wide> whole_number(const Decimal& d) {
  if (d.exponent < 0 || d.digits.size() + static_cast<std::size_t>(d.exponent) > 30)
    return std::nullopt;
  Wide value = 0;
  for (const char c : d.digits) value = value * 10 + (c - '0');
  for (int i = 0; i < d.exponent; ++i) value *= 10;
  return value;
}

std::string magnitude_text(const Value& v) {
  if (v.family != Family::Binary) return decimal_text(v.magnitude, v.family);
  const auto number = whole_number(v.magnitude);
  if (!number || *number < 1024) return decimal_text(v.magnitude, Family::Decimal);
  Wide rest = *number;
  std::size_t steps = 0;
  while (rest % 1024 == 0 && steps < kBinarySuffixes.size()) {
    rest /= 1024;
    ++steps;
  }
  return wide_text(rest) +
         (steps == 0 ? std::string() : std::string(kBinarySuffixes[steps - 1].text));
}

}  // namespace

Result<std::string> canonical_quantity(std::string_view text) {
  const auto parsed = read(text);
  if (!parsed)
    return fail(ErrorCode::Invalid,
                "quantities must match the regular expression "
                "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
  if (kept_verbatim(*parsed)) return std::string(without_spaces(text));
  const Value value = value_of(*parsed);
  if (value.magnitude.digits.empty()) return std::string("0");
  return (value.negative ? "-" : "") + magnitude_text(value);
}

bool quantities_equal(std::string_view a, std::string_view b) {
  const auto pa = read(a);
  const auto pb = read(b);
  if (!pa || !pb) return a == b;
  const Value va = value_of(*pa);
  const Value vb = value_of(*pb);
  return va.negative == vb.negative && va.magnitude.digits == vb.magnitude.digits &&
         va.magnitude.exponent == vb.magnitude.exponent;
}

}  // namespace sluice::kube
