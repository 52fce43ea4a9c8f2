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
//
// Objects at rest: a view and its text take two to four times the text's size, and most objects of
// a fleet are not looked at for hours. With rest_unread() only those that were read or changed last
// are kept as views, the others as packed text, and a read makes the view again (ADR 10). What a
// store answers does not depend on it.
#include <algorithm>
#include <concepts>
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

#include "base/assert.h"
#include "base/hash.h"
#include "kube/cache/packed.h"
#include "kube/json/node.h"
#include "kube/model/meta.h"

namespace sluice::kube {

// A view that keeps the text it was made of can be made again from it.
template <class T>
concept KeepsText = requires(const T& view) {
  { view.raw } -> std::convertible_to<RawJson>;
};

// T has a member `Meta meta`. Views that are handed out stay valid whatever the store does.
template <class T>
class Store {
 public:
  using Ptr = std::shared_ptr<const T>;
  using Decode = T (*)(Node);

  // At most `views_max` objects, those read or changed last, are kept as views; `decode` makes one
  // from its text. Called before anything is put in.
  void rest_unread(std::size_t views_max, Decode decode) requires KeepsText<T> {
    views_max_ = views_max;
    decode_ = decode;
  }
  // Objects without a controller owner can be asked for, too. Called before anything is put in.
  void index_orphans() { index_orphans_ = true; }
  // A yes or no about each object that each_flagged() reads without making its view. Called before
  // anything is put in.
  void flag(std::function<bool(const T&)> predicate) { predicate_ = std::move(predicate); }

  // nullptr when absent.
  [[nodiscard]] Ptr get(const ObjectKey& key) const {
    auto it = objects_.find(key);
    return it == objects_.end() || it->second.tombstone ? nullptr : view(*it);
  }
  // get(), without making the view.
  [[nodiscard]] bool contains(const ObjectKey& key) const {
    const auto it = objects_.find(key);
    return it != objects_.end() && !it->second.tombstone;
  }
  // Is the object of this name the one with this uid?
  [[nodiscard]] bool contains(const ObjectKey& key, std::string_view uid) const {
    const auto it = objects_.find(key);
    return it != objects_.end() && !it->second.tombstone && it->second.uid == fnv1a64(uid);
  }
  // Does the predicate of flag() hold for the object of this name, if there is one?
  [[nodiscard]] bool flagged(const ObjectKey& key) const {
    const auto it = objects_.find(key);
    return it != objects_.end() && !it->second.tombstone && it->second.flagged;
  }
  // Those of these uids, whatever their names: a walk over the whole store, without views.
  [[nodiscard]] std::vector<ObjectKey> with_uids(const std::set<std::string>& uids) const {
    std::unordered_set<std::uint64_t> wanted;
    for (const auto& uid : uids) wanted.insert(fnv1a64(uid));
    std::vector<ObjectKey> out;
    for (const auto& [key, entry] : objects_)
      if (!entry.tombstone && wanted.contains(entry.uid)) out.push_back(key);
    return out;
  }
  [[nodiscard]] std::vector<Ptr> list(std::string_view ns) const {
    std::vector<Ptr> out;
    for (auto it = objects_.lower_bound(ObjectKey{std::string(ns), ""});
         it != objects_.end() && it->first.namespace_ == ns; ++it) {
      if (!it->second.tombstone) out.push_back(view(*it));
    }
    return out;
  }
  // In order of namespace and name. `visit` must not change the store.
  void each(const std::function<void(const T&)>& visit) const {
    for (const auto& item : objects_)
      if (!item.second.tombstone) visit(*view(item));
  }
  // Keys of the objects for which the predicate of flag() held when they were put in.
  void each_flagged(const std::function<void(const ObjectKey&)>& visit) const {
    for (const auto& [key, entry] : objects_)
      if (entry.flagged && !entry.tombstone) visit(key);
  }
  // Objects that get() would find.
  [[nodiscard]] std::size_t size() const { return objects_.size() - hidden_; }
  // Of them, those that are kept as views.
  [[nodiscard]] std::size_t views() const { return views_; }
  [[nodiscard]] std::size_t names_kept() const { return in_view_.size(); }  // for tests

  // From the watch or a list: is this the very object that we hold, in the same version? Then that
  // is noted, and it need not be decoded.
  bool confirm(const ObjectKey& key, std::string_view uid, std::string_view resource_version) {
    auto it = objects_.find(key);
    if (it == objects_.end() || !it->second.is(uid, resource_version)) return false;
    it->second.listed = list_epoch_;
    it->second.from_write = false;
    return true;
  }
  // From the watch or a list: this object is there, in a state that cannot be read. What we hold of
  // it stays as it is. False when readers see nothing of it.
  bool keep(const ObjectKey& key, std::string_view uid) {
    const auto it = objects_.find(key);
    if (it == objects_.end() || it->second.uid != fnv1a64(uid)) return false;
    it->second.listed = list_epoch_;
    return !it->second.tombstone;
  }
  // From the watch or a list. True when readers see something new; false for our own echo, for what
  // is older than what we hold, and for what a tombstone hides. `before` is set to what readers saw
  // until then, when that changed.
  bool upsert(T object, Ptr* before = nullptr) {
    auto& item = *objects_.try_emplace(object.meta.key).first;
    auto& entry = item.second;
    entry.listed = list_epoch_;
    if (!buried_.empty()) buried_.erase(fnv1a64(object.meta.uid));
    if (!entry.filled) {
      store(item, std::move(object), false);
      return true;
    }
    // During a list only an own write may be newer; anything else that seems so comes from a
    // restored server, which is right by definition.
    if (older(object.meta, entry) && (entry.from_write || !listing_)) return false;
    if (entry.is(object.meta)) {
      entry.from_write = false;
      return false;
    }
    if (before && !entry.tombstone) *before = view(item);
    const bool stays_hidden = hidden_by(entry, object.meta);
    store(item, std::move(object), false);
    set_tombstone(entry, stays_hidden);
    return !stays_hidden;
  }
  // From the watch. True when readers lose something they saw, which `before` is set to. An event
  // about an earlier object of the same name changes nothing.
  bool erase(const ObjectKey& key, std::string_view uid, Ptr* before = nullptr) {
    auto it = objects_.find(key);
    if (it == objects_.end()) {
      bury(uid);
      return false;
    }
    if (!uid.empty() && it->second.uid != fnv1a64(uid)) return false;
    const bool visible = !it->second.tombstone;
    if (before && visible) *before = view(*it);
    drop(it);
    return visible;
  }
  // From the answer to our own write (create, update, patch, or a delete that left a terminating
  // object).
  void overlay(T object) {
    // The watch may already have told us that this very object is gone.
    if (buried_.contains(fnv1a64(object.meta.uid))) return;
    auto& item = *objects_.try_emplace(object.meta.key).first;
    auto& entry = item.second;
    bool stays_hidden = false;
    if (entry.filled) {
      if (older(object.meta, entry)) return;
      if (entry.is(object.meta)) return;  // the watch was faster
      stays_hidden = hidden_by(entry, object.meta);
    }
    store(item, std::move(object), true);
    set_tombstone(entry, stays_hidden);
  }
  // Our own delete was accepted and the server said that the object is gone (a Status, not an
  // object): hidden until the watch or a list confirms it. Late news from before the delete does
  // not bring it back. With `uid`, only that object is hidden, not a successor of the same name.
  void overlay_deleted(const ObjectKey& key, std::string_view uid = "") {
    auto it = objects_.find(key);
    if (it == objects_.end()) return;
    if (!uid.empty() && it->second.uid != fnv1a64(uid)) return;
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
      if (!entry.tombstone) lost.push_back(view(*it));
      it = drop(it);
    }
    // Only now: `gone` may look at the store or change it.
    for (const auto& object : lost) gone(*object);
  }

  // Objects of a namespace whose name begins so, and of which `wanted`(rest of the name, uid of the
  // controller owner or "") holds.
  [[nodiscard]] std::vector<Ptr> with_prefix(
      const std::string& ns, const std::string& prefix,
      const std::function<bool(std::string_view, std::string_view)>& wanted) const {
    std::vector<Ptr> out;
    for (auto it = objects_.lower_bound(ObjectKey{ns, prefix});
         it != objects_.end() && it->first.namespace_ == ns && it->first.name.rfind(prefix, 0) == 0;
         ++it) {
      const auto rest = std::string_view(it->first.name).substr(prefix.size());
      if (!it->second.tombstone && wanted(rest, it->second.owner_uid())) out.push_back(view(*it));
    }
    return out;
  }

  // The objects that this owner controls (see controls()), in order of name. Those that say so and
  // are not its, being of another namespace or naming another kind, go into `impostors` where
  // given, kImpostorsMax at most.
  static constexpr std::size_t kImpostorsMax = 64;
  [[nodiscard]] std::vector<Ptr> owned_by(const Owner& owner,
                                          std::vector<ObjectKey>* impostors = nullptr) const {
    std::vector<Ptr> out;
    if (owner.uid.empty()) return out;
    const auto& keys = naming(owner.uid);
    const auto [begin, end] = of_namespace(keys, owner.namespace_);
    const auto refuse = [&](const ObjectKey& key) {
      if (impostors && impostors->size() < kImpostorsMax) impostors->push_back(key);
    };
    for (auto at = begin; at != end; ++at) {
      auto object = get(**at);
      if (!object) continue;
      if (controls(owner, object->meta)) {
        out.push_back(std::move(object));
      } else {
        refuse(**at);
      }
    }
    if (impostors && static_cast<std::size_t>(end - begin) < keys.size()) {
      for (const ObjectKey* key : keys) {
        if (impostors->size() >= kImpostorsMax) break;
        if (key->namespace_ != owner.namespace_ && contains(*key)) refuse(*key);
      }
    }
    return out;
  }
  // Objects of a namespace without a controller owner; needs index_orphans().
  [[nodiscard]] std::vector<Ptr> orphans(std::string_view ns) const {
    std::vector<Ptr> out;
    const auto [begin, end] = of_namespace(naming(""), ns);
    for (auto at = begin; at != end; ++at)
      if (auto object = get(**at); object && !object->meta.controller_owner())
        out.push_back(std::move(object));
    return out;
  }

 private:
  struct Entry {
    // A view, or a text at rest; both while an unchanged object is read again.
    mutable Ptr object;
    mutable Packed rest;
    std::string resource_version;
    std::uint64_t uid = 0;               // fnv1a64
    const std::string* owner = nullptr;  // key of owners_; nullptr when not in there
    std::uint64_t listed = 0;            // the last list (or the watch after it) that named it
    bool filled = false,
         from_write = false;  // put in by overlay and not yet confirmed by the watch
    bool tombstone = false, flagged = false;
    mutable bool read_again = false;  // since its view was made or passed over

    [[nodiscard]] bool is(std::string_view other, std::string_view version) const {
      return resource_version == version && uid == fnv1a64(other);
    }
    [[nodiscard]] bool is(const Meta& meta) const { return is(meta.uid, meta.resource_version); }
    [[nodiscard]] std::string_view owner_uid() const {
      return owner ? std::string_view(*owner) : std::string_view();
    }
  };
  using Objects = std::map<ObjectKey, Entry>;
  using Item = typename Objects::value_type;
  // Uids never come back, so a short memory is enough: it bridges the gap between the watch's news
  // of a deletion and the answer to a write that was made before and arrives after it.
  static constexpr std::size_t kBuriedMax = 512;

  // Versions of one kind are ordered across objects, so this also tells an earlier object of the
  // same name.
  static bool older(const Meta& incoming, const Entry& entry) {
    const auto order = compare_resource_versions(incoming.resource_version, entry.resource_version);
    return order && *order == std::strong_ordering::less;
  }
  static bool covered_by(std::string_view list_version, const Entry& entry) {
    const auto order = compare_resource_versions(list_version, entry.resource_version);
    return order && *order != std::strong_ordering::less;
  }
  // After our delete only a terminating state of the same object, or another object, is news.
  static bool hidden_by(const Entry& entry, const Meta& incoming) {
    return entry.tombstone && fnv1a64(incoming.uid) == entry.uid && !incoming.deleted_at;
  }

  void set_tombstone(Entry& entry, bool value) {
    if (entry.tombstone == value) return;
    entry.tombstone = value;
    hidden_ = value ? hidden_ + 1 : hidden_ - 1;
  }
  void store(Item& item, T object, bool from_write) {
    auto& entry = item.second;
    unindex(item);
    const auto* owner = object.meta.controller_owner();
    if (owner || index_orphans_) index(item, owner ? owner->uid : std::string());
    entry.resource_version = object.meta.resource_version;
    entry.uid = fnv1a64(object.meta.uid);
    entry.filled = true;
    entry.from_write = from_write;
    entry.flagged = predicate_ && predicate_(object);
    entry.rest = Packed();
    keep_view(item, std::make_shared<const T>(std::move(object)));
  }
  typename Objects::iterator drop(typename Objects::iterator it) {
    set_tombstone(it->second, false);
    unindex(*it);
    bury(it->second.uid);
    if (it->second.object) --views_;
    return objects_.erase(it);
  }

  [[nodiscard]] Ptr view(const Item& item) const {
    const Entry& entry = item.second;
    if (entry.object) {
      entry.read_again = true;
      return entry.object;
    }
    auto document = Document::parse(packer_.unpack(entry.rest));
    SLUICE_ASSERT(document.has_value(),
                  "the text of " + item.first.text() + " cannot be read back");
    keep_view(item, std::make_shared<const T>(decode_(document->root())));
    return entry.object;
  }
  // The one that was kept as a view for longest without being read again makes room. Whoever is
  // kept as a view is named in in_view_, so that its length bounds their number.
  void keep_view(const Item& item, Ptr object) const {
    const bool had = static_cast<bool>(item.second.object);
    item.second.object = std::move(object);
    item.second.read_again = false;
    if (had) return;
    ++views_;
    if (!decode_) return;
    in_view_.push_back(item.first);
    // Each is passed over once at most, so this ends; the newcomer itself stays.
    for (std::size_t left = 2 * in_view_.size(); in_view_.size() > views_max_ && left > 1; --left) {
      ObjectKey oldest = std::move(in_view_.front());
      in_view_.pop_front();
      auto it = objects_.find(oldest);
      // It may be gone, or be named twice, having gone and come back.
      if (it == objects_.end() || !it->second.object) continue;
      if (&*it == &item || std::exchange(it->second.read_again, false)) {
        in_view_.push_back(std::move(oldest));
      } else {
        lay_to_rest(it->second);
      }
    }
  }
  void lay_to_rest(const Entry& entry) const {
    if constexpr (KeepsText<T>) {
      if (entry.rest.empty()) entry.rest = packer_.pack(*entry.object->raw);
      entry.object.reset();
      --views_;
    }
  }

  void index(Item& item, const std::string& owner) {
    auto& [uid, keys] = *owners_.try_emplace(owner).first;
    const auto at = std::lower_bound(keys.begin(), keys.end(), &item.first,
                                     [](const auto* a, const auto* b) { return *a < *b; });
    keys.insert(at, &item.first);
    item.second.owner = &uid;
  }
  void unindex(Item& item) {
    if (!item.second.owner) return;
    auto it = owners_.find(*item.second.owner);
    std::erase(it->second, &item.first);
    if (it->second.empty()) owners_.erase(it);
    item.second.owner = nullptr;
  }
  using Keys = std::vector<const ObjectKey*>;  // in order
  // Whoever names this uid as the one of its controller, in all namespaces.
  [[nodiscard]] const Keys& naming(const std::string& uid) const {
    static const Keys kNone;
    const auto it = owners_.find(uid);
    return it == owners_.end() ? kNone : it->second;
  }
  static std::pair<typename Keys::const_iterator, typename Keys::const_iterator> of_namespace(
      const Keys& keys, std::string_view ns) {
    const auto begin = std::partition_point(
        keys.begin(), keys.end(), [ns](const ObjectKey* key) { return key->namespace_ < ns; });
    const auto end = std::partition_point(
        begin, keys.end(), [ns](const ObjectKey* key) { return key->namespace_ == ns; });
    return {begin, end};
  }
  void bury(std::string_view uid) {
    if (!uid.empty()) bury(fnv1a64(uid));
  }
  void bury(std::uint64_t uid) {
    if (!buried_.insert(uid).second) return;
    buried_order_.push_back(uid);
    if (buried_order_.size() <= kBuriedMax) return;
    buried_.erase(buried_order_.front());
    buried_order_.pop_front();
  }

  Objects objects_;
  // Keys by the uid of their controller owner ("" for orphans), each in order.
  std::unordered_map<std::string, Keys> owners_;
  std::unordered_set<std::uint64_t> buried_;  // fnv1a64 of uids
  std::deque<std::uint64_t> buried_order_;
  std::size_t hidden_ = 0;
  std::uint64_t list_epoch_ = 1;
  bool listing_ = false;
  bool index_orphans_ = false;
  std::function<bool(const T&)> predicate_;

  std::size_t views_max_ = 0;
  Decode decode_ = nullptr;  // nullptr: all are kept as views
  mutable std::size_t views_ = 0;
  mutable std::deque<ObjectKey> in_view_;  // oldest first; may name what is gone
  mutable Packer packer_;
};

}  // namespace sluice::kube
