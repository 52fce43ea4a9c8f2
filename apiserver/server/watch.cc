// Watches: initial events, resumption from history, delivery, bookmarks, ends.
#include <algorithm>

#include "apiserver/server/core.h"
#include "apiserver/server/http.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

constexpr Seconds kBookmarkEvery{60};
constexpr Seconds kDefaultTimeout{1800};

std::string_view event_name(Change::Kind kind) {
  switch (kind) {
    case Change::Kind::Added:
      return "ADDED";
    case Change::Kind::Modified:
      return "MODIFIED";
    case Change::Kind::Deleted:
      return "DELETED";
  }
  return "";
}

std::string line(std::string_view type, const std::string& object) {
  std::string out = "{\"type\":\"";
  out += type;
  out += "\",\"object\":";
  out += object;
  out += "}\n";
  return out;
}

}  // namespace

ApiServer::WatchOpened Core::open_watch(const http::Request& request,
                                        std::shared_ptr<WatchSink> sink, const Caller& caller) {
  ApiServer::WatchOpened out;
  const http::Target target = http::parse_target(path_and_query(request.url));
  const Route route = parse_route(target);
  const DefPtr def = route.resource_request ? registry_.find(route.group, route.resource) : nullptr;
  const Version* version = def ? def->version(route.version) : nullptr;
  AuditEntry audit = audit_entry(clock_.wall_now(), caller, route, "watch");
  if (const std::string* agent = http::find_header(request.headers, "User-Agent");
      agent != nullptr && audit.user_agent.empty())
    audit.user_agent = *agent;
  const auto deny = [&](const Failure& failure) {
    out.refusal = failure_response(failure);
    audit.code = failure.code;
    for (const auto& listener : audit_listeners) listener(audit);
    return out;
  };
  if (version == nullptr || !version->served || def->virtual_kind) return deny(no_such_path());
  const auto param = [&target](const char* name) {
    const std::string* v = target.param(name);
    return v == nullptr ? std::string() : *v;
  };
  Outcome<Filter> filter = Filter::parse(*def, param("labelSelector"), param("fieldSelector"));
  if (!filter) return deny(filter.error());
  const std::string* accept = http::find_header(request.headers, "Accept");
  auto watcher = std::make_shared<Watcher>();
  watcher->format = choose_format(accept == nullptr ? "" : *accept, param("includeObject"));
  if (watcher->format.kind == OutputFormat::Kind::NotAcceptable) return deny(not_acceptable());
  const std::string from = param("resourceVersion");
  if (!from.empty() && !parse_int(from))
    return deny(bad_request("strconv.ParseUint: parsing " + quote(from) + ": invalid syntax"));
  const bool send_initial = is_true(param("sendInitialEvents"));
  const bool bookmarks = is_true(param("allowWatchBookmarks"));
  if (send_initial && (param("resourceVersionMatch") != "NotOlderThan"))
    return deny(
        invalid({"meta.k8s.io", "", "ListOptions"}, "",
                {field_forbidden(
                    "resourceVersionMatch",
                    "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")}));
  const auto asked = static_cast<std::uint64_t>(parse_int(from).value_or(0));
  const bool too_old = asked > 0 && asked < store_.lost_until(def->bucket);
  if (too_old && options_.gone_as_http_status)
    return deny(expired(
        fmt::format("too old resource version: {} ({})", asked, store_.lost_until(def->bucket))));

  watcher->id = ++last_watch_;
  watcher->def = def;
  watcher->version_name = version->name;
  watcher->ns = route.ns;
  watcher->filter = std::move(*filter);
  watcher->bookmarks = bookmarks;
  watcher->sink = std::move(sink);
  const MonoTime now = clock_.mono_now();
  const std::int64_t timeout = parse_int(param("timeoutSeconds")).value_or(0);
  watcher->deadline = now + (timeout > 0 ? Seconds(timeout) : kDefaultTimeout);
  watcher->next_bookmark = now + kBookmarkEvery;
  audit.code = 200;
  for (const auto& listener : audit_listeners) listener(audit);
  out.id = watcher->id;
  http::set_header(out.headers, "Content-Type", "application/json");
  watchers_[def->bucket].push_back(watcher);
  if (too_old) {
    const Failure gone = expired(
        fmt::format("too old resource version: {} ({})", asked, store_.lost_until(def->bucket)));
    end_watch(*watcher, &gone);
    return out;
  }
  (void)initial_events(*watcher, from, send_initial);
  return out;
}

bool Core::initial_events(Watcher& watcher, std::string_view resource_version, bool send_initial) {
  const ResourceDef& def = *watcher.def;
  const auto in_scope = [&watcher](const kube::ObjectKey& key) {
    return watcher.ns.empty() || key.namespace_ == watcher.ns;
  };
  if (resource_version.empty() || resource_version == "0" || send_initial) {
    watcher.from = store_.version();
    for (const ObjectPtr& object : list_all(def, watcher.ns))
      if (watcher.filter.matches(*object) && !watcher.closed)
        send(watcher, "ADDED", *object, nullptr);
    if (send_initial && watcher.bookmarks && !watcher.closed) send_bookmark(watcher, true);
    return true;
  }
  watcher.from = static_cast<std::uint64_t>(parse_int(resource_version).value_or(0));
  const Bucket* bucket = store_.find_bucket(def.bucket);
  if (bucket == nullptr) return true;
  const std::deque<Event> history = bucket->history;  // the sink may cause anything
  for (const Event& event : history) {
    if (event.version <= watcher.from || !in_scope(event.key) || watcher.closed) continue;
    const bool before = event.previous && watcher.filter.matches(*event.previous);
    const bool after = event.kind != Change::Kind::Deleted && watcher.filter.matches(*event.object);
    if (after)
      send(watcher, before ? "MODIFIED" : "ADDED", *event.object, nullptr);
    else if (before)
      send(watcher, "DELETED", *event.object, nullptr);
  }
  return true;
}

// A selector turns a change into ADDED or DELETED when the object enters or leaves what is
// selected; DELETED then shows the object as it was last selected, under the new version.
void Core::deliver(const ResourceDef& def, const Event& event) {
  const auto found = watchers_.find(def.bucket);
  if (found == watchers_.end()) return;
  std::string plain;
  for (const auto& watcher : std::vector<std::shared_ptr<Watcher>>(found->second)) {
    if (watcher->closed || event.version <= watcher->from) continue;
    if (!watcher->ns.empty() && watcher->ns != event.key.namespace_) continue;
    if (watcher->filter.everything()) {
      send(*watcher, event_name(event.kind), *event.object, &plain);
      continue;
    }
    const bool before = event.previous && watcher->filter.matches(*event.previous);
    const bool after =
        event.kind != Change::Kind::Deleted && watcher->filter.matches(*event.object);
    if (after)
      send(*watcher, before ? "MODIFIED" : "ADDED", *event.object, &plain);
    else if (before && event.kind == Change::Kind::Deleted)
      send(*watcher, "DELETED", *event.object, &plain);
    else if (before) {
      Json left = *event.previous;
      left["metadata"]["resourceVersion"] = std::to_string(event.version);
      send(*watcher, "DELETED", left, nullptr);
    }
  }
}

void Core::send(Watcher& watcher, std::string_view type, const Json& object,
                std::string* shared_plain) {
  const ResourceDef& def = *watcher.def;
  const bool plain =
      watcher.format.kind == OutputFormat::Kind::Whole && same_on_wire(def, watcher.version_name);
  if (plain && shared_plain != nullptr) {
    if (shared_plain->empty()) *shared_plain = kube::dump(object);
    watcher.sink->on_bytes(line(type, *shared_plain));
    return;
  }
  const Json shown = present(def, watcher.version_name, object);
  if (watcher.format.kind == OutputFormat::Kind::Whole) {
    watcher.sink->on_bytes(line(type, kube::dump(shown)));
  } else if (watcher.format.kind == OutputFormat::Kind::Metadata) {
    watcher.sink->on_bytes(
        line(type, kube::dump(metadata_only(shown, watcher.format.meta_version))));
  } else {
    const Json table = make_table(def, *def.version(watcher.version_name), {&shown}, watcher.format,
                                  !watcher.columns_sent, clock_.wall_now());
    watcher.columns_sent = true;
    watcher.sink->on_bytes(line(type, kube::dump(table)));
  }
}

void Core::send_bookmark(Watcher& watcher, bool initial_end) {
  const ResourceDef& def = *watcher.def;
  Json object = {
      {"apiVersion", def.api_version(watcher.version_name)},
      {"kind", def.kind},
      {"metadata",
       {{"resourceVersion", std::to_string(store_.version())}, {"creationTimestamp", nullptr}}}};
  if (initial_end) object["metadata"]["annotations"] = {{"k8s.io/initial-events-end", "true"}};
  watcher.sink->on_bytes(line("BOOKMARK", kube::dump(object)));
}

void Core::end_watch(Watcher& watcher, const Failure* why) {
  if (watcher.closed) return;
  if (why != nullptr) watcher.sink->on_bytes(line("ERROR", kube::dump(to_status(*why))));
  const std::shared_ptr<WatchSink> sink = watcher.sink;
  close_watch(watcher.id);
  sink->on_end();
}

void Core::close_watch(WatchId id) {
  for (auto& [bucket, list] : watchers_) {
    const auto it = std::find_if(list.begin(), list.end(),
                                 [id](const auto& watcher) { return watcher->id == id; });
    if (it == list.end()) continue;
    (*it)->closed = true;
    list.erase(it);
    return;
  }
}

MonoTime Core::tick() {
  const MonoTime now = clock_.mono_now();
  MonoTime next = MonoTime::max();
  std::vector<std::shared_ptr<Watcher>> all;
  for (const auto& [bucket, list] : watchers_) all.insert(all.end(), list.begin(), list.end());
  for (const auto& watcher : all) {
    if (watcher->closed) continue;
    if (now >= watcher->deadline) {
      if (watcher->bookmarks) send_bookmark(*watcher, false);
      end_watch(*watcher, nullptr);
      continue;
    }
    if (watcher->bookmarks && now >= watcher->next_bookmark) {
      watcher->next_bookmark = now + kBookmarkEvery;
      send_bookmark(*watcher, false);
    }
    next = std::min(next, watcher->deadline);
    if (watcher->bookmarks) next = std::min(next, watcher->next_bookmark);
  }
  return next;
}

void Core::expire_windows() {
  store_.forget_history();
  std::vector<std::shared_ptr<Watcher>> all;
  for (const auto& [bucket, list] : watchers_) all.insert(all.end(), list.begin(), list.end());
  const Failure gone = expired(
      fmt::format("too old resource version: {} ({})", store_.version(), store_.version() + 1));
  for (const auto& watcher : all) end_watch(*watcher, &gone);
}

}  // namespace sluice::apiserver::server
