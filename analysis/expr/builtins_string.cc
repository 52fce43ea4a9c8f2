#include <algorithm>
#include <iterator>

#include "analysis/expr/builtins.h"
#include "analysis/expr/operators.h"
#include "analysis/expr/text.h"
#include "analysis/expr/unicode.h"

namespace sluice::analysis::expr {
namespace {

// ---- static checks ------------------------------------------------------------------------------

Type signature(const std::string& name, const std::vector<Type>& arguments,
               std::vector<Type> params, std::vector<Type> optional, Type result) {
  check_signature({name, std::move(params), std::move(optional), result}, arguments);
  return result;
}

Type check_text(const std::string& name, const Types& given) {
  return signature(name, given, {types::string()}, {}, types::string());
}
Type check_text_option(const std::string& name, const Types& given) {
  return signature(name, given, {types::string()}, {types::string()}, types::string());
}
Type check_split(const std::string& name, const Types& given) {
  return signature(name, given, {types::string(), types::string()}, {types::integer()},
                   types::list_of(types::string()));
}
Type check_replace(const std::string& name, const Types& given) {
  return signature(name, given, {types::string(), types::string(), types::string()},
                   {types::integer()}, types::string());
}
Type check_repeat(const std::string& name, const Types& given) {
  return signature(name, given, {types::string(), types::integer()}, {}, types::string());
}
Type check_join(const std::string& name, const Types& given) {
  // Any list will do; its elements are looked at when it is joined.
  if (!given.empty() && given[0].is(Type::Kind::Array)) {
    Types rest(given.begin() + 1, given.end());
    if (rest.empty()) return types::string();
    return signature(name, rest, {types::string()}, {}, types::string());
  }
  Type strings = types::list();
  strings.name = "[]string";
  return signature(name, given, {strings}, {types::string()}, types::string());
}
Type check_index(const std::string& name, const Types& given) {
  return signature(name, given, {types::string(), types::string()}, {}, types::integer());
}
Type check_fix(const std::string& name, const Types& given) {
  return signature(name, given, {types::string(), types::string()}, {}, types::boolean());
}
Type check_any_text(const std::string& name, const Types& given) {
  return signature(name, given, {types::any()}, {}, types::string());
}
Type check_from_json(const std::string& name, const Types& given) {
  return signature(name, given, {types::string()}, {}, types::any());
}
Type check_len(const std::string& name, const Types& given) {
  check_count(given, 1);
  const Type& type = given[0];
  const bool ok = type.is_unknown() || type.is(Type::Kind::Array) || type.is(Type::Kind::Map) ||
                  type.is(Type::Kind::String) || type.is(Type::Kind::NamedString);
  if (!ok) raise("invalid argument for " + name + " (type " + shown(type) + ")");
  return types::integer();
}

// ---- calls --------------------------------------------------------------------------------------

std::int64_t int_argument(const Value& value) {
  if (!value.is_integer()) raise_conversion(value, "int");
  return value.as_integer();
}

Value call_len(const Arguments& arguments, Context&) {
  const Value& value = arguments[0];
  if (value.is(ValueKind::String) || value.is(ValueKind::NamedString)) {
    return Value::integer(static_cast<std::int64_t>(count_code_points(value.as_string())));
  }
  return Value::integer(slice_length(value));
}

Value call_string(const Arguments& arguments, Context& context) {
  context.budget.work(arguments[0].weight());
  return Value::string(to_text(arguments[0]));
}

std::string trim_where(std::string_view text, bool (*drop)(char32_t, std::string_view),
                       std::string_view set) {
  while (!text.empty()) {
    const Decoded first = decode_utf8(text);
    if (!drop(first.point, set)) break;
    text.remove_prefix(first.length);
  }
  while (!text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0U) == 0x80U) --start;
    if (!drop(decode_utf8(text.substr(start)).point, set)) break;
    text.remove_suffix(text.size() - start);
  }
  return std::string(text);
}

bool drop_space(char32_t point, std::string_view) {
  return is_space(point);
}

bool drop_listed(char32_t point, std::string_view set) {
  while (!set.empty()) {
    const Decoded next = decode_utf8(set);
    if (next.point == point) return true;
    set.remove_prefix(next.length);
  }
  return false;
}

Value call_trim(const Arguments& arguments, Context&) {
  const std::string& text = string_argument(arguments[0]);
  if (arguments.size() == 1) return Value::string(trim_where(text, drop_space, {}));
  return Value::string(trim_where(text, drop_listed, string_argument(arguments[1])));
}

std::string affix(const Arguments& arguments) {
  return arguments.size() == 1 ? " " : string_argument(arguments[1]);
}

Value call_trim_prefix(const Arguments& arguments, Context&) {
  std::string text = string_argument(arguments[0]);
  const std::string prefix = affix(arguments);
  if (text.starts_with(prefix)) text.erase(0, prefix.size());
  return Value::string(std::move(text));
}

Value call_trim_suffix(const Arguments& arguments, Context&) {
  std::string text = string_argument(arguments[0]);
  const std::string suffix = affix(arguments);
  if (text.ends_with(suffix)) text.erase(text.size() - suffix.size());
  return Value::string(std::move(text));
}

Value map_points(const Value& value, char32_t (*change)(char32_t)) {
  std::string_view text = string_argument(value);
  std::string out;
  while (!text.empty()) {
    const Decoded next = decode_utf8(text);
    append_utf8(out, change(next.point));
    text.remove_prefix(next.length);
  }
  return Value::string(std::move(out));
}

Value call_upper(const Arguments& a, Context&) {
  return map_points(a[0], to_upper);
}
Value call_lower(const Arguments& a, Context&) {
  return map_points(a[0], to_lower);
}

// `keep` is how much of the separator stays with the part before it.
std::vector<Value> split_text(std::string_view text, std::string_view separator, std::int64_t limit,
                              std::size_t keep) {
  std::vector<Value> parts;
  if (limit == 0) return parts;
  if (separator.empty() && text.empty()) return parts;
  const auto full = [&] {
    return limit > 0 && static_cast<std::int64_t>(parts.size()) + 1 >= limit;
  };
  while (!full()) {
    if (separator.empty()) {
      const std::size_t length = decode_utf8(text).length;
      if (length >= text.size()) break;
      parts.push_back(Value::string(std::string(text.substr(0, length))));
      text.remove_prefix(length);
      continue;
    }
    const std::size_t at = text.find(separator);
    if (at == std::string_view::npos) break;
    parts.push_back(Value::string(std::string(text.substr(0, at + keep))));
    text.remove_prefix(at + separator.size());
  }
  parts.push_back(Value::string(std::string(text)));
  return parts;
}

Value split_call(const Arguments& arguments, Context& context, bool after) {
  const std::string& text = string_argument(arguments[0]);
  const std::string& separator = string_argument(arguments[1]);
  const std::int64_t limit = arguments.size() > 2 ? int_argument(arguments[2]) : -1;
  context.budget.work(text.size() + search_cost(text, separator));
  return Value::list(split_text(text, separator, limit, after ? separator.size() : 0),
                     ElementKind::String);
}

Value call_split(const Arguments& a, Context& c) {
  return split_call(a, c, false);
}
Value call_split_after(const Arguments& a, Context& c) {
  return split_call(a, c, true);
}

Value call_replace(const Arguments& arguments, Context& context) {
  std::string_view text = string_argument(arguments[0]);
  const std::string& from = string_argument(arguments[1]);
  const std::string& to = string_argument(arguments[2]);
  std::int64_t left = arguments.size() > 3 ? int_argument(arguments[3]) : -1;
  context.budget.work(search_cost(text, from));
  std::string out;
  while (left != 0) {
    const std::size_t at = text.find(from);
    if (at == std::string_view::npos) break;
    out.append(text.substr(0, at));
    out += to;
    context.budget.work(to.size() / 64 + 1);
    if (out.size() > (std::size_t{1} << 24)) raise("memory budget exceeded");
    text.remove_prefix(at + from.size());
    --left;
    if (!from.empty()) continue;
    if (text.empty()) break;
    const std::size_t step = decode_utf8(text).length;
    out.append(text.substr(0, step));
    text.remove_prefix(step);
  }
  out.append(text);
  return Value::string(std::move(out));
}

Value call_repeat(const Arguments& arguments, Context& context) {
  const std::string& text = string_argument(arguments[0]);
  const std::int64_t count = int_argument(arguments[1]);
  if (count < 0) {
    raise("invalid argument for repeat (expected positive integer, got " + std::to_string(count) +
          ")");
  }
  if (count > 1'000'000) raise("memory budget exceeded");
  context.budget.grow(text.size() * static_cast<std::uint64_t>(count));
  std::string out;
  out.reserve(text.size() * static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) out += text;
  return Value::string(std::move(out));
}

Value call_join(const Arguments& arguments, Context& context) {
  const std::vector<Value>* items = list_items(arguments[0]);
  if (items == nullptr) raise_conversion(arguments[0], "[]string");
  const std::string separator = arguments.size() > 1 ? string_argument(arguments[1]) : "";
  std::string out;
  for (const Value& item : *items) {
    if (&item != items->data()) out += separator;
    out += string_argument(item);
    context.budget.work(1 + out.size() / 4096);
    if (out.size() > (std::size_t{1} << 24)) raise("memory budget exceeded");
  }
  return Value::string(std::move(out));
}

Value position(std::size_t at) {
  return Value::integer(at == std::string::npos ? -1 : static_cast<std::int64_t>(at));
}

Value call_index_of(const Arguments& a, Context& context) {
  context.budget.work(search_cost(a[0].as_string(), a[1].as_string()));
  return position(string_argument(a[0]).find(string_argument(a[1])));
}
Value call_last_index_of(const Arguments& a, Context& context) {
  context.budget.work(search_cost(a[0].as_string(), a[1].as_string()));
  return position(string_argument(a[0]).rfind(string_argument(a[1])));
}
Value call_has_prefix(const Arguments& a, Context&) {
  return Value::boolean(string_argument(a[0]).starts_with(string_argument(a[1])));
}
Value call_has_suffix(const Arguments& a, Context&) {
  return Value::boolean(string_argument(a[0]).ends_with(string_argument(a[1])));
}

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

Value call_to_base64(const Arguments& arguments, Context&) {
  const std::string& text = string_argument(arguments[0]);
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, text.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = (group << 8) | (j < count ? static_cast<unsigned char>(text[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += j <= count ? kBase64[(group >> (18 - 6 * j)) & 63U] : '=';
    }
  }
  return Value::string(std::move(out));
}

[[noreturn]] void raise_base64(std::size_t at) {
  raise("illegal base64 data at input byte " + std::to_string(at));
}

Value call_from_base64(const Arguments& arguments, Context&) {
  const std::string& text = string_argument(arguments[0]);
  std::string out;
  std::uint32_t group = 0;
  int digits = 0;
  std::size_t i = 0;
  for (; i < text.size() && text[i] != '='; ++i) {
    if (text[i] == '\n' || text[i] == '\r') continue;
    const std::size_t digit = kBase64.find(text[i]);
    if (digit == std::string_view::npos) raise_base64(i);
    group = (group << 6) | static_cast<std::uint32_t>(digit);
    if (++digits < 4) continue;
    for (int shift = 16; shift >= 0; shift -= 8) out += static_cast<char>((group >> shift) & 0xFFU);
    group = 0;
    digits = 0;
  }
  const std::size_t padding = digits == 2 ? 2 : digits == 3 ? 1 : 0;
  if (digits == 1 || text.size() - i < padding) raise_base64(text.size());
  for (std::size_t p = 0; p < padding; ++p, ++i) {
    if (text[i] != '=') raise_base64(i);
  }
  if (i < text.size()) raise_base64(i);
  if (digits == 2) out += static_cast<char>((group >> 4) & 0xFFU);
  if (digits == 3) {
    out += static_cast<char>((group >> 10) & 0xFFU);
    out += static_cast<char>((group >> 2) & 0xFFU);
  }
  return Value::string(std::move(out));
}

Value call_to_json(const Arguments& arguments, Context& context) {
  context.budget.work(arguments[0].weight());
  return Value::string(to_json_text(arguments[0]));
}

Value call_from_json(const Arguments& arguments, Context& context) {
  const std::string& text = string_argument(arguments[0]);
  context.budget.work(text.size() / 8 + 1);
  return parse_json_text(text);
}

constexpr Builtin kStringBuiltins[] = {
    {"len", check_len, call_len},
    {"string", check_any_text, call_string},
    {"trim", check_text_option, call_trim},
    {"trimPrefix", check_text_option, call_trim_prefix},
    {"trimSuffix", check_text_option, call_trim_suffix},
    {"upper", check_text, call_upper},
    {"lower", check_text, call_lower},
    {"split", check_split, call_split},
    {"splitAfter", check_split, call_split_after},
    {"replace", check_replace, call_replace},
    {"repeat", check_repeat, call_repeat},
    {"join", check_join, call_join},
    {"indexOf", check_index, call_index_of},
    {"lastIndexOf", check_index, call_last_index_of},
    {"hasPrefix", check_fix, call_has_prefix},
    {"hasSuffix", check_fix, call_has_suffix},
    {"toBase64", check_text, call_to_base64},
    {"fromBase64", check_text, call_from_base64},
    {"toJSON", check_any_text, call_to_json},
    {"fromJSON", check_from_json, call_from_json},
};

}  // namespace

BuiltinTable string_builtins() {
  return {std::begin(kStringBuiltins), std::end(kStringBuiltins)};
}

}  // namespace sluice::analysis::expr
