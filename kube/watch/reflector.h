#pragma once
// list + watch of one kind as a step machine without I/O: the owner sends the requests it asks for
// and feeds the answers; out come changes. Handles chunked lists, bookmarks, 410 as status and
// in-stream, silent watches and backoff with jitter.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/seams.h"
#include "kube/json/node.h"
#include "kube/request/request.h"

namespace sluice::kube {

// Splits a byte stream into lines; a line longer than `line_max` bytes is an error.
class LineFramer {
 public:
  explicit LineFramer(std::size_t line_max = 32U << 20U) : line_max_(line_max) {}
  // Calls `line` for every complete line. Errors: Decode (too long).
  Status feed(std::string_view bytes, const std::function<void(std::string_view)>& line);
  void reset() { buffer_.clear(); }

 private:
  std::size_t line_max_;
  std::string buffer_;
};

class ReflectorSink {
 public:
  virtual ~ReflectorSink() = default;
  // The object is valid only during the call.
  virtual void on_upsert(Node object) = 0;
  virtual void on_delete(Node object) = 0;  // of an unreadable one: its metadata alone
  // The object exists, and nothing but its metadata (without managedFields) can be read. It is not
  // gone: what is known of it from before stays.
  virtual void on_unreadable(Node /*metadata_only*/, std::string_view /*why*/) {}
  // A list begins; again without a finish when it had to start over.
  virtual void on_list_started() = 0;
  // The list is complete: everything neither upserted nor unreadable since the last
  // on_list_started is gone.
  // resource_version() is already the list's: pass it to Store::list_finished.
  virtual void on_list_finished() = 0;
};

class Reflector {
 public:
  struct Options {
    ResourceType type;
    std::string namespace_;  // "" = all
    std::string label_selector, field_selector;
    std::string version;    // served version chosen by discovery; "" = preferred
    Millis silence_max{0};  // 0 = watch timeout + 5 s
  };
  Reflector(Options options, ReflectorSink& sink, Rng& rng);
  ~Reflector();

  // What to do now: a request to send, or the time to come back at (neither: waiting for an
  // answer).
  struct Step {
    std::optional<http::Request> request;
    std::optional<MonoTime> wait_until;
  };
  [[nodiscard]] Step next(MonoTime now);
  // The request returned by next() was submitted as this token.
  void submitted(RequestToken token);
  [[nodiscard]] std::optional<RequestToken> token() const;
  // Events of other tokens are ignored. When token() is empty after a StreamData event, the
  // reflector has given that stream up (an ERROR event, an unreadable one): cancel it at the
  // Transport and call next().
  void on_event(const TransportEvent& event, MonoTime now);

  // The server answers others again: whoever waits because it could not be reached tries again
  // within half a second instead of after up to thirty. A wait that the server asked for stays.
  void server_answers(MonoTime now);

  [[nodiscard]] bool synced() const;  // at least one complete list
  [[nodiscard]] const std::string& resource_version() const;
  [[nodiscard]] const std::optional<Error>& last_error() const;  // cleared by success
  [[nodiscard]] bool forbidden() const;                          // the last answer was 401/403

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::kube
