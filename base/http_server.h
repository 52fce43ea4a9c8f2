#pragma once
#include <functional>
#include <memory>
#include <string>

#include "base/seams.h"

namespace sluice {

struct InboundRequest {
  http::Request request;  // url holds path and query
  std::string remote;     // "127.0.0.1:4711"
};

// Called on the server's own threads: copy what you need, post it to your loop, return (stack.md
// §4.3 trap 1).
using InboundHandler = std::function<void(InboundRequest, std::shared_ptr<Responder>)>;

class HttpServer {
 public:
  virtual ~HttpServer() = default;
  // "https://127.0.0.1:41234", with the port really bound.
  [[nodiscard]] virtual std::string url() const = 0;
  virtual void stop() = 0;
};

}  // namespace sluice
