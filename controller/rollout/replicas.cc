#include "controller/rollout/replicas.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include "base/assert.h"
#include "base/strings.h"

namespace sluice::rollout {
namespace {

__extension__ using Wide = __int128;

std::int32_t clamp_count(std::int64_t value) {
  return static_cast<std::int32_t>(
      std::clamp<std::int64_t>(value, 0, std::numeric_limits<std::int32_t>::max()));
}

std::int64_t sane_max(std::int32_t max_weight) {
  return max_weight > 0 ? max_weight : 100;
}

// An integer, or a percentage of `total`; the sign '%' is optional in the text. nullopt:
// unparsable.
std::optional<std::int64_t> resolve(const std::optional<kube::IntOrString>& value,
                                    std::int32_t total, bool round_up) {
  std::string text = "25";
  if (value) {
    if (!value->is_string) return value->number;
    text = value->text;
  }
  text.erase(std::remove(text.begin(), text.end(), '%'), text.end());
  const auto percent = parse_int(text);
  if (!percent) return std::nullopt;
  const Wide product = Wide{std::max<std::int64_t>(*percent, 0)} * total;
  const Wide pods = (product + (round_up ? 99 : 0)) / 100;
  return static_cast<std::int64_t>(std::min<Wide>(pods, std::numeric_limits<std::int32_t>::max()));
}

// A candidate of the split, with the numerator of its distance from the wish over `total`.
struct Candidate {
  std::int64_t canary = 0, total = 1;
  Wide miss = 0;  // |canary·M − W·total|, to be divided by total
};

bool closer(const Candidate& a, const Candidate& b) {
  return a.miss * b.total < b.miss * a.total;
}

// limit() of rollout.md §3.4 step 9.
void limit(std::int64_t& drain, std::int64_t& keep, std::int64_t drain_available,
           std::int64_t keep_available, std::int64_t max_pods, std::int64_t floor_pods) {
  const auto above = [&] { return std::max<std::int64_t>(0, drain + keep - max_pods); };
  keep = std::max<std::int64_t>(0, keep - above());
  const std::int64_t available = std::min(drain_available, drain) + std::min(keep_available, keep);
  const std::int64_t lost = std::max<std::int64_t>(0, keep_available - keep);
  keep += std::min(lost, std::max<std::int64_t>(0, floor_pods - available));
  drain = std::max<std::int64_t>(0, drain - above());
}

// Pods that a side contributes now. Those above spec.replicas are on their way out.
std::int64_t counted(const std::optional<Pods>& set, bool ignore_availability) {
  if (!set) return 0;
  return ignore_availability || set->spec < set->available ? set->spec : set->available;
}

}  // namespace

Pods pods_of(const kube::ReplicaSet& set) {
  return {clamp_count(set.replicas), clamp_count(set.available_replicas),
          clamp_count(set.status_replicas)};
}

Fenceposts canary_fenceposts(std::int32_t replicas,
                             const std::optional<kube::IntOrString>& max_surge,
                             const std::optional<kube::IntOrString>& max_unavailable) {
  const auto surge = resolve(max_surge, std::max(replicas, 0), true);
  const auto unavailable = resolve(max_unavailable, std::max(replicas, 0), false);
  if (!surge || !unavailable) return {};
  Fenceposts out{clamp_count(*surge), clamp_count(*unavailable)};
  // Otherwise nothing could ever move.
  if (out.surge == 0 && out.unavailable == 0) out.unavailable = 1;
  out.unavailable = std::min(out.unavailable, std::max(replicas, 0));
  return out;
}

Fenceposts blue_green_fenceposts(std::int32_t replicas,
                                 const std::optional<kube::IntOrString>& max_unavailable) {
  const auto unavailable = resolve(max_unavailable, std::max(replicas, 0), false);
  return {0, std::min(clamp_count(unavailable.value_or(0)), std::max(replicas, 0))};
}

Fenceposts fenceposts(const api::RolloutSpec& spec) {
  const std::int32_t replicas = spec.replicas_or_default();
  if (spec.blue_green) return blue_green_fenceposts(replicas, spec.blue_green->max_unavailable);
  if (spec.canary)
    return canary_fenceposts(replicas, spec.canary->max_surge, spec.canary->max_unavailable);
  return canary_fenceposts(replicas, std::nullopt, std::nullopt);
}

Counts basic_split(std::int32_t replicas, std::int32_t weight, std::int32_t max_weight,
                   std::int32_t surge) {
  if (replicas <= 0) return {};
  const std::int64_t n = replicas, m = sane_max(max_weight);
  const std::int64_t w = std::clamp<std::int64_t>(weight, 0, m);
  const std::int64_t up = (n * w + m - 1) / m, down = n * w / m;
  const bool zero_ok = w == m || w == 0 || (n == 1 && surge <= 0);
  const bool down_ok = down != 0 || zero_ok;

  std::optional<Candidate> best;
  const auto consider = [&](std::int64_t canary, std::int64_t total) {
    const Wide difference = Wide{canary} * m - Wide{w} * total;
    const Candidate candidate{canary, total, difference < 0 ? -difference : difference};
    if (!best || closer(candidate, *best)) best = candidate;
  };
  if (up < n || zero_ok) consider(up, n);
  // Halves need no rule of their own: with surge an earlier or a surge candidate is at least as
  // close, and without it n·w/m = n − ½ is to give (n − 1, 1) rather than to drop the whole canary.
  if (down_ok) consider(down, n);
  if (surge > 0) consider(up, n + 1);
  if (surge > 0 && down_ok) consider(down, n + 1);
  SLUICE_ASSERT(best.has_value(), "a split without candidates");
  return {clamp_count(best->canary), clamp_count(best->total - best->canary)};
}

Counts basic_target(const BasicScale& in) {
  if (!in.stable) return {std::max(in.replicas, 0), 0};
  return basic_split(in.replicas, in.weight, in.max_weight, in.bounds.surge);
}

Counts basic_scale(const BasicScale& in) {
  const Counts want = basic_target(in);
  const std::int64_t n_now = in.canary ? in.canary->spec : 0,
                     s_now = in.stable ? in.stable->spec : 0;
  const std::int64_t max_pods = std::int64_t{in.replicas} + in.bounds.surge;
  const std::int64_t floor_pods = std::int64_t{in.replicas} - in.bounds.unavailable;
  std::int64_t canary = n_now, stable = s_now;
  std::int64_t up = max_pods - (n_now + s_now + in.others);

  if (s_now < want.stable && up > 0) {
    stable = std::min<std::int64_t>(want.stable, s_now + up);
    up -= stable - s_now;
  }
  if (n_now < want.canary && up > 0) canary = std::min<std::int64_t>(want.canary, n_now + up);
  const auto result = [&] { return Counts{clamp_count(canary), clamp_count(stable)}; };
  // New and stable are not scaled down while third sets still have pods.
  if (in.others > 0) return result();

  const bool increasing = !in.canary || want.canary >= n_now;
  const std::int64_t total = counted(in.canary, !increasing) + counted(in.stable, increasing);
  if (total <= floor_pods) return result();
  const std::int64_t spare = total - floor_pods;
  const std::int64_t canary_available = in.canary ? in.canary->available : 0;
  const std::int64_t stable_available = in.stable ? in.stable->available : 0;
  if (increasing) {
    if (!in.stable) return result();
    if (s_now > want.stable) stable = std::max<std::int64_t>(want.stable, s_now - spare);
    if (in.canary) limit(stable, canary, stable_available, canary_available, max_pods, floor_pods);
  } else {
    if (n_now > want.canary) canary = std::max<std::int64_t>(want.canary, n_now - spare);
    if (in.stable) limit(canary, stable, canary_available, stable_available, max_pods, floor_pods);
  }
  return result();
}

std::int32_t weight_to_replicas(std::int32_t weight, std::int32_t replicas,
                                std::int32_t max_weight) {
  if (weight <= 0 || replicas <= 0) return 0;
  const std::int64_t m = sane_max(max_weight);
  return clamp_count((std::int64_t{weight} * replicas + m - 1) / m);
}

std::int32_t available_share(std::int32_t available, std::int32_t replicas,
                             std::int32_t max_weight) {
  if (available <= 0 || replicas <= 0) return 0;
  const std::int64_t m = sane_max(max_weight);
  return clamp_count(std::min(m, m * available / replicas));
}

std::int32_t with_min_pods(std::int32_t count, const std::optional<std::int32_t>& min_pods,
                           std::int32_t replicas) {
  if (count == 0 || !min_pods) return count;
  return std::max(count, std::min(*min_pods, replicas));
}

Counts routed_scale(const RoutedScale& in) {
  const CanaryState& state = *in.state;
  const api::CanaryStrategy& strategy = *state.strategy;
  const std::int32_t n = std::max(state.replicas, 0), m = strategy.max_weight();
  const auto& min_pods = strategy.min_pods_per_replica_set;
  const SizeTarget target = size_target(state);
  const auto replicas_for = [&](std::int32_t weight) { return weight_to_replicas(weight, n, m); };

  Counts out;
  out.canary = target.replicas ? std::max(*target.replicas, 0)
                               : with_min_pods(replicas_for(target.weight), min_pods, n);
  if (!strategy.dynamic_stable_scale) {
    out.stable = n;
    return out;
  }
  // A fixed canary count has no weight: stable then stays at its full size.
  out.stable = std::min(replicas_for(m - target.weight), n);
  if (in.weights) {
    out.stable = std::max(out.stable, replicas_for(in.weights->stable.weight));
    if (state.abort) out.canary = std::max(out.canary, replicas_for(in.weights->canary.weight));
  }
  out.canary = with_min_pods(out.canary, min_pods, n);
  out.stable = std::max(with_min_pods(out.stable, min_pods, n), std::min(in.stable_floor, n));
  return out;
}

bool threshold_met(const std::optional<api::ReplicaProgressThreshold>& threshold,
                   const std::optional<Pods>& set, std::int32_t desired) {
  if (!set) return false;
  if (threshold && threshold->value >= 0 && threshold->type == "Percent") {
    return desired <= 0 ||
           std::int64_t{set->available} * 100 >= std::int64_t{threshold->value} * desired;
  }
  if (threshold && threshold->value >= 0 && threshold->type == "Pods") {
    // A small step must be able to satisfy a large value.
    return set->available >= std::min(threshold->value, std::max(desired, 0));
  }
  return set->spec == desired && set->available == desired;
}

bool at_desired(const AtDesired& in) {
  if (!threshold_met(in.threshold, in.canary, in.target.canary)) return false;
  if (!(in.routed && in.dynamic_stable)) {
    if (!in.stable || in.stable->spec != in.target.stable || in.stable->current != in.target.stable)
      return false;
  }
  return in.routed || in.others_available == 0;
}

std::int32_t preview_size(const PreviewSize& in) {
  if (!in.preview_replicas || !in.active_known || in.active_is_new || in.promote_full)
    return in.replicas;
  if (in.new_hash_recorded && !in.paused && in.check_point) return in.replicas;
  return *in.preview_replicas;
}

bool preview_ready(const std::optional<Pods>& new_rs, std::int32_t size) {
  return new_rs && new_rs->spec == size && new_rs->available == size;
}

bool saturated(const std::optional<Pods>& set, std::string_view desired_annotation,
               std::int32_t replicas) {
  const auto desired = parse_int(desired_annotation);
  return set && set->spec == replicas && set->available == replicas && desired &&
         *desired == replicas;
}

bool may_select(const Pods& set, bool managed) {
  if (managed) return set.available > 0;
  return set.spec != 0 && set.available != 0 && set.spec <= set.available;
}

}  // namespace sluice::rollout
