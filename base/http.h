#pragma once
// HTTP as values. Transport (outbound) and HttpServer (inbound) move them; nothing here does I/O.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace sluice::http {

using Headers = std::vector<std::pair<std::string, std::string>>;
// First header of that name, case-insensitively; nullptr when absent.
[[nodiscard]] const std::string* find_header(const Headers& headers, std::string_view name);
void set_header(Headers& headers, std::string_view name, std::string value);

// As it may be shown: "http://***@host/path" for a URL that names a user.
[[nodiscard]] std::string without_user_info(std::string_view url);

struct Request {
  std::string method = "GET";
  // Absolute ("http://host:port/path?query"), or, for the API server, a path
  // ("/api/v1/...?watch=1") that the Transport resolves against its configured server and
  // authenticates.
  std::string url;
  Headers headers;
  std::string body;
  Millis timeout{30'000};             // whole exchange; for a stream: until the first byte
  bool stream = false;                // deliver body data as it arrives (watches)
  Millis stream_silence{0};           // > 0: a stream silent for longer is ended with Timeout
  bool insecure_skip_verify = false;  // only where a user asked for it (web metrics)
  // Redirects the Transport follows by itself (web metrics; POST and PUT become GET on 301, 302 and
  // 303). 0: the answer is the redirect.
  int redirects_max = 0;
  std::string client_name;  // "kube", "metric": picks credentials and connection limits
  // Of the answer's body, in bytes: a longer one ends the exchange as soon as it shows. 0: the
  // Transport's own limit.
  std::size_t body_max = 0;
  // Whose request it is, a namespace: what the Transport has to share out goes by it. "" = ours.
  std::string on_behalf_of;
  // What holds a Secret's value: it does not follow a redirect to another host.
  std::vector<std::string> secret_headers;  // their names
  bool secret_body = false;
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;
};

// A split URL path and query, for servers.
struct Target {
  std::string path;                                        // still percent-coded
  std::vector<std::string> segments;                       // decoded
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  [[nodiscard]] const std::string* param(std::string_view name) const;
};
[[nodiscard]] Target parse_target(std::string_view path_and_query);

}  // namespace sluice::http
