// The plain operating system behind the seams Clock and Files.
#include <fcntl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <random>

#include "net/net.h"

namespace sluice::net {
namespace {

class SystemClock final : public Clock {
 public:
  WallTime wall_now() override {
    return std::chrono::floor<Micros>(std::chrono::system_clock::now());
  }
  MonoTime mono_now() override {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return MonoTime(std::chrono::floor<Micros>(since));
  }
};

ErrorCode code_of(int error) {
  if (error == ENOENT || error == ENOTDIR) return ErrorCode::NotFound;
  if (error == EACCES || error == EPERM) return ErrorCode::Forbidden;
  return ErrorCode::Unavailable;
}

// Far more than a kubeconfig, a key or a time zone; a device that never ends is none of these.
constexpr std::size_t kFileMax = 16U << 20U;

class SystemFiles final : public Files {
 public:
  Result<std::string> read(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(code_of(errno), path + ": " + std::strerror(errno));
    std::string text;
    char chunk[16384];
    for (;;) {
      const ssize_t n = ::read(fd, chunk, sizeof chunk);
      if (n > 0) {
        text.append(chunk, static_cast<std::size_t>(n));
        if (text.size() <= kFileMax) continue;
        ::close(fd);
        return fail(ErrorCode::Invalid, path + ": larger than 16 MiB, which no file read here is");
      } else if (n == 0) {
        break;
      } else if (errno != EINTR) {
        const int error = errno;
        ::close(fd);
        return fail(code_of(error), path + ": " + std::strerror(error));
      }
    }
    ::close(fd);
    return text;
  }

  std::string env(const std::string& name) override {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::string() : std::string(value);
  }
};

}  // namespace

std::unique_ptr<Clock> system_clock() {
  return std::make_unique<SystemClock>();
}
std::unique_ptr<Files> system_files() {
  return std::make_unique<SystemFiles>();
}

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  if (::getrandom(&seed, sizeof seed, 0) == static_cast<ssize_t>(sizeof seed)) return seed;
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32U) | device();
}

}  // namespace sluice::net
