// sluice sim: the production loop in a simulated cluster, under faults, with checkers.
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "app/commands.h"
#include "base/strings.h"
#include "kube/json/json.h"
#include "kube/json/yaml.h"
#include "sim/coverage.h"
#include "sim/scenario.h"

namespace sluice::app {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

constexpr int kSeedsMax = 1'000'000;  // in one go: what a run needs to know is laid out beforehand

struct Flags {
  std::optional<std::uint64_t> seed, seeds;
  std::uint64_t from = sim::kNewSeeds;
  std::string crds, workflow, share, new_share, cell;
  sim::Share part, new_part;  // what --share and --new-share say
  unsigned jobs = 0;
  bool crashes = false, faults = false, history = false, cost = false, verbose = false,
       first = false;
};

struct Task {
  std::string label;  // how to run it again
  sim::Knobs knobs;
};

// The folder of the CRDs: told, or found from here or from where the binary lies.
std::string find_crds(const std::string& told) {
  if (!told.empty()) return told;
  std::error_code error;
  std::vector<fs::path> starts{fs::current_path(error)};
  if (auto self = fs::read_symlink("/proc/self/exe", error); !error)
    starts.push_back(self.parent_path());
  for (fs::path start : starts) {
    for (int up = 0; up < 4; ++up, start = start.parent_path())
      if (fs::exists(start / "crds" / "rollouts.yaml", error)) return (start / "crds").string();
  }
  return "";
}

Result<sim::Scenarios::Crds> load_crds(const std::string& folder) {
  std::vector<kube::Json> documents;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".yaml") continue;
    std::ifstream in(entry.path());
    std::ostringstream text;
    text << in.rdbuf();
    SLUICE_TRY(auto parsed, kube::parse_yaml(text.str()));
    for (auto& document : parsed) documents.push_back(std::move(document));
  }
  if (documents.empty()) return fail(ErrorCode::NotFound, "no CRDs in " + folder);
  return apiserver::ApiServer::compile_crds(documents);
}

std::string report(const Task& task, const sim::Outcome& outcome) {
  std::string out = fmt::format("VIOLATION with {}\n  {}\n", task.label, sim::describe(task.knobs));
  for (const auto& found : outcome.violations)
    out += fmt::format("  {} at {} (version {}): {}\n", found.checker,
                       format_rfc3339_micro(found.wall), found.version, found.text);
  out += "  the last lines of the log:\n";
  for (const auto& line : outcome.log_tail) out += "    " + line + "\n";
  return out;
}

// ---- worker processes: each takes the next task and tells of it by lines through a pipe ----

// The number of the next task, in memory that all workers share.
class Dispenser {
 public:
  Dispenser() {
    void* page =
        ::mmap(nullptr, sizeof(Counter), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED) counter_ = new (page) Counter(0);
  }
  ~Dispenser() {
    if (counter_ != nullptr) ::munmap(counter_, sizeof(Counter));
  }
  Dispenser(const Dispenser&) = delete;
  Dispenser& operator=(const Dispenser&) = delete;
  [[nodiscard]] bool good() const { return counter_ != nullptr; }
  [[nodiscard]] std::size_t next() { return counter_->fetch_add(1); }

 private:
  using Counter = std::atomic<std::size_t>;
  static_assert(Counter::is_always_lock_free);
  Counter* counter_ = nullptr;
};

// Newlines within a field become vertical tabs.
std::string one_line(std::string text) {
  for (char& c : text) c = c == '\n' ? '\v' : c;
  return text;
}
std::string many_lines(std::string text) {
  for (char& c : text) c = c == '\v' ? '\n' : c;
  return text;
}

void send(int fd, const std::string& line) {
  std::size_t sent = 0;
  while (sent < line.size()) {
    const auto n = ::write(fd, line.data() + sent, line.size() - sent);
    if (n <= 0) _exit(3);
    sent += static_cast<std::size_t>(n);
  }
}

[[noreturn]] void work(int fd, sim::Scenarios& scenarios, const std::vector<Task>& tasks,
                       Dispenser& dispenser) {
  for (std::size_t i = dispenser.next(); i < tasks.size(); i = dispenser.next()) {
    send(fd, fmt::format("task\t{}\n", i));
    const sim::Outcome outcome = scenarios.run(tasks[i].knobs);
    std::string lines;
    for (const auto& cell : outcome.struck)
      lines += fmt::format("cell\t{}\t{}\t{}\t{}\n", sim::to_string(tasks[i].knobs.workflow),
                           cell.point.call, cell.point.ordinal, sim::to_string(cell.fault));
    if (!outcome.violations.empty())
      lines += "bad\t" + std::to_string(outcome.violations.size()) + "\t" +
               one_line(report(tasks[i], outcome)) + "\n";
    lines += "done\n";
    send(fd, lines);
  }
  _exit(0);
}

struct Totals {
  sim::Coverage coverage;
  std::size_t done = 0, bad = 0, violations = 0;
};

void take_line(const std::string& line, Totals& totals) {
  const auto fields = split(line, '\t');
  if (fields[0] == "done") {
    ++totals.done;
  } else if (fields[0] == "cell" && fields.size() == 5) {
    const auto workflow = sim::parse_workflow(fields[1]);
    const auto fault = sim::parse_fault(fields[4]);
    if (workflow && fault)
      totals.coverage.ran(
          *workflow,
          {{std::string(fields[2]), static_cast<int>(parse_int(fields[3]).value_or(0))}, *fault});
  } else if (fields[0] == "bad" && fields.size() >= 3) {
    ++totals.bad;
    totals.violations += static_cast<std::size_t>(parse_int(fields[1]).value_or(0));
    std::fputs(many_lines(line.substr(line.find('\t', 4) + 1)).c_str(), stdout);
    std::fflush(stdout);
  }
}

struct Worker {
  pid_t pid = -1;
  int fd = -1;
  std::string rest;
  std::optional<std::size_t> task;  // that it works on
};

// True while the worker lives.
bool read_from(Worker& worker, Totals& totals) {
  char buffer[65536];
  const auto n = ::read(worker.fd, buffer, sizeof buffer);
  if (n <= 0) {
    ::close(worker.fd);
    worker.fd = -1;
    return false;
  }
  worker.rest.append(buffer, static_cast<std::size_t>(n));
  std::size_t start = 0;
  for (auto end = worker.rest.find('\n'); end != std::string::npos;
       end = worker.rest.find('\n', start)) {
    const std::string line = worker.rest.substr(start, end - start);
    if (line.starts_with("task\t"))
      worker.task = static_cast<std::size_t>(parse_int(line.substr(5)).value_or(0));
    else if (line == "done")
      worker.task.reset();
    take_line(line, totals);
    start = end + 1;
  }
  worker.rest.erase(0, start);
  return true;
}

// False when a worker died before its time.
bool run_all(sim::Scenarios& scenarios, const std::vector<Task>& tasks, unsigned jobs,
             Totals& totals) {
  std::fflush(stdout);
  std::vector<Worker> workers;
  Dispenser dispenser;
  if (!dispenser.good()) return false;
  for (unsigned i = 0; i < jobs; ++i) {
    int ends[2];
    if (::pipe(ends) != 0) return false;
    const pid_t pid = ::fork();
    if (pid < 0) return false;
    if (pid == 0) {
      ::close(ends[0]);
      work(ends[1], scenarios, tasks, dispenser);
    }
    ::close(ends[1]);
    workers.push_back({pid, ends[0], {}, {}});
  }
  while (true) {
    std::vector<pollfd> polls;
    for (const auto& worker : workers)
      if (worker.fd >= 0) polls.push_back({worker.fd, POLLIN, 0});
    if (polls.empty()) break;
    if (::poll(polls.data(), polls.size(), -1) < 0) continue;
    for (auto& worker : workers)
      for (const auto& entry : polls)
        if (entry.fd == worker.fd && worker.fd >= 0 && entry.revents != 0) {
          read_from(worker, totals);
          break;
        }
  }
  bool good = totals.done == tasks.size();
  for (const auto& worker : workers) {
    int status = 0;
    ::waitpid(worker.pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    good = false;
    std::printf("a worker died (%s %d) in: %s\n", WIFSIGNALED(status) ? "signal" : "code",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                worker.task ? tasks[*worker.task].label.c_str() : "nothing");
  }
  return good;
}

// ---- what there is to run ----

sim::Knobs plain(sim::Workflow workflow) {
  sim::Knobs knobs;
  knobs.workflow = workflow;
  sim::Scenarios::prepare(knobs);
  return knobs;
}

std::vector<Task> seed_tasks(sim::Scenarios& scenarios, const Flags& flags) {
  std::vector<Task> tasks;
  const auto only = sim::parse_workflow(flags.workflow);
  for (std::uint64_t n = 0; n < flags.seeds.value_or(0); ++n) {
    const std::uint64_t seed = flags.from + n;
    Task task{fmt::format("seed {}", seed), scenarios.knobs_of(seed)};
    if (!only || task.knobs.workflow == *only) tasks.push_back(std::move(task));
  }
  return tasks;
}

bool is_crash(sim::Fault fault) {
  return fault == sim::Fault::CrashBefore || fault == sim::Fault::CrashAfter;
}

constexpr std::size_t kFirstFaults = 6;

// The nine workflows of the first release.
bool is_first(sim::Workflow workflow) {
  const auto known = std::span(sim::kWorkflows).first(sim::kFirstWorkflows);
  return std::find(known.begin(), known.end(), workflow) != known.end();
}

bool chosen(const Flags& flags, sim::Workflow workflow, std::size_t point, std::size_t fault) {
  if (is_crash(sim::kCellFaults[fault])) return true;
  const bool known = is_first(workflow) && fault < kFirstFaults;
  return flags.faults && (known ? flags.part : flags.new_part).has(point, fault);
}

bool wanted(const Flags& flags, const sim::Workflow& workflow) {
  const auto only = sim::parse_workflow(flags.workflow);
  if (only && workflow != *only) return false;
  return !flags.first || is_first(workflow);
}

// Every write point of every workflow with each fault that is asked for.
std::vector<Task> cell_tasks(sim::Scenarios& scenarios, const Flags& flags) {
  std::vector<Task> tasks;
  for (const sim::Workflow workflow : sim::kWorkflows) {
    if (!wanted(flags, workflow)) continue;
    const auto& points = scenarios.baseline(workflow).points;
    for (std::size_t p = 0; p < points.size(); ++p) {
      const std::size_t faults = flags.first ? kFirstFaults : std::size(sim::kCellFaults);
      for (std::size_t f = 0; f < faults; ++f) {
        if (!chosen(flags, workflow, p, f)) continue;
        const sim::Fault fault = sim::kCellFaults[f];
        Task task{fmt::format("{}: {} at {}", sim::to_string(workflow), sim::to_string(fault),
                              points[p].text()),
                  plain(workflow)};
        task.knobs.faults.push_back({points[p], fault});
        tasks.push_back(std::move(task));
      }
    }
  }
  return tasks;
}

// "WORKFLOW: FAULT at CALL #ORDINAL", as the tasks of cells are labelled.
std::optional<Task> parse_cell(const std::string& text) {
  const auto colon = text.find(": "), at = text.find(" at "), mark = text.rfind(" #");
  if (colon == std::string::npos || at == std::string::npos || mark == std::string::npos ||
      at < colon + 2 || mark < at + 4)
    return std::nullopt;
  const auto workflow = sim::parse_workflow(text.substr(0, colon));
  const auto fault = sim::parse_fault(text.substr(colon + 2, at - colon - 2));
  const auto ordinal = parse_int(text.substr(mark + 2));
  if (!workflow || !fault || !ordinal) return std::nullopt;
  Task out{text, plain(*workflow)};
  out.knobs.faults.push_back(
      {{text.substr(at + 4, mark - at - 4), static_cast<int>(*ordinal)}, *fault});
  return out;
}

int run_one(sim::Scenarios& scenarios, const Flags& flags) {
  const std::uint64_t seed = flags.seed.value_or(0);
  Task task{fmt::format("seed {}", seed), {}};
  if (flags.seed)
    task.knobs = scenarios.knobs_of(seed);
  else if (auto cell = parse_cell(flags.cell))
    task = std::move(*cell);
  task.knobs.keep_history = flags.history;
  const auto began = SteadyClock::now();
  const sim::Outcome outcome = scenarios.run(task.knobs);
  if (flags.history) std::fputs(outcome.history.c_str(), stdout);
  if (!outcome.violations.empty()) std::fputs(report(task, outcome).c_str(), stdout);
  if (flags.verbose || outcome.violations.empty())
    std::printf("%s\n%s", sim::describe(task.knobs).c_str(), outcome.state.c_str());
  const double seconds = std::chrono::duration<double>(SteadyClock::now() - began).count();
  std::printf("%s: %zu violations, %zu of %zu planned faults struck, %lld s simulated in %.2f s\n",
              task.label.c_str(), outcome.violations.size(), outcome.struck.size(),
              task.knobs.faults.size(), static_cast<long long>(outcome.lasted.count() / 1'000'000),
              seconds);
  return outcome.violations.empty() ? 0 : 1;
}

int print_cost(sim::Scenarios& scenarios) {
  const auto& outcome = scenarios.baseline(sim::Workflow::CanaryNginx);
  for (const auto& [what, count] : outcome.update_writes_by_kind)
    std::printf("  %-32s %3d\n", what.c_str(), count);
  std::printf("W5: %d writes from rest to rest\n", outcome.update_writes);
  return outcome.violations.empty() ? 0 : 1;
}

int run_many(sim::Scenarios& scenarios, const Flags& flags) {
  const auto began = SteadyClock::now();
  Totals totals;
  std::vector<Task> tasks =
      flags.crashes || flags.faults ? cell_tasks(scenarios, flags) : std::vector<Task>();
  const std::size_t cells = tasks.size();
  if (flags.seeds)
    for (auto& task : seed_tasks(scenarios, flags)) tasks.push_back(std::move(task));
  for (const sim::Workflow workflow : sim::kWorkflows) {
    if (!wanted(flags, workflow)) continue;
    const sim::Outcome& outcome = scenarios.baseline(workflow);
    totals.coverage.expect(workflow, outcome.points);
    if (!outcome.violations.empty()) {
      ++totals.bad;
      totals.violations += outcome.violations.size();
      std::fputs(
          report({fmt::format("{} without faults", sim::to_string(workflow)), plain(workflow)},
                 outcome)
              .c_str(),
          stdout);
    }
  }
  const unsigned jobs =
      flags.jobs > 0 ? flags.jobs : std::max(1U, std::thread::hardware_concurrency());
  const bool complete = run_all(scenarios, tasks, jobs, totals);
  if (!complete)
    std::printf("a worker process ended early: %zu of %zu runs were done\n", totals.done,
                tasks.size());
  std::fputs(totals.coverage.table().c_str(), stdout);
  const bool gaps = (flags.crashes || flags.faults) && !totals.coverage.crashes_complete();
  if (gaps) std::printf("not every crash point was reached\n");
  std::printf(
      "%zu seeds, %zu single faults, %zu violations in %zu runs, coverage %.1f %%, %.0f s\n",
      tasks.size() - cells, cells, totals.violations, totals.bad, totals.coverage.share() * 100,
      std::chrono::duration<double>(SteadyClock::now() - began).count());
  return totals.violations == 0 && complete && !gaps ? 0 : 1;
}

// Fills in the parts that the two shares say.
std::string share_objection(Flags& flags) {
  if (!(flags.share + flags.new_share).empty() && !flags.faults)
    return "--share and --new-share are parts of --faults: give both";
  for (const auto& [name, text] :
       {std::pair("--share", flags.share), std::pair("--new-share", flags.new_share)}) {
    if (text.empty()) continue;
    const auto part = sim::Share::parse(text);
    if (!part)
      return fmt::format("{} '{}' is not K/N with 1 <= K <= N, for instance 2/4", name, text);
    flags.new_part = *part;
    if (name == std::string_view("--share")) flags.part = *part;
  }
  return "";
}

// What is wrong with the arguments; "" when nothing is.
std::string objection(Flags& flags) {
  if (!flags.workflow.empty() && !sim::parse_workflow(flags.workflow)) {
    std::string out = fmt::format("unknown workflow '{}'; there are:", flags.workflow);
    for (const auto workflow : sim::kWorkflows) out += " " + std::string(sim::to_string(workflow));
    return out;
  }
  const bool many = flags.seeds || flags.crashes || flags.faults;
  const bool one = flags.seed || !flags.cell.empty();
  if (!one && !many && !flags.cost)
    return "give --seed N, --cell TEXT, --seeds N, --crashes, --faults or --cost";
  if (int{flags.seed.has_value()} + int{!flags.cell.empty()} + int{many} + int{flags.cost} > 1)
    return "--seed and --cell replay one run and --cost counts one: give none with another, nor "
           "with --seeds, --crashes or --faults";
  if (!flags.cell.empty() && !parse_cell(flags.cell))
    return fmt::format(
        "--cell '{}' is not 'WORKFLOW: FAULT at WRITE #N', for instance 'retry: 403 at patch "
        "services #4'",
        flags.cell);
  if (flags.seeds && flags.from > UINT64_MAX - *flags.seeds)
    return "--from is too large for that many seeds";
  if (const auto wrong = share_objection(flags); !wrong.empty()) return wrong;
  if ((flags.history || flags.verbose) && !one)
    return "--history and --verbose need --seed or --cell";
  if (one && !flags.workflow.empty())
    return "a seed or a cell decides the workflow: leave --workflow away";
  return "";
}

}  // namespace

int sim_main(int argc, char** argv) {
  CLI::App app{"Runs the controller in a simulated cluster, under faults, and checks what it does",
               "sluice sim"};
  Flags flags;
  app.add_option("--seed", flags.seed, "Replay one seed")->check(CLI::NonNegativeNumber);
  app.add_option(
      "--cell", flags.cell,
      "Replay one fault at one write, as a report names it: 'WORKFLOW: FAULT at WRITE #N'");
  app.add_option("--seeds", flags.seeds, "Run this many seeds")->check(CLI::Range(1, kSeedsMax));
  app.add_option(
         "--from", flags.from,
         "First seed of --seeds (default 10000000; smaller ones mean what they meant in the "
         "first release: nine workflows, six faults)")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--crashes", flags.crashes,
               "A crash before and after every write of every workflow");
  app.add_flag("--faults", flags.faults, "Every fault at every write of every workflow");
  app.add_option("--share", flags.share,
                 "K/N: with --faults, all crashes but only the K-th of N equal parts of the rest");
  app.add_option("--new-share", flags.new_share,
                 "K/N: the same for what the first release did not know (five workflows, four "
                 "faults); default: what --share says");
  app.add_flag("--first", flags.first,
               "With --crashes and --faults: only the nine workflows and six faults of the first "
               "release");
  app.add_flag("--cost", flags.cost, "Count the writes of the reference canary (W5)");
  app.add_option("--workflow", flags.workflow, "Only this workflow");
  app.add_flag("--history", flags.history, "With --seed or --cell: print every stored change");
  app.add_flag("-v,--verbose", flags.verbose, "With --seed or --cell: print knobs and end state");
  app.add_option("--jobs", flags.jobs, "Worker processes (default: one per core)")
      ->check(CLI::Range(1, 256));
  app.add_option("--crds", flags.crds, "Folder of the CRDs (default: crds/ of this checkout)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (const std::string wrong = objection(flags); !wrong.empty()) {
    std::fprintf(stderr, "sluice sim: %s\n", wrong.c_str());
    return 2;
  }
  auto crds = load_crds(find_crds(flags.crds));
  if (!crds) {
    std::fprintf(stderr, "sluice sim: %s (run it in the checkout, or give --crds)\n",
                 crds.error().message.c_str());
    return 2;
  }
  sim::Scenarios scenarios(std::move(*crds));
  if (flags.cost) return print_cost(scenarios);
  const bool one = flags.seed || !flags.cell.empty();
  return one ? run_one(scenarios, flags) : run_many(scenarios, flags);
}

}  // namespace sluice::app
