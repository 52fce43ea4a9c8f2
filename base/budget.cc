#include "base/budget.h"

#include <algorithm>

namespace sluice {

void Budget::hold(Id id, const std::string& owner, std::size_t bytes) {
  release(id);
  pieces_.emplace(id, Piece{owner, bytes});
  owners_[owner] += bytes;
  total_ += bytes;
}

void Budget::release(Id id) {
  const auto it = pieces_.find(id);
  if (it == pieces_.end()) return;
  const auto owner = owners_.find(it->second.owner);
  owner->second -= it->second.bytes;
  if (owner->second == 0) owners_.erase(owner);
  total_ -= it->second.bytes;
  pieces_.erase(it);
}

std::optional<Budget::Id> Budget::evict() {
  if (total_ <= max_) return std::nullopt;
  const auto owner =
      std::max_element(owners_.begin(), owners_.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  auto largest = pieces_.end();
  for (auto it = pieces_.begin(); it != pieces_.end(); ++it) {
    if (it->second.owner != owner->first) continue;
    if (largest == pieces_.end() || it->second.bytes >= largest->second.bytes) largest = it;
  }
  const Id out = largest->first;
  release(out);
  return out;
}

void Budget::clear() {
  pieces_.clear();
  owners_.clear();
  total_ = 0;
}

}  // namespace sluice
