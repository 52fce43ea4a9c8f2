#include "net/exchange.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/strings.h"

namespace sluice::net {
namespace {

// A metric endpoint is not trusted with our memory; an API server may send large lists.
constexpr std::size_t kForeignBodyMax = 64U << 20U;
constexpr std::size_t kKubeBodyMax = 1U << 30U;
constexpr std::size_t kHeaderBytesMax = 256U << 10U;
constexpr std::size_t kHeaderCost = 64;  // in memory, beside its text

std::string size_text(std::size_t bytes) {
  return bytes % (1U << 20U) == 0 ? std::to_string(bytes >> 20U) + " MiB"
                                  : std::to_string(bytes) + " bytes";
}

template <class T>
void set(CURL* easy, CURLoption option, T value) {
  static_cast<void>(curl_easy_setopt(easy, option, value));
}

void set_blob(CURL* easy, CURLoption option, const std::string& bytes) {
  curl_blob blob{};
  blob.data = const_cast<char*>(bytes.data());
  blob.len = bytes.size();
  blob.flags = CURL_BLOB_COPY;
  set(easy, option, &blob);
}

bool header_safe(const std::string& text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

}  // namespace

Exchange::Exchange(RequestToken token_in, http::Request request_in, MonoTime now)
    : token(token_in),
      request(std::move(request_in)),
      started(now),
      last_heard(now),
      url_(request.url) {}

Exchange::~Exchange() {
  curl_slist_free_all(header_list_);
  curl_slist_free_all(connect_list_);
  if (easy_ != nullptr) curl_easy_cleanup(easy_);
}

CURL* Exchange::release() {
  CURL* easy = easy_;
  easy_ = nullptr;
  return easy;
}

void Exchange::prepare(CURL* easy, const Route& route, Connections& connections, Bodies& bodies,
                       Clock& clock) {
  easy_ = easy;
  connections_ = &connections;
  bodies_ = &bodies;
  bodies_->release(token);
  addresses_ = route.addresses;
  clock_ = &clock;
  kube = route.kube;
  server = route.server;
  if (server != home_) home_.clear();
  probe = route.probe;
  url_ = route.url;
  sent_ = header_bytes_ = 0;
  connection = 0;
  headers_done = resolving = false;
  response = {};
  broken.clear();
  error_[0] = '\0';
  set(easy, CURLOPT_PRIVATE, this);
  set(easy, CURLOPT_URL, route.url.c_str());
  set(easy, CURLOPT_ERRORBUFFER, error_);
  set(easy, CURLOPT_NOSIGNAL, 1L);
  // Without it libcurl waits, when a request is given up, for the name lookup it has under way: a
  // silent DNS server would hold up the whole loop. The lookup's thread frees itself later.
  set(easy, CURLOPT_QUICK_EXIT, 1L);
  set(easy, CURLOPT_NOPROGRESS, 1L);
  set(easy, CURLOPT_PATH_AS_IS, 1L);
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  // The transport follows by itself (redirect.h): libcurl would send a redirected POST again as
  // POST, and would not ask again which proxy to use.
  set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy, CURLOPT_HTTP_VERSION,
      static_cast<long>(route.http1 ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
  // Wait for a connection under way in the hope of HTTP/2. Never in the clear, where nothing but
  // the end of the first answer would end that wait: behind a watch it would last for ever.
  set(easy, CURLOPT_PIPEWAIT, route.http1 || !route.url.starts_with("https://") ? 0L : 1L);
  set(easy, CURLOPT_FRESH_CONNECT, route.probe ? 1L : 0L);
  set(easy, CURLOPT_USERAGENT, route.user_agent.c_str());
  // Set even when empty: otherwise libcurl reads the proxy variables itself, with rules of its own.
  set(easy, CURLOPT_PROXY, route.proxy.c_str());
  set(easy, CURLOPT_NOPROXY, "");
  set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_slist_free_all(connect_list_);
  connect_list_ = nullptr;
  if (!route.connect_to.empty()) {
    connect_list_ = curl_slist_append(connect_list_, route.connect_to.c_str());
    set(easy, CURLOPT_CONNECT_TO, connect_list_);
  }
  set(easy, CURLOPT_HEADERFUNCTION, &Exchange::on_header);
  set(easy, CURLOPT_HEADERDATA, this);
  set(easy, CURLOPT_WRITEFUNCTION, &Exchange::on_body);
  set(easy, CURLOPT_WRITEDATA, this);
  set(easy, CURLOPT_RESOLVER_START_FUNCTION, &Exchange::on_resolve);
  set(easy, CURLOPT_RESOLVER_START_DATA, this);
  set(easy, CURLOPT_PREREQFUNCTION, &Exchange::on_connected);
  set(easy, CURLOPT_PREREQDATA, this);
  set(easy, CURLOPT_OPENSOCKETFUNCTION, &Exchange::on_open);
  set(easy, CURLOPT_OPENSOCKETDATA, this);
  set(easy, CURLOPT_CLOSESOCKETFUNCTION, &Exchange::on_close);
  set(easy, CURLOPT_CLOSESOCKETDATA, connections_);
  set_method();
  set_headers(route);
  set_tls(route);
}

void Exchange::set_method() {
  const bool writes =
      request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (!request.body.empty() || writes) {
    // A read function without a way to rewind, and not POSTFIELDS: libcurl repeats a request whose
    // connection died before the answer, and a write that may have happened must come back as an
    // error instead.
    set(easy_, CURLOPT_UPLOAD, 1L);
    set(easy_, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(easy_, CURLOPT_READFUNCTION, &Exchange::on_read);
    set(easy_, CURLOPT_READDATA, this);
  } else if (request.method == "HEAD") {
    set(easy_, CURLOPT_NOBODY, 1L);
  } else {
    set(easy_, CURLOPT_HTTPGET, 1L);
  }
  set(easy_, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void Exchange::set_headers(const Route& route) {
  curl_slist_free_all(header_list_);
  header_list_ = nullptr;
  const auto append = [this](const std::string& name, const std::string& value) {
    if (!header_safe(name) || !header_safe(value)) return;
    // "Name;" is libcurl's way to send a header without a value.
    header_list_ = curl_slist_append(
        header_list_, value.empty() ? (name + ";").c_str() : (name + ": " + value).c_str());
  };
  for (const auto& [name, value] : request.headers) append(name, value);
  for (const auto& [name, value] : route.extra_headers) {
    // A request that brings its own identity keeps it.
    const bool repeats = iequals(name, "Impersonate-Group");
    if (repeats || http::find_header(request.headers, name) == nullptr) append(name, value);
  }
  if (http::find_header(request.headers, "Accept") == nullptr)
    append("Accept", "application/json, */*");
  // No pause of a second before a large body.
  header_list_ = curl_slist_append(header_list_, "Expect:");
  set(easy_, CURLOPT_HTTPHEADER, header_list_);
}

void Exchange::set_tls(const Route& route) {
  set(easy_, CURLOPT_SSL_VERIFYPEER, route.verify ? 1L : 0L);
  set(easy_, CURLOPT_SSL_VERIFYHOST, route.verify ? 2L : 0L);
  set(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (route.ca_pem != nullptr) {
    set_blob(easy_, CURLOPT_CAINFO_BLOB, *route.ca_pem);
  } else if (!route.ca_file.empty()) {
    set(easy_, CURLOPT_CAINFO, route.ca_file.c_str());
  }
  if (route.client_cert_pem != nullptr && route.client_key_pem != nullptr) {
    set(easy_, CURLOPT_SSLCERTTYPE, "PEM");
    set_blob(easy_, CURLOPT_SSLCERT_BLOB, *route.client_cert_pem);
    set(easy_, CURLOPT_SSLKEYTYPE, "PEM");
    set_blob(easy_, CURLOPT_SSLKEY_BLOB, *route.client_key_pem);
  }
}

std::string Exchange::shown() const {
  return request.method + " " + http::without_user_info(url_.substr(0, url_.find('?')));
}

std::string Exchange::curl_error(CURLcode code) const {
  std::string text = shown() + ": " + curl_easy_strerror(code);
  if (error_[0] != '\0' && std::strcmp(error_, curl_easy_strerror(code)) != 0)
    text += std::string(" (") + error_ + ")";
  return text;
}

MonoTime Exchange::deadline() const {
  if (opened)
    return request.stream_silence > Millis(0) ? last_heard + request.stream_silence
                                              : MonoTime::max();
  return request.timeout > Millis(0) ? started + request.timeout : MonoTime::max();
}

void Exchange::heard() {
  last_heard = clock_->mono_now();
  connections_->heard(connection, last_heard);
  if (std::exchange(probe, false)) connections_->probe_ended(server, true);
}

void Exchange::header_line(std::string_view line) {
  if (line.starts_with("HTTP/")) {  // a new answer: after 1xx or a redirect
    response.headers.clear();
    response.body.clear();
    const auto blank = line.find(' ');
    const auto code =
        blank == std::string_view::npos ? std::nullopt : parse_int(line.substr(blank + 1, 3));
    response.status = code ? static_cast<int>(*code) : 0;
    return;
  }
  if (line.empty()) {
    headers_done = response.status >= 200;
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  response.headers.emplace_back(std::string(trim(line.substr(0, colon))),
                                std::string(trim(line.substr(colon + 1))));
}

std::size_t Exchange::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto* exchange = static_cast<Exchange*>(self);
  std::string_view line(data, size * count);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  exchange->heard();
  exchange->header_bytes_ += size * count + kHeaderCost;
  if (exchange->header_bytes_ > kHeaderBytesMax) {
    exchange->broken = "the head of the answer is too large";
    return 0;
  }
  exchange->header_line(line);
  return exchange->fits() ? size * count : 0;
}

std::size_t Exchange::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto* exchange = static_cast<Exchange*>(self);
  exchange->heard();
  const std::size_t bytes = size * count;
  const std::size_t max = exchange->request.body_max > 0 ? exchange->request.body_max
                          : exchange->kube               ? kKubeBodyMax
                                                         : kForeignBodyMax;
  if (exchange->response.body.size() + bytes > max) {
    exchange->broken = "the answer is too large: more than " + size_text(max);
    return 0;
  }
  exchange->response.body.append(data, bytes);
  return exchange->fits() ? bytes : 0;
}

bool Exchange::fits() {
  if (kube || request.stream) return true;  // the API server is trusted; streams are handed on
  return bodies_->hold(token, request.on_behalf_of, header_bytes_ + response.body.capacity(),
                       response.body);
}

std::size_t Exchange::on_read(char* data, std::size_t size, std::size_t count, void* self) {
  auto* exchange = static_cast<Exchange*>(self);
  const std::size_t bytes = std::min(size * count, exchange->request.body.size() - exchange->sent_);
  std::memcpy(data, exchange->request.body.data() + exchange->sent_, bytes);
  exchange->sent_ += bytes;
  return bytes;
}

bool Exchange::may_ask(const std::optional<IpAddress>& address, bool here) {
  if (addresses_ == nullptr) return true;
  const bool strayed = redirects > 0 && server != home_;
  broken = address ? addresses_->refusal(*address, here && strayed)
                   : "it is not known which address was connected to";
  return broken.empty();
}

int Exchange::on_resolve(void*, void*, void* self) {
  static_cast<Exchange*>(self)->resolving = true;
  return 0;
}

// The last moment before the first byte of the request, also on a connection that was open already.
int Exchange::on_connected(void* self, char* peer_ip, char* local_ip, int, int local_port) {
  auto* exchange = static_cast<Exchange*>(self);
  exchange->resolving = false;
  exchange->connection = exchange->connections_->find(local_ip, local_port);
  const auto peer = parse_ip(peer_ip == nullptr ? "" : peer_ip);
  const auto local = parse_ip(local_ip == nullptr ? "" : local_ip);
  // Whoever talks to one of this machine's other addresses does so from that very address.
  const bool here = peer && (is_loopback(*peer) || peer == local);
  if (here && exchange->redirects == 0) exchange->home_ = exchange->server;
  return exchange->may_ask(peer, here) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

curl_socket_t Exchange::on_open(void* self, curlsocktype, curl_sockaddr* address) {
  auto* exchange = static_cast<Exchange*>(self);
  exchange->resolving = false;
  // Not even a connection: that would tell which ports are open.
  const auto peer = ip_of(address->addr);
  if (!exchange->may_ask(peer, peer && is_loopback(*peer))) return CURL_SOCKET_BAD;
  return exchange->connections_->open(*address);
}

int Exchange::on_close(void* connections, curl_socket_t fd) {
  static_cast<Connections*>(connections)->close(fd);
  return 0;
}

}  // namespace sluice::net
