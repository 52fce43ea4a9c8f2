#include "controller/loop/turns.h"

#include <algorithm>
#include <utility>

namespace sluice::loop {

Key Turns::ByNamespace::pop() {
  auto it = waiting_.upper_bound(last_);
  if (it == waiting_.end()) it = waiting_.begin();
  last_ = it->first;
  Key key = std::move(it->second.front());
  it->second.pop_front();
  if (it->second.empty()) waiting_.erase(it);
  return key;
}

bool Turns::ByNamespace::erase(const Key& key) {
  const auto it = waiting_.find(key.object.namespace_);
  if (it == waiting_.end()) return false;
  const bool waited = std::erase(it->second, key) > 0;
  if (it->second.empty()) waiting_.erase(it);
  return waited;
}

void Turns::push(const Key& key) {
  of(key).push(key);
}

std::optional<Key> Turns::pop() {
  if (empty()) return std::nullopt;
  const bool runs = others_.empty() || (runs_next_ && !runs_.empty());
  runs_next_ = !runs;
  return (runs ? runs_ : others_).pop();
}

bool Turns::erase(const Key& key) {
  return of(key).erase(key);
}

}  // namespace sluice::loop
