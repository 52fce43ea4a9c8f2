#include "net/redirect.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
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

bool same_place(const Authority& from, const Authority& to) {
  if (from.host != to.host) return false;
  if (from.scheme == to.scheme) return from.port == to.port;
  return from.scheme == "http" && from.port == 80 && to.port == 443;
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
  const bool elsewhere = !same_place(from, to);
  if (keeps_body && elsewhere && request.secret_body && !request.body.empty())
    return fail(ErrorCode::Invalid,
                "it leads to " + to.origin() +
                    ", and the request's body holds a Secret's value, which goes to no other host "
                    "than the metric names: name that one in the metric");
  request.url = target;
  // A relative Location names the user again, in Go's reading.
  if (from.user_info && !to.user_info && !elsewhere &&
      http::find_header(request.headers, "Authorization") == nullptr) {
    request.headers.emplace_back("Authorization", "Basic " + base64_encode(*from.user_info));
    request.secret_headers.emplace_back("Authorization");
  }
  if (!keeps_body) {
    request.method = "GET";
    request.body.clear();
  }
  std::erase_if(request.headers, [&](const auto& header) {
    const std::string& name = header.first;
    if (stranger && named(name, {"Authorization", "Cookie", "Cookie2", "Proxy-Authorization",
                                 "WWW-Authenticate"}))
      return true;
    if (elsewhere && std::any_of(request.secret_headers.begin(), request.secret_headers.end(),
                                 [&](const auto& secret) { return iequals(secret, name); }))
      return true;
    if (other_host && iequals(name, "Host")) return true;
    return !keeps_body && named(name, {"Content-Type", "Content-Encoding", "Content-Language",
                                       "Content-Length", "Content-Location"});
  });
  return {};
}

}  // namespace sluice::net
