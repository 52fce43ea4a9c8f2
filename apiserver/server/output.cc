#include "apiserver/server/output.h"

#include "apiserver/server/columns.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

struct MediaRange {
  std::string type, as, group, version;
};

MediaRange parse_range(const std::string& text) {
  MediaRange out;
  bool first = true;
  for (const std::string& part : split(text, ';')) {
    const std::string_view piece = trim(part);
    const std::size_t equals = piece.find('=');
    if (first)
      out.type = to_lower(piece);
    else if (equals != std::string_view::npos) {
      const std::string_view key = piece.substr(0, equals), value = piece.substr(equals + 1);
      if (key == "as") out.as = std::string(value);
      if (key == "g") out.group = std::string(value);
      if (key == "v") out.version = std::string(value);
    }
    first = false;
  }
  return out;
}

Json row_object(const Json& object, const OutputFormat& format) {
  if (format.include_object == "None") return nullptr;
  if (format.include_object == "Object") return object;
  return metadata_only(object, format.meta_version);
}

}  // namespace

OutputFormat choose_format(std::string_view accept, std::string_view include_object) {
  OutputFormat out;
  if (!include_object.empty()) out.include_object = std::string(include_object);
  if (trim(accept).empty()) return out;
  for (const std::string& text : split(accept, ',')) {
    const MediaRange range = parse_range(text);
    if (range.type != "application/json" && range.type != "*/*" && range.type != "application/*")
      continue;
    if (range.as.empty()) return out;
    if (range.group != "meta.k8s.io" || (range.version != "v1" && range.version != "v1beta1"))
      continue;
    out.meta_version = range.version;
    if (range.as == "Table") {
      out.kind = OutputFormat::Kind::Table;
      return out;
    }
    if (range.as == "PartialObjectMetadata" || range.as == "PartialObjectMetadataList") {
      out.kind = OutputFormat::Kind::Metadata;
      return out;
    }
  }
  out.kind = OutputFormat::Kind::NotAcceptable;
  return out;
}

Json present(const ResourceDef& def, std::string_view version, const Json& stored) {
  Json out = stored;
  from_storage(def, version, out);
  return out;
}

Json metadata_only(const Json& object, const std::string& meta_version) {
  return {{"kind", "PartialObjectMetadata"},
          {"apiVersion", "meta.k8s.io/" + meta_version},
          {"metadata", object.value("metadata", Json::object())}};
}

Json make_table(const ResourceDef& def, const Version& version,
                const std::vector<const Json*>& objects, const OutputFormat& format, bool columns,
                WallTime now) {
  const ColumnSet set = columns_for(def, version);
  Json table = {{"kind", "Table"},
                {"apiVersion", "meta.k8s.io/" + format.meta_version},
                {"metadata", Json::object()},
                {"columnDefinitions", Json::array()},
                {"rows", Json::array()}};
  if (columns)
    for (const Column& column : set.columns)
      table["columnDefinitions"].push_back({{"name", column.name},
                                            {"type", column.type},
                                            {"format", column.format},
                                            {"description", column.description},
                                            {"priority", column.priority}});
  for (const Json* object : objects)
    table["rows"].push_back(
        {{"cells", set.cells(*object, now)}, {"object", row_object(*object, format)}});
  if (objects.size() == 1)
    table["metadata"]["resourceVersion"] =
        kube::get_string(*objects[0], "metadata.resourceVersion");
  return table;
}

}  // namespace sluice::apiserver::server
