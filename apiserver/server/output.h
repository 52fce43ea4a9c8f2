#pragma once
// What a client gets to see: whole objects, their metadata only, or Tables (kubectl).
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/server/registry.h"
#include "base/time.h"
#include "kube/json/json_fwd.h"

namespace sluice::apiserver::server {

struct OutputFormat {
  enum class Kind { Whole, Metadata, Table, NotAcceptable };
  Kind kind = Kind::Whole;
  std::string meta_version = "v1";          // of meta.k8s.io
  std::string include_object = "Metadata";  // Table rows: None, Metadata, Object
};
// From the Accept header ("" = anything) and the includeObject parameter.
[[nodiscard]] OutputFormat choose_format(std::string_view accept, std::string_view include_object);

// One object on the wire in its requested version.
[[nodiscard]] Json present(const ResourceDef& def, std::string_view version, const Json& stored);
[[nodiscard]] Json metadata_only(const Json& object, const std::string& meta_version);
// A Table of these objects. `columns`: with column definitions.
[[nodiscard]] Json make_table(const ResourceDef& def, const Version& version,
                              const std::vector<const Json*>& objects, const OutputFormat& format,
                              bool columns, WallTime now);

}  // namespace sluice::apiserver::server
