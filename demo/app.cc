// The demo application: a small web service whose version decides how well it works, and the client
// that checks it.
#include <unistd.h>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "base/strings.h"
#include "demo/demo.h"
#include "demo/quiet.h"
#include "kube/json/json.h"
#include "net/net.h"

namespace sluice::demo {

namespace {

std::string env_or(const char* name, std::string fallback) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : fallback;
}

// How a version behaves. The tag of the image is the version, so setting an image is all a release
// takes.
struct Behaviour {
  double error_share = 0;  // of requests to /
  bool healthy = true;     // /api/health
  bool deletes = true;     // DELETE /api/items/ID works
};

Behaviour behaviour_of(const std::string& version) {
  if (version == "v3") return {0.20, true, true};
  if (version == "v2-broken") return {0, false, false};
  return {};
}

class App {
 public:
  App(std::string version, std::string pod)
      : version_(std::move(version)), pod_(std::move(pod)), behaviour_(behaviour_of(version_)) {}

  http::Response handle(const http::Request& request) {
    const auto target = http::parse_target(request.url);
    http::Response response = route(request, target);
    response.headers.emplace_back("X-Version", version_);
    response.headers.emplace_back("X-Pod", pod_);
    // Probes and scrapes are nobody's traffic.
    if (target.path != "/readyz" && target.path != "/metrics") {
      const std::lock_guard lock(mutex_);
      ++by_code_[response.status];
    }
    return response;
  }

 private:
  static http::Response json(int status, const kube::Json& body) {
    return {status, {{"Content-Type", "application/json"}}, kube::dump(body)};
  }

  http::Response route(const http::Request& request, const http::Target& target) {
    if (target.path == "/readyz") return {200, {{"Content-Type", "text/plain"}}, "ok"};
    if (target.path == "/metrics")
      return {200, {{"Content-Type", "text/plain; version=0.0.4"}}, metrics()};
    if (target.path == "/api/health")
      return json(200, {{"status", behaviour_.healthy ? "ok" : "degraded"}});
    if (target.path == "/api/status-codes") return status_codes();
    if (target.path.rfind("/api/items", 0) == 0) return items(request, target);
    if (target.path != "/") return json(404, {{"error", "not found"}});
    const bool failed =
        behaviour_.error_share > 0 &&
        (counter_++ % 100) * 7 % 100 < static_cast<unsigned>(behaviour_.error_share * 100);
    return json(failed ? 500 : 200, {{"version", version_}, {"pod", pod_}});
  }

  // What the service answers to a few requests of its own, so that one web metric can assert all of
  // them.
  http::Response status_codes() {
    http::Request post;
    post.method = "POST";
    post.url = "/api/items";
    post.body = R"({"probe":true})";
    const int created = items(post, http::parse_target(post.url)).status;
    http::Request missing;
    missing.url = "/api/items/no-such-item";
    return json(200, {{"created", created},
                      {"notFound", items(missing, http::parse_target(missing.url)).status}});
  }

  http::Response items(const http::Request& request, const http::Target& target) {
    const std::lock_guard lock(mutex_);
    if (request.method == "POST") {
      const std::string id = fmt::format("{}-{}", pod_, next_id_++);
      items_[id] = request.body;
      if (items_.size() > 1000) items_.erase(items_.begin());
      return json(201, {{"id", id}});
    }
    const std::string id = target.segments.size() > 2 ? target.segments[2] : "";
    auto it = items_.find(id);
    if (it == items_.end()) return json(404, {{"error", "no such item"}});
    if (request.method == "DELETE") {
      if (!behaviour_.deletes) return json(500, {{"error", "delete failed"}});
      items_.erase(it);
      return {204, {}, ""};
    }
    return json(200, {{"id", id}, {"item", it->second}});
  }

  std::string metrics() {
    const std::lock_guard lock(mutex_);
    std::string out =
        "# HELP http_requests_total Requests answered.\n# TYPE http_requests_total counter\n";
    for (const auto& [code, count] : by_code_)
      out += fmt::format("http_requests_total{{code=\"{}\"}} {}\n", code, count);
    return out;
  }

  std::string version_, pod_;
  Behaviour behaviour_;
  std::atomic<unsigned> counter_{0};
  std::mutex mutex_;
  std::map<int, std::uint64_t> by_code_{{200, 0}, {500, 0}};
  std::map<std::string, std::string> items_;
  std::uint64_t next_id_ = 1;
};

int serve(const std::string& listen) {
  const auto colon = listen.rfind(':');
  const auto port = colon == std::string::npos ? std::nullopt : parse_int(listen.substr(colon + 1));
  if (!port) {
    std::fprintf(stderr, "demo-app: --listen %s: ADDRESS:PORT expected\n", listen.c_str());
    return 2;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  App app(env_or("APP_VERSION", "v1"), env_or("POD_NAME", env_or("HOSTNAME", "demo")));
  net::ServerOptions options;
  options.address = listen.substr(0, colon);
  options.port = static_cast<int>(*port);
  auto server = net::serve(
      options, [&app](const InboundRequest& inbound, const std::shared_ptr<Responder>& responder) {
        responder->respond(app.handle(inbound.request));
      });
  if (!server) {
    std::fprintf(stderr, "demo-app: %s\n", server.error().message.c_str());
    return 1;
  }
  int signal = 0;
  sigwait(&signals, &signal);
  // Whoever balances load needs a moment to hear that this pod is going: keep answering until then.
  sleep(2);
  (*server)->stop();
  return 0;
}

// Create, read, delete, each at whatever pod answers: items live in one pod, so the round trip is
// repeated until the answers come from the pod that created it, and a wrong answer from that pod is
// a failure.
int check(const std::string& url) {
  auto clock = net::system_clock();
  auto files = net::system_files();
  QuietTelemetry quiet;
  auto transport = net::make_transport({}, *files, *clock, quiet);
  if (!transport) return 1;
  const auto call = [&](std::string method, const std::string& path, std::string body) {
    http::Request request;
    request.method = std::move(method);
    request.url = url + path;
    request.body = std::move(body);
    request.timeout = Millis(5000);
    return net::call(**transport, std::move(request));
  };
  const auto created = call("POST", "/api/items", R"({"name":"round trip"})");
  if (!created || created->status != 201) {
    std::fprintf(
        stderr, "create failed: %s\n",
        created ? std::to_string(created->status).c_str() : created.error().message.c_str());
    return 1;
  }
  const auto document = kube::parse_json(created->body);
  const std::string id = document ? kube::get_string(*document, "id") : "";
  const std::string* home = http::find_header(created->headers, "X-Pod");
  const auto at_home = [&](const std::string& method, int wanted) {
    for (int attempt = 0; attempt < 50; ++attempt) {
      const auto answer = call(method, "/api/items/" + id, "");
      const std::string* pod = answer ? http::find_header(answer->headers, "X-Pod") : nullptr;
      if (!answer) return false;
      if (home != nullptr && pod != nullptr && *pod != *home) continue;
      if (answer->status != wanted)
        std::fprintf(stderr, "%s answered %d, not %d\n", method.c_str(), answer->status, wanted);
      return answer->status == wanted;
    }
    return false;
  };
  if (!at_home("GET", 200) || !at_home("DELETE", 204) || !at_home("GET", 404)) return 1;
  std::printf("created, read and deleted %s\n", id.c_str());
  return 0;
}

}  // namespace

int demo_app_main(int argc, char** argv) {
  CLI::App app{"The demo application", "sluice demo-app"};
  std::string listen = "0.0.0.0:8080", url;
  app.add_option("--listen", listen, "ADDRESS:PORT");
  auto* check_command =
      app.add_subcommand("check", "Create, read and delete a record through a Service");
  check_command->add_option("--url", url, "Where the service is")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::fprintf(stderr, "sluice demo-app: %s (--help lists the flags)\n", error.what());
    return 2;
  }
  return *check_command ? check(url) : serve(listen);
}

}  // namespace sluice::demo
