#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "base/strings.h"

namespace sluice::net {
namespace {

constexpr int kFourBits = 96;  // of the mapped form's prefix

struct Known {
  const char* block;
  const char* what;
};
constexpr const char* kLinkLocal = "is link-local, where clouds hand out credentials";
constexpr const char* kMetadata = "is a cloud's metadata service";
constexpr Known kRefused[] = {
    {"169.254.0.0/16", kLinkLocal},   {"fe80::/10", kLinkLocal},
    {"fd00:ec2::254/128", kMetadata},   // AWS
    {"fd20:ce::254/128", kMetadata},    // Google Cloud
    {"fd00:42::42/128", kMetadata},     // Scaleway
    {"100.100.100.200/32", kMetadata},  // Alibaba Cloud
    {"168.63.129.16/32", kMetadata},    // Azure
    {"192.0.0.192/32", kMetadata},      // Oracle Cloud
};

IpAddress four(const unsigned char* bytes) {
  IpAddress out;
  out.bytes[10] = out.bytes[11] = 0xff;
  std::memcpy(out.bytes.data() + 12, bytes, 4);
  return out;
}

// The address itself, and the IPv4 addresses that a translator or tunnel on the way would take it
// for: of ::a.b.c.d, NAT64 (the well-known prefix and the one for local use), SIIT and 6to4.
std::vector<IpAddress> meanings(const IpAddress& address) {
  struct Form {
    const char* block;
    std::vector<int> places;  // of the four bytes
  };
  static const std::vector<std::pair<Block, std::vector<int>>> kForms = [] {
    std::vector<std::pair<Block, std::vector<int>>> out;
    for (const Form& form : {
             Form{"::/96", {12, 13, 14, 15}},
             Form{"64:ff9b::/96", {12, 13, 14, 15}},
             Form{"64:ff9b:1::/48", {12, 13, 14, 15}},
             Form{"64:ff9b:1::/48", {6, 7, 9, 10}},
             Form{"::ffff:0:0:0/96", {12, 13, 14, 15}},
             Form{"2002::/16", {2, 3, 4, 5}},
         })
      out.emplace_back(*parse_block(form.block), form.places);
    return out;
  }();
  std::vector<IpAddress> out{address};
  if (address.is_four()) return out;
  for (const auto& [block, places] : kForms) {
    if (!block.holds(address)) continue;
    unsigned char bytes[4];
    for (std::size_t i = 0; i < 4; ++i)
      bytes[i] = address.bytes[static_cast<std::size_t>(places[i])];
    if (bytes[0] != 0) out.push_back(four(bytes));  // 0.x is nobody's; :: and ::1 mean themselves
  }
  return out;
}

bool same_machine(const IpAddress& address) {
  if (address.is_four()) return address.bytes[12] == 127 || address.bytes[12] == 0;
  static const Block kOne = *parse_block("::1/128"), kNone = *parse_block("::/128");
  return kOne.holds(address) || kNone.holds(address);
}

std::string block_text(const Block& block) {
  const int bits = block.address.is_four() ? block.bits - kFourBits : block.bits;
  return block.address.text() + "/" + std::to_string(bits);
}

// The longest of the blocks that hold one of these.
const Block* longest(const std::vector<Block>& blocks, const std::vector<IpAddress>& addresses) {
  const Block* best = nullptr;
  for (const Block& block : blocks) {
    const bool holds = std::any_of(addresses.begin(), addresses.end(),
                                   [&](const IpAddress& one) { return block.holds(one); });
    if (holds && (best == nullptr || block.bits > best->bits)) best = &block;
  }
  return best;
}

Status read_blocks(const std::vector<std::string>& entries, std::string_view flag,
                   std::vector<Block>& out) {
  for (const std::string& entry : entries) {
    const std::string text(trim(entry));
    auto block = parse_block(text);
    if (const auto address = parse_ip(text); !block && address) block = Block{*address, 128};
    if (!block)
      return fail(ErrorCode::Invalid,
                  std::string(flag) + ": " + quote(entry) +
                      " is neither an address nor a block such as 10.0.0.0/8 or fd00::/8");
    out.push_back(*block);
  }
  return {};
}

}  // namespace

bool IpAddress::is_four() const {
  return std::all_of(bytes.begin(), bytes.begin() + 10, [](unsigned char b) { return b == 0; }) &&
         bytes[10] == 0xff && bytes[11] == 0xff;
}

std::string IpAddress::text() const {
  char out[INET6_ADDRSTRLEN] = {};
  if (is_four()) {
    ::inet_ntop(AF_INET, bytes.data() + 12, out, sizeof out);
  } else {
    ::inet_ntop(AF_INET6, bytes.data(), out, sizeof out);
  }
  return out;
}

std::optional<IpAddress> parse_ip(std::string_view text) {
  const std::string copy(text);
  IpAddress out;
  unsigned char bytes[4];
  if (::inet_pton(AF_INET, copy.c_str(), bytes) == 1) return four(bytes);
  if (::inet_pton(AF_INET6, copy.c_str(), out.bytes.data()) == 1) return out;
  return std::nullopt;
}

std::optional<IpAddress> ip_of(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in copy{};
    std::memcpy(&copy, &address, sizeof copy);
    unsigned char bytes[4];
    std::memcpy(bytes, &copy.sin_addr, sizeof bytes);
    return four(bytes);
  }
  if (address.sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 copy{};
  std::memcpy(&copy, &address, sizeof copy);
  IpAddress out;
  std::memcpy(out.bytes.data(), &copy.sin6_addr, out.bytes.size());
  return out;
}

std::optional<IpAddress> literal_ip(std::string_view host) {
  std::string text(host.substr(0, host.find('%')));
  if (text.ends_with('.')) text.pop_back();
  if (const auto plain = parse_ip(text)) return plain;
  in_addr old{};
  if (text.find_first_not_of("0123456789abcdefABCDEFxX.") != std::string::npos ||
      ::inet_aton(text.c_str(), &old) == 0)
    return std::nullopt;
  unsigned char bytes[4];
  std::memcpy(bytes, &old, sizeof bytes);
  return four(bytes);
}

bool same_prefix(const IpAddress& a, const IpAddress& b, int bits) {
  for (int bit = 0; bit < bits; ++bit) {
    const auto byte = static_cast<std::size_t>(bit / 8);
    const int mask = 0x80 >> (bit % 8);
    if (((a.bytes[byte] ^ b.bytes[byte]) & mask) != 0) return false;
  }
  return true;
}

// "::/0" is all of IPv6 and nothing of IPv4.
bool Block::holds(const IpAddress& other) const {
  return address.is_four() == other.is_four() && same_prefix(address, other, bits);
}

std::optional<Block> parse_block(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = parse_ip(text.substr(0, slash));
  const auto bits = parse_int(text.substr(slash + 1));
  const bool six = text.find(':') != std::string_view::npos;
  if (!address || !bits || *bits < 0 || *bits > (six ? 128 : 32)) return std::nullopt;
  // ::ffff:10.0.0.0/8 reads like 10.0.0.0/8 and would be all of IPv4.
  if (six && address->is_four() && *bits < kFourBits) return std::nullopt;
  return Block{*address, static_cast<int>(*bits) + (six ? 0 : kFourBits)};
}

bool is_loopback(const IpAddress& address) {
  const auto all = meanings(address);
  return std::any_of(all.begin(), all.end(), same_machine);
}

Result<AddressPolicy> AddressPolicy::make(const std::vector<std::string>& deny,
                                          const std::vector<std::string>& allow) {
  AddressPolicy out;
  SLUICE_CHECK_OK(read_blocks(deny, "--metric-deny-cidr", out.deny_));
  SLUICE_CHECK_OK(read_blocks(allow, "--metric-allow-cidr", out.allow_));
  return out;
}

std::string AddressPolicy::refusal(const IpAddress& address, bool strayed) const {
  const auto all = meanings(address);
  const Block* denied = longest(deny_, all);
  const Block* allowed = longest(allow_, all);
  const std::string shown = address.text();
  const std::string remedy = " (--metric-allow-cidr=" + shown + " of the controller allows it)";
  if (denied != nullptr && (allowed == nullptr || denied->bits >= allowed->bits))
    return shown + " is excluded by --metric-deny-cidr=" + block_text(*denied);
  if (allowed != nullptr) return "";
  for (const Known& known : kRefused) {
    const Block block = *parse_block(known.block);
    if (longest({block}, all) != nullptr) return shown + " " + known.what + remedy;
  }
  if (strayed) return "a redirect leads to " + shown + ", which is this machine" + remedy;
  return "";
}

}  // namespace sluice::net
