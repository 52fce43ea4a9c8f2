#pragma once
// The part of inbound HTTP that strangers touch: one thread that owns the listening socket and
// every connection, and bounds what each may take (ADR 16). It knows bytes, not cpprestsdk.
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "net/http_head.h"
#include "net/net.h"
#include "net/wire.h"

namespace sluice::net {

// What a request is answered with. The body is asked for piece by piece, as the client takes it.
struct Answer {
  using Piece = std::optional<std::string>;  // empty: the end; nullopt: broken off
  int status = 200;
  std::string reason;
  http::Headers headers;                // without Content-Length and Transfer-Encoding
  std::optional<std::uint64_t> length;  // of the body; nullopt: until it ends
  // Gives the next piece to `done`, on any thread, perhaps at once. Empty: there is no body.
  std::function<void(std::function<void(Piece)> done)> next;
  // Called once: whether all of it was handed to the system. Whoever makes the body learns here
  // that the client is gone.
  std::function<void(bool whole)> over;
};

// Where other threads leave word for the door's thread. Outlives the door.
class Letterbox {
 public:
  using Ticket = std::uint64_t;  // of one request; never used again
  struct Letter {
    Ticket ticket = 0;
    std::optional<Answer> answer;
    std::optional<Answer::Piece> piece;  // neither: nobody will answer
  };
  Letterbox();
  ~Letterbox();
  Letterbox(const Letterbox&) = delete;
  Letterbox& operator=(const Letterbox&) = delete;

  // After close() an answer is told that it is over, everything else is forgotten.
  void put(Letter letter);
  [[nodiscard]] std::vector<Letter> take();
  void wake();
  void close();
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
  std::mutex mutex_;
  bool closed_ = false;
  std::vector<Letter> letters_;
};

// The right to answer one request, once. Dropped without an answer, it ends the connection.
class Reply {
 public:
  Reply(std::shared_ptr<Letterbox> box, Letterbox::Ticket ticket)
      : box_(std::move(box)), ticket_(ticket) {}
  ~Reply();
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  void send(Answer answer);

 private:
  std::shared_ptr<Letterbox> box_;
  Letterbox::Ticket ticket_;
  bool sent_ = false;
};

struct ArrivedRequest {
  RequestHead head;
  std::string body;
  std::string remote;  // "127.0.0.1:4711"
};

class Door {
 public:
  // Called on the door's thread: hand it on and return.
  using Handler = std::function<void(ArrivedRequest, std::shared_ptr<Reply>)>;

  // Listens; nobody is let in before start(). Errors: Unavailable (the address), Invalid.
  [[nodiscard]] static Result<std::unique_ptr<Door>> open(const ServerOptions& options);
  ~Door();
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;
  [[nodiscard]] int port() const { return port_; }
  void start(Handler handler);
  // Lets nobody in any more, gives answers that are on their way a moment, and closes.
  void close();

 private:
  Door() = default;
  int listener_ = -1;
  int port_ = 0;
  ServerOptions options_;
  std::shared_ptr<TlsIdentity> identity_;
  std::shared_ptr<Letterbox> box_ = std::make_shared<Letterbox>();
  std::atomic<bool> closing_{false};
  std::thread thread_;
};

}  // namespace sluice::net
