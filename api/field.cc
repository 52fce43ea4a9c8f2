#include "api/field.h"

namespace sluice::api {

std::string Field::path() const {
  std::string out = parent_ == nullptr ? std::string() : parent_->path();
  if (index_ != kNoIndex) return out + "[" + std::to_string(index_) + "]";
  if (!out.empty() && !name_.empty()) out += '.';
  return out.append(name_);
}

void Field::malformed(std::string_view expected) const {
  if (!error_->has_value())
    *error_ =
        Error{ErrorCode::Decode, path() + ": expected " + std::string(expected), std::nullopt};
}

bool Field::is_object() const {
  if (absent()) return false;
  if (node_.type() == kube::Node::Type::Object) return true;
  malformed("an object");
  return false;
}

std::optional<std::string> Field::optional_text() const {
  if (absent()) return std::nullopt;
  if (auto text = node_.as_string()) return std::string(*text);
  malformed("a string");
  return std::nullopt;
}

std::optional<std::int64_t> Field::int64() const {
  if (absent()) return std::nullopt;
  auto value = node_.as_int();
  if (!value) malformed("an integer");
  return value;
}

std::optional<std::int32_t> Field::int32() const {
  const auto value = int64();
  if (!value) return std::nullopt;
  if (*value < std::numeric_limits<std::int32_t>::min() ||
      *value > std::numeric_limits<std::int32_t>::max()) {
    malformed("a 32-bit integer");
    return std::nullopt;
  }
  return static_cast<std::int32_t>(*value);
}

std::optional<bool> Field::boolean() const {
  if (absent()) return std::nullopt;
  auto value = node_.as_bool();
  if (!value) malformed("a boolean");
  return value;
}

std::optional<WallTime> Field::time() const {
  const auto value = optional_text();
  if (!value) return std::nullopt;
  auto parsed = parse_rfc3339(*value);
  if (!parsed) {
    malformed("an RFC 3339 time");
    return std::nullopt;
  }
  return *parsed;
}

std::optional<kube::IntOrString> Field::int_or_string() const {
  if (absent()) return std::nullopt;
  if (auto number = node_.as_int()) return kube::IntOrString{false, *number, ""};
  if (auto text = node_.as_string()) return kube::IntOrString{true, 0, std::string(*text)};
  malformed("an integer or a string");
  return std::nullopt;
}

StringMap Field::string_map() const {
  StringMap out;
  if (!is_object()) return out;
  node_.each_member([&](std::string_view key, kube::Node value) {
    const Field member(value, *error_, key, this, kNoIndex);
    if (auto text = member.optional_text()) out.emplace(std::string(key), std::move(*text));
  });
  return out;
}

std::vector<std::string> Field::strings() const {
  std::vector<std::string> out;
  if (absent()) return out;
  if (node_.type() != kube::Node::Type::Array) {
    malformed("a list");
    return out;
  }
  std::size_t index = 0;
  node_.each_element([&](kube::Node value) {
    const Field element(value, *error_, "", this, index++);
    if (auto text = element.optional_text()) out.push_back(std::move(*text));
  });
  return out;
}

void Field::each_object(const std::function<void(const Field&)>& visit) const {
  if (absent()) return;
  if (node_.type() != kube::Node::Type::Array) {
    malformed("a list");
    return;
  }
  std::size_t index = 0;
  node_.each_element([&](kube::Node value) {
    const Field element(value, *error_, "", this, index++);
    if (element.is_object()) {
      visit(element);
    } else if (element.absent()) {
      element.malformed("an object");
    }
  });
}

}  // namespace sluice::api
