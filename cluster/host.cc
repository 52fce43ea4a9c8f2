#include "cluster/host.h"

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include <fmt/core.h>

#include "base/hash.h"
#include "cluster/loopback.h"
#include "cluster/pod_logs.h"
#include "cluster/pod_processes.h"
#include "cluster/service_proxy.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"
#include "net/net.h"

namespace sluice::cluster {

namespace {

using kube::Json;

constexpr std::size_t kRequestBodyMax = 3U << 20U;  // as kube-apiserver's

http::Response refusal(int code, const std::string& reason, const std::string& message) {
  return {code,
          {{"Content-Type", "application/json"}},
          kube::dump(Json{{"kind", "Status"},
                          {"apiVersion", "v1"},
                          {"metadata", Json::object()},
                          {"status", "Failure"},
                          {"message", message},
                          {"reason", reason},
                          {"code", code}})};
}
http::Response unauthorized() {
  return refusal(401, "Unauthorized", "Unauthorized");
}

// Passes watch lines on to a client; a client that is gone or too slow ends the watch.
class ClientWatch final : public apiserver::WatchSink {
 public:
  explicit ClientWatch(std::shared_ptr<Responder> responder) : responder_(std::move(responder)) {}
  void open(http::Headers headers) {
    responder_->start_stream(200, std::move(headers));
    opened_ = true;
    if (!early_.empty()) send(early_);
    early_.clear();
    if (ended_) responder_->finish();
  }
  void on_bytes(std::string_view ndjson) override {
    if (!opened_)
      early_ += ndjson;
    else
      send(ndjson);
  }
  void on_end() override {
    ended_ = true;
    if (opened_) responder_->finish();
  }
  [[nodiscard]] bool dead() const { return dead_; }

 private:
  void send(std::string_view bytes) {
    if (!responder_->write(bytes)) dead_ = true;
  }
  std::shared_ptr<Responder> responder_;
  std::string early_;
  bool opened_ = false, ended_ = false, dead_ = false;
};

class RunningHost final : public Host {
 public:
  explicit RunningHost(HostOptions options)
      : options_(std::move(options)),
        clock_(net::system_clock()),
        rng_(net::random_seed()),
        server_(*clock_, rng_) {}
  ~RunningHost() override { stop(); }

  Status start() {
    SLUICE_TRY(block_, LoopbackBlock::claim());
    SLUICE_TRY(proxy_, ServiceProxy::start(
                           [this](const ServiceAddress& address) { return resolve(address); }));
    PodProcesses::Options pods;
    pods.binary = options_.binary;
    pods.log_directory = options_.directory;
    pods.proxy_url = proxy_->url();
    pods.changed = [this] { wake(); };
    pods_ = std::make_unique<PodProcesses>(std::move(pods), *block_);
    workloads_ = std::make_unique<apiserver::Workloads>(server_, *clock_, rng_, options_.stages,
                                                        pods_.get());
    audit_.reset(std::fopen((options_.directory + "/audit.log").c_str(), "ae"));
    server_.on_audit([this](const apiserver::AuditEntry& entry) { write_audit(entry); });

    const WallTime now = clock_->wall_now();
    SLUICE_TRY(ca_, net::make_ca("sluice-cluster-ca", now));
    SLUICE_TRY(auto leaf,
               net::make_leaf(ca_, "kube-apiserver", {"localhost", "kubernetes.default.svc"},
                              {"127.0.0.1"}, now));
    thread_ = std::thread([this] { run(); });
    SLUICE_TRY(http_, net::serve(server_options(leaf), [this](InboundRequest request,
                                                        std::shared_ptr<Responder> responder) {
                 post(std::move(request), std::move(responder));
               }));
    return {};
  }

  std::string url() const override { return http_->url(); }
  std::string ca_pem() const override { return ca_.cert_pem; }
  std::string proxy_url() const override { return proxy_->url(); }
  std::string claim_address() override {
    const std::lock_guard lock(server_mutex_);  // pods take theirs under the same lock
    return block_->next_address();
  }

  void with_server(const std::function<void(apiserver::ApiServer&)>& use) override {
    {
      const std::lock_guard lock(server_mutex_);
      use(server_);
    }
    wake();
  }

  void stop() override {
    if (stopped_.exchange(true)) return;
    if (http_) http_->stop();
    wake();
    if (thread_.joinable()) thread_.join();
    proxy_.reset();
    pods_.reset();
  }

 private:
  struct Inbound {
    InboundRequest request;
    std::shared_ptr<Responder> responder;
  };

  [[nodiscard]] net::ServerOptions server_options(const net::KeyPair& leaf) const {
    net::ServerOptions out;
    out.port = options_.port;
    out.cert_pem = leaf.cert_pem;
    out.key_pem = leaf.key_pem;
    out.limits.connections = 1024;
    out.limits.body_bytes = kRequestBodyMax;
    out.too_large =
        refusal(413, "RequestEntityTooLarge",
                fmt::format("Request entity too large: limit is {}", kRequestBodyMax));
    // Who has no token is not listened to any further.
    out.admit = [this](const http::Request& head) -> std::optional<http::Response> {
      if (user_of(head) != nullptr) return std::nullopt;
      return unauthorized();
    };
    return out;
  }

  // nullptr: the request carries no token of ours.
  [[nodiscard]] const std::string* user_of(const http::Request& request) const {
    const std::string* authorization = http::find_header(request.headers, "Authorization");
    constexpr std::string_view kBearer = "Bearer ";
    if (authorization == nullptr || authorization->rfind(kBearer, 0) != 0) return nullptr;
    const auto found = options_.tokens.find(authorization->substr(kBearer.size()));
    return found == options_.tokens.end() ? nullptr : &found->second;
  }

  void wake() {
    const std::lock_guard lock(inbox_mutex_);
    woken_ = true;
    inbox_changed_.notify_one();
  }

  void post(InboundRequest request, std::shared_ptr<Responder> responder) {
    const std::lock_guard lock(inbox_mutex_);
    inbox_.push_back({std::move(request), std::move(responder)});
    inbox_changed_.notify_one();
  }

  void run() {
    while (!stopped_) {
      MonoTime next = MonoTime::max();
      {
        const std::lock_guard lock(server_mutex_);
        next = std::min(workloads_->step(), server_.tick());
        drop_dead_watches();
        follow_logs();
      }
      std::deque<Inbound> batch;
      {
        std::unique_lock lock(inbox_mutex_);
        const MonoTime now = clock_->mono_now();
        const Micros wait =
            std::clamp<Micros>(next == MonoTime::max() ? Micros(Seconds(1)) : next - now, Micros(0),
                               followed_.empty() ? Micros(Seconds(1)) : Micros(Millis(200)));
        if (inbox_.empty() && !woken_ && !stopped_ && wait.count() > 0)
          inbox_changed_.wait_for(lock, wait);
        woken_ = false;
        batch.swap(inbox_);
      }
      for (auto& inbound : batch) {
        const std::lock_guard lock(server_mutex_);
        answer(inbound);
        // Workload controllers react after each request, so that nobody waits for a long batch.
        if (workloads_->pending()) workloads_->step();
      }
    }
    for (auto& [id, watch] : watches_) watch->on_end();
    for (auto& followed : followed_) followed.follower.finish();
  }

  void answer(Inbound& inbound) {
    http::Request& request = inbound.request.request;
    const std::string* user = user_of(request);
    if (user == nullptr) {
      inbound.responder->respond(unauthorized());
      return;
    }
    const std::string* agent = http::find_header(request.headers, "User-Agent");
    const apiserver::Caller caller{*user, agent == nullptr ? "" : *agent};
    if (const auto log = parse_log_request(request); log && answer_log(*log, inbound.responder))
      return;
    if (!apiserver::ApiServer::is_watch(request)) {
      inbound.responder->respond(server_.handle(request, caller));
      return;
    }
    auto sink = std::make_shared<ClientWatch>(inbound.responder);
    auto opened = server_.open_watch(request, sink, caller);
    if (opened.id == 0) {
      inbound.responder->respond(std::move(opened.refusal));
      return;
    }
    sink->open(std::move(opened.headers));
    watches_.emplace(opened.id, std::move(sink));
  }

  // False: the pod does not exist or has no process; the server says so.
  bool answer_log(const LogRequest& log, const std::shared_ptr<Responder>& responder) {
    const kube::ObjectKey key{log.ns, log.pod};
    const auto pod = server_.get(kube::kPods, key);
    if (!pod || log.previous || !pods_->wants(*pod)) return false;
    const std::string file = pod_log_path(options_.directory, log.ns, log.pod);
    const auto text = read_log(file);
    if (!text) return false;
    const std::string excerpt(log_excerpt(*text, log));
    if (!log.follow) {
      responder->respond({200, {{"Content-Type", "text/plain"}}, excerpt});
      return true;
    }
    responder->start_stream(200, {{"Content-Type", "text/plain"}});
    if (!excerpt.empty() && !responder->write(excerpt)) return true;
    followed_.push_back({key, kube::get_string(*pod, "metadata.uid"),
                         LogFollower(file, text->size(), responder)});
    return true;
  }

  void follow_logs() {
    for (auto it = followed_.begin(); it != followed_.end();) {
      // The process first: what it wrote before it ended is read after it is known to have ended.
      const auto pod = server_.get(kube::kPods, it->pod);
      const bool runs = pod && kube::get_string(*pod, "metadata.uid") == it->uid &&
                        pods_->state(*pod).running;
      const bool connected = it->follower.poll();
      if (runs && connected) {
        ++it;
        continue;
      }
      it->follower.finish();
      it = followed_.erase(it);
    }
  }

  void drop_dead_watches() {
    for (auto it = watches_.begin(); it != watches_.end();) {
      if (it->second->dead()) {
        server_.close_watch(it->first);
        it = watches_.erase(it);
      } else {
        ++it;
      }
    }
  }

  Result<std::string> resolve(const ServiceAddress& address) {
    const std::lock_guard lock(server_mutex_);
    const kube::ObjectKey key{address.namespace_, address.name};
    const auto service = server_.get(kube::kServices, key);
    if (!service)
      return fail(ErrorCode::NotFound, fmt::format("Service {} does not exist", key.text()));
    std::string port_name;
    bool found = false;
    if (const Json* ports = kube::find_path(*service, "spec.ports");
        ports != nullptr && ports->is_array())
      for (const auto& port : *ports)
        if (kube::get_int(port, "port") == address.port) {
          found = true;
          port_name = kube::get_string(port, "name");
        }
    if (!found)
      return fail(ErrorCode::NotFound,
                  fmt::format("Service {} has no port {}", key.text(), address.port));
    const auto endpoints = server_.get(kube::kEndpoints, key);
    std::vector<std::string> ready;
    const Json* subsets = endpoints ? kube::find(*endpoints, "subsets") : nullptr;
    if (subsets != nullptr && subsets->is_array()) {
      for (const auto& subset : *subsets) {
        const Json* addresses = kube::find(subset, "addresses");
        const Json* ports = kube::find(subset, "ports");
        if (addresses == nullptr || ports == nullptr) continue;
        for (const auto& port : *ports)
          if (kube::get_string(port, "name") == port_name)
            for (const auto& item : *addresses)
              ready.push_back(
                  fmt::format("{}:{}", kube::get_string(item, "ip"), kube::get_int(port, "port")));
      }
    }
    if (ready.empty())
      return fail(ErrorCode::Unavailable,
                  fmt::format("Service {} has no ready endpoint", key.text()));
    return ready[rng_.below(ready.size())];
  }

  void write_audit(const apiserver::AuditEntry& entry) {
    if (!audit_) return;
    const std::string line =
        kube::dump(Json{{"time", format_rfc3339_micro(entry.time)},
                        {"user", entry.user},
                        {"userAgent", entry.user_agent},
                        {"verb", entry.verb},
                        {"group", entry.group},
                        {"resource", entry.resource},
                        {"subresource", entry.subresource},
                        {"namespace", entry.namespace_},
                        {"name", entry.name},
                        {"code", entry.code},
                        {"changed", entry.changed}}) +
        "\n";
    std::fwrite(line.data(), 1, line.size(), audit_.get());
    std::fflush(audit_.get());
  }

  struct Followed {
    kube::ObjectKey pod;
    std::string uid;
    LogFollower follower;
  };

  HostOptions options_;
  std::unique_ptr<Clock> clock_;
  SeededRng rng_;
  std::unique_ptr<LoopbackBlock> block_;
  std::unique_ptr<ServiceProxy> proxy_;
  std::mutex server_mutex_;
  apiserver::ApiServer server_;
  std::unique_ptr<PodProcesses> pods_;
  std::unique_ptr<apiserver::Workloads> workloads_;
  std::map<apiserver::WatchId, std::shared_ptr<ClientWatch>> watches_;
  std::vector<Followed> followed_;
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, CloseFile> audit_;
  net::KeyPair ca_;
  std::unique_ptr<HttpServer> http_;
  std::mutex inbox_mutex_;
  std::condition_variable inbox_changed_;
  std::deque<Inbound> inbox_;
  bool woken_ = false;
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Host>> start_host(HostOptions options) {
  auto host = std::make_unique<RunningHost>(std::move(options));
  SLUICE_CHECK_OK(host->start());
  return std::unique_ptr<Host>(std::move(host));
}

std::string kubeconfig_yaml(const std::string& url, const std::string& ca_pem,
                            const std::string& token, const std::string& name) {
  return fmt::format(
      "apiVersion: v1\nkind: Config\ncurrent-context: {0}\n"
      "clusters:\n- name: {0}\n  cluster:\n    server: {1}\n    certificate-authority-data: {2}\n"
      "users:\n- name: {0}\n  user:\n    token: {3}\n"
      "contexts:\n- name: {0}\n  context:\n    cluster: {0}\n    user: {0}\n    namespace: "
      "default\n",
      name, url, base64_encode(ca_pem), token);
}

std::string random_token() {
  SeededRng rng(net::random_seed());
  std::string bytes;
  for (int i = 0; i < 2; ++i) {
    std::uint64_t word = rng.next_u64() ^ net::random_seed();
    for (int b = 0; b < 8; ++b, word >>= 8U) bytes.push_back(static_cast<char>(word & 0xffU));
  }
  return hex_encode(bytes);
}

}  // namespace sluice::cluster
