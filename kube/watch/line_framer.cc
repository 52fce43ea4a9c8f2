#include <fmt/core.h>

#include "kube/watch/reflector.h"

namespace sluice::kube {

Status LineFramer::feed(std::string_view bytes, const std::function<void(std::string_view)>& line) {
  const auto deliver = [&](std::string_view text) {
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    if (!text.empty()) line(text);
  };
  while (true) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (buffer_.size() + part.size() > line_max_) {
      buffer_.clear();
      return fail(ErrorCode::Decode, fmt::format("a line is longer than {} bytes", line_max_));
    }
    if (end == std::string_view::npos) {
      buffer_ += part;
      return {};
    }
    if (buffer_.empty()) {
      deliver(part);  // whole in this piece: no copy
    } else {
      buffer_ += part;
      std::string whole;
      whole.swap(buffer_);
      deliver(whole);
    }
    bytes.remove_prefix(end + 1);
  }
}

}  // namespace sluice::kube
