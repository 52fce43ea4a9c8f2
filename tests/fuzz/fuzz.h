#pragma once
// What the fuzz targets share. A target is a function of bytes: it must not crash, hang or break
// one of the properties that it states. libFuzzer drives it where clang is there, our own driver
// everywhere else.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sluice::fuzz {

// A property that does not hold ends the process, as a crash does: both are findings.
inline void expect(bool holds, std::string_view property, const std::string& detail = "") {
  if (holds) return;
  std::fprintf(stderr, "PROPERTY BROKEN: %.*s\n%s\n", static_cast<int>(property.size()),
               property.data(), detail.c_str());
  std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The first line, which is cut off the text.
inline std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace sluice::fuzz
