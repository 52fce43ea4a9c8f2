#pragma once
// Which proxy a request goes through, decided as Go's net/http does from the environment: loopback
// is never proxied, NO_PROXY takes host names, domains, addresses and CIDR blocks, each with an
// optional port. A kubeconfig's proxy-url is not asked about here: it holds for that cluster
// without exceptions.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/seams.h"
#include "net/address.h"

namespace sluice::net {

struct Authority {
  std::string scheme;  // "http" | "https", lower case
  std::string host;    // lower case, without brackets
  int port = 0;        // never 0: the scheme's default is filled in
  std::string rest;    // from the path on: "/api?x=1", never empty
  // "name:password", percent codes decoded; unset when the URL has none. Part of no text that is
  // shown.
  std::optional<std::string> user_info;
  [[nodiscard]] std::string bracketed_host() const;
  [[nodiscard]] std::string origin() const;  // "https://[::1]:443"
};
// Errors: Invalid (no http/https URL, a bad port, a host that could be read in two ways: with
// percent codes or other characters that no name or address has). No error shows the user info.
[[nodiscard]] Result<Authority> parse_url(std::string_view url);

[[nodiscard]] bool is_loopback(std::string_view host);

class ProxyRules {
 public:
  ProxyRules() = default;
  // Upper case wins over lower case, as in Go: HTTP_PROXY, HTTPS_PROXY, NO_PROXY.
  [[nodiscard]] static ProxyRules from_environment(Files& files);
  ProxyRules(std::string http_proxy, std::string https_proxy, std::string_view no_proxy);

  // The proxy's URL, "" = go straight.
  [[nodiscard]] std::string proxy_for(const Authority& target) const;

 private:
  struct Rule {
    enum class Kind { All, Addresses, Domain };
    Kind kind = Kind::All;
    Block block;
    std::string domain;          // ".example.com"
    bool domain_itself = false;  // "example.com" matches too, not only what is below
    int port = 0;                // 0 = any
  };
  [[nodiscard]] static bool parse_rule(std::string_view entry, Rule& rule);
  [[nodiscard]] static bool matches(const Rule& rule, const Authority& target,
                                    const std::optional<IpAddress>& address);

  std::string http_proxy_, https_proxy_;
  std::vector<Rule> no_proxy_;
};

}  // namespace sluice::net
