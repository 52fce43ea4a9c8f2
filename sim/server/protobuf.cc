#include "sim/server/protobuf.h"

#include <map>
#include <string>

#include "base/hash.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::sim::server {
namespace {

using kube::Json;

struct Reader {
  std::string_view bytes;
  std::size_t at = 0;
  bool bad = false;

  [[nodiscard]] bool more() const { return !bad && at < bytes.size(); }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at >= bytes.size()) break;
      const auto byte = static_cast<unsigned char>(bytes[at++]);
      value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if ((byte & 0x80U) == 0) return value;
    }
    bad = true;
    return 0;
  }
  std::string_view chunk() {
    const std::uint64_t size = varint();
    if (bad || size > bytes.size() - at) {
      bad = true;
      return {};
    }
    const std::string_view out = bytes.substr(at, size);
    at += size;
    return out;
  }
  void skip(unsigned wire) {
    if (wire == 0)
      (void)varint();
    else if (wire == 2)
      (void)chunk();
    else if (wire == 1)
      at += 8;
    else if (wire == 5)
      at += 4;
    else
      bad = true;
    bad = bad || at > bytes.size();
  }
};

// "number:name:type" words; s string, y bytes, i integer, b bool, m map to strings, z map to bytes,
// [s] strings, else a message.
const std::map<std::string, std::string, std::less<>>& messages() {
  static const std::map<std::string, std::string, std::less<>> kMessages = {
      {"ObjectMeta",
       "1:name:s 2:generateName:s 3:namespace:s 5:uid:s 6:resourceVersion:s 11:labels:m "
       "12:annotations:m 14:finalizers:[s]"},
      {"Namespace", "1:metadata:ObjectMeta"},
      {"ConfigMap", "1:metadata:ObjectMeta 2:data:m 3:binaryData:z 4:immutable:b"},
      {"Secret", "1:metadata:ObjectMeta 2:data:z 3:type:s 4:stringData:m 5:immutable:b"},
      {"ServiceAccount", "1:metadata:ObjectMeta"},
      {"Eviction", "1:metadata:ObjectMeta 2:deleteOptions:DeleteOptions"},
      {"DeleteOptions",
       "1:gracePeriodSeconds:i 2:preconditions:Preconditions 3:orphanDependents:b "
       "4:propagationPolicy:s 5:dryRun:[s]"},
      {"Preconditions", "1:uid:s 2:resourceVersion:s"},
      {"SelfSubjectAccessReview", "1:metadata:ObjectMeta 2:spec:AccessSpec"},
      {"AccessSpec",
       "1:resourceAttributes:ResourceAttributes 2:nonResourceAttributes:PathAttributes"},
      {"ResourceAttributes",
       "1:namespace:s 2:verb:s 3:group:s 4:version:s 5:resource:s 6:subresource:s 7:name:s"},
      {"PathAttributes", "1:path:s 2:verb:s"}};
  return kMessages;
}

Json message(Reader& reader, const std::string& type);

void map_entry(Reader entry, bool binary, Json& into, Reader& outer) {
  std::string key, value;
  while (entry.more()) {
    const std::uint64_t tag = entry.varint();
    if ((tag & 7U) != 2) {
      entry.bad = true;
      break;
    }
    const std::string_view text = entry.chunk();
    if (tag >> 3U == 1) key = text;
    if (tag >> 3U == 2) value = text;
  }
  outer.bad = outer.bad || entry.bad;
  into[key] = binary ? base64_encode(value) : value;
}

void field(Reader& reader, const std::string& name, const std::string& type, unsigned wire,
           Json& out) {
  if (type == "i" || type == "b") {
    if (wire != 0) return reader.skip(wire);
    const std::uint64_t value = reader.varint();
    out[name] = type == "b" ? Json(value != 0) : Json(static_cast<std::int64_t>(value));
    return;
  }
  if (wire != 2) return reader.skip(wire);
  const std::string_view chunk = reader.chunk();
  if (type == "s") {
    if (!chunk.empty()) out[name] = std::string(chunk);
  } else if (type == "[s]") {
    out[name].push_back(std::string(chunk));
  } else if (type == "m" || type == "z") {
    map_entry(Reader{chunk}, type == "z", out[name], reader);
  } else {
    Reader inner{chunk};
    out[name] = message(inner, type);
    reader.bad = reader.bad || inner.bad;
  }
}

Json message(Reader& reader, const std::string& type) {
  Json out = Json::object();
  const auto layout = messages().find(type);
  while (reader.more()) {
    const std::uint64_t tag = reader.varint();
    const std::string number = std::to_string(tag >> 3U);
    bool known = false;
    for (const std::string& word : split(layout->second, ' ')) {
      const std::vector<std::string> parts = split(word, ':');
      if (parts[0] != number) continue;
      known = true;
      field(reader, parts[1], parts[2], static_cast<unsigned>(tag & 7U), out);
    }
    if (!known) reader.skip(static_cast<unsigned>(tag & 7U));
  }
  return out;
}

}  // namespace

// The envelope: the magic "k8s\0", then runtime.Unknown {1: {1: apiVersion, 2: kind}, 2: the
// object's own message}.
kube::Json decode_protobuf(std::string_view body) {
  constexpr std::string_view kMagic("k8s\0", 4);
  if (body.substr(0, 4) != kMagic) return nullptr;
  Reader reader{body.substr(4)};
  std::string api_version, kind;
  std::string_view raw;
  while (reader.more()) {
    const std::uint64_t tag = reader.varint();
    if ((tag & 7U) != 2) {
      reader.skip(static_cast<unsigned>(tag & 7U));
      continue;
    }
    const std::string_view chunk = reader.chunk();
    if (tag >> 3U == 2) raw = chunk;
    if (tag >> 3U != 1) continue;
    Reader type{chunk};
    while (type.more()) {
      const std::uint64_t inner = type.varint();
      const std::string_view text = type.chunk();
      if (inner >> 3U == 1) api_version = text;
      if (inner >> 3U == 2) kind = text;
    }
  }
  if (reader.bad || !messages().contains(kind) || api_version.empty()) return nullptr;
  Reader object{raw};
  Json out = message(object, kind);
  if (object.bad) return nullptr;
  out["apiVersion"] = api_version;
  out["kind"] = kind;
  return out;
}

}  // namespace sluice::sim::server
