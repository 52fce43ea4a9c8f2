// What strangers may send, and what it is taken for.
#include "net/http_head.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

namespace sluice::net {
namespace {

std::string head_of(const std::string& request_line, const std::string& headers = "") {
  return request_line + "\r\n" + headers + "\r\n";
}

TEST(F5_Head, a_head_is_read_as_it_was_sent) {
  const auto head = parse_head(head_of(
      "PATCH /a/b?c=d%20e HTTP/1.1",
      "Host: x\r\nX-Empty:\r\nX-Blanks: \t v w \t\r\nContent-Length: 12\r\n"
      "Expect: 100-Continue\r\n"));
  ASSERT_TRUE(head) << head.error().why;
  EXPECT_EQ(head->method, "PATCH");
  EXPECT_EQ(head->target, "/a/b?c=d%20e");
  EXPECT_TRUE(head->keep_alive);
  EXPECT_TRUE(head->expects_continue);
  EXPECT_EQ(head->framing, Framing::Length);
  EXPECT_EQ(head->length, 12U);
  const http::Headers wanted = {{"Host", "x"},
                                {"X-Empty", ""},
                                {"X-Blanks", "v w"},
                                {"Content-Length", "12"},
                                {"Expect", "100-Continue"}};
  EXPECT_EQ(head->headers, wanted);
}

TEST(F5_Head, who_keeps_a_connection) {
  EXPECT_TRUE(parse_head(head_of("GET / HTTP/1.1"))->keep_alive);
  EXPECT_FALSE(parse_head(head_of("GET / HTTP/1.1", "connection: x, Close\r\n"))->keep_alive);
  EXPECT_FALSE(parse_head(head_of("GET / HTTP/1.0"))->keep_alive);
  EXPECT_FALSE(parse_head(head_of("GET / HTTP/1.0"))->http11);
}

TEST(F5_Head, what_can_be_read_in_two_ways_is_refused) {
  const std::string get = "GET / HTTP/1.1";
  struct Case {
    std::string text;
    int status;
  };
  const Case cases[] = {
      {"\r\n\r\n", 400},
      {head_of("GET /"), 400},
      {head_of("GET  HTTP/1.1"), 400},
      {head_of("GET / a HTTP/1.1"), 400},
      {head_of("GET / HTTP/2.0"), 505},
      {head_of("PRI * HTTP/2.0"), 505},
      {head_of("G(T / HTTP/1.1"), 400},
      {head_of("GET /\x01 HTTP/1.1"), 400},
      {head_of(get, "no colon\r\n"), 400},
      {head_of(get, ": nameless\r\n"), 400},
      {head_of(get, "A : b\r\n"), 400},
      {head_of(get, "A: b\r\n folded: c\r\n"), 400},
      {head_of(get, "A: b\nC: d\r\n"), 400},
      {head_of(get, "A: b\rc\r\n"), 400},
      {head_of(get, std::string("A: b\0c\r\n", 8)), 400},
      {head_of(get, "Content-Length: -1\r\n"), 400},
      {head_of(get, "Content-Length: +1\r\n"), 400},
      {head_of(get, "Content-Length: 1, 1\r\n"), 400},
      {head_of(get, "Content-Length: 99999999999999999999\r\n"), 400},
      {head_of(get, "Content-Length: 1\r\nContent-Length: 2\r\n"), 400},
      {head_of(get, "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400},
      {head_of(get, "Transfer-Encoding: gzip, chunked\r\n"), 501},
      {head_of(get, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 501},
      {head_of("GET / HTTP/1.0", "Transfer-Encoding: chunked\r\n"), 400},
      {head_of(get, "Expect: gold\r\n"), 417},
  };
  for (const auto& c : cases) {
    const auto head = parse_head(c.text);
    ASSERT_FALSE(head) << c.text;
    EXPECT_EQ(head.error().status, c.status) << c.text << head.error().why;
  }
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "A: b\r\n";
  EXPECT_EQ(parse_head(head_of(get, many)).error().status, 431);
}

TEST(F5_Head, the_end_of_a_head_is_found_wherever_it_was_cut) {
  const std::string text = head_of("GET / HTTP/1.1", "A: b\r\n");
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    EXPECT_FALSE(end_of_head(text.substr(0, cut)));
    EXPECT_EQ(end_of_head(text + "body", cut), text.size()) << cut;
  }
}

RequestHead chunked() {
  return *parse_head(head_of("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n"));
}

TEST(F5_Head, chunks_are_joined_and_what_follows_them_is_left) {
  BodyReader reader(chunked(), 100);
  const std::string wire = "5;ext=1\r\nhello\r\n00b\r\n, universe!\r\n0\r\nTrailer: x\r\n\r\n";
  EXPECT_EQ(reader.take(wire + "GET"), wire.size());
  EXPECT_EQ(reader.state(), BodyReader::State::Done);
  EXPECT_EQ(reader.take_body(), "hello, universe!");
}

// -2 made the library's server copy that many bytes: one anonymous request ended the controller.
TEST(F5_Head, malformed_chunks_are_refused) {
  for (const char* wire :
       {"-2\r\nab\r\n", "+2\r\nab\r\n", "\r\n", "x\r\n", "2\nab\r\n", "2\r\nabc\r\n",
        "0x2\r\nab\r\n", "11111111111111111\r\n", "2 2\r\nab\r\n", " \r\n"}) {
    BodyReader reader(chunked(), 100);
    reader.take(wire);
    EXPECT_EQ(reader.state(), BodyReader::State::Malformed) << wire;
  }
  BodyReader endless(chunked(), 100);
  endless.take("1" + std::string(1000, ';'));
  EXPECT_EQ(endless.state(), BodyReader::State::Malformed);
  BodyReader trailers(chunked(), 100);
  trailers.take("0\r\n");
  for (int i = 0; i < 10'000 && trailers.state() == BodyReader::State::More; ++i)
    trailers.take("a: b\r\n");
  EXPECT_EQ(trailers.state(), BodyReader::State::Malformed);
}

TEST(F5_Head, a_body_that_is_too_large_is_known_before_it_comes) {
  const auto declared = *parse_head(head_of("POST / HTTP/1.1", "Content-Length: 101\r\n"));
  EXPECT_EQ(BodyReader(declared, 100).state(), BodyReader::State::TooLarge);
  EXPECT_EQ(BodyReader(declared, 101).state(), BodyReader::State::More);
  BodyReader reader(chunked(), 100);
  reader.take("60\r\n" + std::string(0x60, 'x') + "\r\n");
  EXPECT_EQ(reader.state(), BodyReader::State::More);
  reader.take("5\r\n");
  EXPECT_EQ(reader.state(), BodyReader::State::TooLarge);
  EXPECT_EQ(reader.size(), 0x60U);
  BodyReader huge(chunked(), 100);
  huge.take("ffffffffffffffff\r\n");
  EXPECT_EQ(huge.state(), BodyReader::State::TooLarge);
}

RC_GTEST_PROP(F5_Head, a_body_is_the_same_however_its_bytes_arrive, ()) {
  const auto parts =
      *rc::gen::container<std::vector<std::string>>(rc::gen::nonEmpty<std::string>());
  std::string body, wire;
  for (const auto& part : parts) {
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", part.size());
    body += part;
    wire += size + part + "\r\n";
  }
  wire += "0\r\n\r\n";
  BodyReader reader(chunked(), body.size());
  std::size_t at = 0;
  while (at < wire.size()) {
    const auto count = *rc::gen::inRange<std::size_t>(1, 8);
    at += reader.take(std::string_view(wire).substr(at, count));
    RC_ASSERT(reader.state() == (at < wire.size() ? BodyReader::State::More
                                                  : BodyReader::State::Done));
  }
  RC_ASSERT(reader.take_body() == body);
}

RC_GTEST_PROP(F5_Head, no_bytes_at_all_break_the_reading, (const std::string& bytes)) {
  static_cast<void>(parse_head(bytes));
  static_cast<void>(parse_head("GET / HTTP/1.1\r\n" + bytes + "\r\n\r\n"));
  BodyReader reader(chunked(), 16);
  RC_ASSERT(reader.take(bytes) <= bytes.size());
  RC_ASSERT(reader.size() <= 16U);
}

}  // namespace
}  // namespace sluice::net
