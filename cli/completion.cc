#include "cli/completion.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/command_table.h"

namespace sluice::cli {
namespace {

// The marks @PROGRAM@ and @NAME@ stand for the command and for a word that may be part of a
// function's name.
constexpr const char* kBash = R"SCRIPT(_@NAME@_complete() {
  local IFS=$'\n'
  COMPREPLY=($(compgen -W "$(@PROGRAM@ __complete "${COMP_WORDS[@]:1:$COMP_CWORD}" 2>/dev/null | grep -v '^:')" -- "${COMP_WORDS[$COMP_CWORD]}"))
}
complete -F _@NAME@_complete @PROGRAM@
)SCRIPT";
constexpr const char* kZsh = R"SCRIPT(#compdef @PROGRAM@
_@NAME@_complete() {
  local -a found
  found=("${(@f)$(@PROGRAM@ __complete "${(@)words[2,$CURRENT]}" 2>/dev/null | grep -v '^:')}")
  compadd -- $found
}
compdef _@NAME@_complete @PROGRAM@
)SCRIPT";
constexpr const char* kFish = R"SCRIPT(function __@NAME@_complete
  set -l typed (commandline -opc) (commandline -ct)
  @PROGRAM@ __complete $typed[2..-1] 2>/dev/null | string match -v ':*'
end
complete -c @PROGRAM@ -f -a '(__@NAME@_complete)'
)SCRIPT";
constexpr const char* kPowershell =
    R"SCRIPT(Register-ArgumentCompleter -Native -CommandName '@PROGRAM@' -ScriptBlock {
  param($word, $ast, $position)
  $typed = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { "$_" })
  if ($word -eq '') { $typed += '""' }
  @PROGRAM@ __complete @typed 2>$null | Where-Object { $_ -notlike ':*' -and $_ -like "$word*" } |
    ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
}
)SCRIPT";

void replace_all(std::string& text, std::string_view mark, std::string_view with) {
  for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + with.size()))
    text.replace(at, mark.size(), with);
}

void offer(std::vector<std::string>& out, std::string_view word, std::string_view typed) {
  if (word.substr(0, typed.size()) == typed && std::find(out.begin(), out.end(), word) == out.end())
    out.emplace_back(word);
}

const CommandSpec* command_of(const std::vector<std::string>& plain, std::size_t& used) {
  for (const auto& spec : commands()) {
    if (plain.empty() || spec.hidden) continue;
    used = spec.group.empty() ? 1 : 2;
    if (plain.size() < used) continue;
    if (spec.group.empty() ? spec.answers_to(plain[0])
                           : spec.group == plain[0] && spec.answers_to(plain[1]))
      return &spec;
  }
  return nullptr;
}

bool takes_value(std::string_view word) {
  if (word.find('=') != std::string_view::npos) return false;
  const auto named = [&](const Flag& flag) {
    if (flag.value_name.empty()) return false;
    return word.substr(0, 2) == "--" ? word.substr(2) == flag.name
                                     : word.size() == 2 && word[1] == flag.letter;
  };
  if (std::any_of(global_flags().begin(), global_flags().end(), named)) return true;
  return std::any_of(commands().begin(), commands().end(), [&](const CommandSpec& spec) {
    return std::any_of(spec.flags.begin(), spec.flags.end(), named);
  });
}

bool is_flag(std::string_view word) {
  return word.size() > 1 && word[0] == '-';
}

void offer_flags(Candidates& out, const CommandSpec* spec, const std::string& typed) {
  const auto offer_list = [&](std::span<const Flag> flags) {
    for (const auto& flag : flags)
      if (!flag.hidden) offer(out.words, fmt::format("--{}", flag.name), typed);
  };
  if (spec != nullptr) offer_list(spec->flags);
  offer_list(global_flags());
}

void offer_commands(Candidates& out, const std::vector<std::string>& plain,
                    const std::string& typed) {
  for (const auto& spec : commands()) {
    if (spec.hidden) continue;
    if (plain.empty()) offer(out.words, spec.group.empty() ? spec.name : spec.group, typed);
    if (plain.size() == 1 && !spec.group.empty() && spec.group == plain[0])
      offer(out.words, spec.name, typed);
  }
}

}  // namespace

Result<std::string> completion_script(const std::string& shell, const std::string& program) {
  std::string out = shell == "bash"         ? kBash
                    : shell == "zsh"        ? kZsh
                    : shell == "fish"       ? kFish
                    : shell == "powershell" ? kPowershell
                                            : "";
  if (out.empty())
    return fail(ErrorCode::Invalid,
                fmt::format("unknown shell \"{}\": bash, zsh, fish or powershell", shell));
  std::string name = program;
  std::replace_if(name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  replace_all(out, "@PROGRAM@", program);
  replace_all(out, "@NAME@", name);
  return out;
}

Candidates candidates(const std::vector<std::string>& words) {
  Candidates out;
  const std::string typed = words.empty() ? "" : words.back();
  std::vector<std::string> plain;
  bool value_next = false;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (value_next) {
      value_next = false;
    } else if (is_flag(words[i])) {
      value_next = takes_value(words[i]);
    } else {
      plain.push_back(words[i]);
    }
  }
  if (value_next) return out;
  std::size_t used = 0;
  const CommandSpec* spec = command_of(plain, used);
  if (!typed.empty() && typed[0] == '-') {
    offer_flags(out, spec, typed);
  } else if (spec == nullptr) {
    offer_commands(out, plain, typed);
  } else if (spec->command == Command::Completion) {
    for (const char* shell : {"bash", "zsh", "fish", "powershell"}) offer(out.words, shell, typed);
  } else {
    const std::size_t given = plain.size() - used;
    out.rollout_names =
        spec->args_usage.substr(0, 7) == "ROLLOUT" && (given == 0 || spec->args_max > 2);
  }
  return out;
}

}  // namespace sluice::cli
