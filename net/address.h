#pragma once
// IP addresses as numbers, and which of them a metric may be asked at.
#include <sys/socket.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::net {

// IPv4 in its mapped form, ::ffff:a.b.c.d.
struct IpAddress {
  std::array<unsigned char, 16> bytes{};

  [[nodiscard]] bool is_four() const;
  [[nodiscard]] std::string text() const;  // "10.0.0.1", "fd00::1"
  bool operator==(const IpAddress&) const = default;
};
// An address as it is written, without brackets, zone or port.
[[nodiscard]] std::optional<IpAddress> parse_ip(std::string_view text);
[[nodiscard]] std::optional<IpAddress> ip_of(const sockaddr& address);
// A URL's host that is an address in any spelling a resolver takes for one: 2130706433, 0x7f.1,
// 127.0.0.1., fe80::1%eth0.
[[nodiscard]] std::optional<IpAddress> literal_ip(std::string_view host);
[[nodiscard]] bool same_prefix(const IpAddress& a, const IpAddress& b, int bits);

struct Block {
  IpAddress address;
  int bits = 0;  // counted in the 128-bit form
  [[nodiscard]] bool holds(const IpAddress& other) const;
};
// "10.0.0.0/8", "fd00::/8".
[[nodiscard]] std::optional<Block> parse_block(std::string_view text);

// 127.0.0.0/8, ::1, and what reaches the same place: 0.0.0.0/8, ::. Also inside an IPv6 address.
[[nodiscard]] bool is_loopback(const IpAddress& address);

// Where metric queries may go. Whoever writes a template, or runs the endpoint that it names, must
// not reach what trusts this process for where it runs: a cloud's metadata service, and by way of a
// redirect the ports of this very machine.
class AddressPolicy {
 public:
  AddressPolicy() = default;  // what is refused without being told to
  // --metric-deny-cidr and --metric-allow-cidr: blocks or addresses. They go before the built-in
  // list; of the two the longer prefix counts, at a tie the refusal. Errors: Invalid, naming flag
  // and entry.
  [[nodiscard]] static Result<AddressPolicy> make(const std::vector<std::string>& deny,
                                                  const std::vector<std::string>& allow);

  // Why nothing is sent to this address, and what would allow it; "" = it may be asked. `strayed`:
  // a redirect has led to this very machine.
  [[nodiscard]] std::string refusal(const IpAddress& address, bool strayed) const;

 private:
  std::vector<Block> deny_, allow_;
};

}  // namespace sluice::net
