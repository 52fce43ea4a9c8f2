#include "apiserver/server/store.h"

#include <algorithm>

#include "kube/json/json.h"

namespace sluice::apiserver::server {

const Bucket* Store::find_bucket(const std::string& id) const {
  const auto it = buckets_.find(id);
  return it == buckets_.end() ? nullptr : &it->second;
}

const Item* Store::find(const std::string& id, const kube::ObjectKey& key) const {
  const Bucket* bucket = find_bucket(id);
  if (bucket == nullptr) return nullptr;
  const auto it = bucket->items.find(key);
  return it == bucket->items.end() ? nullptr : &it->second;
}

const Event& Store::append(Bucket& bucket, Event event) {
  bucket.history.push_back(std::move(event));
  while (bucket.history.size() > window_ && bucket.history.size() > 1) {
    bucket.lost_until = bucket.history.front().version;
    bucket.history.pop_front();
  }
  return bucket.history.back();
}

const Event& Store::put(const std::string& id, const kube::ObjectKey& key, Json object,
                        std::uint64_t epoch) {
  Bucket& bucket = buckets_[id];
  ++version_;
  object["metadata"]["resourceVersion"] = std::to_string(version_);
  auto stored = std::make_shared<const Json>(std::move(object));
  auto [it, fresh] = bucket.items.try_emplace(key);
  Event event{version_, fresh ? Change::Kind::Added : Change::Kind::Modified, key, stored,
              it->second.object};
  it->second = Item{std::move(stored), version_, epoch, nullptr, 0};
  return append(bucket, std::move(event));
}

const Event& Store::remove(const std::string& id, const kube::ObjectKey& key, Json last_state) {
  Bucket& bucket = buckets_[id];
  ++version_;
  last_state["metadata"]["resourceVersion"] = std::to_string(version_);
  ObjectPtr previous;
  if (const auto it = bucket.items.find(key); it != bucket.items.end()) {
    previous = it->second.object;
    bucket.items.erase(it);
  }
  return append(bucket,
                Event{version_, Change::Kind::Deleted, key,
                      std::make_shared<const Json>(std::move(last_state)), std::move(previous)});
}

Outcome<std::map<kube::ObjectKey, ObjectPtr>> Store::at(const std::string& id,
                                                        std::uint64_t version) const {
  std::map<kube::ObjectKey, ObjectPtr> out;
  const Bucket* bucket = find_bucket(id);
  if (bucket == nullptr) return out;
  if (version < lost_until(id))
    return refuse(
        expired(fmt::format("too old resource version: {} ({})", version, lost_until(id))));
  for (const auto& [key, item] : bucket->items) out.emplace(key, item.object);
  for (auto it = bucket->history.rbegin(); it != bucket->history.rend() && it->version > version;
       ++it) {
    if (it->kind == Change::Kind::Added)
      out.erase(it->key);
    else
      out[it->key] = it->previous;
  }
  return out;
}

std::uint64_t Store::lost_until(const std::string& id) const {
  const Bucket* bucket = find_bucket(id);
  return bucket == nullptr ? floor_ : std::max(floor_, bucket->lost_until);
}

void Store::forget_history() {
  floor_ = ++version_;  // above everything handed out so far
  for (auto& [id, bucket] : buckets_) {
    bucket.history.clear();
    bucket.lost_until = version_;
  }
}

}  // namespace sluice::apiserver::server
