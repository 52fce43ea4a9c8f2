#include "controller/loop/allowance.h"

#include <algorithm>

namespace sluice::loop {

namespace {
// A step takes some 25 ns. Ten thousand plain conditions a second are far from both.
constexpr double kStepsPerSecond = 4e6;
constexpr double kDebtFree = 20e6;
// Nobody waits longer than ten seconds, whatever one answer cost.
constexpr double kDebtMax = kDebtFree + 10 * kStepsPerSecond;
}  // namespace

double Allowance::debt_of(const Account& account, MonoTime now) {
  const double passed = std::chrono::duration<double>(now - account.since).count();
  return std::max(0.0, account.debt - kStepsPerSecond * passed);
}

void Allowance::spend(const std::string& namespace_, std::uint64_t steps, MonoTime now) {
  if (steps == 0) return;
  std::erase_if(accounts_, [now](const auto& one) { return debt_of(one.second, now) == 0; });
  Account& account = accounts_[namespace_];
  account.debt = std::min(kDebtMax, debt_of(account, now) + static_cast<double>(steps));
  account.since = now;
}

MonoTime Allowance::free_at(const std::string& namespace_) const {
  const auto it = accounts_.find(namespace_);
  if (it == accounts_.end() || it->second.debt <= kDebtFree) return MonoTime{};
  const std::chrono::duration<double> wait((it->second.debt - kDebtFree) / kStepsPerSecond);
  return it->second.since + std::chrono::ceil<Micros>(wait);
}

}  // namespace sluice::loop
