// Drives a fuzz target where there is no libFuzzer. Input number i of a seed is always the same:
// some entries of the corpus, spliced and mutated. Nothing is measured, so it finds less than
// libFuzzer does; it needs no other compiler, and its sanitizers are those of the build.
//   PROGRAM [--seed N] [--from I] [--runs N] [--seconds S] FOLDER|FILE...
// Each entry of the corpus is run as it stands first. A finding is written to finding-SEED-I in the
// working directory, and said.
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/rng.h"
#include "tests/fuzz/fuzz.h"

extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace sluice::fuzz {
namespace {

constexpr std::size_t kInputMax = 4096;
constexpr unsigned kHangAfter_s = 20;

struct Finding {
  const std::string* input = nullptr;
  char file[64] = "finding";
};
Finding current;

// Only what a signal handler may do.
void write_finding() {
  if (current.input == nullptr) return;
  const int fd = ::open(current.file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return;
  const auto say = [](const char* text) { (void)!::write(2, text, std::strlen(text)); };
  (void)!::write(fd, current.input->data(), current.input->size());
  ::close(fd);
  say("FINDING: the input is in ");
  say(current.file);
  say("\n");
  current.input = nullptr;
}
void on_signal(int signal) {
  write_finding();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// On a stack of its own: an input that overflows the other one is a finding too.
void handle(const std::vector<int>& signals) {
  stack_t stack = {};
  ::sigaltstack(nullptr, &stack);
  if ((stack.ss_flags & SS_DISABLE) != 0) {  // a sanitizer has made one, and frees it itself
    static std::vector<char> memory(1UL << 16);
    stack = {};
    stack.ss_sp = memory.data();
    stack.ss_size = memory.size();
    ::sigaltstack(&stack, nullptr);
  }
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK;
  for (const int signal : signals) ::sigaction(signal, &action, nullptr);
}

void run(const std::string& input, const std::string& name) {
  current.input = &input;
  std::snprintf(current.file, sizeof current.file, "finding-%s", name.c_str());
  ::alarm(kHangAfter_s);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  ::alarm(0);
  current.input = nullptr;
}

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& corpus) : corpus_(corpus) {
    for (const auto& entry : corpus) add_words(entry);
    std::sort(words_.begin(), words_.end());
    words_.erase(std::unique(words_.begin(), words_.end()), words_.end());
  }

  std::string input(std::uint64_t seed, std::uint64_t index) {
    SeededRng rng(seed * 0x9E3779B97F4A7C15ULL + index);
    std::string out = corpus_[rng.below(corpus_.size())];
    const auto changes = 1 + rng.below(6);
    for (std::uint64_t i = 0; i < changes; ++i) change(out, rng);
    if (out.size() > kInputMax) out.resize(kInputMax);
    return out;
  }

 private:
  // Runs of letters, digits or of one kind of sign: what a language is made of.
  void add_words(const std::string& entry) {
    const auto letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
    for (std::size_t i = 0; i < entry.size();) {
      const std::size_t begin = i++;
      while (i < entry.size() && letter(entry[i]) == letter(entry[begin]) && i - begin < 24) ++i;
      words_.push_back(entry.substr(begin, i - begin));
    }
  }
  void change(std::string& text, Rng& rng) {
    const std::size_t at = rng.below(text.size() + 1);
    const std::size_t length = std::min<std::size_t>(1 + rng.below(16), text.size() - at);
    switch (rng.below(8)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1U << rng.below(8)));
        break;
      case 1:
        text.insert(at, 1, static_cast<char>(rng.below(256)));
        break;
      case 2:
        text.erase(at, length);
        break;
      case 3:
        text.insert(at, text.substr(at, length));
        break;
      case 4:
        text.insert(at, words_[rng.below(words_.size())]);
        break;
      case 5:
        text.replace(at, length, words_[rng.below(words_.size())]);
        break;
      case 6: {  // the end of another entry
        const auto& other = corpus_[rng.below(corpus_.size())];
        text =
            text.substr(0, at) + other.substr(std::min(other.size(), rng.below(other.size() + 1)));
        break;
      }
      default:  // many times the same: depth and length
        text.insert(at, repeated(text.substr(at, length), 1 + rng.below(200)));
        break;
    }
  }
  static std::string repeated(const std::string& text, std::uint64_t count) {
    std::string out;
    while (count-- > 0 && out.size() < kInputMax) out += text;
    return out;
  }

  const std::vector<std::string>& corpus_;
  std::vector<std::string> words_;
};

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

struct Arguments {
  std::uint64_t seed = 1, from = 0, runs = 0, seconds = 0;
  std::vector<std::filesystem::path> files;
};

bool take(Arguments& out, std::vector<std::string> words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::uint64_t* number = words[i] == "--seed"      ? &out.seed
                            : words[i] == "--from"    ? &out.from
                            : words[i] == "--runs"    ? &out.runs
                            : words[i] == "--seconds" ? &out.seconds
                                                      : nullptr;
    if (number != nullptr) {
      if (++i == words.size()) return false;
      *number = std::strtoull(words[i].c_str(), nullptr, 10);
    } else if (std::filesystem::is_directory(words[i])) {
      for (const auto& entry : std::filesystem::directory_iterator(words[i]))
        out.files.push_back(entry.path());
    } else if (std::filesystem::exists(words[i])) {
      out.files.emplace_back(words[i]);
    } else {
      return false;
    }
  }
  std::sort(out.files.begin(), out.files.end());
  return !out.files.empty();
}

int drive(const Arguments& arguments) {
  std::vector<std::string> corpus;
  for (const auto& file : arguments.files) {
    corpus.push_back(read(file));
    run(corpus.back(), file.filename().string());
  }
  Mutator mutator(corpus);
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::seconds(arguments.seconds);
  std::uint64_t done = 0;
  while (done < arguments.runs || (arguments.seconds > 0 && Clock::now() < end)) {
    const auto index = arguments.from + done++;
    run(mutator.input(arguments.seed, index),
        std::to_string(arguments.seed) + "-" + std::to_string(index));
  }
  const auto took = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begin).count();
  std::printf("%zu entries of the corpus and %llu inputs of seed %llu in %lld s: no finding\n",
              corpus.size(), static_cast<unsigned long long>(done),
              static_cast<unsigned long long>(arguments.seed), static_cast<long long>(took));
  return 0;
}

// Frames of a sanitizer's build are ten times as large as those that ship: what is deep enough for
// the limits of the language needs more than the eight megabytes that a program starts with.
// (tests/unit/analysis/expr_limits_test.cc looks at the stack of the build that ships.)
int with_deep_stack(const Arguments& arguments) {
  struct Work {
    const Arguments& arguments;
    int code;
  } work{arguments, 2};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 128UL << 20);
  pthread_t thread;
  const auto body = [](void* argument) -> void* {
    auto& mine = *static_cast<Work*>(argument);
    handle({SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGALRM});
    mine.code = drive(mine.arguments);
    return nullptr;
  };
  if (pthread_create(&thread, &attributes, body, &work) != 0) return 2;
  pthread_join(thread, nullptr);
  return work.code;
}

}  // namespace
}  // namespace sluice::fuzz

int main(int argc, char** argv) {
  using namespace sluice::fuzz;
  Arguments arguments;
  if (!take(arguments, {argv + 1, argv + argc})) {
    std::fprintf(stderr, "usage: %s [--seed N] [--from I] [--runs N] [--seconds S] CORPUS...\n",
                 argv[0]);
    return 2;
  }
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(write_finding);
  return with_deep_stack(arguments);
}
