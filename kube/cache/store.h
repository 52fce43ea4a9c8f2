#pragma once
// The cache of one kind. Single writer (the loop). Values are immutable and shared.
//
// Own writes: the server's answer to a write is put in as an overlay and wins until the watch delivers the same or
// a newer resourceVersion (KEP-5504 ordering), so a key never decides on a state older than its own writes.
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kube/model/meta.h"

namespace sluice::kube {

// T has a member `Meta meta`.
template <class T>
class Store {
 public:
  using Ptr = std::shared_ptr<const T>;

  // nullptr when absent.
  [[nodiscard]] Ptr get(const ObjectKey& key) const {
    auto it = objects_.find(key);
    return it == objects_.end() || it->second.tombstone ? nullptr : it->second.object;
  }
  [[nodiscard]] std::vector<Ptr> list(std::string_view ns) const {
    std::vector<Ptr> out;
    for (auto it = objects_.lower_bound(ObjectKey{std::string(ns), ""}); it != objects_.end() && it->first.namespace_ == ns; ++it) {
      if (!it->second.tombstone) out.push_back(it->second.object);
    }
    return out;
  }
  void each(const std::function<void(const T&)>& visit) const {
    for (const auto& [key, entry] : objects_)
      if (!entry.tombstone) visit(*entry.object);
  }
  [[nodiscard]] std::size_t size() const { return objects_.size(); }

  // From the watch. False when the overlay (or the cache) already holds this or a newer version.
  bool upsert(T object) {
    auto& entry = objects_[object.meta.key];
    if (entry.object && entry.from_write && older(object.meta, entry)) return false;
    if (entry.object && entry.object->meta.uid == object.meta.uid &&
        entry.object->meta.resource_version == object.meta.resource_version) {
      entry.listed = list_epoch_;
      entry.from_write = false;  // our own write came back: nothing new for anybody
      entry.tombstone = false;
      return false;
    }
    store(entry, std::move(object), false);
    return true;
  }
  // From the watch.
  bool erase(const ObjectKey& key, std::string_view uid) {
    auto it = objects_.find(key);
    if (it == objects_.end()) return false;
    if (it->second.object && !uid.empty() && it->second.object->meta.uid != uid) return false;
    unindex(*it->second.object);
    objects_.erase(it);
    return true;
  }
  // From the answer to our own write.
  void overlay(T object) {
    auto& entry = objects_[object.meta.key];
    if (entry.object && entry.object->meta.uid == object.meta.uid && older(object.meta, entry)) return;
    store(entry, std::move(object), true);
  }
  // Our own delete was accepted: hidden until the watch confirms it or a relist brings it back.
  void overlay_deleted(const ObjectKey& key) {
    auto it = objects_.find(key);
    if (it != objects_.end()) it->second.tombstone = true;
  }

  void list_started() { ++list_epoch_; }
  // Calls `gone` for each object that the list did not contain, then drops it. Entries that only an own write put
  // in are kept: the list may be older than the write.
  void list_finished(const std::function<void(const T&)>& gone) {
    for (auto it = objects_.begin(); it != objects_.end();) {
      if (it->second.listed == list_epoch_ || it->second.from_write) {
        ++it;
        continue;
      }
      Ptr object = it->second.object;
      unindex(*object);
      it = objects_.erase(it);
      gone(*object);
    }
  }

  // Objects whose controller owner has this uid.
  [[nodiscard]] std::vector<Ptr> owned_by(const std::string& uid) const {
    std::vector<Ptr> out;
    auto it = by_owner_.find(uid);
    if (it == by_owner_.end()) return out;
    for (const auto& key : it->second)
      if (auto object = get(key)) out.push_back(std::move(object));
    return out;
  }

 private:
  struct Entry {
    Ptr object;
    bool from_write = false;
    bool tombstone = false;
    std::uint64_t listed = 0;
  };
  static bool older(const Meta& incoming, const Entry& entry) {
    if (incoming.uid != entry.object->meta.uid) return false;
    auto order = compare_resource_versions(incoming.resource_version, entry.object->meta.resource_version);
    return order && *order == std::strong_ordering::less;
  }
  void store(Entry& entry, T object, bool from_write) {
    if (entry.object) unindex(*entry.object);
    auto shared = std::make_shared<const T>(std::move(object));
    if (const auto* owner = shared->meta.controller_owner()) by_owner_[owner->uid].insert(shared->meta.key);
    entry.object = std::move(shared);
    entry.from_write = from_write;
    entry.tombstone = false;
    entry.listed = list_epoch_;
  }
  void unindex(const T& object) {
    const auto* owner = object.meta.controller_owner();
    if (!owner) return;
    auto it = by_owner_.find(owner->uid);
    if (it == by_owner_.end()) return;
    it->second.erase(object.meta.key);
    if (it->second.empty()) by_owner_.erase(it);
  }

  std::map<ObjectKey, Entry> objects_;
  std::unordered_map<std::string, std::set<ObjectKey>> by_owner_;
  std::uint64_t list_epoch_ = 1;
};

}  // namespace sluice::kube
