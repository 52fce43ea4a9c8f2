#include "controller/loop/refusals.h"

#include <algorithm>

#include "base/strings.h"

namespace sluice::loop {

bool is_refusal(const Error& error) {
  if (error.code == ErrorCode::Invalid || error.code == ErrorCode::Forbidden) return true;
  // Webhooks are asked before anything is stored, and a broken one stays so.
  return error.code == ErrorCode::Unavailable &&
         error.message.find("failed calling webhook") != std::string::npos;
}

bool must_be_read_back(const Error& error) {
  switch (error.code) {
    case ErrorCode::Conflict:
    case ErrorCode::AlreadyExists:
    case ErrorCode::NotFound:
    case ErrorCode::Timeout:
    case ErrorCode::Unavailable:
      return true;
    case ErrorCode::Invalid:
    case ErrorCode::Forbidden:
    case ErrorCode::Gone:
    case ErrorCode::Throttled:
    case ErrorCode::Decode:
    case ErrorCode::Cancelled:
    case ErrorCode::Unsupported:
    case ErrorCode::Internal:
      break;
  }
  return false;
}

void Refusals::note(const Key& key, const kube::Write& write, const Error& error, MonoTime now,
                    Rng& rng) {
  forget_overdue(now);
  auto& list = kept_[key];
  auto found = std::find_if(list.begin(), list.end(), [&](const Kept& kept) {
    return rollout::same_intent(kept.write, write);
  });
  if (found == list.end()) {
    if (list.size() >= kPerKeyMax) list.erase(list.begin());
    list.push_back({write, error, 0, {}, true});
    found = std::prev(list.end());
  }
  found->fresh = found->fresh || found->error.message != error.message;
  found->error = error;
  found->times = std::min(found->times + 1, 30);
  const Millis delay = back_off(found->times, rng);
  found->retry = now + std::max(delay, error.retry_after.value_or(Millis(0)));
}

// Objects come and go for months, and not every key asks for what was refused.
void Refusals::forget_overdue(MonoTime now) {
  if (now - swept_ < kForgetAfter) return;
  swept_ = now;
  for (auto it = kept_.begin(); it != kept_.end();) {
    std::erase_if(it->second, [&](const Kept& kept) { return now - kept.retry > kForgetAfter; });
    it = it->second.empty() ? kept_.erase(it) : std::next(it);
  }
}

bool Refusals::note_taken(const Key& key, const kube::Write& write) {
  if (write.purpose != "CreateAnalysisRun") return false;
  const std::string_view name = write.key.name;
  const auto dot = name.rfind('.');
  const auto suffix =
      dot == std::string_view::npos ? std::nullopt : parse_int(name.substr(dot + 1));
  auto& taken = taken_runs_[key];
  if (taken.size() >= kPerKeyMax) taken.clear();  // of revisions long gone; or it is met again
  auto& highest = taken[std::string(suffix ? name.substr(0, dot) : name)];
  highest = std::max(highest, suffix.value_or(0));
  return true;
}

rollout::TakenRuns Refusals::taken_runs(const Key& key) const {
  const auto found = taken_runs_.find(key);
  return found == taken_runs_.end() ? rollout::TakenRuns{} : found->second;
}

void Refusals::forget(const Key& key) {
  kept_.erase(key);
  taken_runs_.erase(key);
}

void Refusals::clear() {
  kept_.clear();
  taken_runs_.clear();
}

void Refusals::accepted(const Key& key, const kube::Write& write) {
  const auto list = kept_.find(key);
  if (list == kept_.end()) return;
  std::erase_if(list->second, [&](const Kept& kept) {
    return kept.write.purpose == write.purpose && kept.write.type == write.type &&
           kept.write.key == write.key;
  });
  if (list->second.empty()) kept_.erase(list);
}

std::vector<rollout::Observed::Refusal> Refusals::of(const Key& key, MonoTime now, WallTime wall) {
  std::vector<rollout::Observed::Refusal> out;
  const auto list = kept_.find(key);
  if (list == kept_.end()) return out;
  std::erase_if(list->second, [&](const Kept& kept) { return now - kept.retry > kForgetAfter; });
  for (auto& kept : list->second) {
    // The wall clock may jump; how long is still to wait may not.
    const WallTime at = wall + std::chrono::duration_cast<Micros>(kept.retry - now);
    out.push_back({kept.write, kept.error, at, std::exchange(kept.fresh, false)});
  }
  if (list->second.empty()) kept_.erase(list);
  return out;
}

}  // namespace sluice::loop
