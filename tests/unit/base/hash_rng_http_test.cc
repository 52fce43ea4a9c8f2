#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/http.h"
#include "base/rng.h"

namespace sluice {
namespace {

TEST(Hash, Fnv1aMatchesThePublishedVectors) {
  EXPECT_EQ(fnv1a32(""), 0x811c9dc5U);
  EXPECT_EQ(fnv1a32("a"), 0xe40c292cU);
  EXPECT_EQ(fnv1a32("foobar"), 0xbf9cf968U);
  EXPECT_EQ(fnv1a64(""), 0xcbf29ce484222325ULL);
  EXPECT_EQ(fnv1a64("foobar"), 0x85944171f73967e8ULL);
}

TEST(Hash, ASeedContinuesAnEarlierHash) {
  EXPECT_EQ(fnv1a32("bar", fnv1a32("foo")), fnv1a32("foobar"));
}

TEST(Hash, DecimalDigitsBecomeSafeLetters) {
  EXPECT_EQ(safe_encode_decimal(0), "4");
  EXPECT_EQ(safe_encode_decimal(1234567890), "56789bcdf4");
}

TEST(Hash, Base64MatchesTheStandardsVectors) {
  const struct {
    std::string_view bytes, text;
  } rows[] = {{"", ""},
              {"f", "Zg=="},
              {"fo", "Zm8="},
              {"foo", "Zm9v"},
              {"foob", "Zm9vYg=="},
              {"fooba", "Zm9vYmE="},
              {"foobar", "Zm9vYmFy"},
              {"\xFF\xEF", "/+8="}};
  for (const auto& row : rows) {
    EXPECT_EQ(base64_encode(row.bytes), row.text);
    std::string out;
    ASSERT_TRUE(base64_decode(row.text, out)) << row.text;
    EXPECT_EQ(out, row.bytes);
  }
}

TEST(Hash, Base64PaddingMayBeAbsentButNotWrong) {
  std::string out;
  EXPECT_TRUE(base64_decode("Zm8", out));
  EXPECT_EQ(out, "fo");
  for (const std::string_view bad :
       {"Z", "Zg=", "Zm9v=", "Zm9v====", "Zm 8", "Zm8\n", "Z-9_", "=", "Zg=a"}) {
    EXPECT_FALSE(base64_decode(bad, out)) << bad;
    EXPECT_EQ(out, "");
  }
}

RC_GTEST_PROP(Hash, Base64DecodeUndoesEncode, (const std::string& bytes)) {
  std::string out;
  RC_ASSERT(base64_decode(base64_encode(bytes), out));
  RC_ASSERT(out == bytes);
}

TEST(Hash, HexIsLowerCase) {
  EXPECT_EQ(hex_encode(std::string_view("\x00\xAF", 2)), "00af");
}

TEST(Rng, ASeedReplaysTheSameRunEverywhere) {
  SeededRng rng(42);
  // xoshiro256** on splitmix64(42), as published by its authors.
  const std::uint64_t expected[] = {1546998764402558742ULL, 6990951692964543102ULL,
                                    12544586762248559009ULL, 17057574109182124193ULL};
  for (const auto value : expected) EXPECT_EQ(rng.next_u64(), value);
}

TEST(Rng, ABoundOfZeroIsOurOwnMistake) {
  SeededRng rng(1);
  EXPECT_THROW(static_cast<void>(rng.below(0)), AssertionFailure);
}

TEST(Rng, BelowIsUniform) {
  SeededRng rng(7);
  int counts[6] = {};
  for (int i = 0; i < 60'000; ++i) ++counts[rng.below(6)];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
}

RC_GTEST_PROP(Rng, ValuesStayInTheirRange, (std::uint64_t seed)) {
  SeededRng rng(seed);
  const auto bound = *rc::gen::inRange<std::uint64_t>(1, 1'000'000'000'000ULL);
  RC_ASSERT(rng.below(bound) < bound);
  const double unit = rng.unit();
  RC_ASSERT(unit >= 0.0 && unit < 1.0);
  RC_ASSERT(!rng.chance(0));
  RC_ASSERT(rng.chance(1));
}

TEST(Http, HeadersAreFoundWithoutRegardToCase) {
  http::Headers headers{{"Content-Type", "a"}, {"X", "1"}, {"content-type", "b"}};
  ASSERT_NE(http::find_header(headers, "CONTENT-TYPE"), nullptr);
  EXPECT_EQ(*http::find_header(headers, "CONTENT-TYPE"), "a");
  EXPECT_EQ(http::find_header(headers, "Y"), nullptr);
  http::set_header(headers, "CONTENT-type", "c");
  EXPECT_EQ(headers, (http::Headers{{"Content-Type", "c"}, {"X", "1"}}));
  http::set_header(headers, "Y", "2");
  EXPECT_EQ(headers.back(), (std::pair<std::string, std::string>("Y", "2")));
}

TEST(Http, AUrlIsShownWithoutItsUser) {
  EXPECT_EQ(http::without_user_info("http://us:p@w@a:1/x@y?z@"), "http://***@a:1/x@y?z@");
  for (const char* url : {"http://a/x@y", "http://a?x@y", "/apis/a@b", ""})
    EXPECT_EQ(http::without_user_info(url), url);
}

TEST(Http, TargetsAreSplitAndDecoded) {
  const auto target = http::parse_target(
      "/api/v1/namespaces/a%2Fb/pods?labelSelector=app%3Dweb%2Ctier+x&watch&limit=5#frag");
  EXPECT_EQ(target.path, "/api/v1/namespaces/a%2Fb/pods");
  EXPECT_EQ(target.segments, (std::vector<std::string>{"api", "v1", "namespaces", "a/b", "pods"}));
  ASSERT_NE(target.param("labelSelector"), nullptr);
  EXPECT_EQ(*target.param("labelSelector"), "app=web,tier x");
  EXPECT_EQ(*target.param("watch"), "");
  EXPECT_EQ(*target.param("limit"), "5");
  EXPECT_EQ(target.param("continue"), nullptr);
}

TEST(Http, AnEmptyTargetHasNoSegments) {
  EXPECT_TRUE(http::parse_target("").segments.empty());
  EXPECT_TRUE(http::parse_target("/").segments.empty());
  EXPECT_TRUE(http::parse_target("/?").query.empty());
}

}  // namespace
}  // namespace sluice
