#pragma once
// Words of a command line → intention. Pure.
//
// Flags may stand anywhere; --flag value, --flag=value, -f value, -fvalue, -f=value; switches only
// take =true or =false; letters of switches may be joined; "--" ends the flags. That is the grammar
// of Go's pflag, which scripts rely on.
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "cli/invocation.h"

namespace sluice::cli {

// Why a command line is not understood. Both go to stderr, the exit code is 1.
struct Refusal {
  std::string message;  // printed as "Error: …"; "" = print `usage` instead
  std::string usage;
};

// `program` is argv[0], `args` what follows it.
[[nodiscard]] tl::expected<Invocation, Refusal> parse_arguments(
    const std::string& program, const std::vector<std::string>& args);

// The value of an argument CONTAINER=IMAGE, split at the first '='. Both parts must be there.
struct ImageArgument {
  std::string container, image;
};
[[nodiscard]] std::optional<ImageArgument> parse_image_argument(const std::string& text);

}  // namespace sluice::cli
