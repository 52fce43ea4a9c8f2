#include "cli/set_image.h"

#include <fmt/format.h>

#include "kube/json/json.h"
#include "kube/json/json_pointer.h"

namespace sluice::cli {
namespace {

using kube::Json;

Json* step_into(Json* at, const std::string& key) {
  if (at == nullptr || !at->is_object()) return nullptr;
  const auto it = at->find(key);
  return it == at->end() ? nullptr : &*it;
}

}  // namespace

Status set_image(Json& object, const std::string& pointer, const std::string& container,
                 const std::string& image) {
  Json* at = &object;
  const auto tokens = kube::parse_json_pointer(pointer);
  if (!tokens) return fail(ErrorCode::Internal, "malformed pointer " + pointer);
  for (const auto& token : *tokens) at = step_into(at, token);
  at = step_into(at, "spec");
  bool found = false;
  for (const char* list_name : {"initContainers", "containers", "ephemeralContainers"}) {
    Json* list = step_into(at, list_name);
    if (list == nullptr || !list->is_array()) continue;
    for (auto& item : *list) {
      if (!item.is_object() || (container != "*" && kube::get_string(item, "name") != container))
        continue;
      item["image"] = image;
      found = true;
    }
  }
  if (!found)
    return fail(ErrorCode::NotFound,
                fmt::format("unable to find container named \"{}\"", container));
  return {};
}

}  // namespace sluice::cli
