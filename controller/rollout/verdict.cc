#include "controller/rollout/verdict.h"

#include <algorithm>

#include "analysis/stored_text.h"
#include "kube/json/json.h"

namespace sluice::rollout {
namespace {

constexpr std::size_t kMessageMax = 1000;
constexpr std::size_t kVerdictNameMax = 253;

bool is_name(std::string_view text) {
  return text.size() <= kVerdictNameMax && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

// The code points that steer a terminal or turn the direction of text: the control characters
// of ASCII, DEL and those of Latin-1; the marks and overrides of U+200E…F, U+202A…E and U+2066…9.
std::size_t steering_length(std::string_view rest) {
  const auto at = [&](std::size_t i) {
    return i < rest.size() ? static_cast<unsigned char>(rest[i]) : 0U;
  };
  if (at(0) < 0x20 || at(0) == 0x7F) return 1;
  if (at(0) == 0xC2 && at(1) >= 0x80 && at(1) <= 0x9F) return 2;
  if (at(0) != 0xE2) return 0;
  const bool mark = at(1) == 0x80 && (at(2) == 0x8E || at(2) == 0x8F);
  const bool embedding = at(1) == 0x80 && at(2) >= 0xAA && at(2) <= 0xAE;
  const bool isolate = at(1) == 0x81 && at(2) >= 0xA6 && at(2) <= 0xA9;
  return mark || embedding || isolate ? 3 : 0;
}

std::string cleaned(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t steering = steering_length(text);
    if (steering == 0) out += text.front();
    text.remove_prefix(std::max<std::size_t>(steering, 1));
  }
  return out;
}

}  // namespace

std::string encode(const Verdict& verdict) {
  kube::Json out = kube::Json::object();
  out["hash"] = verdict.hash;
  out["run"] = verdict.run;
  out["metric"] = verdict.metric;
  out["message"] = analysis::shortened(verdict.message, kMessageMax);
  if (!verdict.attempt.empty()) out["attempt"] = verdict.attempt;
  return kube::dump(out);
}

std::optional<Verdict> decode_verdict(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const auto parsed = kube::parse_json(text);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  Verdict out{kube::get_string(*parsed, "hash"), kube::get_string(*parsed, "run"),
              kube::get_string(*parsed, "metric"), kube::get_string(*parsed, "message"),
              kube::get_string(*parsed, "attempt")};
  if (out.hash.empty() || !is_name(out.hash) || !is_name(out.run)) return std::nullopt;
  out.metric = analysis::shortened(cleaned(out.metric), kVerdictNameMax);
  out.message = analysis::shortened(cleaned(out.message), kMessageMax);
  return out;
}

}  // namespace sluice::rollout
