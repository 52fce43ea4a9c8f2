#pragma once
// What the loop knows of the world: one Reflector and one Store per kind.
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "api/analysis.h"
#include "api/resources.h"
#include "api/rollout.h"
#include "base/rng.h"
#include "base/seams.h"
#include "controller/loop/requests.h"
#include "kube/cache/store.h"
#include "kube/model/objects.h"
#include "kube/model/resources.h"
#include "kube/watch/reflector.h"

namespace sluice::loop {

struct Experiment {  // refused by this release: only what the refusal needs
  kube::Meta meta;
  std::string phase;
  std::string refusal;  // message of its InvalidSpec condition
};
[[nodiscard]] Experiment decode_experiment(kube::Node object);

class KindCacheBase : public kube::ReflectorSink {
 public:
  KindCacheBase(kube::Reflector::Options options, bool optional, Rng& rng)
      : reflector_(options, *this, rng), type_(options.type), optional_(optional) {}
  // Sends what the Reflector wants; returns when to come back.
  MonoTime step(Requests& requests, Clock& clock);
  void server_answers(MonoTime now) { reflector_.server_answers(now); }
  // A kind that we may do without (the right is missing, or the API is not served) counts as synced
  // and empty.
  [[nodiscard]] bool synced() const { return reflector_.synced() || (optional_ && missing()); }
  [[nodiscard]] bool missing() const;
  // The last answer, or event, as a whole was nothing that we can read.
  [[nodiscard]] bool undecodable() const {
    const auto& error = reflector_.last_error();
    return error && error->code == ErrorCode::Decode;
  }
  [[nodiscard]] const kube::Reflector& reflector() const { return reflector_; }
  [[nodiscard]] const kube::ResourceType& type() const { return type_; }
  [[nodiscard]] bool optional() const { return optional_; }
  // An object that the server has and that cannot be read (kube/README.md).
  struct Unreadable {
    kube::Meta meta;
    std::string why;
    bool kept = false;  // an earlier state of it is known, and stays
  };
  void on_unreadable(kube::Node metadata_only, std::string_view why) final;
  [[nodiscard]] bool unreadable(const kube::ObjectKey& key) const;
  [[nodiscard]] bool any_unreadable(const std::string& ns) const;
  // Those that became so since the last call; each of them once in each of its versions.
  [[nodiscard]] std::vector<Unreadable> take_unreadable() { return std::exchange(news_, {}); }
  // From the answer to a write of ours, or a read-back.
  virtual void overlay(kube::Node object) = 0;
  virtual void overlay_deleted(const kube::ObjectKey& key) = 0;
  // The object as a document; nullptr when it is absent, or its kind is kept as another view.
  [[nodiscard]] virtual std::shared_ptr<const kube::Object> object(
      const kube::ObjectKey& key) const = 0;
  // Likewise those that this owner controls.
  [[nodiscard]] virtual std::vector<std::shared_ptr<const kube::Object>> objects_of(
      const kube::Owner& owner) const = 0;

 protected:
  virtual bool keep(const kube::Identity& identity) = 0;
  void readable_or_gone(const kube::ObjectKey& key);
  void unreadables_of_a_new_list();
  void unreadables_listed() { unreadable_before_.clear(); }

 private:
  kube::Reflector reflector_;
  kube::ResourceType type_;
  bool optional_;
  // As the watch or the running list named them, and as they were before that list began.
  std::map<kube::ObjectKey, kube::Identity> unreadable_, unreadable_before_;
  std::vector<Unreadable> news_;
};

template <class T>
class KindCache final : public KindCacheBase {
 public:
  using Decode = T (*)(kube::Node);
  // `now_object` is null when the object went away; `before` is null when it is new.
  using OnChange = std::function<void(const T* before, const T* now_object)>;

  KindCache(kube::Reflector::Options options, bool optional, Rng& rng, Decode decode,
            OnChange on_change)
      : KindCacheBase(options, optional, rng), decode_(decode), on_change_(std::move(on_change)) {}

  kube::Store<T> store;

  // Objects that are not read are kept as packed text, but for `views_max` of them.
  void rest_unread(std::size_t views_max) { store.rest_unread(views_max, decode_); }

  void on_upsert(kube::Node object) override {
    // A list after a gap names the whole fleet again, and next to nothing of it has changed.
    const kube::Identity identity = kube::decode_identity(object);
    readable_or_gone(identity.key);
    if (store.confirm(identity.key, identity.uid, identity.resource_version)) return;
    typename kube::Store<T>::Ptr before;
    T news = decode_(object);
    const kube::ObjectKey key = news.meta.key;
    if (store.upsert(std::move(news), &before)) tell(before, key);
  }
  void on_delete(kube::Node object) override {
    const kube::Identity identity = kube::decode_identity(object);
    readable_or_gone(identity.key);
    typename kube::Store<T>::Ptr before;
    if (store.erase(identity.key, identity.uid, &before)) on_change_(before.get(), nullptr);
  }
  void on_list_started() override {
    unreadables_of_a_new_list();
    store.list_started();
  }
  void on_list_finished() override {
    unreadables_listed();
    store.list_finished([this](const T& gone) { on_change_(&gone, nullptr); },
                        reflector().resource_version());
  }
  void overlay(kube::Node object) override {
    T answer = decode_(object);
    const kube::ObjectKey key = answer.meta.key;
    const auto before = store.get(key);
    store.overlay(std::move(answer));
    // Its echo in the watch will be nothing new, so whoever cares hears of it now.
    tell(before, key);
  }
  void overlay_deleted(const kube::ObjectKey& key) override { store.overlay_deleted(key); }
  [[nodiscard]] std::shared_ptr<const kube::Object> object(
      const kube::ObjectKey& key) const override {
    if constexpr (std::is_same_v<T, kube::Object>) return store.get(key);
    return nullptr;
  }
  [[nodiscard]] std::vector<std::shared_ptr<const kube::Object>> objects_of(
      const kube::Owner& owner) const override {
    if constexpr (std::is_same_v<T, kube::Object>) return store.owned_by(owner);
    return {};
  }

 private:
  bool keep(const kube::Identity& identity) override {
    return store.keep(identity.key, identity.uid);
  }
  void tell(const typename kube::Store<T>::Ptr& before, const kube::ObjectKey& key) {
    // The watch may have said that the object is gone while the answer to our write was on its way:
    // then there is neither an old nor a new object to tell of.
    const auto now_object = store.get(key);
    if (before || now_object) on_change_(before.get(), now_object.get());
  }
  Decode decode_;
  OnChange on_change_;
};

}  // namespace sluice::loop
