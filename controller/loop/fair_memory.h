#pragma once
// A bounded memory that namespaces share. What is put in when it is full makes the namespace that
// holds the most forget what it has not been asked for the longest: whoever has much to remember
// makes nobody else forget.
#include <algorithm>
#include <cstddef>
#include <list>
#include <map>
#include <string>
#include <utility>

namespace sluice::loop {

template <class Key, class Value>
class FairMemory {
 public:
  explicit FairMemory(std::size_t places) : places_(places) {}

  // nullptr when it is not known (any more). Valid until the next call.
  Value* find(const std::string& namespace_, const Key& key) {
    const auto space = spaces_.find(namespace_);
    if (space == spaces_.end()) return nullptr;
    const auto it = space->second.entries.find(key);
    if (it == space->second.entries.end()) return nullptr;
    auto& order = space->second.order;
    order.splice(order.end(), order, it->second.at);
    return &it->second.value;
  }
  Value& put(const std::string& namespace_, const Key& key, Value value) {
    erase(namespace_, key);
    if (size_ >= places_) forget_one(namespace_);
    Space& space = spaces_[namespace_];
    const auto it = space.entries.emplace(key, Entry{std::move(value), {}}).first;
    it->second.at = space.order.insert(space.order.end(), &it->first);
    ++size_;
    return it->second.value;
  }
  void erase(const std::string& namespace_, const Key& key) {
    const auto space = spaces_.find(namespace_);
    if (space == spaces_.end()) return;
    const auto it = space->second.entries.find(key);
    if (it != space->second.entries.end()) erase(space, it);
  }
  template <class Predicate>
  void erase_if(const Predicate& predicate) {
    for (auto space = spaces_.begin(); space != spaces_.end();) {
      auto& [entries, order] = space->second;
      for (auto it = entries.begin(); it != entries.end();) {
        if (!predicate(it->second.value)) {
          ++it;
          continue;
        }
        order.erase(it->second.at);
        it = entries.erase(it);
        --size_;
      }
      space = entries.empty() ? spaces_.erase(space) : std::next(space);
    }
  }
  void clear() {
    spaces_.clear();
    size_ = 0;
  }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Entry {
    Value value;
    typename std::list<const Key*>::iterator at;
  };
  struct Space {
    std::map<Key, Entry> entries;
    std::list<const Key*> order;  // the one that was asked for last comes last
  };
  using Spaces = std::map<std::string, Space>;

  void erase(typename Spaces::iterator space, typename std::map<Key, Entry>::iterator it) {
    space->second.order.erase(it->second.at);
    space->second.entries.erase(it);
    --size_;
    if (space->second.entries.empty()) spaces_.erase(space);
  }
  // The one that wants the place counts with it.
  void forget_one(const std::string& for_whom) {
    const auto held = [&](const auto& space) {
      return space.second.entries.size() + (space.first == for_whom ? 1 : 0);
    };
    const auto most =
        std::max_element(spaces_.begin(), spaces_.end(),
                         [&](const auto& a, const auto& b) { return held(a) < held(b); });
    if (most == spaces_.end()) return;
    erase(most, most->second.entries.find(*most->second.order.front()));
  }

  std::size_t places_;
  Spaces spaces_;
  std::size_t size_ = 0;
};

}  // namespace sluice::loop
