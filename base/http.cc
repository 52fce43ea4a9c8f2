#include "base/http.h"

#include <algorithm>

#include "base/strings.h"

namespace sluice::http {

const std::string* find_header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (iequals(key, name)) return &value;
  return nullptr;
}

void set_header(Headers& headers, std::string_view name, std::string value) {
  const auto named_so = [&](const auto& header) { return iequals(header.first, name); };
  const auto first = std::find_if(headers.begin(), headers.end(), named_so);
  if (first == headers.end()) {
    headers.emplace_back(std::string(name), std::move(value));
    return;
  }
  first->second = std::move(value);
  headers.erase(std::remove_if(first + 1, headers.end(), named_so), headers.end());
}

std::string without_user_info(std::string_view url) {
  const auto scheme = url.find("://");
  const std::size_t start = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t end = std::min(url.find_first_of("/?#", start), url.size());
  const auto at = url.substr(0, end).rfind('@');
  if (at == std::string_view::npos || at < start) return std::string(url);
  return std::string(url.substr(0, start)) + "***" + std::string(url.substr(at));
}

const std::string* Target::param(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return &value;
  return nullptr;
}

Target parse_target(std::string_view path_and_query) {
  Target target;
  path_and_query = path_and_query.substr(0, path_and_query.find('#'));
  const std::size_t mark = path_and_query.find('?');
  target.path = std::string(path_and_query.substr(0, mark));
  for (const auto& segment : split(target.path, '/'))
    if (!segment.empty()) target.segments.push_back(url_decode(segment, false));
  if (mark == std::string_view::npos) return target;
  for (const auto& pair : split(path_and_query.substr(mark + 1), '&')) {
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    const std::string_view text = pair;
    const std::string_view value =
        equals == std::string::npos ? std::string_view() : text.substr(equals + 1);
    target.query.emplace_back(url_decode(text.substr(0, equals)), url_decode(value));
  }
  return target;
}

}  // namespace sluice::http
