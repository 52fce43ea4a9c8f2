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

// What a terminal would obey: its bytes, and how they are shown.
TEST(F6_Printable, nothing_steers_a_terminal) {
  const struct {
    std::string_view text, shown;
  } rows[] = {
      {"", ""},
      {"plain, é, 日, 😀", "plain, é, 日, 😀"},
      {"two\nlines\tand a tab", "two\nlines\tand a tab"},
      {"\x1b[2J\x1b[31m", "\\u001b[2J\\u001b[31m"},
      {"\x1b]0;title\a", "\\u001b]0;title\\u0007"},
      {std::string_view("\0\b\v\f\r", 5), "\\u0000\\u0008\\u000b\\u000c\\u000d"},
      {"\r\n\r\r\n", "\n\\u000d\n"},
      {"\x7f", "\\u007f"},
      {"\xC2\x80|\xC2\x9B" "31m|\xC2\x9F|\xC2\xA0", "\\u0080|\\u009b31m|\\u009f|\xC2\xA0"},
      {"\x9B" "31m", "\xEF\xBF\xBD" "31m"},                              // C1 as a raw byte
      {"\xC0\x9B|\xED\xA0\x80|\xE2\x80", "\xEF\xBF\xBD\xEF\xBF\xBD|\xEF\xBF\xBD\xEF\xBF\xBD"
                                         "\xEF\xBF\xBD|\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\u202A\u202B\u202C\u202D\u202E", "\\u202a\\u202b\\u202c\\u202d\\u202e"},
      {"\u2066\u2067\u2068\u2069", "\\u2066\\u2067\\u2068\\u2069"},
      {"\u200E\u200F\u061C", "\\u200e\\u200f\\u061c"},
      {"\u2028\u2029", "\\u2028\\u2029"},
      {"\u200D\u2027\u202F\u2065\u206A", "\u200D\u2027\u202F\u2065\u206A"},
  };
  for (const auto& row : rows) EXPECT_EQ(printable(row.text), row.shown);
  EXPECT_EQ(printable_line("a\nb\tc\r\nd\x1b"), "a b c d\\u001b");
}

RC_GTEST_PROP(F6_Printable, whatever_the_bytes_are, (const std::string& text)) {
  const std::string shown = printable(text);
  for (const char c : shown)
    RC_ASSERT(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t');
  RC_ASSERT(shown.find('\x7f') == std::string::npos);
  RC_ASSERT(printable(shown) == shown);
  RC_ASSERT(printable_line(text).find('\n') == std::string::npos);
}

}  // namespace
}  // namespace sluice
