#include "apiserver/server/fieldset.h"

#include <algorithm>
#include <map>

#include "kube/json/json.h"

namespace sluice::apiserver::server::fieldset {
namespace {

bool is_member(const Json& node) {
  return node.empty() || node.contains(".");
}

bool has_children(const Json& node) {
  return node.size() > (node.contains(".") ? 1U : 0U);
}

// Puts a node together again; nothing at all is std::nullopt.
std::optional<Json> node_of(bool member, Json children) {
  children.erase(".");
  if (children.empty()) return member ? std::optional<Json>(Json::object()) : std::nullopt;
  if (member) children["."] = Json::object();
  return children;
}

struct Level {
  const Schema* schema = nullptr;
  bool root = false;

  [[nodiscard]] Level child(const std::string& key) const {
    static const Schema* const kMeta = native_type("ObjectMeta");
    if (root && key == "metadata") return {kMeta, false};
    return {schema == nullptr ? nullptr : schema->property(key), false};
  }
  [[nodiscard]] Level item() const { return {schema == nullptr ? nullptr : schema->items, false}; }
  [[nodiscard]] bool keyed_list() const {
    return schema != nullptr && schema->type == Schema::Type::Array &&
           schema->list != Schema::ListKind::Atomic;
  }
  [[nodiscard]] bool leaf(const Json& value) const {
    if (value.is_array()) return !keyed_list();
    if (!value.is_object()) return true;
    return schema != nullptr && schema->atomic_map;
  }
};

// Ownership ignores what the server keeps itself.
bool ignored(const Level& level, bool metadata, const std::string& key) {
  if (level.root) return key == "apiVersion" || key == "kind";
  if (!metadata) return false;
  return key == "name" || key == "namespace" || key == "creationTimestamp" || key == "selfLink" ||
         key == "uid" || key == "clusterName" || key == "generation" || key == "managedFields" ||
         key == "resourceVersion" || key == "deletionTimestamp" ||
         key == "deletionGracePeriodSeconds" || key == "generateName";
}

std::string item_key(const Schema& list, const Json& item) {
  if (list.list == Schema::ListKind::Set) return "v:" + kube::dump(item);
  Json key = Json::object();
  for (const std::string& name : list.map_keys) {
    if (item.is_object() && item.contains(name))
      key[name] = item[name];
    else if (name == "protocol")
      key[name] = "TCP";
  }
  return "k:" + kube::dump(key);
}

std::map<std::string, const Json*> by_key(const Schema& list, const Json& array) {
  std::map<std::string, const Json*> out;
  for (const Json& item : array) out.emplace(item_key(list, item), &item);
  return out;
}

// dots: also count the containers themselves (a write that created them), not only their leaves.
Json all_of(const Level& level, const Json& value, bool dots, bool metadata = false) {
  Json node = Json::object();
  if (level.leaf(value) || value.empty()) return node;
  if (value.is_array()) {
    for (const Json& item : value) {
      Json below = level.schema->list == Schema::ListKind::Set ? Json::object()
                                                               : all_of(level.item(), item, dots);
      if (!below.empty()) below["."] = Json::object();
      node[item_key(*level.schema, item)] = std::move(below);
    }
    if (dots) node["."] = Json::object();
    return node;
  }
  for (const auto& [key, member] : value.items()) {
    if (ignored(level, metadata, key)) continue;
    const bool into_metadata = level.root && key == "metadata";
    Json below = all_of(level.child(key), member, dots, into_metadata);
    if (below.empty() && into_metadata) continue;
    node["f:" + key] = std::move(below);
  }
  if (dots && !level.root && !metadata && !node.empty()) {
    // Go structs that are no pointers exist always, so nobody adds them.
    const bool plain_struct = level.schema != nullptr && !level.schema->go_type.empty() &&
                              level.schema->additional == nullptr;
    if (!plain_struct) node["."] = Json::object();
  }
  return node;
}

struct Comparer {
  // Adds to `changed` and `removed` below one node.
  void walk(const Level& level, const Json& before, const Json& after, bool metadata, Json& changed,
            Json& removed) {
    if (after.is_object() && before.is_object())
      return objects(level, before, after, metadata, changed, removed);
    const auto old_items = by_key(*level.schema, before);
    const auto new_items = by_key(*level.schema, after);
    for (const auto& [key, item] : new_items) {
      const auto old = old_items.find(key);
      if (old == old_items.end())
        add_all(level.item(), *item, key, changed);
      else
        pair(level.item(), *old->second, *item, key, changed, removed);
    }
    for (const auto& [key, item] : old_items)
      if (!new_items.contains(key)) add_all(level.item(), *item, key, removed);
  }

 private:
  static void add_all(const Level& level, const Json& value, const std::string& key, Json& into,
                      bool metadata = false) {
    Json below = all_of(level, value, true, metadata);
    const bool list_item = key.front() != 'f';
    if (list_item && !below.empty()) below["."] = Json::object();
    if (below.empty() && metadata) return;
    into[key] = std::move(below);
  }

  void pair(const Level& level, const Json& before, const Json& after, const std::string& key,
            Json& changed, Json& removed, bool metadata = false) {
    if (before == after) return;
    const bool same_shape =
        (before.is_object() && after.is_object()) || (before.is_array() && after.is_array());
    if (!same_shape || level.leaf(after)) {
      changed[key] = level.leaf(after) ? Json::object() : all_of(level, after, true);
      return;
    }
    Json changed_below = Json::object(), removed_below = Json::object();
    walk(level, before, after, metadata, changed_below, removed_below);
    if (!changed_below.empty()) changed[key] = std::move(changed_below);
    if (!removed_below.empty()) removed[key] = std::move(removed_below);
  }

  void objects(const Level& level, const Json& before, const Json& after, bool metadata,
               Json& changed, Json& removed) {
    for (const auto& [key, value] : after.items()) {
      if (ignored(level, metadata, key)) continue;
      const bool into_metadata = level.root && key == "metadata";
      const auto old = before.find(key);
      if (old == before.end())
        add_all(level.child(key), value, "f:" + key, changed, into_metadata);
      else
        pair(level.child(key), *old, value, "f:" + key, changed, removed, into_metadata);
    }
    for (const auto& [key, value] : before.items())
      if (!ignored(level, metadata, key) && !after.contains(key))
        add_all(level.child(key), value, "f:" + key, removed, level.root && key == "metadata");
  }
};

void merge_at(const Level& level, Json& live, const Json& applied);

void merge_list(const Level& level, Json& live, const Json& applied) {
  for (const Json& item : applied) {
    const std::string key = item_key(*level.schema, item);
    const auto it = std::find_if(live.begin(), live.end(), [&](const Json& other) {
      return item_key(*level.schema, other) == key;
    });
    if (it == live.end())
      live.push_back(item);
    else
      merge_at(level.item(), *it, item);
  }
}

void merge_at(const Level& level, Json& live, const Json& applied) {
  if (live.is_object() && applied.is_object() && !level.leaf(applied)) {
    for (const auto& [key, value] : applied.items()) {
      const auto it = live.find(key);
      if (it == live.end())
        live[key] = value;
      else
        merge_at(level.child(key), *it, value);
    }
    return;
  }
  if (live.is_array() && applied.is_array() && level.keyed_list())
    return merge_list(level, live, applied);
  live = applied;
}

void remove_at(const Level& level, Json& value, const Json& gone, const Json& kept);

// True when the member itself is to go.
bool remove_child(const Level& level, Json& value, const Json& gone, const Json& kept) {
  if (is_member(gone) && !has_children(kept) && kept.is_null()) return true;
  static const Json kNothing = Json::object();
  if (has_children(gone)) remove_at(level, value, gone, kept.is_null() ? kNothing : kept);
  return is_member(gone) && kept.is_null();
}

void remove_at(const Level& level, Json& value, const Json& gone, const Json& kept) {
  static const Json kAbsent;
  const auto keeper = [&kept](const std::string& key) -> const Json& {
    const auto it = kept.find(key);
    return it == kept.end() ? kAbsent : *it;
  };
  if (value.is_object()) {
    for (auto it = value.begin(); it != value.end();) {
      const std::string key = "f:" + it.key();
      const auto found = gone.find(key);
      if (found != gone.end() &&
          remove_child(level.child(it.key()), it.value(), *found, keeper(key)))
        it = value.erase(it);
      else
        ++it;
    }
  } else if (value.is_array() && level.keyed_list()) {
    for (auto it = value.begin(); it != value.end();) {
      const std::string key = item_key(*level.schema, *it);
      const auto found = gone.find(key);
      if (found != gone.end() && remove_child(level.item(), *it, *found, keeper(key)))
        it = value.erase(it);
      else
        ++it;
    }
  }
}

std::string path_element(const std::string& key) {
  if (key.rfind("f:", 0) == 0) return "." + key.substr(2);
  const std::string rest = key.substr(2);
  if (key.rfind("v:", 0) == 0) return "[=" + rest + "]";
  const Result<Json> parsed = kube::parse_json(rest);
  if (!parsed || !parsed->is_object()) return "[" + rest + "]";
  std::string text;
  for (const auto& [name, value] : parsed->items())
    text += (text.empty() ? "" : ",") + name + "=" + kube::dump(value);
  return "[" + text + "]";
}

void collect(const Json& set, const std::string& prefix, std::vector<std::string>& out) {
  for (const auto& [key, node] : set.items()) {
    if (key == ".") continue;
    const std::string path = prefix + path_element(key);
    if (is_member(node)) out.push_back(path);
    collect(node, path, out);
  }
}

}  // namespace

Json unite(const Json& a, const Json& b) {
  Json out = a;
  for (const auto& [key, node] : b.items()) {
    const auto it = out.find(key);
    if (it == out.end()) {
      out[key] = node;
      continue;
    }
    if (key == ".") continue;
    const bool member = is_member(*it) || is_member(node);
    if (auto merged = node_of(member, unite(*it, node))) *it = std::move(*merged);
  }
  return out;
}

Json subtract(const Json& a, const Json& b) {
  Json out = Json::object();
  for (const auto& [key, node] : a.items()) {
    if (key == ".") continue;
    const auto other = b.find(key);
    if (other == b.end()) {
      out[key] = node;
      continue;
    }
    if (auto rest = node_of(is_member(node) && !is_member(*other), subtract(node, *other)))
      out[key] = std::move(*rest);
  }
  return out;
}

Json intersect(const Json& a, const Json& b) {
  Json out = Json::object();
  for (const auto& [key, node] : a.items()) {
    const auto other = b.find(key);
    if (key == "." || other == b.end()) continue;
    if (auto both = node_of(is_member(node) && is_member(*other), intersect(node, *other)))
      out[key] = std::move(*both);
  }
  return out;
}

Json of_applied(const Schema* schema, const Json& object) {
  return all_of({schema, true}, object, false);
}

Difference::Difference()
    : changed(std::make_shared<Json>(Json::object())),
      removed(std::make_shared<Json>(Json::object())) {}

Difference compare(const Schema* schema, const Json& before, const Json& after) {
  Difference out;
  Comparer().walk({schema, true}, before, after, false, *out.changed, *out.removed);
  return out;
}

void merge(const Schema* schema, Json& live, const Json& applied) {
  merge_at({schema, true}, live, applied);
}

void remove(const Schema* schema, Json& object, const Json& gone, const Json& kept) {
  remove_at({schema, true}, object, gone, kept);
}

std::vector<std::string> paths(const Json& set) {
  std::vector<std::string> out;
  collect(set, "", out);
  return out;
}

}  // namespace sluice::apiserver::server::fieldset
