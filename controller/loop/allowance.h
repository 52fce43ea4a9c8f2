#pragma once
// How much of the one thread a namespace may take for its AnalysisRuns before they have to wait
// (ADR 14). Pure: a debt for each namespace, of what was computed for it, paid back as time passes.
// Half a second of computing is free, then a tenth of the thread.
#include <cstdint>
#include <map>
#include <string>

#include "base/time.h"

namespace sluice::loop {

class Allowance {
 public:
  // `steps` of analysis::Work.
  void spend(const std::string& namespace_, std::uint64_t steps, MonoTime now);
  // When its runs may be decided again; what lies in the past is now.
  [[nodiscard]] MonoTime free_at(const std::string& namespace_) const;
  [[nodiscard]] std::size_t size() const { return accounts_.size(); }

 private:
  struct Account {
    double debt = 0;  // in steps, at `since`
    MonoTime since{};
  };
  [[nodiscard]] static double debt_of(const Account& account, MonoTime now);

  std::map<std::string, Account> accounts_;
};

}  // namespace sluice::loop
