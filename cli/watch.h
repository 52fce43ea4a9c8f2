#pragma once
// Keeps lists of objects up to date while a command runs: reflectors turned over one Transport, in
// one thread.
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "cli/client.h"
#include "kube/model/objects.h"
#include "kube/watch/reflector.h"

namespace sluice::cli {

// The objects of one kind as last heard. T has a member `meta`.
template <class T>
class Feed final : public kube::ReflectorSink {
 public:
  explicit Feed(T (*decode)(kube::Node)) : decode_(decode) {}

  void on_upsert(kube::Node object) override {
    T value = decode_(object);
    const kube::ObjectKey key = value.meta.key;
    if (listed_) listed_->insert(key);
    objects_.insert_or_assign(key, std::move(value));
    fresh_.insert(key);
  }
  void on_delete(kube::Node object) override {
    objects_.erase(kube::decode_meta(object).key);
    changed_ = true;
  }
  void on_unreadable(kube::Node metadata_only, std::string_view) override {
    if (listed_) listed_->insert(kube::decode_meta(metadata_only).key);
  }
  void on_list_started() override { listed_.emplace(); }
  void on_list_finished() override {
    if (!listed_) return;
    for (auto it = objects_.begin(); it != objects_.end();)
      it = listed_->contains(it->first) ? std::next(it) : objects_.erase(it);
    listed_.reset();
    changed_ = true;
  }

  [[nodiscard]] const std::map<kube::ObjectKey, T>& objects() const { return objects_; }
  [[nodiscard]] std::vector<T> values() const {
    std::vector<T> out;
    for (const auto& [key, value] : objects_) out.push_back(value);
    return out;
  }
  // What was added or changed since the last call.
  [[nodiscard]] std::set<kube::ObjectKey> take_fresh() { return std::exchange(fresh_, {}); }
  // Anything at all happened since the last call.
  [[nodiscard]] bool take_changed() {
    const bool changed = changed_ || !fresh_.empty();
    changed_ = false;
    fresh_.clear();
    return changed;
  }

 private:
  T (*decode_)(kube::Node);
  std::map<kube::ObjectKey, T> objects_;
  std::set<kube::ObjectKey> fresh_;
  std::optional<std::set<kube::ObjectKey>> listed_;
  bool changed_ = false;
};

class Watcher {
 public:
  Watcher(Environment& env, Client& client) : env_(env), client_(client) {}
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  void add(kube::Reflector::Options options, kube::ReflectorSink& sink);
  // Sends what is due, then waits for news, at most until `until`. Errors: a list that cannot be
  // read at the start, or more than five failures of one kind in a row.
  [[nodiscard]] Status turn(MonoTime until);
  [[nodiscard]] bool synced() const;

 private:
  struct Source {
    std::unique_ptr<kube::Reflector> reflector;
    int failures = 0;
  };
  // The time to come back at.
  MonoTime send_due(MonoTime until);
  Status deliver(const TransportEvent& event);

  Environment& env_;
  Client& client_;
  std::vector<Source> sources_;
};

}  // namespace sluice::cli
