// sluice sim: the production loop in a simulated cluster, under faults, with checkers.
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
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

struct Flags {
  std::uint64_t seed = 0, seeds = 0, from = 1;
  std::string crds, workflow;
  unsigned jobs = 0;
  bool crashes = false, faults = false, history = false, cost = false, verbose = false;
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
  return sim::ApiServer::compile_crds(documents);
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

// ---- worker processes: each takes every n-th task and tells of it by lines through a pipe ----

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
                       std::size_t first, std::size_t stride) {
  for (std::size_t i = first; i < tasks.size(); i += stride) {
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
    take_line(worker.rest.substr(start, end - start), totals);
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
  for (unsigned i = 0; i < jobs; ++i) {
    int ends[2];
    if (::pipe(ends) != 0) return false;
    const pid_t pid = ::fork();
    if (pid < 0) return false;
    if (pid == 0) {
      ::close(ends[0]);
      work(ends[1], scenarios, tasks, i, jobs);
    }
    ::close(ends[1]);
    workers.push_back({pid, ends[0], {}});
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
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) good = false;
  }
  return good;
}

// ---- what there is to run ----

sim::Knobs plain(sim::Scenarios& scenarios, sim::Workflow workflow) {
  sim::Knobs knobs;
  knobs.workflow = workflow;
  if (workflow == sim::Workflow::AbortByAnalysis || workflow == sim::Workflow::BlueGreenAbort)
    scenarios.make_bad(knobs, 0);
  return knobs;
}

std::vector<Task> seed_tasks(sim::Scenarios& scenarios, const Flags& flags) {
  std::vector<Task> tasks;
  const auto only = sim::parse_workflow(flags.workflow);
  for (std::uint64_t seed = flags.from; seed < flags.from + flags.seeds; ++seed) {
    Task task{fmt::format("seed {}", seed), scenarios.knobs_of(seed)};
    if (!only || task.knobs.workflow == *only) tasks.push_back(std::move(task));
  }
  return tasks;
}

// Every write point of every workflow with each fault of the list.
std::vector<Task> cell_tasks(sim::Scenarios& scenarios, const Flags& flags) {
  std::vector<Task> tasks;
  const auto only = sim::parse_workflow(flags.workflow);
  for (const sim::Workflow workflow : sim::kWorkflows) {
    if (only && workflow != *only) continue;
    for (const auto& point : scenarios.baseline(workflow).points) {
      for (const sim::Fault fault : sim::kCellFaults) {
        if (!flags.faults && fault != sim::Fault::CrashBefore && fault != sim::Fault::CrashAfter)
          continue;
        Task task{fmt::format("{}: {} at {}", sim::to_string(workflow), sim::to_string(fault),
                              point.text()),
                  plain(scenarios, workflow)};
        task.knobs.faults.push_back({point, fault});
        tasks.push_back(std::move(task));
      }
    }
  }
  return tasks;
}

int run_one(sim::Scenarios& scenarios, const Flags& flags) {
  Task task{fmt::format("seed {}", flags.seed), scenarios.knobs_of(flags.seed)};
  task.knobs.keep_history = flags.history;
  const auto began = SteadyClock::now();
  const sim::Outcome outcome = scenarios.run(task.knobs);
  if (flags.history) std::fputs(outcome.history.c_str(), stdout);
  if (!outcome.violations.empty()) std::fputs(report(task, outcome).c_str(), stdout);
  if (flags.verbose || outcome.violations.empty())
    std::printf("%s\n%s", sim::describe(task.knobs).c_str(), outcome.state.c_str());
  const double seconds = std::chrono::duration<double>(SteadyClock::now() - began).count();
  std::printf(
      "seed %llu: %zu violations, %zu of %zu planned faults struck, %lld s simulated in %.2f s\n",
      static_cast<unsigned long long>(flags.seed), outcome.violations.size(), outcome.struck.size(),
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
  if (flags.seeds > 0)
    for (auto& task : seed_tasks(scenarios, flags)) tasks.push_back(std::move(task));
  const auto only = sim::parse_workflow(flags.workflow);
  for (const sim::Workflow workflow : sim::kWorkflows) {
    if (only && workflow != *only) continue;
    const sim::Outcome& outcome = scenarios.baseline(workflow);
    totals.coverage.expect(workflow, outcome.points);
    if (!outcome.violations.empty()) {
      ++totals.bad;
      totals.violations += outcome.violations.size();
      std::fputs(report({fmt::format("{} without faults", sim::to_string(workflow)),
                         plain(scenarios, workflow)},
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

}  // namespace

int sim_main(int argc, char** argv) {
  CLI::App app{"Runs the controller in a simulated cluster, under faults, and checks what it does",
               "sluice sim"};
  Flags flags;
  app.add_option("--seed", flags.seed, "Replay one seed");
  app.add_option("--seeds", flags.seeds, "Run this many seeds");
  app.add_option("--from", flags.from, "First seed of --seeds");
  app.add_flag("--crashes", flags.crashes,
               "A crash before and after every write of every workflow");
  app.add_flag("--faults", flags.faults, "Every fault at every write of every workflow");
  app.add_flag("--cost", flags.cost, "Count the writes of the reference canary (W5)");
  app.add_option("--workflow", flags.workflow, "Only this workflow");
  app.add_flag("--history", flags.history, "With --seed: print every stored change");
  app.add_flag("-v,--verbose", flags.verbose, "With --seed: print knobs and end state");
  app.add_option("--jobs", flags.jobs, "Worker processes (default: one per core)");
  app.add_option("--crds", flags.crds, "Folder of the CRDs (default: crds/ of this checkout)");
  CLI11_PARSE(app, argc, argv);
  if (!flags.workflow.empty() && !sim::parse_workflow(flags.workflow)) {
    std::fprintf(stderr, "sluice sim: unknown workflow '%s'; there are:", flags.workflow.c_str());
    for (const auto workflow : sim::kWorkflows)
      std::fprintf(stderr, " %s", std::string(sim::to_string(workflow)).c_str());
    std::fprintf(stderr, "\n");
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
  if (flags.seed > 0) return run_one(scenarios, flags);
  if (flags.seeds == 0 && !flags.crashes && !flags.faults) {
    std::fprintf(stderr, "sluice sim: give --seed N, --seeds N, --crashes, --faults or --cost\n");
    return 2;
  }
  return run_many(scenarios, flags);
}

}  // namespace sluice::app
