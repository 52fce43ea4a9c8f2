#include "kube/schema/typed_json.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/strings.h"
#include "base/time.h"
#include "kube/model/quantity.h"

namespace sluice::kube {
namespace {

constexpr std::string_view kDescription =
#include "kube/schema/pod_template_types.inc"
    ;

std::vector<std::string> words(std::string_view line) {
  std::vector<std::string> out;
  for (auto& word : split(line, ' '))
    if (!word.empty()) out.push_back(std::move(word));
  return out;
}

MemberKind scalar_kind(std::string_view text) {
  static const std::map<std::string_view, MemberKind> kKinds{
      {"s", MemberKind::String},        {"i", MemberKind::Int},
      {"l", MemberKind::Int},           {"b", MemberKind::Bool},
      {"t", MemberKind::Time},          {"q", MemberKind::Quantity},
      {"Q", MemberKind::QuantityValue}, {"io", MemberKind::IntOrString},
      {"x", MemberKind::Any},           {"[s]", MemberKind::StringList},
      {"[i]", MemberKind::IntList},     {"[l]", MemberKind::IntList},
      {"{s}", MemberKind::StringMap},   {"{q}", MemberKind::QuantityMap}};
  const auto it = kKinds.find(text);
  return it == kKinds.end() ? MemberKind::Struct : it->second;
}

// "name!:[]Type@keys" without resolving the type; its name comes back in `type_name`.
TypedMember parse_member(std::string_view word, std::string& type_name) {
  TypedMember out;
  const auto colon = word.find(':');
  SLUICE_ASSERT(colon != std::string_view::npos, std::string(word));
  std::string_view name = word.substr(0, colon);
  std::string_view type = word.substr(colon + 1);
  type = type.substr(0, type.find_first_of("=@"));
  for (bool more = true; more && !name.empty();) {
    switch (name.back()) {
      case '!':
        out.always = true;
        break;
      case '^':
        out.by_value = true;
        break;
      case '~':
        out.null_when_unset = true;
        break;
      default:
        more = false;
        continue;
    }
    name.remove_suffix(1);
  }
  out.name = name;
  if (type.ends_with('*')) {
    out.pointer = true;
    type.remove_suffix(1);
  }
  out.kind = scalar_kind(type);
  if (out.kind != MemberKind::Struct) return out;
  if (type.starts_with("[]")) out.kind = MemberKind::StructList;
  if (type.starts_with("{}")) out.kind = MemberKind::StructMap;
  type_name = out.kind == MemberKind::Struct ? type : type.substr(2);
  return out;
}

}  // namespace

TypedSchema::TypedSchema(std::string_view description, const TypedSchema* below) : below_(below) {
  std::vector<std::vector<std::string>> member_words;
  for (const auto& line : split(description, '\n')) {
    if (line.empty() || line.front() == '#') continue;
    auto parts = words(line);
    std::string name = parts.front().substr(0, parts.front().size() - 1);
    parts.erase(parts.begin());
    types_.push_back({std::move(name), {}});
    member_words.push_back(std::move(parts));
  }
  for (std::size_t i = 0; i < types_.size(); ++i) {
    for (const auto& word : member_words[i]) {
      std::string type_name;
      TypedMember member = parse_member(word, type_name);
      if (!type_name.empty()) member.type = &type(type_name);
      types_[i].members.push_back(std::move(member));
    }
  }
}

const TypedSchema& TypedSchema::pods() {
  static const TypedSchema schema(kDescription);
  return schema;
}

const TypedMember* TypedStruct::find(std::string_view member) const {
  const auto it = std::find_if(members.begin(), members.end(),
                               [&](const TypedMember& m) { return m.name == member; });
  return it == members.end() ? nullptr : &*it;
}

const TypedStruct* TypedSchema::find(std::string_view name) const {
  const auto it = std::find_if(types_.begin(), types_.end(),
                               [&](const TypedStruct& t) { return t.name == name; });
  if (it != types_.end()) return &*it;
  return below_ == nullptr ? nullptr : below_->find(name);
}

const TypedStruct& TypedSchema::type(std::string_view name) const {
  const TypedStruct* found = find(name);
  SLUICE_ASSERT(found != nullptr, std::string(name));
  return *found;
}

void append_go_string(std::string& out, std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    switch (c) {
      case '"':
        out += "\\\"";
        continue;
      case '\\':
        out += "\\\\";
        continue;
      case '\b':
        out += "\\b";
        continue;
      case '\f':
        out += "\\f";
        continue;
      case '\n':
        out += "\\n";
        continue;
      case '\r':
        out += "\\r";
        continue;
      case '\t':
        out += "\\t";
        continue;
      default:
        break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || c == '<' || c == '>' || c == '&') {
      out += "\\u00";
      out += kHex[byte >> 4U];
      out += kHex[byte & 0xFU];
    } else if (text.substr(i, 3) == "\u2028" || text.substr(i, 3) == "\u2029") {
      out += text.substr(i, 3) == "\u2028" ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out += c;
    }
  }
  out += '"';
}

namespace {

class Writer {
 public:
  explicit Writer(TypedJsonOptions options) : options_(options) {}

  void structure(Node value, const TypedStruct& type) {
    if (!value.absent() && value.type() != Node::Type::Object) return wrong("an object");
    out_ += '{';
    bool first = true;
    for (const auto& member : type.members) {
      const Node child = value[member.name];
      const std::size_t before = out_.size();
      if (!first) out_ += ',';
      append_go_string(out_, member.name);
      out_ += ':';
      const bool written = this->member(child, member);
      if (error_) return at(member.name);
      if (written) {
        first = false;
      } else {
        out_.resize(before);
      }
    }
    out_ += '}';
  }

  [[nodiscard]] Result<std::string> finish() {
    if (error_) return fail(ErrorCode::Decode, path_ + ": expected " + *error_);
    return std::move(out_);
  }

 private:
  // False when the member is to be left out; what was appended is then taken back by the caller.
  bool member(Node value, const TypedMember& member) {
    switch (member.kind) {
      case MemberKind::Struct:
        return structure_member(value, member);
      case MemberKind::StringList:
      case MemberKind::IntList:
      case MemberKind::StructList:
        return list(value, member);
      case MemberKind::StringMap:
      case MemberKind::QuantityMap:
      case MemberKind::StructMap:
        return map(value, member);
      case MemberKind::Any:
        if (value.absent()) return false;
        any(value);
        return true;
      case MemberKind::String:
      case MemberKind::Int:
      case MemberKind::Bool:
      case MemberKind::Time:
      case MemberKind::Quantity:
      case MemberKind::QuantityValue:
      case MemberKind::IntOrString:
        return scalar(value, member);
    }
    return false;
  }

  bool structure_member(Node value, const TypedMember& member) {
    if (value.absent() && !member.by_value) return null_if(member.always);
    structure(value, *member.type);
    return true;
  }

  bool scalar(Node value, const TypedMember& member) {
    if (value.absent()) return unset_scalar(member);
    const std::size_t before = out_.size();
    one(value, member.kind);
    if (error_) return true;
    if (member.always || member.pointer) return true;
    const std::string_view text = std::string_view(out_).substr(before);
    const bool can_be_zero = member.kind == MemberKind::String || member.kind == MemberKind::Int ||
                             member.kind == MemberKind::Bool;
    return !(can_be_zero && (text == "\"\"" || text == "0" || text == "false"));
  }

  bool unset_scalar(const TypedMember& member) {
    if (member.kind == MemberKind::QuantityValue) {
      out_ += "\"0\"";
      return true;
    }
    if (member.null_when_unset) return null_if(options_.creation_timestamp_null);
    if (!member.always) return false;
    if (member.pointer) return null_if(true);
    if (member.kind == MemberKind::String) {
      out_ += "\"\"";
    } else {
      out_ += member.kind == MemberKind::Bool ? "false" : "0";
    }
    return true;
  }

  bool null_if(bool written) {
    if (written) out_ += "null";
    return written;
  }

  bool list(Node value, const TypedMember& member) {
    if (value.absent()) return null_if(member.always);
    if (value.type() != Node::Type::Array) {
      wrong("a list");
      return true;
    }
    if (value.size() == 0 && !member.always) return false;
    out_ += '[';
    bool first = true;
    value.each_element([&](Node element) {
      if (error_) return;
      if (!std::exchange(first, false)) out_ += ',';
      if (member.kind == MemberKind::StructList) {
        structure(element, *member.type);
      } else {
        one(element, member.kind == MemberKind::IntList ? MemberKind::Int : MemberKind::String);
      }
    });
    out_ += ']';
    return true;
  }

  bool map(Node value, const TypedMember& member) {
    if (value.absent()) return null_if(member.always);
    if (value.type() != Node::Type::Object) {
      wrong("an object");
      return true;
    }
    if (value.size() == 0 && !member.always) return false;
    std::map<std::string_view, Node> sorted;
    value.each_member([&](std::string_view key, Node item) { sorted[key] = item; });
    out_ += '{';
    bool first = true;
    for (const auto& [key, item] : sorted) {
      if (!std::exchange(first, false)) out_ += ',';
      append_go_string(out_, key);
      out_ += ':';
      if (member.kind == MemberKind::StructMap) {
        structure(item, *member.type);
      } else {
        one(item,
            member.kind == MemberKind::QuantityMap ? MemberKind::Quantity : MemberKind::String);
      }
      if (error_) return at(key), true;
    }
    out_ += '}';
    return true;
  }

  // One value that is not a struct. JSON null decodes to the zero value.
  void one(Node value, MemberKind kind) {
    switch (kind) {
      case MemberKind::String:
        if (value.absent()) {
          out_ += "\"\"";
          return;
        }
        if (auto text = value.as_string()) return append_go_string(out_, *text);
        return wrong("a string");
      case MemberKind::Time:
        if (auto text = value.as_string()) {  // in UTC, to the second
          const auto at = parse_rfc3339(*text);
          return append_go_string(out_, at ? format_rfc3339(*at) : std::string(*text));
        }
        return wrong("a string");
      case MemberKind::Bool:
        if (auto flag = value.as_bool()) {
          out_ += *flag ? "true" : "false";
          return;
        }
        return wrong("a boolean");
      case MemberKind::Int:
        if (value.absent()) {
          out_ += '0';
          return;
        }
        if (auto number = value.as_int()) {
          out_ += std::to_string(*number);
          return;
        }
        return wrong("an integer");
      case MemberKind::Quantity:
      case MemberKind::QuantityValue:
        return quantity(value);
      case MemberKind::IntOrString:
        if (auto number = value.as_int()) {
          out_ += std::to_string(*number);
          return;
        }
        if (auto text = value.as_string()) return append_go_string(out_, *text);
        return wrong("an integer or a string");
      case MemberKind::Any:
      case MemberKind::StringList:
      case MemberKind::IntList:
      case MemberKind::StringMap:
      case MemberKind::QuantityMap:
      case MemberKind::StructList:
      case MemberKind::StructMap:
      case MemberKind::Struct:
        return wrong("a scalar");
    }
  }

  // Quantities may also be written as bare numbers.
  void quantity(Node value) {
    if (value.absent()) {
      out_ += "\"0\"";
      return;
    }
    const auto text = value.as_string();
    const bool number = value.type() == Node::Type::Int || value.type() == Node::Type::Double;
    if (!text && !number) return wrong("a quantity");
    const auto canonical = canonical_quantity(text ? *text : std::string_view(value.raw()));
    if (!canonical) return wrong("a quantity");
    append_go_string(out_, *canonical);
  }

  void any(Node value) {
    switch (value.type()) {
      case Node::Type::String:
        return append_go_string(out_, value.as_string().value_or(""));
      case Node::Type::Array: {
        out_ += '[';
        bool first = true;
        value.each_element([&](Node element) {
          if (!std::exchange(first, false)) out_ += ',';
          any(element);
        });
        out_ += ']';
        return;
      }
      case Node::Type::Object: {
        out_ += '{';
        bool first = true;
        value.each_member([&](std::string_view key, Node item) {
          if (!std::exchange(first, false)) out_ += ',';
          append_go_string(out_, key);
          out_ += ':';
          any(item);
        });
        out_ += '}';
        return;
      }
      case Node::Type::Missing:
      case Node::Type::Null:
        out_ += "null";
        return;
      case Node::Type::Bool:
      case Node::Type::Int:
      case Node::Type::Double:
        out_ += value.raw();
        return;
    }
  }

  void wrong(std::string expected) {
    if (!error_) error_ = std::move(expected);
  }
  void at(std::string_view member) {
    path_ = path_.empty() ? std::string(member) : std::string(member) + "." + path_;
  }

  TypedJsonOptions options_;
  std::string out_;
  std::optional<std::string> error_;
  std::string path_;
};

}  // namespace

Result<std::string> typed_json(Node value, const TypedStruct& type, TypedJsonOptions options) {
  Writer writer(options);
  writer.structure(value, type);
  return writer.finish();
}

}  // namespace sluice::kube
