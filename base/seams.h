#pragma once
// The five seams: Clock, Rng (rng.h), Transport, Files, Telemetry. Production implements them in
// net/ and telemetry/, the simulator in sim/. Everything is constructor-injected; there are no
// singletons.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/http.h"
#include "base/result.h"
#include "base/time.h"

namespace sluice {

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual WallTime wall_now() = 0;
  [[nodiscard]] virtual MonoTime mono_now() = 0;
};

// Requests are identified by tokens chosen by the Transport, never reused.
using RequestToken = std::uint64_t;

struct TransportEvent {
  enum class Kind {
    Response,  // complete answer of a non-stream request, or a stream refused with status >= 300
    StreamOpened,  // status line and headers of a stream (2xx)
    StreamData,    // some bytes of a stream, in order
    StreamEnded,   // the server closed the stream in good order
    Failed,        // no answer: `error` is Timeout (outcome unknown), Unavailable or Cancelled
  };
  RequestToken token = 0;
  Kind kind = Kind::Failed;
  http::Response response;  // Response, StreamOpened; StreamData puts its bytes in response.body
  Error error;              // Failed
};

// Outbound HTTP. Single-threaded use: submit, cancel and poll are called by the loop thread only.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual RequestToken submit(http::Request request) = 0;
  // After cancel no event of that token is delivered.
  virtual void cancel(RequestToken token) = 0;
  // Appends events that are ready; waits at most `wait` for the first one (or until wake()).
  virtual void poll(std::vector<TransportEvent>& out, Millis wait) = 0;
  // The only member that other threads may call: ends a waiting poll.
  virtual void wake() = 0;
};

class Files {
 public:
  virtual ~Files() = default;
  [[nodiscard]] virtual Result<std::string> read(const std::string& path) = 0;
  [[nodiscard]] virtual std::string env(const std::string& name) = 0;  // "" when unset
};

enum class LogLevel { Debug, Info, Warn, Error };

struct LogField {
  std::string_view key;
  std::string value;
};

// Structured log and metrics. Names and labels of metrics are those of clients.md §4.
class Telemetry {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;
  virtual ~Telemetry() = default;
  virtual void log(LogLevel level, std::string_view message, std::vector<LogField> fields) = 0;
  virtual void count(std::string_view metric, Labels labels, double by = 1) = 0;
  virtual void gauge(std::string_view metric, Labels labels, double value) = 0;
  virtual void observe(std::string_view metric, Labels labels, double value) = 0;
  // Removes every series whose namespace/name labels are these (object deleted).
  virtual void forget(std::string_view object_namespace, std::string_view object_name) = 0;
};

// Inbound HTTP, an interface of base/ so that the pure server in sim/ and its host never meet net/
// types. A Responder is answered exactly once, either whole or as a stream; it may be answered from
// any thread.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void respond(http::Response response) = 0;
  virtual void start_stream(int status, http::Headers headers) = 0;
  // False once the client is gone or is too slow (bounded buffer): the stream is over.
  virtual bool write(std::string_view bytes) = 0;
  virtual void finish() = 0;
};

}  // namespace sluice
