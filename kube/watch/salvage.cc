#include "kube/watch/salvage.h"

#include "kube/json/scan.h"

namespace sluice::kube {

namespace {

auto not_whole(std::string_view what) {
  return fail(ErrorCode::Decode, "invalid JSON: not a whole " + std::string(what));
}

// The object's text with these members only, `metadata` in its new form.
std::string joined(const ScannedMembers& members, std::string_view metadata) {
  std::string out = "{";
  for (const auto& [key, value] : members) {
    if (out.size() > 1) out += ',';
    out += '"';
    out += key;
    out += "\":";
    out += key == "metadata" ? metadata : value;
  }
  return out + "}";
}

// Who owns which field is of no use to us, and its depth is that of the object.
std::string without_managed_fields(const ScannedMembers& metadata) {
  ScannedMembers kept;
  for (const auto& member : metadata)
    if (member.first != "managedFields") kept.push_back(member);
  return joined(kept, "");
}

}  // namespace

Result<Salvaged> salvage_object(std::string_view text) {
  if (auto whole = Document::parse(text)) return Salvaged{std::move(*whole), std::nullopt};
  const auto members = scan_object(text);
  if (!members) return not_whole("object");
  const auto metadata = scan_object(scanned(*members, "metadata"));
  if (!metadata) return not_whole("object with metadata");
  const std::string kept = without_managed_fields(*metadata);
  auto lean = Document::parse(joined(*members, kept));
  if (lean) return Salvaged{std::move(*lean), std::nullopt};
  SLUICE_TRY(auto head, Document::parse("{\"metadata\":" + kept + "}"));
  return Salvaged{std::move(head), lean.error().message};
}

Result<SalvagedList> salvage_list(std::string_view text) {
  const auto members = scan_object(text);
  if (!members) return not_whole("list");
  SLUICE_TRY(auto head,
             Document::parse("{\"metadata\":" + std::string(scanned(*members, "metadata")) + "}"));
  const auto items = scan_array(scanned(*members, "items"));
  if (!items) return not_whole("list of items");
  SalvagedList out{std::move(head), {}};
  for (const auto& item : *items) {
    SLUICE_TRY(auto object, salvage_object(item));
    out.items.push_back(std::move(object));
  }
  return out;
}

Result<SalvagedEvent> salvage_event(std::string_view line) {
  const auto members = scan_object(line);
  if (!members) return not_whole("event");
  SLUICE_TRY(auto head,
             Document::parse("{\"type\":" + std::string(scanned(*members, "type")) + "}"));
  SLUICE_TRY(auto object, salvage_object(scanned(*members, "object")));
  return SalvagedEvent{head.root()["type"].string_or(), std::move(object)};
}

}  // namespace sluice::kube
