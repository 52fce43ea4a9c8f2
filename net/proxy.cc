#include "net/proxy.h"

#include <algorithm>

#include "base/http.h"
#include "base/strings.h"

namespace sluice::net {
namespace {

std::string with_scheme(std::string proxy) {
  if (proxy.empty() || proxy.find("://") != std::string::npos) return proxy;
  return "http://" + proxy;
}

std::string first_set(Files& files, const char* upper, const char* lower) {
  std::string value = files.env(upper);
  return value.empty() ? files.env(lower) : value;
}

// Splits "host:port", "[v6]:port", "host"; port 0 when absent. False for a malformed port.
bool split_port(std::string_view text, std::string& host, int& port) {
  port = 0;
  std::string_view rest = text;
  if (!text.empty() && text.front() == '[') {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return false;
    host = std::string(text.substr(1, close - 1));
    rest = text.substr(close + 1);
    if (rest.empty()) return true;
    if (rest.front() != ':') return false;
    rest.remove_prefix(1);
  } else {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos) {
      host = std::string(text);  // no port, or a bare IPv6 address
      return true;
    }
    host = std::string(text.substr(0, colon));
    rest = text.substr(colon + 1);
  }
  const auto number = parse_int(rest);
  if (!number || *number < 1 || *number > 65535) return false;
  port = static_cast<int>(*number);
  return true;
}

// libcurl decodes percent codes in a host before it connects or tells a proxy: what we look at has
// to be what it will use. Only the zone of an IPv6 address has one ("[fe80::1%25eth0]").
bool is_plain_host(std::string_view authority) {
  for (std::size_t i = 0; i < authority.size(); ++i) {
    const char c = authority[i];
    if (std::string_view("\\\"<>^`{|}").find(c) != std::string_view::npos) return false;
    if (c == '%' && (authority.front() != '[' || authority.substr(i, 3) != "%25" ||
                     authority.find('%', i + 1) != std::string_view::npos))
      return false;
  }
  return true;
}

}  // namespace

std::string Authority::bracketed_host() const {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

std::string Authority::origin() const {
  return scheme + "://" + bracketed_host() + ":" + std::to_string(port);
}

Result<Authority> parse_url(std::string_view url) {
  const auto bad = [&](std::string_view why) {
    return fail(ErrorCode::Invalid, "bad URL \"" + http::without_user_info(url).substr(0, 200) +
                                        "\": " + std::string(why));
  };
  const auto colon = url.find("://");
  if (colon == std::string_view::npos) return bad("no scheme");
  Authority out;
  out.scheme = to_lower(url.substr(0, colon));
  if (out.scheme != "http" && out.scheme != "https") return bad("only http and https are spoken");
  url.remove_prefix(colon + 3);
  const auto end = std::min(url.find_first_of("/?#"), url.size());
  std::string_view authority = url.substr(0, end);
  out.rest = std::string(url.substr(end));
  if (const auto hash = out.rest.find('#'); hash != std::string::npos) out.rest.resize(hash);
  if (out.rest.empty() || out.rest.front() != '/') out.rest.insert(out.rest.begin(), '/');
  for (const char c : url) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f)
      return bad("it has blanks or control characters");
  }
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    out.user_info = url_decode(authority.substr(0, at), false);
    authority.remove_prefix(at + 1);
  }
  if (!is_plain_host(authority)) return bad("its host has characters that no name or address has");
  if (!split_port(authority, out.host, out.port))
    return bad("its port is not a number from 1 to 65535");
  if (out.host.empty()) return bad("no host");
  out.host = to_lower(out.host);
  if (out.port == 0) out.port = out.scheme == "https" ? 443 : 80;
  return out;
}

bool is_loopback(std::string_view host) {
  if (iequals(host, "localhost")) return true;
  const auto address = parse_ip(host);
  if (!address) return false;
  if (address->is_four()) return address->bytes[12] == 127;
  return *address == *parse_ip("::1");
}

ProxyRules ProxyRules::from_environment(Files& files) {
  return ProxyRules(first_set(files, "HTTP_PROXY", "http_proxy"),
                    first_set(files, "HTTPS_PROXY", "https_proxy"),
                    first_set(files, "NO_PROXY", "no_proxy"));
}

ProxyRules::ProxyRules(std::string http_proxy, std::string https_proxy, std::string_view no_proxy)
    : http_proxy_(with_scheme(std::move(http_proxy))),
      https_proxy_(with_scheme(std::move(https_proxy))) {
  for (const auto& entry : split(no_proxy, ',')) {
    Rule rule;
    if (parse_rule(to_lower(trim(entry)), rule)) no_proxy_.push_back(std::move(rule));
  }
}

bool ProxyRules::parse_rule(std::string_view entry, Rule& rule) {
  if (entry.empty()) return false;
  if (entry == "*") {
    rule.kind = Rule::Kind::All;
    return true;
  }
  if (const auto block = parse_block(entry)) {
    rule.kind = Rule::Kind::Addresses;
    rule.block = *block;
    return true;
  }
  std::string host;
  if (!split_port(entry, host, rule.port)) return false;
  if (host.empty()) return false;
  if (const auto address = parse_ip(host)) {
    rule.kind = Rule::Kind::Addresses;
    rule.block = {*address, 128};
    return true;
  }
  rule.kind = Rule::Kind::Domain;
  if (host.starts_with("*.")) host.erase(0, 1);
  rule.domain_itself = host.front() != '.';
  rule.domain = rule.domain_itself ? "." + host : host;
  return true;
}

bool ProxyRules::matches(const Rule& rule, const Authority& target,
                         const std::optional<IpAddress>& address) {
  const bool port_fits = rule.port == 0 || rule.port == target.port;
  switch (rule.kind) {
    case Rule::Kind::All:
      return true;
    case Rule::Kind::Addresses:
      return port_fits && address && rule.block.holds(*address);
    case Rule::Kind::Domain:
      return port_fits && (target.host.ends_with(rule.domain) ||
                           (rule.domain_itself && target.host == rule.domain.substr(1)));
  }
  return false;
}

std::string ProxyRules::proxy_for(const Authority& target) const {
  const std::string& proxy = target.scheme == "https" ? https_proxy_ : http_proxy_;
  if (proxy.empty() || is_loopback(target.host)) return "";
  const auto address = parse_ip(target.host);
  const bool skipped = std::any_of(no_proxy_.begin(), no_proxy_.end(), [&](const Rule& rule) {
    return matches(rule, target, address);
  });
  return skipped ? "" : proxy;
}

}  // namespace sluice::net
