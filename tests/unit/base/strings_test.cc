#include "base/strings.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace sluice {
namespace {

using Parts = std::vector<std::string>;

TEST(Strings, SplitKeepsEmptyPartsAndJoinUndoesIt) {
  EXPECT_EQ(split("a,b,,c", ','), (Parts{"a", "b", "", "c"}));
  EXPECT_EQ(split("", ','), (Parts{""}));
  EXPECT_EQ(split(",", ','), (Parts{"", ""}));
  EXPECT_EQ(join({"a", "b"}, ", "), "a, b");
  EXPECT_EQ(join({}, ","), "");
}

TEST(Strings, TrimTakesWhiteSpaceFromBothEnds) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim("   "), "");
}

TEST(Strings, CaseIsFoldedForAsciiOnly) {
  EXPECT_EQ(to_lower("AbC-\xC3\x84"), "abc-\xC3\x84");
  EXPECT_TRUE(iequals("Retry-After", "retry-after"));
  EXPECT_FALSE(iequals("a", "ab"));
}

TEST(Strings, IntegersAreReadWholeOrNotAtAll) {
  EXPECT_EQ(parse_int("42"), 42);
  EXPECT_EQ(parse_int("+42"), 42);
  EXPECT_EQ(parse_int("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  for (const std::string_view text :
       {"", "+", "-", "+-1", "1 ", " 1", "1.0", "0x1", "9223372036854775808", "1e3"})
    EXPECT_EQ(parse_int(text), std::nullopt) << text;
}

TEST(Strings, UrlCodingCoversEverythingButUnreservedCharacters) {
  EXPECT_EQ(url_encode("a b/c=d,e~f"), "a%20b%2Fc%3Dd%2Ce~f");
  EXPECT_EQ(url_encode("\xC3\xA9"), "%C3%A9");
  EXPECT_EQ(url_decode("a+b%20c"), "a b c");
  EXPECT_EQ(url_decode("a+b", false), "a+b");
  EXPECT_EQ(url_decode("100%"), "100%");
  EXPECT_EQ(url_decode("%zz%4"), "%zz%4");
}

RC_GTEST_PROP(Strings, UrlDecodeUndoesUrlEncode, (const std::string& text)) {
  RC_ASSERT(url_decode(url_encode(text)) == text);
}

TEST(Strings, QuoteIsGosQuote) {
  const struct {
    std::string_view text, quoted;
  } rows[] = {
      {"", R"("")"},
      {"a\"b\\c", R"("a\"b\\c")"},
      {"\a\b\f\n\r\t\v", R"("\a\b\f\n\r\t\v")"},
      {std::string_view("\0\x1b\x7f", 3), R"("\x00\x1b\x7f")"},
      {"\xE6\x97\xA5\xC3\xA9", "\"\xE6\x97\xA5\xC3\xA9\""},
      {"\xC2\xA0\xC2\x85", R"("\u00a0\u0085")"},
      {"\xE2\x80\xA8\xEF\xBB\xBF", R"("\u2028\ufeff")"},
      {"\xF0\x9F\x98\x80", "\"\xF0\x9F\x98\x80\""},
      {"\xF3\xA0\x80\x81", R"("\U000e0001")"},
      {"\xFF\xC0\x80", R"("\xff\xc0\x80")"},
      {"\xED\xA0\x80", R"("\xed\xa0\x80")"},
      {"\xE6\x97", R"("\xe6\x97")"},
  };
  for (const auto& row : rows) EXPECT_EQ(quote(row.text), row.quoted);
}

TEST(Strings, MapsAreReadWithoutInserting) {
  const StringMap map{{"a", "1"}};
  ASSERT_NE(find_or_null(map, "a"), nullptr);
  EXPECT_EQ(find_or_null(map, "b"), nullptr);
  EXPECT_EQ(get_or(map, "a"), "1");
  EXPECT_EQ(get_or(map, "b", "x"), "x");
}

}  // namespace
}  // namespace sluice
