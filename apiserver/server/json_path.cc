#include "apiserver/server/json_path.h"

#include <string>

#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

std::string unquoted(std::string_view text) {
  text = trim(text);
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
      text.back() == text.front())
    text = text.substr(1, text.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

const Json* walk(const Json* at, std::string_view path);

const Json* bracket(const Json& at, std::string_view inside, std::string_view rest) {
  if (inside.rfind("?(", 0) == 0) {
    const std::string_view condition = inside.substr(2, inside.size() - 3);
    const std::size_t equals = condition.find("==");
    const std::string_view left = trim(condition.substr(0, equals));
    const std::string want =
        equals == std::string_view::npos ? "" : unquoted(condition.substr(equals + 2));
    if (!at.is_array() || left.empty() || left.front() != '@') return nullptr;
    for (const Json& item : at) {
      const Json* found = walk(&item, left.substr(1));
      if (found == nullptr) continue;
      const std::string got = found->is_string() ? found->get<std::string>() : kube::dump(*found);
      if (equals != std::string_view::npos && got != want) continue;
      if (const Json* result = walk(&item, rest)) return result;
    }
    return nullptr;
  }
  if (inside == "*") {
    for (const Json& item : at)
      if (const Json* result = walk(&item, rest)) return result;
    return nullptr;
  }
  if (const auto index = parse_int(inside)) {
    if (!at.is_array() || at.empty()) return nullptr;
    const auto size = static_cast<std::int64_t>(at.size());
    const std::int64_t i = *index < 0 ? size + *index : *index;
    return i < 0 || i >= size ? nullptr : walk(&at[static_cast<std::size_t>(i)], rest);
  }
  const Json* member = kube::find(at, unquoted(inside));
  return member == nullptr ? nullptr : walk(member, rest);
}

const Json* walk(const Json* at, std::string_view path) {
  if (path.empty()) return at;
  if (path.front() == '[') {
    std::size_t depth = 0, end = 0;
    for (; end < path.size(); ++end) {
      if (path[end] == '[') ++depth;
      if (path[end] == ']' && --depth == 0) break;
    }
    return end >= path.size() ? nullptr
                              : bracket(*at, path.substr(1, end - 1), path.substr(end + 1));
  }
  if (path.front() == '.') path.remove_prefix(1);
  if (path.empty() || path.front() == '[') return walk(at, path);
  std::string name;
  std::size_t i = 0;
  for (; i < path.size() && path[i] != '.' && path[i] != '['; ++i) {
    if (path[i] == '\\' && i + 1 < path.size()) ++i;
    name += path[i];
  }
  const Json* member = kube::find(*at, name);
  return member == nullptr ? nullptr : walk(member, path.substr(i));
}

}  // namespace

const Json* json_path(const Json& object, std::string_view path) {
  path = trim(path);
  if (!path.empty() && path.front() == '{' && path.back() == '}')
    path = path.substr(1, path.size() - 2);
  if (!path.empty() && path.front() == '$') path.remove_prefix(1);
  return walk(&object, path);
}

}  // namespace sluice::apiserver::server
