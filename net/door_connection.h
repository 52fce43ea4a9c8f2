#pragma once
// One connection at the door: reads a request, has it answered, reads the next. Never waits.
#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "net/door.h"

namespace sluice::net {

class DoorConnection {
 public:
  // What the connections of a door share.
  struct Surroundings {
    const ServerOptions& options;
    std::shared_ptr<Letterbox> box;
    std::function<Letterbox::Ticket()> next_ticket;
    // An answer that was begun is over, in whatever way.
    std::function<void(const DoorConnection&)> answered;
    bool closing = false;
  };
  enum class Stage {
    Handshake,
    Head,       // of the next request; idle while nothing of it has come
    Body,
    Waiting,    // a whole request is here, and waits for its turn
    Answering,
    Refusing,   // our refusal is being sent
    Lingering,  // we are done; what still comes is thrown away, so that our last words arrive
    Closed,
  };
  // How easily it is given up for a newcomer: lower ranks first, then the oldest.
  struct Spare {
    int rank = 0;
    MonoTime since{};
  };

  DoorConnection(int fd, const std::shared_ptr<TlsIdentity>& identity, std::string remote,
                 std::string remote_key, Surroundings& around, MonoTime now);
  ~DoorConnection();

  [[nodiscard]] int fd() const { return wire_.fd(); }
  [[nodiscard]] short wanted_events() const;
  [[nodiscard]] Stage stage() const { return stage_; }
  [[nodiscard]] bool closed() const { return stage_ == Stage::Closed; }
  [[nodiscard]] std::optional<MonoTime> deadline() const { return deadline_; }
  [[nodiscard]] std::optional<Spare> spare(MonoTime now) const;
  // Has brought a whole request that was not refused.
  [[nodiscard]] bool served() const { return served_; }
  // Sends an answer that its client does not take quickly.
  [[nodiscard]] bool slow(MonoTime now) const;
  [[nodiscard]] const std::string& remote_key() const { return remote_key_; }
  [[nodiscard]] Letterbox::Ticket ticket() const { return ticket_; }

  void on_events(short events, MonoTime now);
  void on_deadline(MonoTime now);
  // Only while Waiting: the request, whose turn has come.
  [[nodiscard]] ArrivedRequest begin_answer(MonoTime now);
  void on_letter(Letterbox::Letter letter, MonoTime now);
  void close();
  // Close, of our own accord. Who has not taken its answer loses it: else the system would keep
  // that for minutes.
  void give_up();

 private:
  void handshake(MonoTime now);
  void receive(MonoTime now);
  void on_input_end(MonoTime now);
  void consume(std::string_view bytes, MonoTime now);
  void read_head(MonoTime now);
  bool refused(MonoTime now);
  void read_body(MonoTime now);
  void refuse(int status, const std::string& why, MonoTime now);
  void refuse(http::Response response, MonoTime now);
  void start_answer(Answer answer, MonoTime now);
  void on_piece(Answer::Piece piece, MonoTime now);
  void flush(MonoTime now);
  void on_flushed(MonoTime now);
  void pull();
  void end_answer(bool whole);
  void next_request(MonoTime now);
  void linger(MonoTime now);
  void set_deadline(MonoTime now);
  [[nodiscard]] const ServerLimits& limits() const { return around_.options.limits; }

  Wire wire_;
  const std::string remote_, remote_key_;
  Surroundings& around_;
  Stage stage_ = Stage::Handshake;
  MonoTime since_{};  // in this stage, or since it last moved on
  std::optional<MonoTime> deadline_;
  bool served_ = false;     // a whole request has come through
  bool peer_done_ = false;  // the client sends nothing more
  bool wants_write_ = false, wants_read_ = false;  // what TLS needs before it can go on

  std::string in_;
  std::size_t searched_ = 0;
  RequestHead head_;
  BodyReader body_;

  Letterbox::Ticket ticket_ = 0;
  std::optional<Answer> answer_;
  MonoTime answer_by_ = MonoTime::max();
  bool chunked_ = false, close_after_ = false, pulling_ = false;
  std::uint64_t body_sent_ = 0;
  std::string out_;
  std::size_t out_at_ = 0;
  bool out_is_last_ = false;
  std::size_t thrown_away_ = 0;
};

}  // namespace sluice::net
