#include "apiserver/server/managers.h"

#include "apiserver/server/fieldset.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {

struct Managers::Entry {
  Json fields = Json::object();
  std::string time;
};

Managers Managers::read(const Json& object) {
  Managers out;
  const Json* list = kube::find_path(object, "metadata.managedFields");
  if (list == nullptr || !list->is_array()) return out;
  for (const Json& entry : *list) {
    if (!entry.is_object()) continue;
    ManagerId id{kube::get_string(entry, "manager"), kube::get_string(entry, "operation"),
                 kube::get_string(entry, "apiVersion"), kube::get_string(entry, "subresource")};
    if (id.operation.empty()) continue;
    auto read = std::make_shared<Entry>();
    read->time = kube::get_string(entry, "time");
    if (const Json* fields = kube::find(entry, "fieldsV1");
        fields != nullptr && fields->is_object())
      read->fields = *fields;
    out.entries_[std::move(id)] = std::move(read);
  }
  return out;
}

void Managers::write(Json& object) const {
  Json list = Json::array();
  for (const auto& [id, entry] : entries_) {
    if (entry->fields.empty()) continue;
    Json out = {{"manager", id.manager},
                {"operation", id.operation},
                {"apiVersion", id.api_version},
                {"fieldsType", "FieldsV1"},
                {"fieldsV1", entry->fields}};
    if (!entry->time.empty()) out["time"] = entry->time;
    if (!id.subresource.empty()) out["subresource"] = id.subresource;
    list.push_back(std::move(out));
  }
  if (list.empty())
    object["metadata"].erase("managedFields");
  else
    object["metadata"]["managedFields"] = std::move(list);
}

Json Managers::owned(const ManagerId& id) const {
  const auto it = entries_.find(id);
  return it == entries_.end() ? Json::object() : it->second->fields;
}

Json Managers::owned_by_others(const ManagerId& id) const {
  Json out = Json::object();
  for (const auto& [other, entry] : entries_)
    if (other != id) out = fieldset::unite(out, entry->fields);
  return out;
}

void Managers::own(const ManagerId& id, Json fields, const std::string& now) {
  const auto it = entries_.find(id);
  if (it != entries_.end() && it->second->fields == fields) return;
  auto entry = std::make_shared<Entry>();
  entry->fields = std::move(fields);
  entry->time = now;
  entries_[id] = std::move(entry);
}

void Managers::disown_others(const ManagerId& id, const Json& fields) {
  for (auto& [other, entry] : entries_) {
    if (other == id) continue;
    Json rest = fieldset::subtract(entry->fields, fields);
    if (rest == entry->fields) continue;
    auto changed = std::make_shared<Entry>(*entry);
    changed->fields = std::move(rest);
    entry = std::move(changed);
  }
}

void Managers::record_update(const ManagerId& id, const Schema* schema, const Json& before,
                             const Json& after, const std::string& now) {
  const fieldset::Difference diff = fieldset::compare(schema, before, after);
  if (diff.changed->empty() && diff.removed->empty()) return;
  disown_others(id, *diff.changed);
  disown_others(id, *diff.removed);
  Json mine = fieldset::unite(fieldset::subtract(owned(id), *diff.removed), *diff.changed);
  // A write that moved something stamps the entry even when the set of fields stays the same.
  entries_.erase(id);
  own(id, std::move(mine), now);
}

std::vector<Cause> Managers::conflicts(const ManagerId& id, const Json& fields) const {
  std::vector<Cause> out;
  for (const auto& [other, entry] : entries_) {
    if (other == id) continue;
    std::string who = "\"" + other.manager + "\"";
    if (!other.subresource.empty()) who += " with subresource \"" + other.subresource + "\"";
    if (other.operation == "Update") who += " using " + other.api_version;
    for (const std::string& path : fieldset::paths(fieldset::intersect(entry->fields, fields)))
      out.push_back({"FieldManagerConflict", "conflict with " + who, path});
  }
  return out;
}

bool Managers::same_fields(const Managers& other) const {
  const auto live = [](const Managers& m) {
    std::map<ManagerId, const Json*> out;
    for (const auto& [id, entry] : m.entries_)
      if (!entry->fields.empty()) out.emplace(id, &entry->fields);
    return out;
  };
  const auto a = live(*this), b = live(other);
  if (a.size() != b.size()) return false;
  for (const auto& [id, fields] : a) {
    const auto it = b.find(id);
    if (it == b.end() || *it->second != *fields) return false;
  }
  return true;
}

Failure apply_conflict(const std::vector<Cause>& causes) {
  std::map<std::string, std::vector<std::string>> by_manager;
  for (const Cause& cause : causes) by_manager[cause.message].push_back(cause.field);
  std::string text = fmt::format("Apply failed with {} conflict{}: ", causes.size(),
                                 causes.size() == 1 ? "" : "s");
  bool first = true;
  for (const auto& [who, fields] : by_manager) {
    if (!first) text += "\n";
    first = false;
    if (fields.size() == 1) {
      text += who + ": " + fields.front();
      continue;
    }
    text += "conflicts" + who.substr(std::string_view("conflict").size()) + ":";
    for (const std::string& field : fields) text += "\n- " + field;
  }
  Failure f;
  f.code = 409;
  f.reason = "Conflict";
  f.message = std::move(text);
  f.causes = causes;
  return f;
}

Outcome<Json> apply_configuration(const Schema* schema, const Json& live, const Json& applied,
                                  Managers& managers, const ManagerId& id, bool force,
                                  const std::string& now) {
  Json merged = live;
  fieldset::merge(schema, merged, applied);
  Json mine = fieldset::of_applied(schema, applied);
  const fieldset::Difference diff = fieldset::compare(schema, live, merged);
  const std::vector<Cause> foreign = managers.conflicts(id, *diff.changed);
  if (!foreign.empty() && !force) return refuse(apply_conflict(foreign));
  if (!foreign.empty()) managers.disown_others(id, *diff.changed);
  // What this manager applied before and no longer does, and nobody else owns, disappears.
  const Json others = managers.owned_by_others(id);
  const Json gone = fieldset::subtract(fieldset::subtract(managers.owned(id), mine), others);
  fieldset::remove(schema, merged, gone, fieldset::unite(mine, others));
  managers.own(id, std::move(mine), now);
  return merged;
}

}  // namespace sluice::apiserver::server
