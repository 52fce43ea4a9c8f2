#pragma once
// Slots that namespaces share, and within a namespace its runs. Pure: who holds what, who waits,
// and whose turn it is.
//
// A slot is never taken back, so what matters is what can be hoarded by those that let go of
// nothing. A namespace may take another slot while it holds less than an eighth of those that are
// free, and one in any case; a run may take another while it holds less than what its namespace may
// still take. Whoever holds much finds the rest closed, whoever comes new finds a share of it open:
//
// - A namespace that holds none gets a slot at once, as long as one is free. Of 256 slots one
//   namespace can hoard 28, and none is free only when 40 namespaces hoard all that they can. Of 64
//   slots it is 7, and 29 namespaces.
// - Of 256 slots one run can hoard 15; its namespace has none left only when 5 runs hoard.
//
// Free slots go to waiting namespaces in turn, and within a namespace to its waiting runs in turn.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "kube/model/meta.h"

namespace sluice::loop {

class FairShare {
 public:
  using Id = std::uint64_t;  // chosen by the caller, never used twice
  explicit FairShare(std::size_t slots) : slots_(slots) {}

  void wait(const kube::ObjectKey& run, Id id);
  // The next one that gets a slot now; it no longer waits.
  [[nodiscard]] std::optional<Id> take();
  void give_back(const kube::ObjectKey& run);
  // It does not wait any more.
  void withdraw(const kube::ObjectKey& run, Id id);

  [[nodiscard]] std::size_t held() const { return held_; }
  [[nodiscard]] std::size_t held_by(const std::string& namespace_) const;
  [[nodiscard]] std::size_t waiting() const { return waiting_; }

 private:
  struct Run {
    std::deque<Id> waiting;
    std::size_t held = 0;
  };
  struct Namespace {
    std::map<std::string, Run> runs;
    std::string last;  // whose turn it was
    std::size_t held = 0, waiting = 0;
  };
  [[nodiscard]] std::size_t limit() const;  // of a namespace, as things are
  [[nodiscard]] std::optional<Id> take_from(Namespace& one);
  void tidy(std::map<std::string, Namespace>::iterator it, const std::string& run);

  std::size_t slots_;
  std::map<std::string, Namespace> namespaces_;
  std::string last_;  // whose turn it was
  std::size_t held_ = 0, waiting_ = 0;
};

}  // namespace sluice::loop
