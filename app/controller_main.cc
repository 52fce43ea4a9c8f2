#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "app/commands.h"
#include "app/controller_flags.h"
#include "app/controller_rules.h"
#include "base/strings.h"
#include "controller/loop/loop.h"
#include "kube/request/service_account.h"
#include "net/net.h"
#include "telemetry/telemetry.h"

namespace sluice::app {

namespace {

std::atomic<int> g_signals{0};
Transport* g_transport =
    nullptr;  // only for wake(), which is made for other threads and signal handlers

void on_signal(int) {
  if (g_signals.fetch_add(1) >= 1) _exit(1);
  if (g_transport != nullptr) g_transport->wake();
}

std::string identity(Rng& rng) {
  char host[256] = "sluice";
  gethostname(host, sizeof host - 1);
  const auto a = rng.next_u64(), b = rng.next_u64();
  return fmt::format("{}_{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}", host, a >> 32U,
                     (a >> 16U) & 0xffffU, a & 0xfffU, b >> 52U, b & 0xffffffffffffULL);
}

struct Health {
  std::atomic<bool> ready{false};
  std::atomic<bool> leading{false};
  std::atomic<std::int64_t> last_turn_us{0};  // monotonic
};

constexpr std::int64_t kStallUs = 30'000'000;

InboundHandler health_handler(Health& health, Clock& clock) {
  return [&health, &clock](const InboundRequest& inbound,
                           const std::shared_ptr<Responder>& responder) {
    const auto target = http::parse_target(inbound.request.url);
    http::Response response{200, {{"Content-Type", "text/plain"}}, "ok"};
    const std::int64_t now = clock.mono_now().time_since_epoch().count();
    if (target.path == "/readyz" && !health.ready) {
      response.status = 503;
      response.body = "caches are not synced";
    } else if (target.path == "/livez" && now - health.last_turn_us > kStallUs) {
      response.status = 503;
      response.body = "the loop has not turned for 30 s";
    } else if (target.path != "/healthz" && target.path != "/readyz" && target.path != "/livez") {
      response = {404, {{"Content-Type", "text/plain"}}, "not found"};
    }
    responder->respond(std::move(response));
  };
}

InboundHandler metrics_handler(telemetry::ProcessTelemetry& telemetry) {
  return [&telemetry](const InboundRequest& inbound, const std::shared_ptr<Responder>& responder) {
    if (http::parse_target(inbound.request.url).path != "/metrics") {
      responder->respond({404, {{"Content-Type", "text/plain"}}, "not found"});
      return;
    }
    responder->respond({200,
                        {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                        telemetry.metrics_text()});
  };
}

int usage_error(const std::string& text) {
  std::fprintf(stderr, "sluice controller: %s\n", printable(text).c_str());
  return 2;
}

// In a Pod the namespace comes from the downward API or the mounted service account (clients.md
// §3.2).
std::string controller_namespace(Files& files) {
  if (auto ns = files.env("POD_NAMESPACE"); !ns.empty()) return ns;
  if (auto ns = files.read("/var/run/secrets/kubernetes.io/serviceaccount/namespace"))
    return std::string(trim(*ns));
  return "argo-rollouts";
}

// Of the token that the controller itself uses; empty when it is no ServiceAccount's.
kube::ObjectKey own_account(const net::KubeConfig& kube, Files& files) {
  std::string token = kube.token;
  if (token.empty() && !kube.token_file.empty())
    if (auto read = files.read(kube.token_file)) token = std::move(*read);
  return kube::service_account_of(token).value_or(kube::ObjectKey{});
}

int run(const Flags& flags, loop::Options options, net::KubeConfig kube,
        telemetry::ProcessTelemetry& telemetry, Clock& clock, Files& files) {
  SeededRng rng(net::random_seed());
  options.identity = identity(rng);
  net::TransportOptions net_options;
  net_options.kube = std::move(kube);
  net_options.http1 = flags.http1;
  net_options.user_agent = fmt::format("sluice/{}", SLUICE_VERSION);
  net_options.queries_in_flight_max = options.queries_in_flight_max;
  net_options.metric_deny_cidr = flags.metric_deny_cidr;
  net_options.metric_allow_cidr = flags.metric_allow_cidr;
  auto transport = net::make_transport(std::move(net_options), files, clock, telemetry);
  if (!transport) return usage_error(transport.error().message);
  g_transport = transport->get();

  Health health;
  health.last_turn_us = clock.mono_now().time_since_epoch().count();
  auto health_server = net::serve(net::public_port(flags.bind_address, flags.healthz_port),
                                  health_handler(health, clock));
  if (!health_server)
    return usage_error("cannot serve health: " + health_server.error().message +
                       " (--bind-address, --healthzPort: 0 is any free port)");
  auto metrics_server = net::serve(net::public_port(flags.bind_address, flags.metrics_port),
                                   metrics_handler(telemetry));
  if (!metrics_server)
    return usage_error("cannot serve metrics: " + metrics_server.error().message +
                       " (--bind-address, --metricsPort: 0 is any free port)");

  telemetry.log(LogLevel::Info, "sluice controller starts",
                {{"version", SLUICE_VERSION},
                 {"identity", options.identity},
                 {"namespace", options.namespace_},
                 {"service_account", options.jobs.own_account.text()},
                 {"health", (*health_server)->url()},
                 {"metrics", (*metrics_server)->url()}});
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);

  loop::Loop loop(std::move(options), clock, rng, **transport, telemetry);
  std::vector<TransportEvent> events;
  bool was_leading = false;
  while (!loop.done()) {
    const MonoTime next = loop.turn(std::move(events));
    events.clear();
    const MonoTime now = clock.mono_now();
    health.last_turn_us = now.time_since_epoch().count();
    health.ready = loop.synced();
    health.leading = loop.leading();
    if (g_signals > 0) loop.shutdown();
    if (was_leading && !loop.leading() && g_signals == 0) {
      // As the reference: a deposed leader starts over with a clean process.
      telemetry.log(LogLevel::Error, "leadership lost; exiting so that the pod restarts", {});
      return 1;
    }
    was_leading = loop.leading();
    Millis wait{1000};
    if (next <= now)
      wait = Millis(0);
    else if (next - now < wait)
      wait = std::chrono::ceil<Millis>(next - now);
    (*transport)->poll(events, wait);
  }
  telemetry.log(LogLevel::Info, "stopped", {});
  (*health_server)->stop();
  (*metrics_server)->stop();
  return 0;
}

// To ignore them would run measurements in another place than the operator meant.
Status check_environment(Files& files) {
  for (const char* name :
       {"ARGO_ROLLOUTS_ANALYSIS_JOB_KUBECONFIG", "ARGO_ROLLOUTS_ANALYSIS_JOB_NAMESPACE"})
    if (!files.env(name).empty())
      return fail(ErrorCode::Invalid,
                  fmt::format("{} is set, but this release creates the Jobs of an analysis only in "
                              "the namespace of its AnalysisRun: unset it, or keep the Rollouts "
                              "that need it with their present controller",
                              name));
  return {};
}

Result<loop::Options> loop_options(const Flags& flags, Files& files) {
  loop::Options options;
  SLUICE_CHECK_OK(apply_flags(flags, options));
  SLUICE_CHECK_OK(check_environment(files));
  options.controller_namespace = controller_namespace(files);
  if (!is_namespace(options.controller_namespace))
    return fail(ErrorCode::Invalid,
                fmt::format("POD_NAMESPACE: {} is no name of a namespace: it is the one that the "
                            "controller's Pod is in",
                            quote(options.controller_namespace)));
  options.lease_namespace = options.controller_namespace;
  options.prometheus_address = files.env("ARGO_ROLLOUTS_PROMETHEUS_ADDRESS");
  options.zones = [&files](std::string_view name) -> std::optional<std::string> {
    auto bytes = files.read("/usr/share/zoneinfo/" + std::string(name));
    return bytes ? std::optional(std::move(*bytes)) : std::nullopt;
  };
  // Each query in flight has a socket; the rest is for the API server, its clients and our ports.
  options.queries_in_flight_max =
      std::clamp<std::uint64_t>(net::descriptor_limit() / 4, 8, options.queries_in_flight_max);
  return options;
}

Status apply_kubeconfig(const Flags& flags, const net::KubeConfig& kube, Files& files,
                        loop::Options& options) {
  options.jobs.own_account = own_account(kube, files);
  if (!flags.namespaced) return {};
  options.namespace_ = !flags.namespace_.empty() ? flags.namespace_
                       : kube.namespace_.empty() ? options.controller_namespace
                                                 : kube.namespace_;
  if (!is_namespace(options.namespace_))
    return fail(ErrorCode::Invalid,
                fmt::format("--namespaced: {}, the namespace of the kubeconfig's context, is no "
                            "name of a namespace: name another one with --namespace",
                            quote(options.namespace_)));
  return {};
}

// The rules come first: whoever reads a log finds them in its first line.
void log_start(const Flags& flags, const loop::Options& options, const net::KubeConfig& kube,
               telemetry::ProcessTelemetry& telemetry) {
  telemetry.log(LogLevel::Info, "these rules are in force", rules_in_force(flags, options, kube));
  if (!flags.namespace_.empty() && !flags.namespaced)
    telemetry.log(LogLevel::Warn,
                  "--namespace without --namespaced has no effect: all namespaces are driven",
                  {{"namespace", flags.namespace_}});
  if (!flags.log_format.empty() && flags.log_format != "json" && flags.log_format != "text")
    telemetry.log(LogLevel::Warn, "unknown --logformat: writing text",
                  {{"logformat", flags.log_format}});
  for (const auto& name : flags.ignored)
    telemetry.log(LogLevel::Info, "this flag of the reference has no meaning here and is ignored",
                  {{"flag", name}});
}

}  // namespace

int controller_main(int argc, char** argv) {
  auto line = read_command_line(argc, argv);
  if (!line) return usage_error(line.error().message);
  if (!line->answer.empty()) {
    std::fputs(line->answer.c_str(), stdout);
    return 0;
  }
  const Flags& flags = line->flags;
  auto clock = net::system_clock();
  auto files = net::system_files();
  auto options = loop_options(flags, *files);
  if (!options) return usage_error(options.error().message);
  auto kube = net::load_kubeconfig(*files, flags.kube);
  if (!kube) return usage_error(kube.error().message);
  if (const auto applied = apply_kubeconfig(flags, *kube, *files, *options); !applied)
    return usage_error(applied.error().message);
  auto telemetry = telemetry::make(
      {flags.log_format == "json" ? "json" : "text", log_level(flags.log_level), ""}, *clock);
  log_start(flags, *options, *kube, *telemetry);
  return run(flags, std::move(*options), std::move(*kube), *telemetry, *clock, *files);
}

}  // namespace sluice::app
