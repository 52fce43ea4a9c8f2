#pragma once
// The cache of one kind. Single writer (the loop). Values are immutable and shared.
//
// Own writes: the server's answer to a write is put in as an overlay and wins until the watch
// delivers the same or a newer resourceVersion (KEP-5504 ordering), so a key never decides on a
// state older than its own writes:
//
//   write answered (v7)  → overlay v7        readers see v7 at once
//   watch says v6        → ignored           it left the server before our write
//   watch says v7        → "nothing new"     our own echo; from here the watch leads again
//   watch says v9        → replaces          somebody else wrote after us
//
// Where a list is older than a write (it was begun before), the write stays; where it is at least
// as new, the list is right. Versions that are not numbers cannot be ordered: then the watch always
// wins.
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
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
    for (auto it = objects_.lower_bound(ObjectKey{std::string(ns), ""});
         it != objects_.end() && it->first.namespace_ == ns; ++it) {
      if (!it->second.tombstone) out.push_back(it->second.object);
    }
    return out;
  }
  // In order of namespace and name. `visit` must not change the store.
  void each(const std::function<void(const T&)>& visit) const {
    for (const auto& [key, entry] : objects_)
      if (!entry.tombstone) visit(*entry.object);
  }
  // Objects that get() would find.
  [[nodiscard]] std::size_t size() const { return objects_.size() - hidden_; }

  // From the watch or a list. True when readers see something new; false for our own echo, for what
  // is older than what we hold, and for what a tombstone hides.
  bool upsert(T object) {
    auto& entry = objects_[object.meta.key];
    entry.listed = list_epoch_;
    if (!buried_.empty()) buried_.erase(object.meta.uid);
    if (!entry.object) {
      store(entry, std::move(object), false);
      return true;
    }
    // During a list only an own write may be newer; anything else that seems so comes from a
    // restored server, which is right by definition.
    if (older(object.meta, entry) && (entry.from_write || !listing_)) return false;
    if (same(object.meta, *entry.object)) {
      entry.from_write = false;
      return false;
    }
    const bool stays_hidden = hidden_by(entry, object.meta);
    store(entry, std::move(object), false);
    set_tombstone(entry, stays_hidden);
    return !stays_hidden;
  }
  // From the watch. True when readers lose something they saw. An event about an earlier object of
  // the same name changes nothing.
  bool erase(const ObjectKey& key, std::string_view uid) {
    auto it = objects_.find(key);
    if (it == objects_.end()) {
      if (!uid.empty()) bury(std::string(uid));
      return false;
    }
    if (!uid.empty() && it->second.object->meta.uid != uid) return false;
    const bool visible = !it->second.tombstone;
    drop(it);
    return visible;
  }
  // From the answer to our own write (create, update, patch, or a delete that left a terminating
  // object).
  void overlay(T object) {
    // The watch may already have told us that this very object is gone.
    if (buried_.count(object.meta.uid) != 0) return;
    auto& entry = objects_[object.meta.key];
    bool stays_hidden = false;
    if (entry.object) {
      if (older(object.meta, entry)) return;
      if (same(object.meta, *entry.object)) return;  // the watch was faster
      stays_hidden = hidden_by(entry, object.meta);
    }
    store(entry, std::move(object), true);
    set_tombstone(entry, stays_hidden);
  }
  // Our own delete was accepted and the server said that the object is gone (a Status, not an
  // object): hidden until the watch or a list confirms it. Late news from before the delete does
  // not bring it back. With `uid`, only that object is hidden, not a successor of the same name.
  void overlay_deleted(const ObjectKey& key, std::string_view uid = "") {
    auto it = objects_.find(key);
    if (it == objects_.end()) return;
    if (!uid.empty() && it->second.object->meta.uid != uid) return;
    set_tombstone(it->second, true);
  }

  // A list begins (again): what an abandoned list delivered does not count.
  void list_started() {
    ++list_epoch_;
    listing_ = true;
  }
  // Drops what the list did not contain and calls `gone` for what readers saw of it. `list_version`
  // is the resourceVersion of the list (Reflector::resource_version()): own writes that are newer
  // than it are kept; without it all unconfirmed own writes are kept.
  void list_finished(const std::function<void(const T&)>& gone,
                     std::string_view list_version = "") {
    listing_ = false;
    std::vector<Ptr> lost;
    for (auto it = objects_.begin(); it != objects_.end();) {
      const Entry& entry = it->second;
      if (entry.listed == list_epoch_ || (entry.from_write && !covered_by(list_version, entry))) {
        ++it;
        continue;
      }
      if (!entry.tombstone) lost.push_back(entry.object);
      it = drop(it);
    }
    // Only now: `gone` may look at the store or change it.
    for (const auto& object : lost) gone(*object);
  }

  // Objects of a namespace whose name begins so.
  [[nodiscard]] std::vector<Ptr> with_prefix(const std::string& ns,
                                             const std::string& prefix) const {
    std::vector<Ptr> out;
    for (auto it = objects_.lower_bound(ObjectKey{ns, prefix});
         it != objects_.end() && it->first.namespace_ == ns && it->first.name.rfind(prefix, 0) == 0;
         ++it) {
      if (auto object = get(it->first)) out.push_back(std::move(object));
    }
    return out;
  }

  // Objects whose controller owner has this uid, in order of namespace and name.
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
    bool from_write = false;  // put in by overlay and not yet confirmed by the watch
    bool tombstone = false;
    std::uint64_t listed = 0;  // the last list (or the watch after it) that named the object
  };
  using Objects = std::map<ObjectKey, Entry>;
  // Uids never come back, so a short memory is enough: it bridges the gap between the watch's news
  // of a deletion and the answer to a write that was made before and arrives after it.
  static constexpr std::size_t kBuriedMax = 512;

  static bool same(const Meta& a, const T& b) {
    return a.uid == b.meta.uid && a.resource_version == b.meta.resource_version;
  }
  // Versions of one kind are ordered across objects, so this also tells an earlier object of the
  // same name.
  static bool older(const Meta& incoming, const Entry& entry) {
    const auto order =
        compare_resource_versions(incoming.resource_version, entry.object->meta.resource_version);
    return order && *order == std::strong_ordering::less;
  }
  static bool covered_by(std::string_view list_version, const Entry& entry) {
    const auto order = compare_resource_versions(list_version, entry.object->meta.resource_version);
    return order && *order != std::strong_ordering::less;
  }
  // After our delete only a terminating state of the same object, or another object, is news.
  static bool hidden_by(const Entry& entry, const Meta& incoming) {
    return entry.tombstone && incoming.uid == entry.object->meta.uid && !incoming.deleted_at;
  }

  void set_tombstone(Entry& entry, bool value) {
    if (entry.tombstone == value) return;
    entry.tombstone = value;
    hidden_ = value ? hidden_ + 1 : hidden_ - 1;
  }
  void store(Entry& entry, T object, bool from_write) {
    if (entry.object) unindex(*entry.object);
    auto shared = std::make_shared<const T>(std::move(object));
    if (const auto* owner = shared->meta.controller_owner())
      by_owner_[owner->uid].insert(shared->meta.key);
    entry.object = std::move(shared);
    entry.from_write = from_write;
  }
  typename Objects::iterator drop(typename Objects::iterator it) {
    set_tombstone(it->second, false);
    unindex(*it->second.object);
    bury(it->second.object->meta.uid);
    return objects_.erase(it);
  }
  void unindex(const T& object) {
    const auto* owner = object.meta.controller_owner();
    if (!owner) return;
    auto it = by_owner_.find(owner->uid);
    if (it == by_owner_.end()) return;
    it->second.erase(object.meta.key);
    if (it->second.empty()) by_owner_.erase(it);
  }
  void bury(std::string uid) {
    if (uid.empty() || !buried_.insert(uid).second) return;
    buried_order_.push_back(std::move(uid));
    if (buried_order_.size() <= kBuriedMax) return;
    buried_.erase(buried_order_.front());
    buried_order_.pop_front();
  }

  Objects objects_;
  std::unordered_map<std::string, std::set<ObjectKey>> by_owner_;
  std::unordered_set<std::string> buried_;
  std::deque<std::string> buried_order_;
  std::size_t hidden_ = 0;
  std::uint64_t list_epoch_ = 1;
  bool listing_ = false;
};

}  // namespace sluice::kube
