#include "controller/rollout/verdict.h"

#include "kube/json/json.h"

namespace sluice::rollout {
namespace {
constexpr std::size_t kMessageMax = 1000;
}

std::string encode(const Verdict& verdict) {
  kube::Json out = kube::Json::object();
  out["hash"] = verdict.hash;
  out["run"] = verdict.run;
  out["metric"] = verdict.metric;
  out["message"] = verdict.message.substr(0, kMessageMax);
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
  if (out.hash.empty()) return std::nullopt;
  return out;
}

}  // namespace sluice::rollout
