#include "apiserver/server/core.h"

#include "kube/json/json.h"

namespace sluice::apiserver::server {

Core::Core(Clock& clock, Rng& rng, ApiServer::Options options)
    : clock_(clock), rng_(rng), options_(std::move(options)), store_(options_.watch_window) {
  seed_namespaces();
  if (options_.crds) {
    for (const ApiServer::CompiledCrd& crd : options_.crds->list) {
      Json object = *crd.object;
      object["metadata"]["uid"] = new_uid();
      object["metadata"]["creationTimestamp"] = now_text();
      establish_crd(object, now_text());
      const DefPtr def = registry_.find("apiextensions.k8s.io", "customresourcedefinitions");
      const kube::ObjectKey key = key_of(*def, object);
      store_.put(def->bucket, key, std::move(object), 0);
      registry_.put(std::static_pointer_cast<const ResourceDef>(crd.definition));
    }
  }
}

void Core::seed_namespaces() {
  const DefPtr def = registry_.find("", "namespaces");
  for (const char* name : {"default", "kube-node-lease", "kube-public", "kube-system"}) {
    Json object = {{"apiVersion", "v1"},
                   {"kind", "Namespace"},
                   {"metadata",
                    {{"name", name},
                     {"uid", new_uid()},
                     {"creationTimestamp", now_text()},
                     {"labels", {{"kubernetes.io/metadata.name", name}}}}},
                   {"spec", {{"finalizers", {"kubernetes"}}}},
                   {"status", {{"phase", "Active"}}}};
    store_.put(def->bucket, {"", name}, std::move(object), 0);
  }
}

std::string Core::now_text() const {
  return format_rfc3339(clock_.wall_now());
}

std::string Core::new_uid() {
  const std::uint64_t a = rng_.next_u64(), b = rng_.next_u64();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:x}{:03x}-{:012x}", a >> 32U, (a >> 16U) & 0xFFFFU,
                     a & 0xFFFU, 8U + ((b >> 62U) & 3U), (b >> 48U) & 0xFFFU,
                     b & 0xFFFFFFFFFFFFULL);
}

ObjectPtr Core::view(const ResourceDef& def, const Item& item) const {
  if (!def.custom || item.epoch == def.epoch) return item.object;
  if (item.view && item.view_epoch == def.epoch) return item.view;
  Json copy = *item.object;
  const Version& stored = def.stored();
  copy["apiVersion"] = def.api_version(stored.name);
  if (stored.schema != nullptr) {
    prune(*stored.schema, copy, nullptr);
    apply_defaults(*stored.schema, copy);
  }
  item.view = std::make_shared<const Json>(std::move(copy));
  item.view_epoch = def.epoch;
  return item.view;
}

ObjectPtr Core::find(const ResourceDef& def, const kube::ObjectKey& key) const {
  const Item* item = store_.find(def.bucket, key);
  return item == nullptr ? nullptr : view(def, *item);
}

std::vector<ObjectPtr> Core::list_all(const ResourceDef& def, std::string_view ns) const {
  std::vector<ObjectPtr> out;
  const Bucket* bucket = store_.find_bucket(def.bucket);
  if (bucket == nullptr) return out;
  auto it = ns.empty() ? bucket->items.begin()
                       : bucket->items.lower_bound(kube::ObjectKey{std::string(ns), ""});
  for (; it != bucket->items.end() && (ns.empty() || it->first.namespace_ == ns); ++it)
    out.push_back(view(def, it->second));
  return out;
}

const Json& Core::commit(const ResourceDef& def, const kube::ObjectKey& key, Json object) {
  const Event& event = store_.put(def.bucket, key, std::move(object), def.epoch);
  const ObjectPtr kept = event.object;
  announce(def, event);
  return *kept;
}

void Core::commit_removal(const ResourceDef& def, const kube::ObjectKey& key, Json last_state) {
  announce(def, store_.remove(def.bucket, key, std::move(last_state)));
}

void Core::announce(const ResourceDef& def, const Event& event) {
  const Event copy = event;  // listeners may read, the deque may move
  if (def.bucket == "apiextensions.k8s.io/customresourcedefinitions") definition_changed(copy);
  const std::size_t slash = def.bucket.find('/');
  const Change change{copy.kind,
                      def.bucket.substr(0, slash),
                      def.bucket.substr(slash + 1),
                      copy.key,
                      copy.object,
                      copy.previous};
  for (const auto& listener : change_listeners) listener(change);
  deliver(def, copy);
}

// A changed CRD takes effect at the next request; deleting one takes its objects along.
void Core::definition_changed(const Event& event) {
  const std::string group = kube::get_string(*event.object, "spec.group");
  const std::string plural = kube::get_string(*event.object, "spec.names.plural");
  if (event.kind != Change::Kind::Deleted) {
    // Status-only writes leave the definition alone.
    if (event.previous && (*event.previous)["spec"] == (*event.object)["spec"]) return;
    if (DefPtr def = compile_crd(*event.object, ++epoch_)) registry_.put(std::move(def));
    return;
  }
  const DefPtr def = registry_.find(group, plural);
  if (!def || !def->custom) return;
  std::vector<std::pair<kube::ObjectKey, ObjectPtr>> orphans;
  for (const auto& [key, item] : store_.bucket(def->bucket).items)
    orphans.emplace_back(key, item.object);
  for (const auto& [key, object] : orphans) commit_removal(*def, key, *object);
  registry_.erase(group, plural);
  const auto watchers = watchers_.find(def->bucket);
  if (watchers == watchers_.end()) return;
  for (const auto& watcher : std::vector<std::shared_ptr<Watcher>>(watchers->second))
    end_watch(*watcher, nullptr);
}

// The in-process door: the same pipeline without HTTP. Preconditions of the Write are folded in as
// make_request does.
Result<Json> Core::write(const kube::Write& w) {
  WriteContext c;
  c.def = registry_.find(w.type.group, w.type.resource);
  if (!c.def) return fail(to_error(no_such_path()));
  c.version = c.def->version(w.type.version);
  if (c.version == nullptr) c.version = &c.def->stored();
  c.key = w.key;
  c.subresource = w.subresource;
  c.manager = "kube-controller-manager";
  c.force = true;
  Json body;
  if (!w.body.empty()) {
    SLUICE_TRY(body, kube::parse_json(w.body));
  }
  if (w.subresource == "status" && !c.version->status) c.subresource.clear();
  const auto show = [&](const Outcome<ObjectPtr>& done) -> Result<Json> {
    if (!done) return fail(to_error(done.error()));
    return present(*c.def, c.version->name, **done);
  };
  if (w.verb == kube::Verb::Delete) {
    Outcome<DeleteOptions> options = parse_delete_options(&body, nullptr);
    if (!options) return fail(to_error(options.error()));
    if (!w.uid.empty()) options->uid = w.uid;
    if (!w.resource_version.empty()) options->resource_version = w.resource_version;
    Outcome<Removal> removed = remove(c, *options);
    if (!removed) return fail(to_error(removed.error()));
    return present(*c.def, c.version->name, *removed->object);
  }
  const auto whole = [](const Outcome<Json>& done) -> Result<Json> {
    if (!done) return fail(to_error(done.error()));
    return *done;
  };
  if (w.verb == kube::Verb::Create && w.subresource == "eviction") return whole(evict(c, body));
  if (w.verb == kube::Verb::Create && w.subresource == "binding") return whole(bind(c, body));
  if (w.verb == kube::Verb::JsonPatch && body.is_array()) {
    Json tests = Json::array();
    if (!w.uid.empty())
      tests.push_back({{"op", "test"}, {"path", "/metadata/uid"}, {"value", w.uid}});
    if (!w.resource_version.empty())
      tests.push_back(
          {{"op", "test"}, {"path", "/metadata/resourceVersion"}, {"value", w.resource_version}});
    for (Json& operation : body) tests.push_back(std::move(operation));
    body = std::move(tests);
  } else if (body.is_object() && w.verb != kube::Verb::Create) {
    if (!w.uid.empty()) body["metadata"]["uid"] = w.uid;
    if (!w.resource_version.empty()) body["metadata"]["resourceVersion"] = w.resource_version;
  }
  PatchType type = PatchType::Merge;
  switch (w.verb) {
    case kube::Verb::Create:
      return show(create(c, std::move(body)));
    case kube::Verb::Update:
      return show(update(c, std::move(body)));
    case kube::Verb::JsonPatch:
      type = PatchType::Operations;
      break;
    case kube::Verb::StrategicPatch:
      type = PatchType::Strategic;
      break;
    case kube::Verb::ApplyPatch:
      type = PatchType::Apply;
      break;
    case kube::Verb::MergePatch:
    case kube::Verb::Delete:
      break;
  }
  if (w.subresource == "scale" && c.version->scale)
    return whole(write_scale(c, [&](Json before) {
      return patched(std::move(before), type, body, native_type("Scale"));
    }));
  return show(patch(c, type, body));
}

kube::ObjectKey key_of(const ResourceDef& def, const Json& object) {
  return {def.namespaced ? kube::get_string(object, "metadata.namespace") : "",
          kube::get_string(object, "metadata.name")};
}

}  // namespace sluice::apiserver::server
