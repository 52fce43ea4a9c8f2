#pragma once
// Errors are values. A decision that has to wait is not an error: see controller::Reason.

#include <chrono>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace sluice {

// Closed on purpose: callers branch on these and on nothing else (docs/adr/0003).
enum class ErrorCode {
  NotFound,  // the object does not exist (a 404 whose Status says so), never "could not read it"
  AlreadyExists,  // create met an object of that name
  Conflict,       // a precondition (resourceVersion, uid) did not hold
  Invalid,        // the server, or our own validation, refuses the content
  Forbidden,      // 401 and 403
  Gone,           // the resourceVersion is too old (410, both forms)
  Throttled,      // 429; retry_after may be set
  Timeout,        // no answer in time: the outcome of a write is unknown
  Unavailable,    // connection refused or reset, 5xx: the outcome of a write is unknown
  Decode,         // bytes that are not what they should be
  Cancelled,      // we gave up on purpose
  Unsupported,    // a known feature that this release refuses
  Internal,       // our own mistake
};

[[nodiscard]] std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::Internal;
  std::string message;
  std::optional<std::chrono::milliseconds> retry_after;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::nullopt});
}
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace sluice

// Propagates the error of a Result-returning expression; usable where the enclosing function
// returns any Result.
#define SLUICE_CONCAT_INNER(a, b) a##b
#define SLUICE_CONCAT(a, b) SLUICE_CONCAT_INNER(a, b)
#define SLUICE_TRY_IMPL(tmp, decl, expr)                   \
  auto tmp = (expr);                                       \
  if (!tmp) return ::sluice::fail(std::move(tmp.error())); \
  decl = std::move(*tmp)
// SLUICE_TRY(auto x, f());  binds the value or returns the error.
#define SLUICE_TRY(decl, expr) SLUICE_TRY_IMPL(SLUICE_CONCAT(sluice_try_, __LINE__), decl, expr)
// SLUICE_CHECK_OK(f());  for Status.
#define SLUICE_CHECK_OK(expr)                                  \
  do {                                                         \
    if (auto sluice_status = (expr); !sluice_status)           \
      return ::sluice::fail(std::move(sluice_status.error())); \
  } while (false)
