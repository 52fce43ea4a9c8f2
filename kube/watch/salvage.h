#pragma once
// What can still be read of an answer that no parser takes as a whole. The API server stores
// objects of up to 10,000 levels, and anybody may put one into a namespace of his: it must not hide
// the others.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kube/json/node.h"

namespace sluice::kube {

struct Salvaged {
  Document object;                            // without managedFields
  std::optional<std::string> why_unreadable;  // then `object` has its metadata and nothing else
};
// Errors: Decode, when not even the metadata can be read.
[[nodiscard]] Result<Salvaged> salvage_object(std::string_view text);

struct SalvagedList {
  Document head;  // the list's metadata
  std::vector<Salvaged> items;
};
// Errors: Decode, when the text is not whole or an item cannot be told.
[[nodiscard]] Result<SalvagedList> salvage_list(std::string_view text);

struct SalvagedEvent {
  std::string type;
  Salvaged object;
};
[[nodiscard]] Result<SalvagedEvent> salvage_event(std::string_view line);

}  // namespace sluice::kube
