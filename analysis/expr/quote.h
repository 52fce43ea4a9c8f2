#pragma once
#include <string>
#include <string_view>

namespace sluice::analysis::expr {

// Double-quoted with the escapes of the language, printable Unicode kept, bad UTF-8 as \xHH.
[[nodiscard]] std::string quote_text(std::string_view text);

}  // namespace sluice::analysis::expr
