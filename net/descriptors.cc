// Descriptors: how many strangers may hold, and that no child gets any.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "net/net.h"

namespace sluice::net {
namespace {

// 64 queries with a name lookup each (a socket and a pair of the lookup's), the API server, files.
constexpr std::uint64_t kKeptForUs = 192;
constexpr std::uint64_t kConnectionsMin = 8;

// Kernels before 5.9 have no close_range.
void close_each(unsigned first, unsigned last) noexcept {
  if (first > last || ::close_range(first, last, 0) == 0) return;
  const auto limit = static_cast<unsigned>(std::min<std::uint64_t>(descriptor_limit(), 1U << 20U));
  for (unsigned fd = first; fd <= last && fd < limit; ++fd) ::close(static_cast<int>(fd));
}

}  // namespace

std::uint64_t descriptor_limit() noexcept {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 256;
}

int connections_within(int wanted, std::uint64_t descriptors) {
  // A process has two such servers; a quarter each leaves half of what is not ours anyway.
  const auto share = descriptors > kKeptForUs ? (descriptors - kKeptForUs) / 4 : 0;
  const auto most = std::max(kConnectionsMin, share);
  return static_cast<int>(std::min<std::uint64_t>(static_cast<std::uint64_t>(wanted), most));
}

void close_inherited(std::initializer_list<int> kept) noexcept {
  unsigned next = 3;
  while (true) {
    int least = -1;
    for (const int fd : kept)
      if (fd >= static_cast<int>(next) && (least < 0 || fd < least)) least = fd;
    if (least < 0) break;
    close_each(next, static_cast<unsigned>(least) - 1);
    next = static_cast<unsigned>(least) + 1;
  }
  close_each(next, ~0U);
}

}  // namespace sluice::net
