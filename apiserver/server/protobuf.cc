#include "apiserver/server/protobuf.h"

#include <map>
#include <string>

#include "base/hash.h"
#include "base/strings.h"
#include "base/time.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
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

struct ProtoField {
  std::string name, type;  // type without its brackets
  bool list = false, map = false, inlined = false;
};
using ProtoMessage = std::map<std::uint64_t, ProtoField>;
using ProtoTable = std::map<std::string, ProtoMessage, std::less<>>;

// Messages that belong to requests rather than to objects that are stored.
constexpr std::string_view kProtobufRequests = R"(
Eviction= 1:metadata:ObjectMeta 2:deleteOptions:DeleteOptions
DeleteOptions= 1:gracePeriodSeconds:i 2:preconditions:Preconditions 3:orphanDependents:b 4:propagationPolicy:s 5:dryRun:[s]
Preconditions= 1:uid:s 2:resourceVersion:s
Scale= 1:metadata:ObjectMeta 2:spec:ScaleSpec
ScaleSpec= 1:replicas:i
SelfSubjectAccessReview= 1:metadata:ObjectMeta 2:spec:AccessSpec
SelfSubjectRulesReview= 1:metadata:ObjectMeta 2:spec:RulesSpec
RulesSpec= 1:namespace:s
SelfSubjectReview= 1:metadata:ObjectMeta
AccessSpec= 1:resourceAttributes:ResourceAttributes 2:nonResourceAttributes:PathAttributes
ResourceAttributes= 1:namespace:s 2:verb:s 3:group:s 4:version:s 5:resource:s 6:subresource:s 7:name:s
PathAttributes= 1:path:s 2:verb:s
)";

ProtoField proto_field(const std::string& name, std::string type) {
  ProtoField out;
  out.name = name;
  out.list = type.front() == '[';
  out.map = type.front() == '{';
  out.inlined = type.front() == '+';
  if (out.list || out.map) type = type.substr(1, type.size() - 2);
  if (out.inlined) type.erase(0, 1);
  out.type = std::move(type);
  return out;
}

const ProtoTable& messages() {
  static const ProtoTable kMessages = [] {
    ProtoTable out;
    for (std::string_view text :
         {kProtobufCore, kProtobufWorkloads, kProtobufRest, kProtobufRequests})
      for (const std::string& line : split(text, '\n')) {
        const std::size_t equals = line.find("= ");
        if (equals == std::string::npos) continue;
        ProtoMessage& fields = out[line.substr(0, equals)];
        for (const std::string& word : split(std::string_view(line).substr(equals + 2), ' ')) {
          const std::vector<std::string> parts = split(word, ':');
          if (parts.size() == 3)
            fields.emplace(static_cast<std::uint64_t>(parse_int(parts[0]).value_or(0)),
                           proto_field(parts[1], parts[2]));
        }
      }
    return out;
  }();
  return kMessages;
}

Json message(Reader& reader, const std::string& type);

// The numbers and texts of the small messages that JSON writes as one value.
struct SmallMessage {
  std::int64_t numbers[4] = {};
  std::string_view texts[4];
  bool empty = true;
};

SmallMessage small_message(Reader& reader) {
  SmallMessage out;
  while (reader.more()) {
    const std::uint64_t tag = reader.varint(), number = tag >> 3U;
    out.empty = false;
    if ((tag & 7U) == 0 && number < 4)
      out.numbers[number] = static_cast<std::int64_t>(reader.varint());
    else if ((tag & 7U) == 2 && number < 4)
      out.texts[number] = reader.chunk();
    else
      reader.skip(static_cast<unsigned>(tag & 7U));
  }
  return out;
}

Json proto_time(const SmallMessage& m, bool micros) {
  constexpr std::int64_t kYears = 300'000'000'000;  // seconds; keeps the sum below in range
  if (m.empty || m.numbers[1] > kYears || m.numbers[1] < -kYears) return nullptr;
  const WallTime time{Micros(m.numbers[1] * 1'000'000 + m.numbers[2] / 1000)};
  return micros ? format_rfc3339_micro(time) : format_rfc3339(time);
}

// One value of wire type 2.
Json chunk_value(std::string_view chunk, const std::string& type, Reader& outer) {
  if (type == "s") return std::string(chunk);
  if (type == "y") return base64_encode(chunk);
  Reader inner{chunk};
  Json out;
  if (type == "q" || type == "x" || type == "t" || type == "u") {
    const SmallMessage m = small_message(inner);
    if (type == "q")
      out = std::string(m.texts[1]);
    else if (type == "x")
      out = m.numbers[1] == 1 ? Json(std::string(m.texts[3])) : Json(m.numbers[2]);
    else
      out = proto_time(m, type == "u");
  } else {
    out = message(inner, type);
  }
  outer.bad = outer.bad || inner.bad;
  return out;
}

void map_entry(Reader entry, const std::string& type, Json& into, Reader& outer) {
  std::string key;
  Json value = type == "s" || type == "y" ? Json("") : Json::object();
  while (entry.more()) {
    const std::uint64_t tag = entry.varint();
    if ((tag & 7U) != 2) {
      entry.bad = true;
      break;
    }
    const std::string_view text = entry.chunk();
    if (tag >> 3U == 1) key = text;
    if (tag >> 3U == 2) value = chunk_value(text, type, entry);
  }
  outer.bad = outer.bad || entry.bad;
  into[key] = std::move(value);
}

void field(Reader& reader, const ProtoField& f, unsigned wire, Json& out) {
  if (f.type == "i" || f.type == "b") {
    if (wire != 0) return reader.skip(wire);
    const std::uint64_t value = reader.varint();
    Json number = f.type == "b" ? Json(value != 0) : Json(static_cast<std::int64_t>(value));
    if (f.list)
      out[f.name].push_back(std::move(number));
    else
      out[f.name] = std::move(number);
    return;
  }
  if (wire != 2) return reader.skip(wire);
  const std::string_view chunk = reader.chunk();
  if (f.map) return map_entry(Reader{chunk}, f.type, out[f.name], reader);
  Json value = chunk_value(chunk, f.type, reader);
  if (f.list) {
    out[f.name].push_back(std::move(value));
  } else if (f.inlined) {
    for (auto& [name, member] : value.items()) out[name] = std::move(member);
  } else if (!(value.is_string() && value.get_ref<const std::string&>().empty())) {
    out[f.name] = std::move(value);  // absent strings are written as empty ones
  }
}

Json message(Reader& reader, const std::string& type) {
  Json out = Json::object();
  const auto layout = messages().find(type);
  while (reader.more()) {
    const std::uint64_t tag = reader.varint();
    const auto wire = static_cast<unsigned>(tag & 7U);
    if (layout == messages().end()) {
      reader.skip(wire);
      continue;
    }
    const auto known = layout->second.find(tag >> 3U);
    if (known == layout->second.end())
      reader.skip(wire);
    else
      field(reader, known->second, wire, out);
  }
  return out;
}

std::string message_name(const std::string& api_version, const std::string& kind) {
  if (api_version == "events.k8s.io/v1") return "";  // other members than the core kind's
  if (api_version == "autoscaling/v1" && kind == "HorizontalPodAutoscaler") return kind + "V1";
  return kind;
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
  const std::string name = message_name(api_version, kind);
  if (reader.bad || !messages().contains(name) || api_version.empty()) return nullptr;
  Reader object{raw};
  Json out = message(object, name);
  if (object.bad) return nullptr;
  out["apiVersion"] = api_version;
  out["kind"] = kind;
  return out;
}

}  // namespace sluice::apiserver::server
