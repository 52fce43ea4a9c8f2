#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "base/strings.h"
#include "cluster/cluster.h"
#include "cluster/host.h"
#include "cluster/state.h"
#include "net/net.h"

namespace sluice::cluster {

namespace {

namespace fs = std::filesystem;
constexpr const char* kDefaultName = "default";
constexpr int kUsageError = 2;

int complain(const std::string& text) {
  std::fprintf(stderr, "sluice cluster: %s\n", printable(text).c_str());
  return 1;
}

// The lock is held by the cluster's process for as long as it lives, however it ends.
struct Lock {
  int fd = -1;           // -1: not taken
  bool held = false;     // by a cluster that is up
  std::string problem;   // the file cannot be opened
};

Lock take_lock(const std::string& path) {
  while (true) {
    Lock out;
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
      out.problem = fmt::format("cannot open {}: {}", path, std::strerror(errno));
      return out;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      out.held = errno == EWOULDBLOCK;
      if (!out.held) out.problem = fmt::format("cannot lock {}: {}", path, std::strerror(errno));
      close(fd);
      return out;
    }
    // A `down` may have removed the file while we opened it: a lock on it would be nobody's.
    struct stat mine {}, named {};
    if (fstat(fd, &mine) == 0 && stat(path.c_str(), &named) == 0 && mine.st_ino == named.st_ino) {
      out.fd = fd;
      return out;
    }
    close(fd);
    if (!fs::exists(fs::path(path).parent_path())) {
      out.problem = fs::path(path).parent_path().string() + " was just removed: try again";
      return out;
    }
  }
}

// Everything of a cluster that is not up any more, but for the lock.
void remove_leftovers(const StatePaths& paths) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(paths.directory, error))
    if (entry.path() != paths.lock) fs::remove_all(entry.path(), error);
}

std::string name_option(const std::string& name) {
  return name == kDefaultName ? "" : " --name " + name;
}

bool write_private(const std::string& path, const std::string& text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  fchmod(fd, 0600);
  const bool ok = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return ok;
}

// Runs until SIGTERM or SIGINT. `ready` is told "ok\n" or the reason why not.
int run_cluster(const StatePaths& paths, const std::string& name, int lock, int port,
                const std::function<void(const std::string&)>& ready) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);  // the terminal was closed
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  umask(077);  // logs may hold what the user's pods print
  const std::string pid = std::to_string(getpid());
  if (ftruncate(lock, 0) != 0 || pwrite(lock, pid.data(), pid.size(), 0) < 0) return 1;
  const std::string token = random_token();
  HostOptions options;
  options.directory = paths.directory;
  options.binary = own_binary();
  options.port = port;
  options.tokens[token] = "system:admin";
  auto host = start_host(std::move(options));
  if (!host) {
    ready(host.error().message);
    return 1;
  }
  if (!write_private(paths.kubeconfig,
                     kubeconfig_yaml((*host)->url(), (*host)->ca_pem(), token, "sluice-" + name))) {
    ready("cannot write " + paths.kubeconfig);
    return 1;
  }
  ready("ok");
  int signal = 0;
  sigwait(&signals, &signal);
  (*host)->stop();
  unlink(paths.kubeconfig.c_str());
  return 0;
}

void say_ready(const StatePaths& paths, const std::string& name, bool foreground) {
  const std::string stop =
      foreground ? "Ctrl-C" : fmt::format("`sluice cluster down{}`", name_option(name));
  std::printf("The cluster is ready. Use it with\n  export KUBECONFIG=%s\nand stop it with %s.\n",
              paths.kubeconfig.c_str(), stop.c_str());
  std::fflush(stdout);
}

int up_in_background(const StatePaths& paths, const std::string& name, int lock, int port) {
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) return complain("cannot make a pipe");
  const pid_t child = fork();
  if (child < 0) return complain("cannot start a process");
  if (child == 0) {
    // It lives longer than who called us, and must not hold what that one waits for the end of.
    net::close_inherited({lock, pipe_fds[1]});
    setsid();
    const int log = open(paths.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, 0);
    dup2(log, 1);
    dup2(log, 2);
    const int code = run_cluster(paths, name, lock, port, [&](const std::string& text) {
      if (::write(pipe_fds[1], text.data(), text.size()) < 0) {
      }
      close(pipe_fds[1]);
    });
    _exit(code);
  }
  close(pipe_fds[1]);
  std::string answer;
  char chunk[512];
  for (ssize_t n = 0; (n = read(pipe_fds[0], chunk, sizeof chunk)) > 0;)
    answer.append(chunk, static_cast<std::size_t>(n));
  close(pipe_fds[0]);
  if (answer == "ok") {
    say_ready(paths, name, false);
    return 0;
  }
  if (answer.empty())
    return complain("the cluster's process ended while it started; its last words may be in " +
                    paths.log);
  std::error_code error;
  fs::remove_all(paths.directory, error);
  return complain(answer);
}

int up(const std::string& name, bool foreground, int port) {
  auto paths = state_paths(name);
  if (!paths) return complain(paths.error().message);
  std::error_code error;
  fs::create_directories(paths->directory, error);
  if (error)
    return complain(
        fmt::format("cannot make {}: {}. The state of a cluster is kept below $XDG_STATE_HOME, or "
                    "~/.local/state if that is not set: name a directory you may write to",
                    paths->directory, error.message()));
  fs::permissions(paths->directory, fs::perms::owner_all, error);
  const Lock lock = take_lock(paths->lock);
  if (lock.held)
    return complain(fmt::format(
        "cluster '{0}' is already up; use it with\n  export KUBECONFIG={1}\nor stop it with "
        "`sluice cluster down{2}`; another one beside it needs another --name",
        name, paths->kubeconfig, name_option(name)));
  if (lock.fd < 0) return complain(lock.problem);
  remove_leftovers(*paths);  // of one that was killed
  if (!foreground) return up_in_background(*paths, name, lock.fd, port);
  const int code = run_cluster(*paths, name, lock.fd, port, [&](const std::string& text) {
    if (text == "ok")
      say_ready(*paths, name, true);
    else
      complain(text);
  });
  fs::remove_all(paths->directory, error);
  return code;
}

// Ends the process that holds the lock; the lock is ours then.
Lock end_cluster(const StatePaths& paths) {
  Lock lock = take_lock(paths.lock);
  if (!lock.held) return lock;
  std::ifstream in(paths.lock);
  std::string text;
  std::getline(in, text);
  const auto pid = parse_int(trim(text));
  if (!pid || *pid <= 1) {
    lock.problem = "the lock of the cluster names no process: " + paths.lock;
    return lock;
  }
  constexpr std::pair<int, int> kSignals[] = {{SIGTERM, 100}, {SIGKILL, 20}};  // tenths to wait
  for (const auto& [signal, tenths] : kSignals) {
    kill(static_cast<pid_t>(*pid), signal);
    for (int tenth = 0; tenth < tenths; ++tenth) {
      usleep(100'000);
      if (!fs::exists(paths.directory)) return {};  // one in the foreground tidies up itself
      lock = take_lock(paths.lock);
      if (!lock.held) return lock;
    }
  }
  lock.problem = fmt::format("process {} does not end", *pid);
  return lock;
}

int down(const std::string& name) {
  auto paths = state_paths(name);
  if (!paths) return complain(paths.error().message);
  if (!fs::exists(paths->directory)) {
    std::printf("cluster '%s' is not up\n", name.c_str());
    return 0;
  }
  const Lock lock = end_cluster(*paths);
  std::error_code error;
  const bool gone = !fs::exists(paths->directory, error);
  if (lock.fd < 0 && !gone) return complain(lock.problem);
  fs::remove_all(paths->directory, error);
  if (error)
    return complain(fmt::format("cannot remove {}: {}", paths->directory, error.message()));
  if (lock.fd >= 0) close(lock.fd);
  std::printf("cluster '%s' is down\n", name.c_str());
  return 0;
}

bool is_up(const StatePaths& paths) {
  if (!fs::exists(paths.kubeconfig)) return false;
  const Lock lock = take_lock(paths.lock);
  if (lock.fd >= 0) close(lock.fd);
  return lock.fd < 0;
}

int show_kubeconfig(const std::string& name) {
  auto paths = state_paths(name);
  if (!paths) return complain(paths.error().message);
  if (!is_up(*paths))
    return complain(fmt::format("cluster '{}' is not up: start it with `sluice cluster up{}`", name,
                                name_option(name)));
  std::printf("%s\n", paths->kubeconfig.c_str());
  return 0;
}

int usage(const std::string& text) {
  std::fprintf(stderr, "sluice cluster: %s\nRun with --help for what there is.\n",
               printable(text).c_str());
  return kUsageError;
}

}  // namespace

int cluster_main(int argc, char** argv) {
  CLI::App app{
      "A Kubernetes API server with workload controllers in one process, for trying and testing",
      "sluice cluster"};
  app.require_subcommand(1);
  std::string name = kDefaultName;
  bool foreground = false;
  int port = 0;
  auto* up_command = app.add_subcommand("up", "Start a cluster; returns when it is ready");
  up_command->add_option("--name", name, "Name of the cluster")->capture_default_str();
  up_command->add_flag("--foreground", foreground, "Stay in the foreground; Ctrl-C ends it");
  up_command->add_option("--port", port, "Port of the API server (default: a free one)")
      ->check(CLI::Range(1, 65535));
  auto* down_command = app.add_subcommand("down", "Stop a cluster and everything it started");
  down_command->add_option("--name", name, "Name of the cluster")->capture_default_str();
  auto* config_command =
      app.add_subcommand("kubeconfig", "Print the path of a cluster's kubeconfig");
  config_command->add_option("--name", name, "Name of the cluster")->capture_default_str();
  const std::string command = argc > 1 ? argv[1] : "";
  if (command.empty()) return usage("which command? up, down or kubeconfig");
  if (command.front() != '-' && command != "up" && command != "down" && command != "kubeconfig")
    return usage("there is no command '" + command + "'; there are up, down and kubeconfig");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return error.get_exit_code() == 0 ? app.exit(error) : usage(error.what());
  }
  if (*up_command) return up(name, foreground, port);
  if (*down_command) return down(name);
  return show_kubeconfig(name);
}

}  // namespace sluice::cluster
