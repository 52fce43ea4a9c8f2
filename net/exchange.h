#pragma once
// One request of the transport on its way: what curl is told, and what has come back so far.
#include <curl/curl.h>

#include <optional>
#include <string>

#include "base/seams.h"
#include "net/address.h"
#include "net/bodies.h"
#include "net/connections.h"

namespace sluice::net {

// Where a request really goes, after kubeconfig and proxies had their say.
struct Route {
  std::string url;
  std::string connect_to;       // CURLOPT_CONNECT_TO entry, "" = none
  std::string proxy;            // "" = none
  http::Headers extra_headers;  // credentials, Host
  bool kube = false;
  bool verify = true;
  const std::string* ca_pem = nullptr;  // nullptr = system roots
  std::string ca_file;                  // system roots from elsewhere (SSL_CERT_FILE)
  const std::string* client_cert_pem = nullptr;
  const std::string* client_key_pem = nullptr;
  bool http1 = false;
  std::string user_agent;
  std::string server;  // "https://host:port": whose connections are meant by Connections
  bool probe = false;  // on a connection of its own
  // Asked about the address that is connected to; nullptr: any will do (the API server's, a
  // proxy's).
  const AddressPolicy* addresses = nullptr;
};

class Exchange {
 public:
  Exchange(RequestToken token, http::Request request, MonoTime now);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Prepares a handle (new or reset) for a first or a repeated attempt.
  void prepare(CURL* easy, const Route& route, Connections& connections, Bodies& bodies,
               Clock& clock);
  // Gives the handle back; the exchange no longer refers to it.
  [[nodiscard]] CURL* release();
  [[nodiscard]] CURL* easy() const { return easy_; }

  // "GET https://host/path", without the query: it may hold secrets.
  [[nodiscard]] std::string shown() const;
  [[nodiscard]] std::string curl_error(CURLcode code) const;
  // The moment at which waiting has lasted too long; max() = never.
  [[nodiscard]] MonoTime deadline() const;
  const RequestToken token;
  http::Request request;  // as it is sent now: a redirect changes method, URL, headers and body
  const MonoTime started;
  http::Response response;  // for an open stream: body = bytes not yet delivered
  Connections::Id connection = 0;
  MonoTime last_heard;
  std::string server;
  bool probe = false;  // until the first byte of an answer
  bool kube = false;
  bool headers_done = false;  // of a final answer (not 1xx, not of a proxy)
  bool opened = false;        // StreamOpened was delivered
  std::string broken;     // why we ended it ourselves
  bool resolving = false;  // libcurl has a thread that looks the name up
  bool retried = false;  // after a 401
  int redirects = 0;     // followed so far

 private:
  void set_method();
  void set_headers(const Route& route);
  void set_tls(const Route& route);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_read(char* data, std::size_t size, std::size_t count, void* self);
  static int on_resolve(void* state, void* reserved, void* self);
  static int on_connected(void* self, char* peer_ip, char* local_ip, int peer_port, int local_port);
  static curl_socket_t on_open(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int on_close(void* connections, curl_socket_t fd);
  void header_line(std::string_view line);
  void heard();
  // Counts what this answer holds; false when it is the one that has to go for all to fit.
  bool fits();
  // Whether the request may be sent there; if not, `broken` says why. `here`: it is this machine.
  bool may_ask(const std::optional<IpAddress>& address, bool here);

  CURL* easy_ = nullptr;
  curl_slist* header_list_ = nullptr;
  curl_slist* connect_list_ = nullptr;
  Connections* connections_ = nullptr;
  Bodies* bodies_ = nullptr;
  const AddressPolicy* addresses_ = nullptr;
  Clock* clock_ = nullptr;
  std::size_t sent_ = 0;          // bytes of the body
  std::size_t header_bytes_ = 0;  // of all answers of this attempt, 1xx among them
  // The server that the metric itself names, if it is on this machine and no redirect has left it:
  // to that one redirects may lead.
  std::string home_;
  std::string url_;
  char error_[CURL_ERROR_SIZE] = {};
};

}  // namespace sluice::net
