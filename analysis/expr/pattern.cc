#include "analysis/expr/pattern.h"

#include <re2/re2.h>

namespace sluice::analysis::expr {
namespace {

std::string describe(RE2::ErrorCode code) {
  switch (code) {
    case RE2::ErrorBadEscape:
      return "invalid escape sequence";
    case RE2::ErrorBadCharClass:
      return "invalid character class";
    case RE2::ErrorBadCharRange:
      return "invalid character class range";
    case RE2::ErrorMissingBracket:
      return "missing closing ]";
    case RE2::ErrorMissingParen:
      return "missing closing )";
    case RE2::ErrorUnexpectedParen:
      return "unexpected )";
    case RE2::ErrorTrailingBackslash:
      return "trailing backslash at end of expression";
    case RE2::ErrorRepeatArgument:
      return "missing argument to repetition operator";
    case RE2::ErrorRepeatSize:
      return "invalid repeat count";
    case RE2::ErrorRepeatOp:
      return "invalid nested repetition operator";
    case RE2::ErrorBadPerlOp:
      return "invalid or unsupported Perl syntax";
    case RE2::ErrorBadUTF8:
      return "invalid UTF-8";
    case RE2::ErrorBadNamedCapture:
      return "invalid named capture";
    case RE2::ErrorPatternTooLarge:
      return "expression too large";
    case RE2::NoError:
    case RE2::ErrorInternal:
      break;
  }
  return "internal error";
}

}  // namespace

std::shared_ptr<const re2::RE2> compile_pattern(std::string_view pattern, std::string& message) {
  RE2::Options options;
  options.set_log_errors(false);
  auto compiled = std::make_shared<RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (compiled->ok()) return compiled;
  // Where the whole is at fault the pattern itself is shown.
  const bool whole = compiled->error_code() == RE2::ErrorMissingParen ||
                     compiled->error_code() == RE2::ErrorUnexpectedParen ||
                     compiled->error_arg().empty();
  message = "error parsing regexp: " + describe(compiled->error_code()) + ": `" +
            (whole ? std::string(pattern) : compiled->error_arg()) + "`";
  return nullptr;
}

bool matches_pattern(const re2::RE2& pattern, std::string_view text) {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), pattern);
}

}  // namespace sluice::analysis::expr
