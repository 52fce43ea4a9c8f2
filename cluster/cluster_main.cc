#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "base/strings.h"
#include "cluster/cluster.h"
#include "cluster/host.h"
#include "cluster/state.h"

namespace sluice::cluster {

namespace {

namespace fs = std::filesystem;

int complain(const std::string& text) {
  std::fprintf(stderr, "sluice cluster: %s\n", text.c_str());
  return 1;
}

// The lock is held by the cluster's process for as long as it lives, however it ends.
int take_lock(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
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
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

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

void say_ready(const StatePaths& paths) {
  std::printf(
      "The cluster is ready. Use it with\n  export KUBECONFIG=%s\nand stop it with `sluice cluster "
      "down`.\n",
      paths.kubeconfig.c_str());
  std::fflush(stdout);
}

int up_in_background(const StatePaths& paths, const std::string& name, int lock, int port) {
  int pipe_fds[2];
  if (pipe(pipe_fds) != 0) return complain("cannot make a pipe");
  const pid_t child = fork();
  if (child < 0) return complain("cannot start a process");
  if (child == 0) {
    close(pipe_fds[0]);
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
  if (answer != "ok")
    return complain(answer.empty() ? "the cluster did not start; see " + paths.log : answer);
  say_ready(paths);
  return 0;
}

int up(const std::string& name, bool foreground, int port) {
  auto paths = state_paths(name);
  if (!paths) return complain(paths.error().message);
  std::error_code error;
  fs::create_directories(paths->directory, error);
  if (error) return complain("cannot make " + paths->directory + ": " + error.message());
  fs::permissions(paths->directory, fs::perms::owner_all, error);
  const int lock = take_lock(paths->lock);
  if (lock < 0)
    return complain(
        fmt::format("cluster '{}' is already up; its kubeconfig is {}", name, paths->kubeconfig));
  unlink(paths->kubeconfig.c_str());  // of one that was killed
  if (!foreground) return up_in_background(*paths, name, lock, port);
  return run_cluster(*paths, name, lock, port, [&](const std::string& text) {
    if (text == "ok")
      say_ready(*paths);
    else
      complain(text);
  });
}

int down(const std::string& name) {
  auto paths = state_paths(name);
  if (!paths) return complain(paths.error().message);
  if (!fs::exists(paths->directory)) {
    std::printf("cluster '%s' is not up\n", name.c_str());
    return 0;
  }
  int lock = take_lock(paths->lock);
  if (lock < 0) {
    std::ifstream in(paths->lock);
    std::string text;
    std::getline(in, text);
    const auto pid = parse_int(trim(text));
    if (!pid || *pid <= 1)
      return complain("the lock of the cluster names no process: " + paths->lock);
    kill(static_cast<pid_t>(*pid), SIGTERM);
    for (int tenth = 0; tenth < 100 && lock < 0; ++tenth) {
      usleep(100'000);
      lock = take_lock(paths->lock);
    }
    if (lock < 0) {
      kill(static_cast<pid_t>(*pid), SIGKILL);
      for (int tenth = 0; tenth < 20 && lock < 0; ++tenth) {
        usleep(100'000);
        lock = take_lock(paths->lock);
      }
    }
    if (lock < 0) return complain(fmt::format("process {} does not end", *pid));
  }
  std::error_code error;
  fs::remove_all(paths->directory, error);
  close(lock);
  std::printf("cluster '%s' is down\n", name.c_str());
  return 0;
}

int show_kubeconfig(const std::string& name) {
  auto paths = state_paths(name);
  if (!paths) return complain(paths.error().message);
  if (!fs::exists(paths->kubeconfig))
    return complain(fmt::format(
        "cluster '{}' is not up: start it with `sluice cluster up --name {}`", name, name));
  std::printf("%s\n", paths->kubeconfig.c_str());
  return 0;
}

}  // namespace

int cluster_main(int argc, char** argv) {
  CLI::App app{
      "A Kubernetes API server with workload controllers in one process, for trying and testing",
      "sluice cluster"};
  app.require_subcommand(1);
  std::string name = "default";
  bool foreground = false;
  int port = 0;
  auto* up_command = app.add_subcommand("up", "Start a cluster; returns when it is ready");
  up_command->add_option("--name", name, "Name of the cluster");
  up_command->add_flag("--foreground", foreground, "Stay in the foreground");
  up_command->add_option("--port", port, "Port of the API server (default: a free one)");
  auto* down_command = app.add_subcommand("down", "Stop a cluster and everything it started");
  down_command->add_option("--name", name, "Name of the cluster");
  auto* config_command =
      app.add_subcommand("kubeconfig", "Print the path of a cluster's kubeconfig");
  config_command->add_option("--name", name, "Name of the cluster");
  CLI11_PARSE(app, argc, argv);
  if (*up_command) return up(name, foreground, port);
  if (*down_command) return down(name);
  return show_kubeconfig(name);
}

}  // namespace sluice::cluster
