#include "kube/json/node.h"

#include <simdjson.h>

#include <charconv>
#include <cmath>
#include <cstring>

#include "kube/json/json.h"

// A Node walks simdjson's tape by itself: a cursor is a document and an index, so that it stays two
// words, and reading a member allocates nothing. The layout is the documented one of the DOM tape.
namespace sluice::kube {

namespace {

using simdjson::internal::tape_ref;
using simdjson::internal::tape_type;

constexpr std::size_t kRootIndex = 1;  // index 0 is the tape's own root word
constexpr std::uint32_t kCountSaturated = 0xFFFFFF;
constexpr std::size_t kParserKeepMax =
    4U << 20U;  // a larger scratch parser is not kept for the next document

tape_ref at(const void* document, std::size_t index) {
  return {static_cast<const simdjson::dom::document*>(document), index};
}

template <class Visit>
void each_child(tape_ref container, Visit visit) {
  const std::size_t end = container.matching_brace_index() - 1;  // the index of the closing word
  std::size_t index = container.json_index + 1;
  while (index < end) {
    const tape_ref child(container.doc, index);
    index = child.after_element();
    visit(child);
  }
}

// `visit(key, value)` returns false to stop.
template <class Visit>
void each_pair(tape_ref object, Visit visit) {
  const std::size_t end = object.matching_brace_index() - 1;
  std::size_t index = object.json_index + 1;
  while (index < end) {
    const tape_ref key(object.doc, index);
    const tape_ref value(object.doc, index + 1);
    index = value.after_element();
    if (!visit(key.get_string_view(), value)) return;
  }
}

void append_escape(std::string& out, unsigned char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHex[c >> 4U];
      out += kHex[c & 15U];
  }
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, start, i - start);
    append_escape(out, c);
    start = i + 1;
  }
  out.append(text, start, text.size() - start);
  out += '"';
}

template <class Integer>
void append_integer(std::string& out, Integer value) {
  char buffer[24];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out.append(buffer, end);
}

// Shortest text that reads back as the same double, and as a double: 1.0 stays "1.0".
void append_double(std::string& out, double value) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

// Which members to leave out while writing.
enum class Omit { Nothing, AtRoot, InMetadata };

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void value(tape_ref node, Omit omit) {
    switch (node.tape_ref_type()) {
      case tape_type::START_OBJECT:
        object(node, omit);
        return;
      case tape_type::START_ARRAY:
        array(node);
        return;
      case tape_type::STRING:
        append_string(out_, node.get_string_view());
        return;
      case tape_type::INT64:
        append_integer(out_, node.next_tape_value<std::int64_t>());
        return;
      case tape_type::UINT64:
        append_integer(out_, node.next_tape_value<std::uint64_t>());
        return;
      case tape_type::DOUBLE:
        append_double(out_, node.next_tape_value<double>());
        return;
      case tape_type::TRUE_VALUE:
        out_ += "true";
        return;
      case tape_type::FALSE_VALUE:
        out_ += "false";
        return;
      case tape_type::NULL_VALUE:
      case tape_type::ROOT:
      case tape_type::END_ARRAY:
      case tape_type::END_OBJECT:
        out_ += "null";
        return;
    }
  }

 private:
  void object(tape_ref node, Omit omit) {
    out_ += '{';
    bool first = true;
    each_pair(node, [&](std::string_view key, tape_ref member) {
      if (omit == Omit::InMetadata && key == "managedFields") return true;
      if (!first) out_ += ',';
      first = false;
      append_string(out_, key);
      out_ += ':';
      value(member, omit == Omit::AtRoot && key == "metadata" ? Omit::InMetadata : Omit::Nothing);
      return true;
    });
    out_ += '}';
  }
  void array(tape_ref node) {
    out_ += '[';
    bool first = true;
    each_child(node, [&](tape_ref element) {
      if (!first) out_ += ',';
      first = false;
      value(element, Omit::Nothing);
    });
    out_ += ']';
  }

  std::string& out_;
};

std::string write(const void* document, std::size_t index, Omit omit) {
  const tape_ref node = at(document, index);
  std::string out;
  // A tape word stands for about ten bytes of text; the rest is trimmed, because raw text is kept
  // for long.
  out.reserve((node.after_element() - index) * 10);
  Writer(out).value(node, omit);
  out.shrink_to_fit();
  return out;
}

}  // namespace

Node::Type Node::type() const {
  if (cursor_.document == nullptr) return Type::Missing;
  switch (at(cursor_.document, cursor_.index).tape_ref_type()) {
    case tape_type::START_OBJECT:
      return Type::Object;
    case tape_type::START_ARRAY:
      return Type::Array;
    case tape_type::STRING:
      return Type::String;
    case tape_type::INT64:
    case tape_type::UINT64:
      return Type::Int;
    case tape_type::DOUBLE:
      return Type::Double;
    case tape_type::TRUE_VALUE:
    case tape_type::FALSE_VALUE:
      return Type::Bool;
    case tape_type::NULL_VALUE:
      return Type::Null;
    case tape_type::ROOT:
    case tape_type::END_ARRAY:
    case tape_type::END_OBJECT:
      break;
  }
  return Type::Missing;
}

Node Node::operator[](std::string_view member) const {
  Node found;
  if (type() != Type::Object) return found;
  each_pair(at(cursor_.document, cursor_.index), [&](std::string_view key, tape_ref value) {
    if (key != member) return true;
    found = Node(Cursor{cursor_.document, value.json_index});
    return false;
  });
  return found;
}

std::optional<std::string_view> Node::as_string() const {
  if (type() != Type::String) return std::nullopt;
  return at(cursor_.document, cursor_.index).get_string_view();
}

std::optional<std::int64_t> Node::as_int() const {
  const Type t = type();
  if (t == Type::Int) {
    const tape_ref node = at(cursor_.document, cursor_.index);
    if (node.is_int64()) return node.next_tape_value<std::int64_t>();
    return std::nullopt;  // an unsigned word holds only values above int64
  }
  if (t != Type::Double) return std::nullopt;
  const auto value = at(cursor_.document, cursor_.index).next_tape_value<double>();
  if (std::trunc(value) != value || value < -0x1p63 || value >= 0x1p63) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

std::optional<double> Node::as_double() const {
  const Type t = type();
  if (t != Type::Int && t != Type::Double) return std::nullopt;
  const tape_ref node = at(cursor_.document, cursor_.index);
  if (node.is_int64()) return static_cast<double>(node.next_tape_value<std::int64_t>());
  if (node.is_uint64()) return static_cast<double>(node.next_tape_value<std::uint64_t>());
  return node.next_tape_value<double>();
}

std::optional<bool> Node::as_bool() const {
  if (type() != Type::Bool) return std::nullopt;
  return at(cursor_.document, cursor_.index).is_true();
}

std::string Node::string_or(std::string_view fallback) const {
  return std::string(as_string().value_or(fallback));
}

std::int64_t Node::int_or(std::int64_t fallback) const {
  return as_int().value_or(fallback);
}

bool Node::bool_or(bool fallback) const {
  return as_bool().value_or(fallback);
}

StringMap Node::string_map() const {
  StringMap out;
  if (type() != Type::Object) return out;
  each_pair(at(cursor_.document, cursor_.index), [&](std::string_view key, tape_ref value) {
    // The API server writes map members sorted, so the end is nearly always the right place.
    if (value.tape_ref_type() == tape_type::STRING)
      out.emplace_hint(out.end(), std::string(key), std::string(value.get_string_view()));
    return true;
  });
  return out;
}

void Node::each_element(const std::function<void(Node)>& visit) const {
  if (type() != Type::Array) return;
  each_child(at(cursor_.document, cursor_.index),
             [&](tape_ref child) { visit(Node(Cursor{cursor_.document, child.json_index})); });
}

void Node::each_member(const std::function<void(std::string_view, Node)>& visit) const {
  if (type() != Type::Object) return;
  each_pair(at(cursor_.document, cursor_.index), [&](std::string_view key, tape_ref value) {
    visit(key, Node(Cursor{cursor_.document, value.json_index}));
    return true;
  });
}

std::size_t Node::size() const {
  const Type t = type();
  if (t != Type::Array && t != Type::Object) return 0;
  const tape_ref node = at(cursor_.document, cursor_.index);
  if (node.scope_count() != kCountSaturated) return node.scope_count();
  std::size_t count = 0;  // the tape's counter stops at 2^24 - 1
  if (t == Type::Array) {
    each_child(node, [&](tape_ref) { ++count; });
  } else {
    each_pair(node, [&](std::string_view, tape_ref) { return ++count != 0; });
  }
  return count;
}

std::string Node::raw() const {
  if (!exists()) return {};
  return write(cursor_.document, cursor_.index, Omit::Nothing);
}

std::string Node::raw_object() const {
  if (!exists()) return {};
  return write(cursor_.document, cursor_.index, Omit::AtRoot);
}

struct Document::Impl {
  simdjson::dom::document document;
};

Document::Document() : impl_(std::make_unique<Impl>()) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

namespace {

// The parser's scratch memory is reused by the thread (watch lines come in by the thousand), but a
// huge list must not leave its scratch behind. The text is copied into the parser's padded buffer.
simdjson::error_code parse_into(simdjson::dom::document& document, std::string_view text) {
  if (text.empty()) return simdjson::EMPTY;  // it may have no address, which memcpy forbids
  if (text.size() > kParserKeepMax) {
    simdjson::dom::parser once;
    return once.parse_into_document(document, text.data(), text.size(), true).error();
  }
  thread_local simdjson::dom::parser parser;
  return parser.parse_into_document(document, text.data(), text.size(), true).error();
}

}  // namespace

Result<Document> Document::parse(std::string_view text) {
  Document document;
  const simdjson::error_code error = parse_into(document.impl_->document, text);
  if (error == simdjson::SUCCESS) return document;
  // simdjson does not say where, and it refuses integers beyond 64 bits, which Go reads as doubles:
  // the slow parser decides both.
  SLUICE_TRY(const Json value, parse_json(text));
  const std::string rewritten = dump(value);
  if (parse_into(document.impl_->document, rewritten) == simdjson::SUCCESS) return document;
  return fail(ErrorCode::Decode, std::string("invalid JSON: ") + simdjson::error_message(error));
}

Node Document::root() const {
  return Node(Node::Cursor{&impl_->document, kRootIndex});
}

}  // namespace sluice::kube
