#pragma once
// `kubectl logs`: the output of a pod's process, read from the file that the process writes to.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/http.h"
#include "base/seams.h"

namespace sluice::cluster {

// GET …/namespaces/NS/pods/NAME/log. The file holds bare output: sinceSeconds, sinceTime and
// timestamps are accepted and change nothing.
struct LogRequest {
  std::string ns, pod;
  bool follow = false, previous = false;
  std::optional<std::int64_t> tail_lines, limit_bytes;  // 0 or more
};
// nullopt: this request does not ask for a pod's log.
[[nodiscard]] std::optional<LogRequest> parse_log_request(const http::Request& request);

[[nodiscard]] std::string pod_log_path(const std::string& directory, std::string_view ns,
                                       std::string_view pod);

// The last lines, then the first bytes of those: what tailLines and limitBytes leave of `text`.
[[nodiscard]] std::string_view log_excerpt(std::string_view text, const LogRequest& request);

// One `kubectl logs -f`: sends what the file gains.
class LogFollower {
 public:
  // `file` has been sent up to `offset`; the stream is open.
  LogFollower(std::string file, std::size_t offset, std::shared_ptr<Responder> responder)
      : file_(std::move(file)), offset_(offset), responder_(std::move(responder)) {}
  // Sends what is new. False: the client is gone.
  bool poll();
  void finish() { responder_->finish(); }

 private:
  std::string file_;
  std::size_t offset_;
  std::shared_ptr<Responder> responder_;
};

// The whole file from `offset` on, at most its last 16 MiB; nullopt when there is none.
[[nodiscard]] std::optional<std::string> read_log(const std::string& file, std::size_t offset = 0);

}  // namespace sluice::cluster
