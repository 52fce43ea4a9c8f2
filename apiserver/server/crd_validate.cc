// Validation of custom resources against their schema, in the words of the real server
// (go-openapi's validators wrapped into field errors).
#include <cmath>
#include <set>

#include "apiserver/server/pattern.h"
#include "apiserver/server/schema.h"
#include "base/hash.h"
#include "base/strings.h"
#include "base/time.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

std::string type_name(Schema::Type type) {
  switch (type) {
    case Schema::Type::Object:
      return "object";
    case Schema::Type::Array:
      return "array";
    case Schema::Type::String:
      return "string";
    case Schema::Type::Integer:
      return "integer";
    case Schema::Type::Number:
      return "number";
    case Schema::Type::Boolean:
      return "boolean";
    case Schema::Type::Any:
      break;
  }
  return "";
}

std::string type_of(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_object()) return "object";
  if (value.is_array()) return "array";
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "boolean";
  return value.is_number_integer() ? "integer" : "number";
}

bool is_whole(const Json& value) {
  if (value.is_number_integer()) return true;
  return value.is_number_float() && std::floor(value.get<double>()) == value.get<double>();
}

bool type_matches(const Schema& schema, const Json& value) {
  if (value.is_null()) return schema.nullable;
  if (schema.int_or_string) return value.is_string() || is_whole(value);
  switch (schema.type) {
    case Schema::Type::Any:
      return true;
    case Schema::Type::Object:
      return value.is_object();
    case Schema::Type::Array:
      return value.is_array();
    case Schema::Type::String:
      return value.is_string();
    case Schema::Type::Integer:
      return is_whole(value);
    case Schema::Type::Number:
      return value.is_number();
    case Schema::Type::Boolean:
      return value.is_boolean();
  }
  return true;
}

std::string number_text(double number) {
  if (std::floor(number) == number && std::abs(number) < 1e15)
    return std::to_string(static_cast<std::int64_t>(number));
  return fmt::format("{}", number);
}

bool format_matches(const std::string& format, const Json& value) {
  if (value.is_string()) {
    const std::string& text = value.get_ref<const std::string&>();
    if (format == "date-time") return parse_rfc3339(text).has_value();
    if (format == "byte") {
      std::string ignored;
      return base64_decode(text, ignored);
    }
    if (format == "date") return parse_rfc3339(text + "T00:00:00Z").has_value();
    if (format == "duration") return parse_go_duration(text).has_value();
    return true;
  }
  if (value.is_number_integer() && format == "int32") {
    const auto number = value.get<std::int64_t>();
    return number >= -2147483648LL && number <= 2147483647LL;
  }
  return true;
}

class Validator {
 public:
  explicit Validator(std::vector<Cause>& out) : out_(out) {}

  void visit(const Schema& schema, const Json& value, const std::string& path,
             bool value_only = false) {
    if (!type_matches(schema, value)) return wrong_type(schema, value, path);
    if (value.is_null()) return;
    enumeration(schema, value, path);
    if (value.is_string()) text(schema, value.get_ref<const std::string&>(), path);
    if (value.is_number()) number(schema, value, path);
    if (!schema.format.empty() && !format_matches(schema.format, value))
      bad_format(schema, value, path);
    if (value.is_array()) array(schema, value, path);
    if (value.is_object()) object(schema, value, path, value_only);
    combinations(schema, value, path);
  }

 private:
  [[nodiscard]] std::string in_body(const std::string& path) const {
    return path.empty() ? "in body" : path + " in body";
  }

  void add(const std::string& path, const Json& value, const std::string& detail) {
    out_.push_back(invalid_value(path.empty() ? "<nil>" : path, kube::dump(value),
                                 in_body(path) + " " + detail));
  }

  void wrong_type(const Schema& schema, const Json& value, const std::string& path) {
    const std::string got = "\"" + type_of(value) + "\"";
    const std::string want = schema.int_or_string ? "integer,string" : type_name(schema.type);
    out_.push_back(invalid_value(
        path, got, fmt::format("{} must be of type {}: {}", in_body(path), want, got)));
    out_.back().reason = "FieldValueTypeInvalid";
  }

  void bad_format(const Schema& schema, const Json& value, const std::string& path) {
    const std::string got = kube::dump(value);
    out_.push_back(invalid_value(
        path, got, fmt::format("{} must be of type {}: {}", in_body(path), schema.format, got)));
  }

  void enumeration(const Schema& schema, const Json& value, const std::string& path) {
    if (schema.enumeration.empty()) return;
    std::vector<std::string> names;
    for (const auto& allowed : schema.enumeration) {
      if (*allowed == value) return;
      names.push_back(allowed->is_string() ? allowed->get<std::string>() : kube::dump(*allowed));
    }
    out_.push_back(unsupported_value(path, kube::dump(value), names));
  }

  void text(const Schema& schema, const std::string& value, const std::string& path) {
    std::int64_t runes = 0;
    for (char c : value) runes += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
    if (schema.max_length && runes > *schema.max_length)
      out_.push_back({"FieldValueTooLong",
                      fmt::format("Too long: may not be longer than {}", *schema.max_length),
                      path});
    if (schema.min_length && runes < *schema.min_length)
      add(path, value, fmt::format("should be at least {} chars long", *schema.min_length));
    if (!schema.pattern.empty() && !Pattern(schema.pattern).search(value))
      add(path, value, fmt::format("should match '{}'", schema.pattern));
  }

  void number(const Schema& schema, const Json& value, const std::string& path) {
    const double n = value.get<double>();
    if (schema.minimum) {
      if (schema.exclusive_minimum && n <= *schema.minimum)
        add(path, value, "should be greater than " + number_text(*schema.minimum));
      else if (n < *schema.minimum)
        add(path, value, "should be greater than or equal to " + number_text(*schema.minimum));
    }
    if (schema.maximum) {
      if (schema.exclusive_maximum && n >= *schema.maximum)
        add(path, value, "should be less than " + number_text(*schema.maximum));
      else if (n > *schema.maximum)
        add(path, value, "should be less than or equal to " + number_text(*schema.maximum));
    }
    if (schema.multiple_of && *schema.multiple_of > 0 && std::fmod(n, *schema.multiple_of) != 0)
      add(path, value, "should be a multiple of " + number_text(*schema.multiple_of));
  }

  void array(const Schema& schema, const Json& value, const std::string& path) {
    const auto size = static_cast<std::int64_t>(value.size());
    if (schema.max_items && size > *schema.max_items)
      out_.push_back(
          {"FieldValueTooMany",
           fmt::format("Too many: {}: must have at most {} items", size, *schema.max_items), path});
    if (schema.min_items && size < *schema.min_items)
      out_.push_back(invalid_value(
          path, std::to_string(size),
          fmt::format("{} should have at least {} items", in_body(path), *schema.min_items)));
    for (std::size_t i = 0; i < value.size() && schema.items != nullptr; ++i)
      visit(*schema.items, value[i], path + "[" + std::to_string(i) + "]");
    if (schema.unique_items || schema.list != Schema::ListKind::Atomic)
      duplicates(schema, value, path);
  }

  void duplicates(const Schema& schema, const Json& value, const std::string& path) {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < value.size(); ++i) {
      Json key = value[i];
      if (schema.list == Schema::ListKind::Map) {
        if (!value[i].is_object()) continue;
        key = Json::object();
        for (const std::string& name : schema.map_keys)
          if (value[i].contains(name)) key[name] = value[i][name];
      }
      const std::string text = kube::dump(key);
      if (!seen.insert(text).second)
        out_.push_back(duplicate_value(path + "[" + std::to_string(i) + "]", text));
    }
  }

  void object(const Schema& schema, const Json& value, const std::string& path, bool value_only) {
    const auto size = static_cast<std::int64_t>(value.size());
    if (schema.max_properties && size > *schema.max_properties)
      out_.push_back(
          {"FieldValueTooMany",
           fmt::format("Too many: {}: must have at most {} items", size, *schema.max_properties),
           path});
    if (schema.min_properties && size < *schema.min_properties)
      out_.push_back(invalid_value(path, std::to_string(size),
                                   fmt::format("{} should have at least {} properties",
                                               in_body(path), *schema.min_properties)));
    for (const std::string& name : schema.required)
      if (!value.contains(name)) out_.push_back(required(join_path(path, name)));
    for (const auto& [key, member] : value.items()) {
      if (path.empty() && (key == "metadata" || key == "apiVersion" || key == "kind")) continue;
      const Schema* child = schema.property(key);
      if (child != nullptr) visit(*child, member, join_path(path, key), value_only);
    }
  }

  [[nodiscard]] static bool holds(const Schema& schema, const Json& value,
                                  const std::string& path) {
    std::vector<Cause> causes;
    Validator(causes).visit(schema, value, path, true);
    return causes.empty();
  }

  void combinations(const Schema& schema, const Json& value, const std::string& path) {
    for (const Schema* part : schema.all_of) visit(*part, value, path, true);
    if (!schema.any_of.empty()) {
      bool any = false;
      for (const Schema* part : schema.any_of) any = any || holds(*part, value, path);
      if (!any) combination_error(path, "must validate at least one schema (anyOf)");
    }
    if (!schema.one_of.empty()) {
      int count = 0;
      for (const Schema* part : schema.one_of) count += holds(*part, value, path) ? 1 : 0;
      if (count != 1)
        combination_error(
            path,
            count == 0
                ? "must validate one and only one schema (oneOf). Found none valid"
                : fmt::format(
                      "must validate one and only one schema (oneOf). Found {} valid alternatives",
                      count));
    }
    if (schema.negated != nullptr && holds(*schema.negated, value, path))
      combination_error(path, "must not validate the schema (not)");
  }

  void combination_error(const std::string& path, const std::string& what) {
    out_.push_back(invalid_value(path.empty() ? "<nil>" : path, "\"\"",
                                 (path.empty() ? "\"\"" : "\"" + path + "\"") + " " + what));
  }

  std::vector<Cause>& out_;
};

}  // namespace

void validate(const Schema& schema, const Json& value, const std::string& path,
              std::vector<Cause>& out) {
  Validator(out).visit(schema, value, path);
}

}  // namespace sluice::apiserver::server
