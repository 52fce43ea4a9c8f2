#pragma once
// The one description of commands and flags: parsing, usage, completion and docs/reference/cli.md
// follow it (clients.md §1.1).
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cli/invocation.h"

namespace sluice::cli {

struct Flag {
  std::string_view name;
  char letter = 0;              // 0 = no short form
  std::string_view value_name;  // "" = a switch; it takes a value only as --name=true|false
  std::string_view help;
  // Stores the value; the answer is what is wrong with it, "" when nothing is.
  std::string (*store)(Invocation& into, const std::string& value) = nullptr;
  bool hidden = false;
};

struct CommandSpec {
  Command command = Command::Help;
  std::string_view group;  // "get", or "" for a command of one word
  std::string_view name;
  std::string_view aliases;  // separated by commas
  std::size_t args_min = 0, args_max = 0;
  std::string_view args_usage;
  std::string_view summary;
  std::span<const Flag> flags;
  bool hidden = false;

  [[nodiscard]] std::string path() const;
  [[nodiscard]] bool answers_to(std::string_view word) const;
};

// A command of the plugin that this release does not have, and what to do instead.
struct AbsentCommand {
  std::string_view group, names;  // names separated by commas
  std::string_view remedy;
};

[[nodiscard]] std::span<const CommandSpec> commands();
[[nodiscard]] std::span<const Flag> global_flags();
[[nodiscard]] std::span<const AbsentCommand> absent_commands();
[[nodiscard]] bool is_group(std::string_view word);

// "kubectl argo rollouts", "kubectl sluice" or "sluice": how the user called us.
[[nodiscard]] std::string shown_program(std::string_view program);
[[nodiscard]] std::string usage(const CommandSpec& spec, std::string_view shown);
// For a command line that does not fit: without the global flags, which would push it off a screen.
[[nodiscard]] std::string short_usage(const CommandSpec& spec, std::string_view shown);
[[nodiscard]] std::string group_usage(std::string_view group, std::string_view shown);
[[nodiscard]] std::string root_usage(std::string_view shown);

}  // namespace sluice::cli
