// The transport on libcurl's multi interface. poll() is the loop's own wait: sockets, timers and
// wake() meet in curl_multi_poll. All timeouts are counted on the injected clock.
#include <curl/curl.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "base/hash.h"
#include "base/strings.h"
#include "net/connections.h"
#include "net/credentials.h"
#include "net/exchange.h"
#include "net/lookups.h"
#include "net/net.h"
#include "net/proxy.h"
#include "net/redirect.h"

namespace sluice::net {
namespace {

constexpr std::size_t kSpareHandlesMax = 64;

struct MultiCloser {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

class CurlTransport final : public Transport {
 public:
  CurlTransport(TransportOptions options, Files& files, Clock& clock, Telemetry& telemetry,
                AddressPolicy addresses, CURLM* multi)
      : options_(std::move(options)),
        clock_(clock),
        telemetry_(telemetry),
        addresses_(std::move(addresses)),
        connections_(telemetry),
        bodies_(options_.bodies_max),
        multi_(multi),
        proxies_(ProxyRules::from_environment(files)),
        ca_file_(files.env("SSL_CERT_FILE")),
        credentials_(options_.kube, files, clock, telemetry,
                     [multi] { curl_multi_wakeup(multi); }) {
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
    curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                      static_cast<long>(options_.connections_per_host_max) +
                          static_cast<long>(options_.queries_in_flight_max));
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
                      static_cast<long>(options_.connections_kept_max));
    // A credential plugin takes its time: begin before the first request asks.
    static_cast<void>(credentials_.state());
  }

  ~CurlTransport() override {
    for (auto& [token, exchange] : exchanges_) {
      if (exchange->easy() != nullptr) curl_multi_remove_handle(multi_.get(), exchange->easy());
    }
    exchanges_.clear();
    for (CURL* easy : spare_) curl_easy_cleanup(easy);
  }

  RequestToken submit(http::Request request) override {
    const RequestToken token = next_token_++;
    auto owned = std::make_unique<Exchange>(token, std::move(request), clock_.mono_now());
    Exchange& exchange = *owned;
    exchanges_.emplace(token, std::move(owned));
    launch(exchange);
    return token;
  }

  void cancel(RequestToken token) override {
    const auto it = exchanges_.find(token);
    if (it != exchanges_.end()) drop(it);
    std::erase_if(ready_, [token](const TransportEvent& event) { return event.token == token; });
  }

  void poll(std::vector<TransportEvent>& out, Millis wait) override {
    turn();
    if (ready_.empty() && wait > Millis(0)) {
      static_cast<void>(curl_multi_poll(multi_.get(), nullptr, 0, wait_ms(wait), nullptr));
      turn();
    }
    out.insert(out.end(), std::make_move_iterator(ready_.begin()),
               std::make_move_iterator(ready_.end()));
    ready_.clear();
  }

  void wake() override { curl_multi_wakeup(multi_.get()); }

 private:
  using Exchanges = std::map<RequestToken, std::unique_ptr<Exchange>>;

  // Everything that can be done without waiting.
  void turn() {
    launch_waiting();
    int running = 0;
    static_cast<void>(curl_multi_perform(multi_.get(), &running));
    drop_evicted();
    deliver_streams();
    collect_finished();
    expire();
  }

  int wait_ms(Millis wait) const {
    MonoTime nearest = MonoTime::max();
    for (const auto& [token, exchange] : exchanges_)
      nearest = std::min(nearest, exchange->deadline());
    if (nearest != MonoTime::max()) {
      // Rounded up: waking a moment too early would spin.
      const auto left = std::chrono::ceil<Millis>(nearest - clock_.mono_now());
      wait = std::min(wait, std::max(left, Millis(0)));
    }
    return static_cast<int>(std::min<Millis::rep>(wait.count(), 3'600'000));
  }

  void launch(Exchange& exchange) {
    const bool kube = exchange.request.url.starts_with('/');
    if (kube) {
      switch (credentials_.state()) {
        case Credentials::State::Ready:
          break;
        case Credentials::State::Waiting:
          waiting_.push_back(exchange.token);
          return;
        case Credentials::State::Failed:
          fail_exchange(
              exchange.token,
              Error{ErrorCode::Unavailable,
                    exchange.shown() + ": no credentials: " + credentials_.error().message,
                    {}});
          return;
      }
    }
    Route route;
    if (auto status =
            kube ? kube_route(exchange.request, route) : foreign_route(exchange, route);
        !status) {
      fail_exchange(
          exchange.token,
          Error{ErrorCode::Unavailable, exchange.shown() + ": " + status.error().message, {}});
      return;
    }
    if (!kube && !lookups_.may_start(exchange.request.on_behalf_of, clock_.mono_now())) {
      fail_exchange(exchange.token,
                    Error{ErrorCode::Unavailable,
                          exchange.shown() + ": too many name lookups of namespace \"" +
                              exchange.request.on_behalf_of +
                              "\" have had no answer: try again when they have ended",
                          {}});
      return;
    }
    route.probe = !exchange.request.stream && connections_.take_probe(route.server);
    CURL* easy = take_handle();
    exchange.prepare(easy, route, connections_, bodies_, clock_);
    if (const CURLMcode code = curl_multi_add_handle(multi_.get(), easy); code != CURLM_OK)
      fail_exchange(
          exchange.token,
          Error{ErrorCode::Unavailable, exchange.shown() + ": " + curl_multi_strerror(code), {}});
  }

  void launch_waiting() {
    if (waiting_.empty() || credentials_.state() == Credentials::State::Waiting) return;
    std::deque<RequestToken> tokens;
    tokens.swap(waiting_);
    for (const RequestToken token : tokens) {
      const auto it = exchanges_.find(token);
      if (it != exchanges_.end()) launch(*it->second);
    }
  }

  Status kube_route(const http::Request& request, Route& route) {
    const KubeConfig& kube = options_.kube;
    if (kube.server.empty()) return fail(ErrorCode::Invalid, "no API server is configured");
    SLUICE_TRY(const Authority server, parse_url(kube.server));
    if (server.user_info)
      return fail(ErrorCode::Invalid,
                  "the API server's URL names a user: use the kubeconfig's users");
    const std::string prefix = server.rest == "/" ? "" : server.rest;
    route.kube = true;
    route.server = server.origin();
    route.url = route.server + prefix + request.url;
    route.extra_headers = credentials_.headers();
    route.verify = !kube.insecure_skip_verify;
    if (!kube.ca_pem.empty()) route.ca_pem = &kube.ca_pem;
    route.ca_file = ca_file_;
    if (!credentials_.client_cert_pem().empty()) {
      route.client_cert_pem = &credentials_.client_cert_pem();
      route.client_key_pem = &credentials_.client_key_pem();
    }
    if (!kube.tls_server_name.empty() && server.scheme == "https") {
      // libcurl checks the certificate against the host of the URL: let that be the wanted name,
      // and connect elsewhere.
      const std::string name = kube.tls_server_name, port = std::to_string(server.port);
      route.url = "https://" + name + ":" + port + prefix + request.url;
      route.connect_to = name + ":" + port + ":" + server.bracketed_host() + ":" + port;
      route.extra_headers.emplace_back("Host", server.bracketed_host() + ":" + port);
    }
    route.proxy =
        kube.proxy_url.empty() ? proxies_.proxy_for(server) : proxy_spelling(kube.proxy_url);
    route.http1 = options_.http1;
    route.user_agent = options_.user_agent;
    return {};
  }

  Status foreign_route(const Exchange& exchange, Route& route) {
    const http::Request& request = exchange.request;
    SLUICE_TRY(const Authority target, parse_url(request.url));
    route.server = target.origin();
    route.url = route.server + target.rest;
    if (target.user_info)  // as Go's client does with it
      route.extra_headers.emplace_back("Authorization",
                                       "Basic " + base64_encode(*target.user_info));
    route.verify = !request.insecure_skip_verify;
    route.ca_file = ca_file_;
    route.proxy = proxies_.proxy_for(target);
    if (route.proxy.empty()) {
      route.addresses = &addresses_;
    } else if (const auto address = literal_ip(target.host)) {
      // The connection is to the proxy, which is the operator's choice; where a name leads is the
      // proxy's business, an address is ours.
      const bool strayed = exchange.redirects > 0 && is_loopback(*address);
      if (std::string why = addresses_.refusal(*address, strayed); !why.empty())
        return fail(ErrorCode::Invalid, std::move(why));
    }
    // One connection for each query: on a shared one, queries of one namespace that run into their
    // timeouts would be taken for a dead peer, and cut with those of others.
    route.http1 = true;
    route.user_agent = options_.user_agent;
    return {};
  }

  // Go leaves name resolution to a SOCKS proxy.
  static std::string proxy_spelling(const std::string& url) {
    return url.starts_with("socks5://") ? "socks5h://" + url.substr(9) : url;
  }

  CURL* take_handle() {
    if (spare_.empty()) return curl_easy_init();
    CURL* easy = spare_.back();
    spare_.pop_back();
    return easy;
  }

  void retire(Exchange& exchange) {
    if (std::exchange(exchange.probe, false)) connections_.probe_ended(exchange.server, false);
    if (std::exchange(exchange.resolving, false) && !exchange.kube)
      lookups_.left_behind(exchange.request.on_behalf_of, clock_.mono_now());
    bodies_.release(exchange.token);
    CURL* easy = exchange.release();
    if (easy == nullptr) return;
    curl_multi_remove_handle(multi_.get(), easy);
    if (spare_.size() < kSpareHandlesMax) {
      curl_easy_reset(easy);
      spare_.push_back(easy);
    } else {
      curl_easy_cleanup(easy);
    }
  }

  void drop(Exchanges::iterator it) {
    retire(*it->second);
    exchanges_.erase(it);
  }

  void fail_exchange(RequestToken token, Error error) {
    TransportEvent event;
    event.token = token;
    event.kind = TransportEvent::Kind::Failed;
    event.error = std::move(error);
    ready_.push_back(std::move(event));
    drop(exchanges_.find(token));
  }

  // What streams have received becomes events; an answer >= 300 is collected whole instead.
  void deliver_streams() {
    for (auto& [token, owned] : exchanges_) {
      Exchange& exchange = *owned;
      if (!exchange.request.stream || !exchange.headers_done || exchange.response.status >= 300)
        continue;
      if (!exchange.opened) {
        exchange.opened = true;
        push(exchange, TransportEvent::Kind::StreamOpened).response = {
            exchange.response.status, exchange.response.headers, ""};
      }
      if (!exchange.response.body.empty()) {
        auto& event = push(exchange, TransportEvent::Kind::StreamData);
        event.response.status = exchange.response.status;
        event.response.body.swap(exchange.response.body);
      }
    }
  }

  TransportEvent& push(const Exchange& exchange, TransportEvent::Kind kind) {
    TransportEvent event;
    event.token = exchange.token;
    event.kind = kind;
    ready_.push_back(std::move(event));
    return ready_.back();
  }

  void collect_finished() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      Exchange* exchange = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
      if (exchange != nullptr) finished(*exchange, code);
    }
  }

  // Their memory is free already; this is said as soon as curl may be told.
  void drop_evicted() {
    for (const RequestToken token : bodies_.take_evicted()) {
      const auto it = exchanges_.find(token);
      if (it == exchanges_.end()) continue;
      fail_exchange(token, Error{ErrorCode::Unavailable,
                                 it->second->shown() + ": dropped, because the answers on their "
                                 "way, most of them for this namespace, hold more than " +
                                     std::to_string(options_.bodies_max >> 20U) +
                                     " MiB together",
                                 {}});
    }
  }

  void finished(Exchange& exchange, CURLcode code) {
    const RequestToken token = exchange.token;
    exchange.resolving = false;
    if (code != CURLE_OK) {
      Error error{code == CURLE_OPERATION_TIMEDOUT ? ErrorCode::Timeout : ErrorCode::Unavailable,
                  exchange.curl_error(code),
                  {}};
      const bool ours = code == CURLE_WRITE_ERROR || code == CURLE_COULDNT_CONNECT ||
                        code == CURLE_ABORTED_BY_CALLBACK;
      if (ours && !exchange.broken.empty())
        error.message = exchange.shown() + ": " + exchange.broken;
      fail_exchange(token, std::move(error));
      return;
    }
    // libcurl takes a connection that ends between two header lines for the end of the answer.
    if (!exchange.headers_done) {
      fail_exchange(token, Error{ErrorCode::Unavailable,
                                 exchange.shown() + ": the answer was cut off in its head",
                                 {}});
      return;
    }
    // A 401 was not executed, so that it may be sent again with whatever the credentials are now.
    if (exchange.kube && exchange.response.status == 401 && !exchange.retried &&
        credentials_.refused()) {
      exchange.retried = true;
      retire(exchange);
      launch(exchange);
      return;
    }
    if (exchange.opened) {
      push(exchange, TransportEvent::Kind::StreamEnded);
    } else if (follow(exchange)) {
      return;
    } else {
      push(exchange, TransportEvent::Kind::Response).response = std::move(exchange.response);
    }
    drop(exchanges_.find(token));
  }

  // True when the answer was a redirect that this request follows, or that was one too many.
  bool follow(Exchange& exchange) {
    if (exchange.kube || exchange.request.stream || exchange.request.redirects_max <= 0 ||
        !is_redirect(exchange.response.status))
      return false;
    const char* target = nullptr;
    curl_easy_getinfo(exchange.easy(), CURLINFO_REDIRECT_URL, &target);
    if (target == nullptr || *target == '\0') return false;
    if (exchange.redirects >= exchange.request.redirects_max) {
      fail_exchange(exchange.token,
                    Error{ErrorCode::Unavailable,
                          exchange.shown() + ": stopped after " +
                              std::to_string(exchange.redirects) + " redirects",
                          {}});
      return true;
    }
    const std::string url = target;  // libcurl's: gone with the handle
    ++exchange.redirects;
    if (auto status = redirect(exchange.request, exchange.response.status, url); !status) {
      fail_exchange(exchange.token,
                    Error{ErrorCode::Unavailable,
                          exchange.shown() + ": redirect: " + status.error().message,
                          {}});
      return true;
    }
    retire(exchange);
    launch(exchange);
    return true;
  }

  void expire() {
    const MonoTime now = clock_.mono_now();
    std::vector<RequestToken> late;
    for (const auto& [token, exchange] : exchanges_) {
      if (exchange->deadline() <= now) late.push_back(token);
    }
    for (const RequestToken token : late) {
      Exchange& exchange = *exchanges_.find(token)->second;
      const Connections::Id connection = exchange.connection;
      const bool silent_stream = exchange.opened;
      const bool probe = std::exchange(exchange.probe, false);
      const std::string server = exchange.server;
      const MonoTime started = exchange.started;
      const Millis limit =
          silent_stream ? exchange.request.stream_silence : exchange.request.timeout;
      const std::string what =
          silent_stream ? ": the stream was silent for " : ": no answer within ";
      fail_exchange(
          token,
          Error{ErrorCode::Timeout, exchange.shown() + what + format_go_duration(limit), {}});
      if (silent_stream) {
        connections_.went_silent(connection, now);
      } else {
        connections_.timed_out(connection, server, started);
        if (probe) connections_.probe_ended(server, true);
      }
    }
  }

  TransportOptions options_;
  Clock& clock_;
  Telemetry& telemetry_;
  const AddressPolicy addresses_;
  Connections connections_;  // outlives multi_, which closes sockets through it
  Bodies bodies_;
  Lookups lookups_;
  std::unique_ptr<CURLM, MultiCloser> multi_;
  ProxyRules proxies_;
  std::string ca_file_;
  Exchanges exchanges_;
  std::deque<RequestToken> waiting_;  // for credentials
  std::vector<TransportEvent> ready_;
  std::vector<CURL*> spare_;
  RequestToken next_token_ = 1;
  Credentials credentials_;  // last: its thread wakes multi_
};

bool init_curl() {
  static std::once_flag once;
  static bool done = false;
  std::call_once(once, [] { done = curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK; });
  return done;
}

}  // namespace

Result<std::unique_ptr<Transport>> make_transport(TransportOptions options, Files& files,
                                                  Clock& clock, Telemetry& telemetry) {
  if (!options.kube.server.empty()) {
    if (auto server = parse_url(options.kube.server); !server)
      return fail(ErrorCode::Invalid, "API server: " + server.error().message);
  }
  SLUICE_TRY(AddressPolicy addresses,
             AddressPolicy::make(options.metric_deny_cidr, options.metric_allow_cidr));
  if (!init_curl()) return fail(ErrorCode::Internal, "libcurl cannot be initialised");
  CURLM* multi = curl_multi_init();
  if (multi == nullptr) return fail(ErrorCode::Internal, "libcurl cannot be initialised");
  return std::unique_ptr<Transport>(
      std::make_unique<CurlTransport>(std::move(options), files, clock, telemetry,
                                      std::move(addresses), multi));
}

Result<http::Response> call(Transport& transport, http::Request request) {
  request.stream = false;
  const std::string shown = request.method + " " + request.url.substr(0, request.url.find('?'));
  const RequestToken token = transport.submit(std::move(request));
  std::vector<TransportEvent> events;
  for (;;) {
    events.clear();
    transport.poll(events, Millis(1000));
    for (auto& event : events) {
      if (event.token != token) continue;
      if (event.kind == TransportEvent::Kind::Response) return std::move(event.response);
      if (event.kind == TransportEvent::Kind::Failed) return fail(std::move(event.error));
      return fail(ErrorCode::Internal, shown + ": a stream event for a plain request");
    }
  }
}

}  // namespace sluice::net
