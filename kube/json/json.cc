#include "kube/json/json.h"

#include <fmt/core.h>

#include <cmath>

namespace sluice::kube {

namespace {

// Deep enough for every real object (a CRD schema needs about 60), shallow enough for the recursion
// in copying and dumping a document.
constexpr std::size_t kDepthMax = 1000;
constexpr std::size_t kDetailMax = 160;

bool too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDepthMax) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

// nlohmann prefixes its messages with an id and a position; keep the part that tells what is wrong.
std::string short_detail(std::string_view what) {
  const std::size_t at = what.find("syntax error");
  if (at != std::string_view::npos) {
    what.remove_prefix(at);
  } else if (const std::size_t end = what.find("] "); end != std::string_view::npos) {
    what.remove_prefix(end + 2);
  }
  return std::string(what.substr(0, kDetailMax));
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
  if (too_deep(text))
    return fail(ErrorCode::Decode,
                fmt::format("invalid JSON: nested deeper than {} levels", kDepthMax));
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const Json::parse_error& e) {
    return fail(ErrorCode::Decode,
                fmt::format("invalid JSON at byte {}: {}", e.byte, short_detail(e.what())));
  } catch (const Json::exception& e) {
    return fail(ErrorCode::Decode, "invalid JSON: " + short_detail(e.what()));
  }
}

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const Json* find(const Json& value, std::string_view key) {
  if (!value.is_object()) return nullptr;
  const auto it = value.find(key);
  return it == value.end() ? nullptr : &*it;
}

const Json* find_path(const Json& value, std::string_view dotted) {
  const Json* at = &value;
  while (at != nullptr) {
    const std::size_t dot = dotted.find('.');
    at = find(*at, dotted.substr(0, dot));
    if (dot == std::string_view::npos) return at;
    dotted.remove_prefix(dot + 1);
  }
  return nullptr;
}

const Json* find_path(const Json& value, std::initializer_list<std::string_view> keys) {
  const Json* at = &value;
  for (const auto key : keys) {
    at = find(*at, key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string get_string(const Json& value, std::string_view dotted, std::string_view fallback) {
  const Json* found = find_path(value, dotted);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string(fallback);
}

std::int64_t get_int(const Json& value, std::string_view dotted, std::int64_t fallback) {
  const Json* found = find_path(value, dotted);
  if (found == nullptr) return fallback;
  if (found->is_number_unsigned()) {
    const auto number = found->get<std::uint64_t>();
    return number <= static_cast<std::uint64_t>(INT64_MAX) ? static_cast<std::int64_t>(number)
                                                           : fallback;
  }
  if (found->is_number_integer()) return found->get<std::int64_t>();
  if (!found->is_number_float()) return fallback;
  const auto number = found->get<double>();
  const bool whole = std::trunc(number) == number && std::abs(number) < 9.2e18;
  return whole ? static_cast<std::int64_t>(number) : fallback;
}

bool get_bool(const Json& value, std::string_view dotted, bool fallback) {
  const Json* found = find_path(value, dotted);
  return found != nullptr && found->is_boolean() ? found->get<bool>() : fallback;
}

}  // namespace sluice::kube
