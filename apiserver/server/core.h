#pragma once
// The server behind ApiServer: registry, store, the write pipeline and the watches. Files: core.cc
// (state), write.cc (create, update), patch.cc, remove.cc (deletion), subresources.cc, list.cc,
// watch.cc, http.cc (requests).
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/api_server.h"
#include "apiserver/server/failure.h"
#include "apiserver/server/filter.h"
#include "apiserver/server/managers.h"
#include "apiserver/server/openapi.h"
#include "apiserver/server/output.h"
#include "apiserver/server/registry.h"
#include "apiserver/server/store.h"
#include "base/rng.h"
#include "base/seams.h"
#include "kube/json/json_fwd.h"
#include "kube/request/request.h"

namespace sluice::apiserver::server {

enum class Strictness { Ignore, Warn, Strict };  // fieldValidation
enum class PatchType { Merge, Operations, Strategic, Apply };

// Everything a write needs to know besides its content.
struct WriteContext {
  DefPtr def;
  const Version* version = nullptr;  // as on the wire
  kube::ObjectKey key;
  std::string subresource;
  std::string manager = "unknown";
  bool dry_run = false, force = false;
  Strictness strictness = Strictness::Ignore;
  std::vector<std::string> warnings;
  bool created = false;  // out: an update or apply made the object

  [[nodiscard]] Subject subject() const { return def->subject(); }
  [[nodiscard]] ManagerId manager_id(bool apply) const {
    return {manager, apply ? "Apply" : "Update", def->api_version(version->name), subresource};
  }
};

struct DeleteOptions {
  std::optional<std::int64_t> grace_seconds;
  std::string propagation, uid, resource_version;
  bool dry_run = false;
};
[[nodiscard]] Outcome<DeleteOptions> parse_delete_options(const Json* body,
                                                          const http::Target* target);

struct Watcher {
  WatchId id = 0;
  DefPtr def;
  std::string version_name;
  std::string ns;
  Filter filter;
  OutputFormat format;
  bool columns_sent = false;
  bool bookmarks = false, closed = false;
  std::uint64_t from = 0;
  MonoTime next_bookmark{}, deadline{};
  std::shared_ptr<WatchSink> sink;
};

class Core {
 public:
  Core(Clock& clock, Rng& rng, ApiServer::Options options);

  // ---- http.cc ----
  [[nodiscard]] http::Response handle(const http::Request& request, const Caller& caller);

  // ---- watch.cc ----
  [[nodiscard]] ApiServer::WatchOpened open_watch(const http::Request& request,
                                                  std::shared_ptr<WatchSink> sink,
                                                  const Caller& caller);
  void close_watch(WatchId id);
  MonoTime tick();
  void expire_windows();

  // ---- core.cc ----
  [[nodiscard]] DefPtr definition(std::string_view group, std::string_view resource) const {
    return registry_.find(group, resource);
  }
  // The stored object under today's definition (defaulted again when the definition moved).
  [[nodiscard]] ObjectPtr view(const ResourceDef& def, const Item& item) const;
  [[nodiscard]] ObjectPtr find(const ResourceDef& def, const kube::ObjectKey& key) const;
  [[nodiscard]] std::vector<ObjectPtr> list_all(const ResourceDef& def, std::string_view ns) const;
  [[nodiscard]] const Store& store() const { return store_; }
  [[nodiscard]] Result<Json> write(const kube::Write& write);

  // ---- write.cc ----
  [[nodiscard]] Outcome<ObjectPtr> create(WriteContext& c, Json object);
  [[nodiscard]] Outcome<ObjectPtr> update(WriteContext& c, Json object);
  // ---- patch.cc ----
  [[nodiscard]] Outcome<ObjectPtr> patch(WriteContext& c, PatchType type, const Json& body);
  // ---- remove.cc ----
  struct Removal {
    ObjectPtr object;  // the last or the marked state
    bool gone = false;
  };
  [[nodiscard]] Outcome<Removal> remove(const WriteContext& c, const DeleteOptions& options);
  // ---- subresources.cc ----
  [[nodiscard]] Outcome<Json> read_scale(const WriteContext& c) const;
  [[nodiscard]] Outcome<Json> write_scale(WriteContext& c,
                                          const std::function<Outcome<Json>(Json)>& edit);
  [[nodiscard]] Outcome<Json> evict(const WriteContext& c, const Json& body);
  [[nodiscard]] Outcome<Json> bind(const WriteContext& c, const Json& body);

  std::vector<std::function<void(const Change&)>> change_listeners;
  std::vector<std::function<void(const AuditEntry&)>> audit_listeners;

 private:
  friend class Requests;  // http.cc
  friend class Lists;     // list.cc

  [[nodiscard]] std::string now_text() const;
  [[nodiscard]] std::string new_uid();
  void seed_namespaces();

  // write.cc
  [[nodiscard]] Outcome<Json> decode(WriteContext& c, Json object) const;
  [[nodiscard]] std::optional<Failure> namespace_refusal(const WriteContext& c,
                                                         const std::string& name) const;
  [[nodiscard]] Outcome<ObjectPtr> create_decoded(WriteContext& c, Json object,
                                                  const Managers* managers);
  // `object` is in storage form and complete; managers: the state to store (nullptr: record an
  // ordinary update).
  [[nodiscard]] Outcome<ObjectPtr> update_decoded(WriteContext& c, const ObjectPtr& old,
                                                  Json object, const Managers* managers);
  [[nodiscard]] std::optional<Failure> check_preconditions(const WriteContext& c, const Json& old,
                                                           Json& object) const;
  void carry_over(const WriteContext& c, const Json& old, Json& object) const;
  void finish(const WriteContext& c, Json& object, const Json* old);
  [[nodiscard]] std::optional<Failure> check(const WriteContext& c, const Json& object,
                                             const Json* old) const;

  [[nodiscard]] const Json& commit(const ResourceDef& def, const kube::ObjectKey& key, Json object);
  void commit_removal(const ResourceDef& def, const kube::ObjectKey& key, Json last_state);
  void announce(const ResourceDef& def, const Event& event);
  void definition_changed(const Event& event);

  // patch.cc
  [[nodiscard]] Outcome<ObjectPtr> apply(WriteContext& c, const Json& body);

  // remove.cc
  [[nodiscard]] Outcome<Removal> remove_namespace(const WriteContext& c, const ObjectPtr& current,
                                                  const DeleteOptions& options);
  [[nodiscard]] Outcome<Removal> mark_deleted(const WriteContext& c, const ObjectPtr& current,
                                              Json marked, std::int64_t grace);

  // watch.cc
  void deliver(const ResourceDef& def, const Event& event);
  void send(Watcher& watcher, std::string_view type, const Json& object, std::string* shared_plain);
  void send_bookmark(Watcher& watcher, bool initial_end);
  void end_watch(Watcher& watcher, const Failure* why);
  [[nodiscard]] bool initial_events(Watcher& watcher, std::string_view resource_version,
                                    bool send_initial);

  Clock& clock_;
  Rng& rng_;
  ApiServer::Options options_;
  Registry registry_;
  Store store_;
  OpenApi openapi_;
  std::uint64_t epoch_ = 0;
  WatchId last_watch_ = 0;
  std::map<std::string, std::vector<std::shared_ptr<Watcher>>, std::less<>> watchers_;  // by bucket
};

// A document with a merge, JSON or strategic patch applied.
// `kind`: what says how a strategic patch merges lists.
[[nodiscard]] Outcome<Json> patched(Json document, PatchType type, const Json& body,
                                    const Schema* kind);
[[nodiscard]] kube::ObjectKey key_of(const ResourceDef& def, const Json& object);

}  // namespace sluice::apiserver::server
