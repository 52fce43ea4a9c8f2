#include "net/http_head.h"

#include <algorithm>

#include "base/strings.h"

namespace sluice::net {
namespace {

constexpr std::size_t kHeadersMax = 256;
constexpr std::size_t kChunkLineMax = 256;
constexpr std::size_t kTrailerMax = 8U << 10U;

bool is_token(std::string_view text) {
  if (text.empty()) return false;
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

// Bytes above 0x7f occur in values of old clients; controls never do.
bool is_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7f); });
}

bool is_target(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return c > 0x20 && c != 0x7f; });
}

std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Digits only: no sign, no blanks, no overflow.
std::optional<std::uint64_t> plain_number(std::string_view text, unsigned base) {
  if (text.empty() || text.size() > 16) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    unsigned digit = 99;
    if (c >= '0' && c <= '9') digit = static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') digit = static_cast<unsigned>(c - 'a') + 10U;
    if (c >= 'A' && c <= 'F') digit = static_cast<unsigned>(c - 'A') + 10U;
    if (digit >= base) return std::nullopt;
    value = value * base + digit;
  }
  return value;
}

tl::unexpected<Refusal> refuse(int status, std::string why) {
  return tl::unexpected<Refusal>(Refusal{status, std::move(why)});
}

// Cuts the first line off; its line end is CRLF. nullopt: a bare CR or LF.
std::optional<std::string_view> next_line(std::string_view& rest) {
  const auto end = rest.find("\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end + 2);
  if (line.find_first_of("\r\n") != std::string_view::npos) return std::nullopt;
  return line;
}

tl::expected<RequestHead, Refusal> parse_request_line(std::string_view line) {
  RequestHead head;
  const auto first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return refuse(400, "the request line is not METHOD TARGET VERSION");
  const auto version = line.substr(last + 1);
  if (version.substr(0, 5) != "HTTP/") return refuse(400, "the version is not HTTP/1.1");
  if (version != "HTTP/1.1" && version != "HTTP/1.0")
    return refuse(505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  head.http11 = version == "HTTP/1.1";
  head.keep_alive = head.http11;
  head.method = std::string(line.substr(0, first));
  head.target = std::string(line.substr(first + 1, last - first - 1));
  if (!is_token(head.method)) return refuse(400, "the method is not a word");
  if (!is_target(head.target)) return refuse(400, "the target has blanks or control characters");
  return head;
}

std::optional<Refusal> read_framing(RequestHead& head) {
  std::optional<std::uint64_t> length;
  bool chunked = false;
  for (const auto& [name, value] : head.headers) {
    if (iequals(name, "Content-Length")) {
      const auto number = plain_number(value, 10);
      if (!number) return Refusal{400, "Content-Length is not a number"};
      if (length && *length != *number) return Refusal{400, "two different Content-Lengths"};
      length = number;
    } else if (iequals(name, "Transfer-Encoding")) {
      if (chunked || !iequals(value, "chunked"))
        return Refusal{501, "the only Transfer-Encoding known here is chunked"};
      chunked = true;
    } else if (iequals(name, "Expect")) {
      if (!iequals(value, "100-continue"))
        return Refusal{417, "the only expectation known here is 100-continue"};
      head.expects_continue = head.http11;
    } else if (iequals(name, "Connection")) {
      for (const auto& word : split(value, ','))
        if (iequals(trim_blanks(word), "close")) head.keep_alive = false;
    }
  }
  if (chunked && length) return Refusal{400, "both Content-Length and Transfer-Encoding"};
  if (chunked && !head.http11) return Refusal{400, "HTTP/1.0 has no Transfer-Encoding"};
  if (chunked) head.framing = Framing::Chunked;
  if (length && *length > 0) {
    head.framing = Framing::Length;
    head.length = *length;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> end_of_head(std::string_view bytes, std::size_t from) {
  const auto at = bytes.find("\r\n\r\n", from < 3 ? 0 : from - 3);
  if (at == std::string_view::npos) return std::nullopt;
  return at + 4;
}

tl::expected<RequestHead, Refusal> parse_head(std::string_view text) {
  const auto request_line = next_line(text);
  if (!request_line) return refuse(400, "a line of the head does not end in CR LF");
  auto head = parse_request_line(*request_line);
  if (!head) return head;
  while (true) {
    const auto line = next_line(text);
    if (!line) return refuse(400, "a line of the head does not end in CR LF");
    if (line->empty()) break;
    const auto colon = line->find(':');
    // A name that begins with a blank is a folded line: proxies disagree about those.
    if (colon == std::string_view::npos || !is_token(line->substr(0, colon)))
      return refuse(400, "a header is not NAME: VALUE");
    const auto value = trim_blanks(line->substr(colon + 1));
    if (!is_value(value)) return refuse(400, "a header has control characters");
    if (head->headers.size() >= kHeadersMax) return refuse(431, "too many headers");
    head->headers.emplace_back(std::string(line->substr(0, colon)), std::string(value));
  }
  if (auto refusal = read_framing(*head)) return tl::unexpected<Refusal>(std::move(*refusal));
  return head;
}

BodyReader::BodyReader(const RequestHead& head, std::size_t bytes_max) : bytes_max_(bytes_max) {
  if (head.framing == Framing::None) return;
  state_ = State::More;
  if (head.framing == Framing::Chunked) {
    chunked_ = true;
    part_ = Part::Size;
  } else if (head.length > bytes_max) {
    state_ = State::TooLarge;
  } else {
    left_ = head.length;
  }
}

std::size_t BodyReader::take(std::string_view bytes) {
  std::size_t taken = 0;
  while (state_ == State::More && taken < bytes.size()) {
    const auto rest = bytes.substr(taken);
    taken += part_ == Part::Data ? take_data(rest) : take_line(rest);
  }
  return taken;
}

std::size_t BodyReader::take_data(std::string_view bytes) {
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
  body_.append(bytes.substr(0, count));
  left_ -= count;
  if (left_ == 0) {
    if (chunked_)
      part_ = Part::DataEnd;
    else
      state_ = State::Done;
  }
  return count;
}

// The lines between chunks; each ends in CR LF and is short.
std::size_t BodyReader::take_line(std::string_view bytes) {
  const auto end = bytes.find('\n');
  const auto count = end == std::string_view::npos ? bytes.size() : end + 1;
  if (line_.size() + count > kChunkLineMax) {
    state_ = State::Malformed;
    return count;
  }
  line_.append(bytes.substr(0, count));
  if (end == std::string_view::npos) return count;
  if (line_.size() < 2 || line_[line_.size() - 2] != '\r') {
    state_ = State::Malformed;
    return count;
  }
  line_.resize(line_.size() - 2);
  on_line();
  line_.clear();
  return count;
}

void BodyReader::on_line() {
  switch (part_) {
    case Part::Size:
      return on_size_line();
    case Part::DataEnd:
      part_ = Part::Size;
      if (!line_.empty()) state_ = State::Malformed;
      return;
    case Part::Trailer:  // nobody here reads them
      trailer_bytes_ += line_.size() + 2;
      if (line_.empty()) state_ = State::Done;
      if (trailer_bytes_ > kTrailerMax) state_ = State::Malformed;
      return;
    case Part::Data:
      return;
  }
}

void BodyReader::on_size_line() {
  const std::string_view line = line_;
  const auto size = plain_number(trim_blanks(line.substr(0, line.find(';'))), 16);
  if (!size) {
    state_ = State::Malformed;
  } else if (*size == 0) {
    part_ = Part::Trailer;
  } else if (*size > bytes_max_ - std::min(bytes_max_, body_.size())) {
    state_ = State::TooLarge;
  } else {
    part_ = Part::Data;
    left_ = *size;
  }
}

}  // namespace sluice::net
