#include "base/result.h"

namespace sluice {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::NotFound:
      return "NotFound";
    case ErrorCode::AlreadyExists:
      return "AlreadyExists";
    case ErrorCode::Conflict:
      return "Conflict";
    case ErrorCode::Invalid:
      return "Invalid";
    case ErrorCode::Forbidden:
      return "Forbidden";
    case ErrorCode::Gone:
      return "Gone";
    case ErrorCode::Throttled:
      return "Throttled";
    case ErrorCode::Timeout:
      return "Timeout";
    case ErrorCode::Unavailable:
      return "Unavailable";
    case ErrorCode::Decode:
      return "Decode";
    case ErrorCode::Cancelled:
      return "Cancelled";
    case ErrorCode::Unsupported:
      return "Unsupported";
    case ErrorCode::Internal:
      return "Internal";
  }
  return "Internal";
}

}  // namespace sluice
