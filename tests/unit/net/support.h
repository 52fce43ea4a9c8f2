#pragma once
// What the tests of net/ share: files and clock under the test's hand, a recording telemetry, and
// helpers that turn the transport until something has happened.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/http_server.h"
#include "base/seams.h"
#include "net/net.h"

namespace sluice::net::test {

class FakeFiles final : public Files {
 public:
  Result<std::string> read(const std::string& path) override {
    ++reads;
    if (forbidden.contains(path)) return fail(ErrorCode::Forbidden, path + ": Permission denied");
    const auto it = files.find(path);
    if (it == files.end()) return fail(ErrorCode::NotFound, path + ": No such file or directory");
    return it->second;
  }
  std::string env(const std::string& name) override {
    const auto it = environment.find(name);
    return it == environment.end() ? "" : it->second;
  }
  std::map<std::string, std::string> files, environment, forbidden;
  int reads = 0;
};

class ManualClock final : public Clock {
 public:
  WallTime wall_now() override { return WallTime(Micros(1'790'000'000'000'000)) + elapsed_.load(); }
  MonoTime mono_now() override { return MonoTime(Micros(1'000'000)) + elapsed_.load(); }
  void advance(Millis by) { elapsed_ = elapsed_.load() + by; }

 private:
  std::atomic<Micros> elapsed_{Micros(0)};
};

class RecordingTelemetry final : public Telemetry {
 public:
  void log(LogLevel, std::string_view message, std::vector<LogField>) override {
    const std::lock_guard lock(mutex_);
    messages_.emplace_back(message);
  }
  void count(std::string_view, Labels, double) override {}
  void gauge(std::string_view, Labels, double) override {}
  void observe(std::string_view, Labels, double) override {}
  void forget(std::string_view, std::string_view) override {}
  int logged(std::string_view part) {
    const std::lock_guard lock(mutex_);
    int count = 0;
    for (const auto& message : messages_) count += message.find(part) == std::string::npos ? 0 : 1;
    return count;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> messages_;
};

// A transport with its seams. `kube` and options may be changed before start().
struct Client {
  FakeFiles files;
  ManualClock clock;
  RecordingTelemetry telemetry;
  TransportOptions options;
  std::unique_ptr<Transport> transport;
  std::vector<TransportEvent> seen;

  void start() {
    auto made = make_transport(options, files, clock, telemetry);
    ASSERT_TRUE(made) << made.error().message;
    transport = std::move(*made);
  }
  // Turns the transport until `done`; gives up after about ten seconds of waiting.
  bool until(const std::function<bool()>& done) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < give_up) {
      if (done()) return true;  // asked once per turn: it may take something out of a mailbox
      transport->poll(seen, Millis(10));
    }
    return false;
  }
  const TransportEvent* find(RequestToken token, TransportEvent::Kind kind) const {
    for (const auto& event : seen) {
      if (event.token == token && event.kind == kind) return &event;
    }
    return nullptr;
  }
  // The final event of a token.
  const TransportEvent* wait_end(RequestToken token) {
    const TransportEvent* end = nullptr;
    until([&] {
      end = nullptr;
      for (const auto& event : seen) {
        const bool final = event.kind == TransportEvent::Kind::Response ||
                           event.kind == TransportEvent::Kind::Failed ||
                           event.kind == TransportEvent::Kind::StreamEnded;
        if (event.token == token && final) end = &event;
      }
      return end != nullptr;
    });
    return end;
  }
  std::string stream_text(RequestToken token) const {
    std::string text;
    for (const auto& event : seen) {
      if (event.token == token && event.kind == TransportEvent::Kind::StreamData)
        text += event.response.body;
    }
    return text;
  }
};

inline http::Request get(std::string url) {
  http::Request request;
  request.url = std::move(url);
  return request;
}

inline http::Request watch(std::string url, Millis silence = Millis(0)) {
  http::Request request = get(std::move(url));
  request.stream = true;
  request.stream_silence = silence;
  return request;
}

// Hands values from the server's threads to the test.
template <class T>
class Mailbox {
 public:
  void put(T value) {
    {
      const std::lock_guard lock(mutex_);
      values_.push_back(std::move(value));
    }
    changed_.notify_all();
  }
  bool take(T& value) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(10), [&] { return !values_.empty(); }))
      return false;
    value = std::move(values_.front());
    values_.pop_front();
    return true;
  }
  bool try_take(T& value) {
    const std::lock_guard lock(mutex_);
    if (values_.empty()) return false;
    value = std::move(values_.front());
    values_.pop_front();
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> values_;
};

struct Arrived {
  InboundRequest inbound;
  std::shared_ptr<Responder> responder;
};

// A server of ours; without a handler of its own every request goes to the mailbox.
struct Served {
  std::shared_ptr<Mailbox<Arrived>> mailbox = std::make_shared<Mailbox<Arrived>>();
  KeyPair ca, leaf;
  std::unique_ptr<HttpServer> server;

  void start(bool tls, InboundHandler handler = nullptr) {
    ServerOptions options;
    if (tls) {
      const WallTime now = system_clock()->wall_now();
      auto made_ca = make_ca("test CA", now);
      ASSERT_TRUE(made_ca) << made_ca.error().message;
      ca = *made_ca;
      auto made = make_leaf(ca, "server", {"api.example"}, {"127.0.0.1"}, now);
      ASSERT_TRUE(made) << made.error().message;
      leaf = *made;
      options.cert_pem = leaf.cert_pem;
      options.key_pem = leaf.key_pem;
    }
    if (!handler) {
      handler = [box = mailbox](InboundRequest inbound, std::shared_ptr<Responder> responder) {
        box->put({std::move(inbound), std::move(responder)});
      };
    }
    auto made = serve(options, std::move(handler));
    ASSERT_TRUE(made) << made.error().message;
    server = std::move(*made);
  }
};

}  // namespace sluice::net::test
