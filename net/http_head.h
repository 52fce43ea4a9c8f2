#pragma once
// HTTP/1 as strangers send it, read strictly and without a byte more kept than is allowed: the head
// of a request, and its body piece by piece. Functions of bytes; no sockets.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "base/http.h"

namespace sluice::net {

// What a request that cannot be accepted is answered with, before its connection is closed.
struct Refusal {
  int status = 400;
  std::string why;
};

enum class Framing { None, Length, Chunked };

struct RequestHead {
  std::string method, target;
  bool http11 = true;  // else HTTP/1.0
  bool keep_alive = true;
  bool expects_continue = false;
  Framing framing = Framing::None;
  std::uint64_t length = 0;  // of the body (Framing::Length)
  http::Headers headers;     // as sent, without blanks around the values
};

// One past the blank line that ends a head; nullopt while there is none. `from` is how much was
// looked at before.
[[nodiscard]] std::optional<std::size_t> end_of_head(std::string_view bytes, std::size_t from = 0);

// `head` ends with the blank line. What could be read in two ways (two lengths, a length beside
// chunks, folded lines, bare line ends) is refused, not guessed.
[[nodiscard]] tl::expected<RequestHead, Refusal> parse_head(std::string_view head);

// A body while it arrives.
class BodyReader {
 public:
  enum class State { More, Done, TooLarge, Malformed };

  BodyReader() = default;
  BodyReader(const RequestHead& head, std::size_t bytes_max);

  // Takes what belongs to the body and says how many bytes that was; what follows is left.
  std::size_t take(std::string_view bytes);
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] std::string take_body() { return std::move(body_); }
  [[nodiscard]] std::size_t size() const { return body_.size(); }

 private:
  enum class Part { Data, Size, DataEnd, Trailer };
  std::size_t take_data(std::string_view bytes);
  std::size_t take_line(std::string_view bytes);
  void on_line();
  void on_size_line();

  State state_ = State::Done;
  Part part_ = Part::Data;
  bool chunked_ = false;
  std::uint64_t left_ = 0;  // of the body, or of the present chunk
  std::size_t bytes_max_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::string line_;
  std::string body_;
};

}  // namespace sluice::net
