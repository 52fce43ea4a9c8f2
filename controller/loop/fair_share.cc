#include "controller/loop/fair_share.h"

#include <algorithm>

namespace sluice::loop {

namespace {

constexpr std::size_t kShareOfFree = 8;  // a namespace may hold one part of so many

// Calls `visit` for each entry, beginning after `last`, until it returns true.
template <class Map, class Visit>
bool in_turn(Map& map, const std::string& last, const Visit& visit) {
  const auto start = map.upper_bound(last);
  for (auto it = start; it != map.end(); ++it)
    if (visit(*it)) return true;
  for (auto it = map.begin(); it != start; ++it)
    if (visit(*it)) return true;
  return false;
}

}  // namespace

void FairShare::wait(const kube::ObjectKey& run, Id id) {
  Namespace& one = namespaces_[run.namespace_];
  one.runs[run.name].waiting.push_back(id);
  ++one.waiting;
  ++waiting_;
}

std::size_t FairShare::limit() const {
  return std::max<std::size_t>(1, (slots_ - held_) / kShareOfFree);
}

std::optional<FairShare::Id> FairShare::take() {
  if (waiting_ == 0 || held_ >= slots_) return std::nullopt;
  std::optional<Id> out;
  in_turn(namespaces_, last_, [&](auto& entry) {
    out = take_from(entry.second);
    if (out) last_ = entry.first;
    return out.has_value();
  });
  return out;
}

std::optional<FairShare::Id> FairShare::take_from(Namespace& one) {
  if (one.waiting == 0 || one.held >= limit()) return std::nullopt;
  const std::size_t left = limit() - one.held;
  std::optional<Id> out;
  in_turn(one.runs, one.last, [&](auto& entry) {
    Run& run = entry.second;
    if (run.waiting.empty() || run.held >= left) return false;
    out = run.waiting.front();
    run.waiting.pop_front();
    ++run.held;
    ++one.held;
    ++held_;
    --one.waiting;
    --waiting_;
    one.last = entry.first;
    return true;
  });
  return out;
}

void FairShare::give_back(const kube::ObjectKey& run) {
  const auto it = namespaces_.find(run.namespace_);
  if (it == namespaces_.end()) return;
  const auto found = it->second.runs.find(run.name);
  if (found == it->second.runs.end() || found->second.held == 0) return;
  --found->second.held;
  --it->second.held;
  --held_;
  tidy(it, run.name);
}

void FairShare::withdraw(const kube::ObjectKey& run, Id id) {
  const auto it = namespaces_.find(run.namespace_);
  if (it == namespaces_.end()) return;
  const auto found = it->second.runs.find(run.name);
  if (found == it->second.runs.end()) return;
  const std::size_t gone = std::erase(found->second.waiting, id);
  it->second.waiting -= gone;
  waiting_ -= gone;
  tidy(it, run.name);
}

void FairShare::tidy(std::map<std::string, Namespace>::iterator it, const std::string& run) {
  auto& runs = it->second.runs;
  const auto found = runs.find(run);
  if (found->second.held == 0 && found->second.waiting.empty()) runs.erase(found);
  if (runs.empty()) namespaces_.erase(it);
}

std::size_t FairShare::held_by(const std::string& namespace_) const {
  const auto it = namespaces_.find(namespace_);
  return it == namespaces_.end() ? 0 : it->second.held;
}

}  // namespace sluice::loop
