#include "traffic/status.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"

namespace sluice::traffic {

api::TrafficWeights next_weights(const std::optional<api::TrafficWeights>& stored,
                                 const WeightsInput& in) {
  std::int64_t rest = std::int64_t{in.max_weight} - in.weight;
  for (const auto& destination : in.additional) rest -= destination.weight;
  api::TrafficWeights next;
  next.canary = {in.weight, in.canary_service, in.canary_hash};
  next.stable = {static_cast<std::int32_t>(std::max<std::int64_t>(0, rest)), in.stable_service,
                 in.stable_hash};
  next.additional = in.additional;
  if (!weights_changed(stored, next)) next.verified = stored->verified;
  return next;
}

bool weights_changed(const std::optional<api::TrafficWeights>& stored,
                     const api::TrafficWeights& next) {
  return !stored || stored->canary != next.canary || stored->stable != next.stable ||
         stored->additional != next.additional;
}

std::string weights_event_text(const std::optional<api::TrafficWeights>& stored,
                               const api::TrafficWeights& next) {
  std::vector<std::string> details;
  if (!stored) {
    details.push_back(fmt::format("to {}", next.canary.weight));
  } else if (stored->canary.weight != next.canary.weight) {
    details.push_back(fmt::format("from {} to {}", stored->canary.weight, next.canary.weight));
  }
  if (stored ? stored->additional != next.additional : !next.additional.empty()) {
    std::vector<std::string> list;
    for (const auto& d : next.additional) {
      list.push_back(fmt::format("{{{} {} {}}}", d.weight, d.service_name, d.pod_template_hash));
    }
    details.push_back(fmt::format("additional: [{}]", join(list, " ")));
  }
  return "Traffic weight updated " + join(details, ", ");
}

bool should_verify(const VerifyWhen& in) {
  if (!in.has_stable || in.fully_promoted) return false;
  return in.has_current_step ? in.at_set_weight_step : in.weight == in.max_weight;
}

VerifyOutcome verify_outcome(const std::vector<VerifyAnswer>& answers, std::int32_t weight,
                             std::int32_t max_weight) {
  VerifyOutcome out;
  for (const VerifyAnswer& answer : answers) {
    if (answer.error) {
      out.warnings.push_back("Failed to verify weight: " + answer.error->message);
      out.verified = false;
    } else if (answer.verified) {
      out.verified = out.verified.value_or(true) && *answer.verified;
    }
  }
  out.look_again = out.verified == false;
  if (out.look_again && weight == max_weight) {
    out.hold = fmt::format("end of rollout, desired weight {} not yet verified", weight);
  }
  return out;
}

}  // namespace sluice::traffic
