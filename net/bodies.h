#pragma once
// What answers of metrics that are still on their way hold in memory, counted together: each has
// its own limit, but many of them at once are too much all the same.
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/budget.h"
#include "base/seams.h"

namespace sluice::net {

class Bodies {
 public:
  explicit Bodies(std::size_t bytes_max) : budget_(bytes_max) {}

  // `body` is a part of the `bytes`. False: this one has gone, so that the others have room.
  [[nodiscard]] bool hold(RequestToken token, const std::string& on_behalf_of, std::size_t bytes,
                          std::string& body) {
    if (evicted_.contains(token)) return false;
    budget_.hold(token, on_behalf_of, bytes);
    bodies_[token] = &body;
    while (const auto victim = budget_.evict()) {
      std::string().swap(*bodies_.at(*victim));
      bodies_.erase(*victim);
      evicted_.insert(*victim);
    }
    return !evicted_.contains(token);
  }
  void release(RequestToken token) {
    budget_.release(token);
    bodies_.erase(token);
  }
  // Those whose bodies are gone, since the last call.
  [[nodiscard]] std::set<RequestToken> take_evicted() { return std::exchange(evicted_, {}); }

 private:
  Budget budget_;
  std::map<RequestToken, std::string*> bodies_;
  std::set<RequestToken> evicted_;
};

}  // namespace sluice::net
