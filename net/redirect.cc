#include "net/redirect.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "net/proxy.h"

namespace sluice::net {
namespace {

bool named(const std::string& name, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view candidate) { return iequals(name, candidate); });
}

bool same_or_below(const std::string& host, const std::string& parent) {
  return host == parent || host.ends_with("." + parent);
}

}  // namespace

bool is_redirect(int status) {
  constexpr std::array kStatuses{301, 302, 303, 307, 308};
  return std::find(kStatuses.begin(), kStatuses.end(), status) != kStatuses.end();
}

Status redirect(http::Request& request, int status, const std::string& target) {
  SLUICE_TRY(const Authority from, parse_url(request.url));
  SLUICE_TRY(const Authority to, parse_url(target));
  const bool other_host = from.host != to.host;
  const bool stranger =
      !same_or_below(to.host, from.host) || (from.scheme == "https" && to.scheme == "http");
  const bool keeps_body =
      status == 307 || status == 308 || request.method == "GET" || request.method == "HEAD";
  request.url = target;
  if (!keeps_body) {
    request.method = "GET";
    request.body.clear();
  }
  std::erase_if(request.headers, [&](const auto& header) {
    const std::string& name = header.first;
    if (stranger && named(name, {"Authorization", "Cookie", "Cookie2", "Proxy-Authorization",
                                 "WWW-Authenticate"}))
      return true;
    if (other_host && iequals(name, "Host")) return true;
    return !keeps_body && named(name, {"Content-Type", "Content-Encoding", "Content-Language",
                                       "Content-Length", "Content-Location"});
  });
  return {};
}

}  // namespace sluice::net
