#include "cli/arguments.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "cli/command_table.h"

namespace sluice::cli {
namespace {

struct GivenFlag {
  const Flag* flag = nullptr;
  std::string value;
};

struct Words {
  std::vector<std::string> plain;
  std::vector<GivenFlag> flags;
  std::string problem;  // the first one; a wrong command is reported before it
  bool help = false;
};

constexpr Flag kHelp{"help", 'h', "", "Help", nullptr};

// Flags mean the same in every command that has them, so that they can be read before the command
// is known.
const Flag* find_flag(std::span<const Flag> flags, std::string_view name, char letter) {
  for (const auto& flag : flags)
    if (letter != 0 ? flag.letter == letter : flag.name == name) return &flag;
  return nullptr;
}

const Flag* find_any_flag(std::string_view name, char letter) {
  if (letter != 0 ? letter == kHelp.letter : name == kHelp.name) return &kHelp;
  if (const Flag* flag = find_flag(global_flags(), name, letter)) return flag;
  for (const auto& spec : commands())
    if (const Flag* flag = find_flag(spec.flags, name, letter)) return flag;
  return nullptr;
}

class Reader {
 public:
  explicit Reader(const std::vector<std::string>& args) : args_(args) {}

  Words read() {
    while (at_ < args_.size()) {
      const std::string& word = args_[at_++];
      if (word == "--") {
        out_.plain.insert(out_.plain.end(), args_.begin() + static_cast<std::ptrdiff_t>(at_),
                          args_.end());
        break;
      }
      if (word.size() < 2 || word[0] != '-') {
        out_.plain.push_back(word);
      } else if (word[1] == '-') {
        read_long(word);
      } else {
        read_letters(word);
      }
    }
    return std::move(out_);
  }

 private:
  void problem(std::string text) {
    if (out_.problem.empty()) out_.problem = std::move(text);
  }

  void take(const Flag& flag, std::string value) {
    if (&flag == &kHelp) {
      out_.help = true;
    } else {
      out_.flags.push_back({&flag, std::move(value)});
    }
  }

  void take_next(const Flag& flag, const std::string& word) {
    if (at_ >= args_.size()) return problem("flag needs an argument: " + word);
    take(flag, args_[at_++]);
  }

  void read_long(const std::string& word) {
    const auto equals = word.find('=');
    const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    const Flag* flag = find_any_flag(name, 0);
    if (flag == nullptr) return problem("unknown flag: --" + name);
    if (equals != std::string::npos) return take(*flag, word.substr(equals + 1));
    if (flag->value_name.empty()) return take(*flag, "true");
    take_next(*flag, word);
  }

  void read_letters(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const Flag* flag = find_any_flag("", word[i]);
      if (flag == nullptr)
        return problem(fmt::format("unknown shorthand flag: '{}' in {}", word[i], word));
      const std::string rest = word.substr(i + 1);
      if (!rest.empty() && rest[0] == '=') return take(*flag, rest.substr(1));
      if (flag->value_name.empty()) {
        take(*flag, "true");
      } else if (!rest.empty()) {
        return take(*flag, rest);
      } else {
        return take_next(*flag, fmt::format("-{}", word[i]));
      }
    }
  }

  const std::vector<std::string>& args_;
  std::size_t at_ = 0;
  Words out_;
};

bool contains_word(std::string_view list, std::string_view word) {
  const auto items = split(list, ',');
  return std::find(items.begin(), items.end(), word) != items.end();
}

const AbsentCommand* find_absent(std::string_view group, std::string_view word) {
  for (const auto& absent : absent_commands())
    if (absent.group == group && contains_word(absent.names, word)) return &absent;
  return nullptr;
}

const CommandSpec* find_command(std::string_view group, std::string_view word) {
  for (const auto& spec : commands())
    if (spec.group == group && spec.answers_to(word)) return &spec;
  return nullptr;
}

tl::unexpected<Refusal> error(std::string message) {
  return tl::unexpected<Refusal>(Refusal{std::move(message), {}});
}
tl::unexpected<Refusal> show_usage(std::string text) {
  return tl::unexpected<Refusal>(Refusal{{}, std::move(text)});
}

// Insertions, deletions, exchanges and swaps of neighbours that make `a` out of `b`.
std::size_t typing_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      const bool same = a[i - 1] == b[j - 1];
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1,
                             cost[i - 1][j - 1] + (same ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

// "did you mean 'get'? " where a word of that place is near.
std::string suggestion(std::string_view group, std::string_view word) {
  if (word.size() > 40) return "";
  std::string_view best;
  std::size_t distance = std::min<std::size_t>(3, word.size());  // nearer than that
  for (const auto& spec : commands()) {
    if (spec.hidden || (!group.empty() && spec.group != group)) continue;
    const bool as_group = group.empty() && !spec.group.empty();
    const std::string_view candidate = as_group ? spec.group : spec.name;
    if (const auto found = typing_distance(word, candidate); found < distance) {
      distance = found;
      best = candidate;
    }
  }
  return best.empty() ? "" : fmt::format("did you mean '{}'? ", best);
}

struct Found {
  const CommandSpec* spec = nullptr;
  std::size_t words = 0;  // how many words the command's name took
};

tl::expected<Found, Refusal> resolve(const std::vector<std::string>& plain,
                                     const std::string& shown) {
  const std::string& first = plain.front();
  const auto absent_error = [&](const AbsentCommand& absent, const std::string& path) {
    return error(fmt::format("\"{}\" is not part of this release: {}", path, absent.remedy));
  };
  if (const auto* absent = find_absent("", first)) return absent_error(*absent, first);
  if (!is_group(first)) {
    if (const auto* spec = find_command("", first)) return Found{spec, 1};
    return error(
        fmt::format("unknown command \"{}\" for \"{}\": {}see '{} --help'", first, shown,
                    suggestion("", first), shown));
  }
  if (plain.size() < 2) return show_usage(group_usage(first, shown));
  if (const auto* absent = find_absent(first, plain[1]))
    return absent_error(*absent, first + " " + plain[1]);
  if (const auto* spec = find_command(first, plain[1])) return Found{spec, 2};
  // `retry NAME` is short for `retry rollout NAME`.
  if (first == "retry") return Found{find_command("retry", "rollout"), 1};
  return error(fmt::format("unknown command \"{0}\" for \"{1} {2}\": {3}see '{1} {2} --help'",
                           plain[1], shown, first, suggestion(first, plain[1])));
}

bool has_flag(const CommandSpec& spec, const Flag& flag) {
  return find_flag(global_flags(), flag.name, 0) != nullptr ||
         find_flag(spec.flags, flag.name, 0) != nullptr;
}

// The entry of this command: a name may stand in the lists of several commands.
const Flag& own_flag(const CommandSpec& spec, const Flag& flag) {
  const Flag* own = find_flag(spec.flags, flag.name, 0);
  return own != nullptr ? *own : flag;
}

tl::expected<Invocation, Refusal> fill(const CommandSpec& spec, const Words& words,
                                       const std::string& shown) {
  Invocation out;
  out.command = spec.command;
  out.options.watch = spec.command == Command::Status;
  const std::string see = fmt::format(" (see '{} {} --help')", shown, spec.path());
  if (!words.problem.empty()) return error(words.problem + see);
  for (const auto& given : words.flags) {
    if (!has_flag(spec, *given.flag))
      return error(fmt::format("unknown flag: --{}{}", given.flag->name, see));
    if (const auto wrong = own_flag(spec, *given.flag).store(out, given.value); !wrong.empty())
      return error(fmt::format("invalid argument {} for --{}: {}", quote(given.value),
                               given.flag->name, wrong));
  }
  if (!out.global.as_uid.empty() && out.global.kube.as_user.empty())
    return error("--as-uid needs --as");
  return out;
}

// "rollout/web", as kubectl takes it and prints it.
std::string without_kind(std::string name) {
  const auto slash = name.find('/');
  if (slash == std::string::npos) return name;
  const std::string kind = name.substr(0, name.find_first_of("./"));
  return kind == "rollout" || kind == "rollouts" || kind == "ro" ? name.substr(slash + 1) : name;
}

// `get ro/web` is `get ro web`.
void split_kind_and_name(std::vector<std::string>& plain) {
  if (plain.size() < 2 || !is_group(plain[0])) return;
  const auto slash = plain[1].find('/');
  if (slash == std::string::npos) return;
  const std::string kind = plain[1].substr(0, slash);
  if (find_command(plain[0], kind) == nullptr) return;
  plain.insert(plain.begin() + 2, plain[1].substr(slash + 1));
  plain[1] = kind;
}

Invocation help(std::string text) {
  Invocation out;
  out.text = std::move(text);
  return out;
}

}  // namespace

tl::expected<Invocation, Refusal> parse_arguments(const std::string& program,
                                                  const std::vector<std::string>& args) {
  const std::string shown = shown_program(program);
  // Half-typed words are data here, not flags.
  if (!args.empty() && args.front() == "__complete") {
    Invocation out;
    out.command = Command::Complete;
    out.args.assign(args.begin() + 1, args.end());
    return out;
  }
  Words words = Reader(args).read();
  if (!words.plain.empty() && words.plain.front() == "help") {
    words.help = true;
    words.plain.erase(words.plain.begin());
  }
  if (words.plain.empty()) {
    if (!words.problem.empty())
      return error(fmt::format("{} (see '{} --help')", words.problem, shown));
    if (words.help || args.empty()) return help(root_usage(shown));
    return show_usage(root_usage(shown));
  }
  if (words.help && words.plain.size() == 1 && is_group(words.plain.front()))
    return help(group_usage(words.plain.front(), shown));
  split_kind_and_name(words.plain);
  const auto found = resolve(words.plain, shown);
  if (!found) return tl::unexpected<Refusal>(found.error());
  const CommandSpec& spec = *found->spec;
  if (words.help) return help(usage(spec, shown));
  auto out = fill(spec, words, shown);
  if (!out) return out;
  out->args.assign(words.plain.begin() + static_cast<std::ptrdiff_t>(found->words),
                   words.plain.end());
  if (out->args.size() < spec.args_min || out->args.size() > spec.args_max)
    return show_usage(short_usage(spec, shown));
  if (spec.command == Command::SetImage &&
      !std::all_of(out->args.begin() + 1, out->args.end(),
                   [](const auto& arg) { return parse_image_argument(arg).has_value(); }))
    return show_usage(short_usage(spec, shown));
  for (std::size_t i = 0; i < out->args.size(); ++i) {
    auto& arg = out->args[i];
    const bool is_name = spec.args_usage.starts_with("ROLLOUT") &&
                         (i == 0 || spec.command != Command::SetImage);
    if (is_name) arg = without_kind(std::move(arg));
    if (arg.empty()) return error("an argument is empty: a name was expected");
    if (is_name && arg.find('/') != std::string::npos)
      return error(fmt::format("{} is not the name of a rollout", quote(arg)));
  }
  return out;
}

std::optional<ImageArgument> parse_image_argument(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) return std::nullopt;
  return ImageArgument{text.substr(0, equals), text.substr(equals + 1)};
}

}  // namespace sluice::cli
