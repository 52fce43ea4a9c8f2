#include "cli/cli.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>

#include "cli/run.h"
#include "net/net.h"
#include "telemetry/telemetry.h"

namespace sluice::cli {
namespace {

std::atomic<int> g_signals{0};
std::atomic<Transport*> g_transport{nullptr};  // only for wake(), which is made for signal handlers

void on_signal(int) {
  if (g_signals.fetch_add(1) >= 1) _exit(1);
  if (Transport* transport = g_transport.load()) transport->wake();
}

// Written at once: a watch may be read by another program.
void write_to(std::FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

std::string log_level(const GlobalOptions& global) {
  if (!global.log_level.empty()) return global.log_level;
  return global.kube_log_level > 0 ? "debug" : "warn";  // a command's output is not a log
}

struct Process {
  std::unique_ptr<Clock> clock = net::system_clock();
  std::unique_ptr<Files> files = net::system_files();
  std::unique_ptr<telemetry::ProcessTelemetry> telemetry;
  std::shared_ptr<Transport> transport;  // lives as long as a signal may wake it

  Result<Connection> connect(const GlobalOptions& global) {
    telemetry = telemetry::make({"text", log_level(global), ""}, *clock);
    SLUICE_TRY(net::KubeConfig kube, net::load_kubeconfig(*files, global.kube));
    Connection out;
    out.server = kube.server;
    out.namespace_ = kube.namespace_.empty() ? "default" : kube.namespace_;
    net::TransportOptions options;
    options.kube = std::move(kube);
    options.user_agent = std::string("sluice-cli/") + SLUICE_VERSION;
    SLUICE_TRY(transport, net::make_transport(std::move(options), *files, *clock, *telemetry));
    out.transport = transport;
    return out;
  }
};

}  // namespace

int cli_main(int argc, char** argv) {
  Process process;
  SeededRng rng(net::random_seed());
  Environment env{*process.clock,
                  rng,
                  *process.files,
                  [](std::string_view text) { write_to(stdout, text); },
                  [](std::string_view text) { write_to(stderr, text); },
                  isatty(STDOUT_FILENO) == 1,
                  [&](const GlobalOptions& global) { return process.connect(global); },
                  [](Transport& transport) {
                    g_transport = &transport;
                    std::signal(SIGINT, on_signal);
                    std::signal(SIGTERM, on_signal);
                  },
                  [] { return g_signals.load() > 0; }};
  const int code = run(env, argc > 0 ? argv[0] : "sluice",
                       std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
  g_transport = nullptr;
  return code;
}

}  // namespace sluice::cli
