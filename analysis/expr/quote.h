#pragma once
#include <string>
#include <string_view>

namespace sluice::analysis::expr {

// Double-quoted with the escapes of the language, printable Unicode kept, bad UTF-8 as \xHH.
[[nodiscard]] std::string quote_text(std::string_view text);
// Appends the text as JSON has it in values: `<` `>` `&` U+2028/9 escaped, bad UTF-8 as \ufffd.
void append_json_string(std::string& out, std::string_view text);

}  // namespace sluice::analysis::expr
