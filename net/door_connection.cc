#include "net/door_connection.h"

#include <poll.h>

#include <algorithm>

#include "base/strings.h"

namespace sluice::net {
namespace {

constexpr std::size_t kReadBytes = 16U << 10U;  // the largest TLS record: nothing stays inside
constexpr int kReadsPerEvent = 4;               // then others have their turn
constexpr std::size_t kThrownAwayMax = 4U << 20U;
constexpr Millis kLastWords{5000}, kLinger{2000};
constexpr int kSlowStream = 5;  // times as slow: of a stream it is said that nothing moves
constexpr std::uint64_t kAnswerBytesPerSecond = 64U << 10U;

std::string_view reason_of(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Request Entity Too Large";
    case 417:
      return "Expectation Failed";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Refused";
  }
}

std::string head_text(int status, std::string_view reason, const http::Headers& headers) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " ";
  text.append(reason).append("\r\n");
  for (const auto& [name, value] : headers) {
    if (iequals(name, "Content-Length") || iequals(name, "Transfer-Encoding")) continue;
    if ((name + value).find_first_of("\r\n") != std::string::npos) continue;
    text.append(name).append(": ").append(value).append("\r\n");
  }
  return text;
}

void append_chunk(std::string& out, std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string size;
  for (auto left = bytes.size(); left > 0; left /= 16)
    size.insert(size.begin(), kDigits[left % 16]);
  out.append(size).append("\r\n").append(bytes).append("\r\n");
}

bool bodiless(int status) {
  return status == 204 || status == 304 || status < 200;
}

}  // namespace

DoorConnection::DoorConnection(int fd, const std::shared_ptr<TlsIdentity>& identity,
                               std::string remote, std::string remote_key, Surroundings& around,
                               MonoTime now)
    : wire_(fd, identity),
      remote_(std::move(remote)),
      remote_key_(std::move(remote_key)),
      around_(around),
      since_(now) {
  set_deadline(now);
}

DoorConnection::~DoorConnection() {
  close();
}

void DoorConnection::close() {
  if (stage_ == Stage::Closed) return;
  end_answer(false);
  stage_ = Stage::Closed;
  wire_.close();  // at once: whoever made room needs the descriptor
}

void DoorConnection::give_up() {
  if (!out_.empty()) wire_.cut();
  close();
}

short DoorConnection::wanted_events() const {
  const short out = wants_read_ ? POLLIN : POLLOUT;
  const short in = wants_write_ ? POLLOUT : POLLIN;
  const short hang_up = peer_done_ ? short{0} : short{POLLRDHUP};
  switch (stage_) {
    case Stage::Handshake:
      return in;
    case Stage::Head:
    case Stage::Body:
    case Stage::Lingering:
      return static_cast<short>(out_.empty() ? in : in | out);
    case Stage::Waiting:
      return hang_up;
    case Stage::Answering:
      return static_cast<short>(out_.empty() ? hang_up : out | hang_up);
    case Stage::Refusing:
      return out;
    case Stage::Closed:
      return 0;
  }
  return 0;
}

bool DoorConnection::slow(MonoTime now) const {
  if (stage_ != Stage::Answering || !answer_ || out_.empty()) return false;
  return now - since_ > (answer_->length ? limits().slow : kSlowStream * limits().slow);
}

std::optional<DoorConnection::Spare> DoorConnection::spare(MonoTime now) const {
  switch (stage_) {
    case Stage::Handshake:
    case Stage::Refusing:
    case Stage::Lingering:
      return Spare{0, since_};
    case Stage::Head:
      if (!served_) return Spare{0, since_};
      return Spare{in_.empty() ? 1 : 2, since_};
    case Stage::Body:
      return Spare{2, since_};
    case Stage::Answering:
      if (slow(now)) return Spare{3, since_};
      return std::nullopt;
    case Stage::Waiting:
      return Spare{4, since_};
    case Stage::Closed:
      return std::nullopt;
  }
  return std::nullopt;
}

void DoorConnection::set_deadline(MonoTime now) {
  switch (stage_) {
    case Stage::Handshake:
      deadline_ = now + limits().head;
      return;
    case Stage::Head:
      if (served_) deadline_ = now + (in_.empty() ? limits().idle : limits().head);
      return;  // a first request has the time that its connection began with
    case Stage::Body:
      deadline_ = now + limits().body;
      return;
    case Stage::Waiting:
      deadline_ = now + limits().stall;
      return;
    case Stage::Answering:
      deadline_ = std::nullopt;
      if (!out_.empty()) deadline_ = std::min(now + limits().stall, answer_by_);
      return;
    case Stage::Refusing:
      deadline_ = now + kLastWords;
      return;
    case Stage::Lingering:
      deadline_ = now + kLinger;
      return;
    case Stage::Closed:
      deadline_ = std::nullopt;
      return;
  }
}

void DoorConnection::on_deadline(MonoTime now) {
  if (stage_ == Stage::Head && !in_.empty())
    return refuse(408, "the head of the request did not come in time", now);
  if (stage_ == Stage::Body)
    return refuse(408, "the body of the request did not come in time", now);
  if (stage_ == Stage::Waiting) return refuse(503, "too many requests at a time", now);
  give_up();
}

void DoorConnection::on_events(short events, MonoTime now) {
  if ((events & (POLLERR | POLLNVAL)) != 0) return close();
  if ((events & (POLLHUP | POLLRDHUP)) != 0 &&
      (stage_ == Stage::Waiting || stage_ == Stage::Answering)) {
    // A client may end its side and still read the answer; nobody reads a watch that way.
    peer_done_ = true;
    if ((events & POLLHUP) != 0 || (answer_ && !answer_->length)) return close();
  }
  if (stage_ == Stage::Handshake) handshake(now);
  if (!closed() && !out_.empty()) flush(now);
  if (stage_ == Stage::Head || stage_ == Stage::Body || stage_ == Stage::Lingering) receive(now);
}

void DoorConnection::handshake(MonoTime) {
  const auto step = wire_.handshake();
  wants_write_ = step.outcome == Wire::Outcome::WantWrite;
  if (step.outcome == Wire::Outcome::Moved)
    stage_ = Stage::Head;
  else if (step.outcome == Wire::Outcome::Ended || step.outcome == Wire::Outcome::Broken)
    close();
}

void DoorConnection::receive(MonoTime now) {
  char bytes[kReadBytes];
  for (int turn = 0; turn < kReadsPerEvent; ++turn) {
    const auto step = wire_.read(bytes, sizeof bytes);
    wants_write_ = step.outcome == Wire::Outcome::WantWrite;
    if (step.outcome == Wire::Outcome::Moved)
      consume({bytes, step.bytes}, now);
    else if (step.outcome == Wire::Outcome::Ended || step.outcome == Wire::Outcome::Broken)
      return close();
    else
      return;
    if (stage_ != Stage::Head && stage_ != Stage::Body && stage_ != Stage::Lingering) return;
  }
}

void DoorConnection::consume(std::string_view bytes, MonoTime now) {
  if (stage_ == Stage::Lingering) {
    thrown_away_ += bytes.size();
    if (thrown_away_ > kThrownAwayMax) give_up();
    return;
  }
  if (stage_ == Stage::Body) {
    bytes.remove_prefix(body_.take(bytes));
    in_.append(bytes);
    return read_body(now);
  }
  const bool first = in_.empty();
  in_.append(bytes);
  if (first) set_deadline(now);
  read_head(now);
}

void DoorConnection::read_head(MonoTime now) {
  while (in_.compare(0, 2, "\r\n") == 0) in_.erase(0, 2);  // some clients end a body with one more
  const auto end = end_of_head(in_, searched_);
  searched_ = in_.size();
  if (end.value_or(in_.size()) > limits().head_bytes)
    return refuse(431, "the head of the request is too large", now);
  if (!end) return;
  auto head = parse_head(std::string_view(in_).substr(0, *end));
  if (!head) return refuse(head.error().status, head.error().why, now);
  head_ = std::move(*head);
  in_.erase(0, *end);
  searched_ = 0;
  close_after_ = !head_.keep_alive;
  if (refused(now)) return;
  stage_ = Stage::Body;
  since_ = now;
  set_deadline(now);
  body_ = BodyReader(head_, limits().body_bytes);
  if (head_.expects_continue && body_.state() == BodyReader::State::More) {
    out_ += "HTTP/1.1 100 Continue\r\n\r\n";
    flush(now);
    if (closed()) return;
  }
  in_.erase(0, body_.take(in_));
  read_body(now);
}

// What the head alone decides.
bool DoorConnection::refused(MonoTime now) {
  const auto& options = around_.options;
  if (options.limits.read_only) {
    if (head_.method != "GET" && head_.method != "HEAD") {
      refuse({405, {{"Content-Type", "text/plain"}, {"Allow", "GET, HEAD"}}, "GET and HEAD only\n"},
             now);
      return true;
    }
    if (head_.framing != Framing::None) {
      refuse(413, "requests have no body here", now);
      return true;
    }
  }
  if (head_.method == "TRACE" || head_.method == "CONNECT") {
    refuse(405, "there is no " + head_.method + " here", now);
    return true;
  }
  if (!options.admit) return false;
  http::Request request;
  request.method = head_.method;
  request.url = head_.target;
  request.headers = head_.headers;
  auto refusal = options.admit(request);
  if (refusal) refuse(std::move(*refusal), now);
  return refusal.has_value();
}

void DoorConnection::read_body(MonoTime now) {
  switch (body_.state()) {
    case BodyReader::State::More:
      return;
    case BodyReader::State::Done:
      served_ = true;
      ticket_ = around_.next_ticket();
      stage_ = Stage::Waiting;
      since_ = now;
      return set_deadline(now);
    case BodyReader::State::TooLarge:
      if (around_.options.too_large) return refuse(*around_.options.too_large, now);
      return refuse(413,
                    "the body is too large: " + std::to_string(limits().body_bytes) +
                        " bytes are allowed",
                    now);
    case BodyReader::State::Malformed:
      return refuse(400, "the chunks of the body are malformed", now);
  }
}

void DoorConnection::refuse(int status, const std::string& why, MonoTime now) {
  refuse({status, {{"Content-Type", "text/plain"}}, why + "\n"}, now);
}

void DoorConnection::refuse(http::Response response, MonoTime now) {
  body_ = BodyReader();  // gives its memory back
  in_.clear();
  in_.shrink_to_fit();
  out_ += head_text(response.status, reason_of(response.status), response.headers) +
          "Connection: close\r\nContent-Length: " + std::to_string(response.body.size()) +
          "\r\n\r\n";
  if (head_.method != "HEAD") out_ += response.body;
  stage_ = Stage::Refusing;
  since_ = now;
  set_deadline(now);
  flush(now);
}

ArrivedRequest DoorConnection::begin_answer(MonoTime now) {
  stage_ = Stage::Answering;
  since_ = now;
  set_deadline(now);
  return {head_, body_.take_body(), remote_};
}

void DoorConnection::on_letter(Letterbox::Letter letter, MonoTime now) {
  if (letter.answer) {
    start_answer(std::move(*letter.answer), now);
  } else if (letter.piece) {
    pulling_ = false;
    on_piece(std::move(*letter.piece), now);
  } else {
    close();
  }
}

void DoorConnection::start_answer(Answer answer, MonoTime now) {
  out_ += head_text(answer.status, answer.reason, answer.headers);
  for (const auto& [name, value] : answer.headers)
    if (iequals(name, "Connection") && iequals(value, "close")) close_after_ = true;
  if (head_.method == "HEAD" || bodiless(answer.status)) answer.next = nullptr;
  const bool streamed = answer.next && !answer.length;
  chunked_ = streamed && head_.http11;
  if ((streamed && !chunked_) || around_.closing) close_after_ = true;
  if (chunked_)
    out_ += "Transfer-Encoding: chunked\r\n";
  else if (answer.next && answer.length)
    out_ += "Content-Length: " + std::to_string(*answer.length) + "\r\n";
  else if (!answer.next && head_.method != "HEAD" && !bodiless(answer.status))
    out_ += "Content-Length: 0\r\n";
  if (close_after_) out_ += "Connection: close\r\n";
  out_ += "\r\n";
  if (!answer.next) answer.length = 0;
  answer_by_ = MonoTime::max();
  if (answer.length)
    answer_by_ = now + limits().stall +
                 Seconds(static_cast<std::int64_t>(*answer.length / kAnswerBytesPerSecond));
  out_is_last_ = !answer.next;
  body_sent_ = 0;
  answer_ = std::move(answer);
  since_ = now;
  if (peer_done_ && !answer_->length) return close();
  flush(now);
}

void DoorConnection::on_piece(Answer::Piece piece, MonoTime now) {
  if (!answer_) return;
  if (!piece) return close();
  body_sent_ += piece->size();
  const auto& length = answer_->length;
  // More or less than was announced cannot be mended; the client must not take it for the whole.
  if (length && (body_sent_ > *length || (piece->empty() && body_sent_ < *length))) return close();
  out_is_last_ = piece->empty() || (length && body_sent_ == *length);
  if (!chunked_)
    out_ += *piece;
  else if (piece->empty())
    out_ += "0\r\n\r\n";
  else
    append_chunk(out_, *piece);
  flush(now);
}

void DoorConnection::flush(MonoTime now) {
  while (out_at_ < out_.size()) {
    const auto step = wire_.write(out_.data() + out_at_, out_.size() - out_at_);
    wants_read_ = step.outcome == Wire::Outcome::WantRead;
    if (step.outcome == Wire::Outcome::Moved) {
      out_at_ += step.bytes;
      // Of an answer with a length, the time since it was begun counts; of a stream, progress.
      if (stage_ == Stage::Answering && answer_ && !answer_->length) since_ = now;
      continue;
    }
    if (step.outcome == Wire::Outcome::Ended || step.outcome == Wire::Outcome::Broken)
      return close();
    break;
  }
  if (out_at_ < out_.size()) {
    if (stage_ == Stage::Answering) set_deadline(now);
    return;
  }
  out_.clear();
  if (out_.capacity() > kReadBytes) out_.shrink_to_fit();
  out_at_ = 0;
  on_flushed(now);
}

void DoorConnection::on_flushed(MonoTime now) {
  if (stage_ == Stage::Refusing) return linger(now);
  if (stage_ != Stage::Answering || !answer_) return;
  if (out_is_last_) {
    end_answer(true);
    next_request(now);
    return;
  }
  set_deadline(now);
  pull();
}

void DoorConnection::pull() {
  if (pulling_) return;
  pulling_ = true;
  answer_->next([box = around_.box, ticket = ticket_](Answer::Piece piece) {
    Letterbox::Letter letter;
    letter.ticket = ticket;
    letter.piece = std::move(piece);
    box->put(std::move(letter));
  });
}

void DoorConnection::end_answer(bool whole) {
  if (stage_ != Stage::Answering) return;
  if (answer_ && answer_->over) answer_->over(whole);
  answer_.reset();
  pulling_ = false;
  around_.answered(*this);
  ticket_ = 0;
}

void DoorConnection::next_request(MonoTime now) {
  if (close_after_ || around_.closing) return linger(now);
  stage_ = Stage::Head;
  since_ = now;
  head_ = RequestHead();
  set_deadline(now);
  if (!in_.empty()) read_head(now);
}

void DoorConnection::linger(MonoTime now) {
  wire_.end_output();
  stage_ = Stage::Lingering;
  since_ = now;
  set_deadline(now);
}

}  // namespace sluice::net
