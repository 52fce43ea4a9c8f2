#pragma once
// Internal to this folder: compile() and evaluate() turn these into Results, none leaves them.
#include <cstddef>
#include <string>
#include <utility>

namespace sluice::analysis::expr {

struct RuntimeError {
  std::string message;
};

struct CompileError {
  std::string message;
  std::size_t position = 0;  // byte offset in the source
};

[[noreturn]] inline void raise(std::string message) {
  throw RuntimeError{std::move(message)};
}

}  // namespace sluice::analysis::expr
