#include <unistd.h>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "base/strings.h"
#include "cluster/host.h"
#include "cluster/state.h"
#include "demo/child.h"
#include "demo/demo.h"
#include "demo/quiet.h"
#include "demo/report.h"
#include "demo/story.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"
#include "net/net.h"

namespace sluice::demo {

namespace {

namespace fs = std::filesystem;

constexpr int kRequestsPerSecond = 60;
constexpr Seconds kControllerReadyMax{20};

std::atomic<bool> g_cancelled{false};
void on_signal(int) {
  if (g_cancelled.exchange(true)) _exit(130);
}

struct Flags {
  std::string json, story, root;
  bool keep = false, plain = false;
};

// The checkout that this binary was built from, or the folder it was told: it holds examples/ and
// crds/.
std::string find_root(const std::string& told) {
  std::vector<fs::path> candidates;
  if (!told.empty())
    candidates = {told};
  else
    candidates = {fs::current_path(), fs::path(cluster::own_binary()).parent_path().parent_path(),
                  fs::path(cluster::own_binary()).parent_path().parent_path().parent_path()};
  for (const auto& candidate : candidates)
    if (fs::exists(candidate / "examples" / "canary" / "rollout.yaml") &&
        fs::exists(candidate / "crds"))
      return candidate.string();
  return "";
}

// Prints lines, and on a terminal keeps one status line per Rollout below them.
class Screen {
 public:
  explicit Screen(bool live) : live_(live) {}
  void say(const std::string& story, const std::string& text) {
    const std::lock_guard lock(mutex_);
    const auto now =
        std::chrono::duration_cast<Millis>(clock_->wall_now().time_since_epoch()).count();
    if (first_ms_ == 0) first_ms_ = now;
    timeline_.push_back({now, story, text});
    erase();
    std::printf("%7.1fs  %-12s %s\n", static_cast<double>(now - first_ms_) / 1000.0, story.c_str(),
                printable_line(text).c_str());
    draw();
  }
  void show(const RolloutView& view) {
    const std::lock_guard lock(mutex_);
    if (!live_) return;
    views_[view.name] = view;
    erase();
    draw();
  }
  void rest() {
    const std::lock_guard lock(mutex_);
    erase();
    live_ = false;
  }
  [[nodiscard]] std::vector<TimelineEntry> timeline() {
    const std::lock_guard lock(mutex_);
    return timeline_;
  }

 private:
  void erase() {
    for (; drawn_ > 0; --drawn_) std::printf("\x1b[1A\x1b[2K");
  }
  void draw() {
    if (live_) {
      for (const auto& [name, v] : views_) {
        std::printf("%s\n", status_line(v).c_str());
        ++drawn_;
      }
    }
    std::fflush(stdout);
  }
  std::mutex mutex_;
  std::unique_ptr<Clock> clock_ = net::system_clock();
  bool live_;
  int drawn_ = 0;
  std::int64_t first_ms_ = 0;
  std::map<std::string, RolloutView> views_;
  std::vector<TimelineEntry> timeline_;
};

Status create_namespaces(cluster::Host& host) {
  Status status;
  host.with_server([&](apiserver::ApiServer& server) {
    for (const char* name : {"argo-rollouts", "monitoring"}) {
      kube::Write write;
      write.type = kube::kNamespaces;
      write.key = {"", name};
      write.verb = kube::Verb::Create;
      write.body = kube::dump(
          kube::Json{{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}});
      auto made = server.write(write);
      if (!made && made.error().code != ErrorCode::AlreadyExists) status = fail(made.error());
    }
  });
  return status;
}

Status wait_ready(const std::string& url) {
  auto clock = net::system_clock();
  auto files = net::system_files();
  QuietTelemetry quiet;
  SLUICE_TRY(auto transport, net::make_transport({}, *files, *clock, quiet));
  const MonoTime end = clock->mono_now() + kControllerReadyMax;
  while (clock->mono_now() < end && !g_cancelled) {
    http::Request request;
    request.url = url;
    request.timeout = Millis(1000);
    if (auto response = net::call(*transport, request); response && response->status == 200)
      return {};
    usleep(50'000);
  }
  return fail(ErrorCode::Unavailable, url + " does not answer");
}

// The parts of a demo, in the order in which they must end: users, nginx and Prometheus,
// controller, cluster.
struct Parts {
  std::string directory;
  std::unique_ptr<cluster::Host> host;
  Child controller;
  std::unique_ptr<Client> client;
  std::unique_ptr<Edge> edge;
  std::unique_ptr<Load> load;
  ~Parts() {
    load.reset();
    edge.reset();
    client.reset();
    controller.stop();
    if (host) host->stop();
  }
};

Status start(Parts& parts, const std::string& root) {
  const std::string admin = cluster::random_token(), account = cluster::random_token();
  cluster::HostOptions host_options;
  host_options.directory = parts.directory;
  host_options.binary = cluster::own_binary();
  host_options.tokens = {{admin, "system:admin"},
                         {account, "system:serviceaccount:argo-rollouts:argo-rollouts"}};
  SLUICE_TRY(parts.host, cluster::start_host(std::move(host_options)));
  const auto write = [&](const std::string& file, const std::string& token) {
    const std::string path = parts.directory + "/" + file;
    std::ofstream(path) << cluster::kubeconfig_yaml(parts.host->url(), parts.host->ca_pem(), token,
                                                    "sluice-demo");
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    return path;
  };
  const std::string kubeconfig = write("kubeconfig", admin),
                    controller_config = write("controller-kubeconfig", account);
  SLUICE_CHECK_OK(create_namespaces(*parts.host));
  SLUICE_TRY(parts.client, Client::connect(kubeconfig));
  SLUICE_CHECK_OK(parts.client->apply_folder(root + "/crds", "default"));

  const std::string address = parts.host->claim_address();
  parts.edge = std::make_unique<Edge>(*parts.host, parts.directory, parts.host->claim_address(),
                                      parts.host->claim_address(), address + ":8090");
  SLUICE_CHECK_OK(parts.edge->start());
  SLUICE_TRY(
      parts.controller,
      Child::start({cluster::own_binary(), "controller", "--kubeconfig", controller_config,
                    "--bind-address", address, "--logformat", "json"},
                   parts.directory + "/controller.log",
                   {{"http_proxy", parts.host->proxy_url()}, {"POD_NAMESPACE", "argo-rollouts"}}));
  SLUICE_CHECK_OK(wait_ready("http://" + address + ":8080/readyz"));
  parts.load = std::make_unique<Load>(parts.edge->listen(), kRequestsPerSecond);
  parts.load->start();
  return {};
}

std::vector<StoryResult> tell(Stage& stage, const std::string& only) {
  std::vector<StoryResult> web, shop;
  std::thread beside;
  if (only.empty() || only == "blue-green")
    beside = std::thread([&] { shop.push_back(blue_green(stage)); });
  if (only.empty() || only == "canary-good") web.push_back(canary_good(stage));
  if ((only.empty() && web.front().as_declared()) || only == "canary-bad")
    web.push_back(canary_bad(stage));
  else if (only.empty())
    web.push_back({"canary-bad", "rolled-back", "not told", "the story before it failed"});
  if (beside.joinable()) beside.join();
  web.insert(web.end(), shop.begin(), shop.end());
  return web;
}

int run(const Flags& flags, const std::string& root) {
  Parts parts;
  char pattern[] = "/tmp/sluice-demo-XXXXXX";
  if (mkdtemp(pattern) == nullptr) return 1;
  parts.directory = pattern;
  Screen screen(!flags.plain && isatty(STDOUT_FILENO) != 0);
  screen.say("demo", "starting the cluster, the controller, nginx and Prometheus");
  std::vector<StoryResult> results;
  if (auto started = start(parts, root); !started) {
    std::fprintf(stderr, "sluice demo: %s\nlogs: %s\n", printable(started.error().message).c_str(),
                 parts.directory.c_str());
    results = {{"demo", "started", "failed", started.error().message}};
  } else {
    Stage stage{*parts.client,
                *parts.edge,
                *parts.load,
                root,
                parts.directory + "/controller.log",
                g_cancelled,
                [&](const std::string& story, const std::string& line) { screen.say(story, line); },
                [&](const RolloutView& view) { screen.show(view); }};
    results = tell(stage, flags.story);
  }
  screen.rest();
  bool good = !results.empty();
  for (const auto& result : results) good = good && result.as_declared();
  std::string audit = parts.directory + "/audit.log";
  if (!flags.json.empty()) {
    std::error_code error;
    const std::string copy = flags.json + ".audit.log";
    fs::copy_file(audit, copy, fs::copy_options::overwrite_existing, error);
    if (!error) audit = copy;
    std::ofstream(flags.json) << kube::dump(report_json(results, screen.timeline(), audit)) << '\n';
  }
  std::fputs(printable(report_table(results)).c_str(), stdout);
  if (!good) std::printf("\nLogs: %s\n", parts.directory.c_str());
  if (flags.keep && !g_cancelled) {
    std::printf(
        "\nEverything stays up until Ctrl-C. Try:\n  export KUBECONFIG=%s/kubeconfig\n  kubectl "
        "get rollouts\n  %s get rollout web --watch\n"
        "  %s set image web web=sluice-demo-app:v2\n",
        parts.directory.c_str(), cluster::own_binary().c_str(), cluster::own_binary().c_str());
    std::fflush(stdout);
    while (!g_cancelled) usleep(100'000);
  }
  if (good && !g_cancelled) {
    const std::string directory = parts.directory;
    parts.load.reset();
    parts.edge.reset();
    parts.client.reset();
    parts.controller.stop();
    parts.host->stop();
    std::error_code error;
    fs::remove_all(directory, error);
  }
  return g_cancelled ? 130 : good ? 0 : 1;
}

}  // namespace

int demo_main(int argc, char** argv) {
  CLI::App app{
      "Three releases on a cluster of their own: a good canary, a bad one, and a blue/green that "
      "is held",
      "sluice demo"};
  Flags flags;
  app.add_option("--json", flags.json, "Write time line and results to this file");
  app.add_option("--story", flags.story, "Tell one story: canary-good, canary-bad or blue-green")
      ->check(CLI::IsMember({"canary-good", "canary-bad", "blue-green"}));
  app.add_flag("--keep", flags.keep, "Leave everything up afterwards");
  app.add_flag("--plain", flags.plain, "No live view");
  app.add_option("--root", flags.root, "Folder with examples/ and crds/ (default: this checkout)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::fprintf(stderr, "sluice demo: %s (--help lists the flags)\n",
                 printable(error.what()).c_str());
    return 2;
  }
  const std::string root = find_root(flags.root);
  if (root.empty()) {
    std::fprintf(
        stderr,
        "sluice demo: examples/ and crds/ not found: run it in the checkout, or give --root\n");
    return 2;
  }
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return run(flags, root);
}

}  // namespace sluice::demo
