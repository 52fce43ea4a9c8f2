#pragma once
// Objects and their recent history. One resourceVersion counter over everything; per resource a
// window of changes from which watches resume and lists of the past are reconstructed.
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/api_server.h"
#include "apiserver/server/failure.h"
#include "kube/json/json_fwd.h"
#include "kube/model/meta.h"

namespace sluice::apiserver::server {

using ObjectPtr = std::shared_ptr<const Json>;

struct Item {
  ObjectPtr object;
  std::uint64_t version = 0;
  std::uint64_t epoch = 0;  // definition under which it was written
  mutable ObjectPtr view;   // defaulted again under view_epoch
  mutable std::uint64_t view_epoch = 0;
};

struct Event {
  std::uint64_t version = 0;
  Change::Kind kind = Change::Kind::Added;
  kube::ObjectKey key;
  ObjectPtr object, previous;
};

struct Bucket {
  std::map<kube::ObjectKey, Item> items;
  std::deque<Event> history;
  std::uint64_t lost_until = 0;  // changes up to this version are no longer in history
};

class Store {
 public:
  explicit Store(std::size_t window) : window_(window) {}
  [[nodiscard]] std::uint64_t version() const { return version_; }
  [[nodiscard]] Bucket& bucket(const std::string& id) { return buckets_[id]; }
  [[nodiscard]] const Bucket* find_bucket(const std::string& id) const;
  [[nodiscard]] const Item* find(const std::string& id, const kube::ObjectKey& key) const;

  // Stamps the next resourceVersion into the object and keeps it. The returned event stays valid
  // until the next call.
  const Event& put(const std::string& id, const kube::ObjectKey& key, Json object,
                   std::uint64_t epoch);
  const Event& remove(const std::string& id, const kube::ObjectKey& key, Json last_state);
  // The state as it was at `version`; Expired when history does not reach back.
  [[nodiscard]] Outcome<std::map<kube::ObjectKey, ObjectPtr>> at(const std::string& id,
                                                                 std::uint64_t version) const;
  // Every version up to now becomes too old.
  void forget_history();
  [[nodiscard]] std::uint64_t lost_until(const std::string& id) const;

 private:
  const Event& append(Bucket& bucket, Event event);

  std::size_t window_;
  std::uint64_t version_ = 0, floor_ = 0;
  std::map<std::string, Bucket, std::less<>> buckets_;
};

}  // namespace sluice::apiserver::server
