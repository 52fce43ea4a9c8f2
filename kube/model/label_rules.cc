#include "kube/model/label_rules.h"

#include <algorithm>

namespace sluice::kube {

namespace {

constexpr std::size_t kNameMax = 63;
constexpr std::size_t kSubdomainMax = 253;

// Wire texts of the API server.
constexpr std::string_view kNameRule =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
constexpr std::string_view kSubdomainRule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
constexpr std::string_view kValueRule =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
    "for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

bool is_lower(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_alnum(char c) {
  return is_lower(c) || (c >= 'A' && c <= 'Z');
}

bool is_name(std::string_view text) {
  return !text.empty() && is_alnum(text.front()) && is_alnum(text.back()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

}  // namespace

bool is_dns_subdomain(std::string_view text) {
  if (text.empty() || text.size() > kSubdomainMax) return false;
  while (true) {
    const std::size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    const bool good =
        !part.empty() && is_lower(part.front()) && is_lower(part.back()) &&
        std::all_of(part.begin(), part.end(), [](char c) { return is_lower(c) || c == '-'; });
    if (!good) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

std::vector<std::string> label_key_problems(std::string_view key) {
  std::vector<std::string> out;
  std::string_view name = key;
  const std::size_t slash = key.find('/');
  if (slash != std::string_view::npos) {
    const std::string_view prefix = key.substr(0, slash);
    name = key.substr(slash + 1);
    if (name.find('/') != std::string_view::npos) {
      out.push_back("a qualified name " + std::string(kNameRule) +
                    " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')");
      return out;
    }
    if (prefix.empty()) {
      out.emplace_back("prefix part must be non-empty");
    } else if (prefix.size() > kSubdomainMax) {
      out.emplace_back("prefix part must be no more than 253 characters");
    } else if (!is_dns_subdomain(prefix)) {
      out.push_back("prefix part " + std::string(kSubdomainRule));
    }
  }
  if (name.empty()) {
    out.emplace_back("name part must be non-empty");
  } else if (name.size() > kNameMax) {
    out.emplace_back("name part must be no more than 63 characters");
  }
  if (!is_name(name)) out.push_back("name part " + std::string(kNameRule));
  return out;
}

std::vector<std::string> label_value_problems(std::string_view value) {
  std::vector<std::string> out;
  if (value.size() > kNameMax) out.emplace_back("must be no more than 63 characters");
  if (!value.empty() && !is_name(value)) out.emplace_back(kValueRule);
  return out;
}

}  // namespace sluice::kube
