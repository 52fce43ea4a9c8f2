// The inbound side on cpprestsdk's listener. The library is kept behind this one file: handlers run
// on its pool, its exceptions end here, and its unbounded stream buffer gets a bound.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cpprest/http_listener.h>
#include <cpprest/producerconsumerstream.h>
#include <pplx/threadpool.h>
#include <atomic>
#include <boost/asio/ssl.hpp>
#include <cstring>
#include <mutex>
#include <set>

#include "base/strings.h"
#include "net/net.h"

namespace sluice::net {
namespace {

namespace rest = web::http;
namespace listener = web::http::experimental::listener;

// A watcher this far behind is dropped: it lists again, which is cheaper than our memory.
constexpr std::size_t kStreamBehindMax = 8U << 20U;
constexpr std::size_t kRequestBodyMax = 64U << 20U;
constexpr int kPortTries = 20;

using Buffer = concurrency::streams::producer_consumer_buffer<std::uint8_t>;

// Streams that are open now: a listener does not close before they have ended.
class Stream;
struct OpenStreams {
  std::mutex mutex;
  bool stopping = false;
  std::set<std::shared_ptr<Stream>> streams;
};

// The body of one streamed answer. Shared by the responder and the continuation that learns of its
// end.
class Stream {
 public:
  bool write(std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    if (ended_) return false;
    if (bytes.empty()) return true;
    try {
      if (buffer_.in_avail() + bytes.size() > kStreamBehindMax) {
        // An error instead of an end: the client must not take what it got for the whole.
        end(std::make_exception_ptr(std::runtime_error("client too slow")));
        return false;
      }
      buffer_.putn_nocopy(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()).wait();
      // Without it the library waits for a full chunk of 4 KiB before it sends.
      buffer_.sync().wait();
      return true;
    } catch (const std::exception&) {
      ended_ = true;
      return false;
    }
  }
  void finish() {
    const std::lock_guard lock(mutex_);
    end(nullptr);
  }
  // The answer is over on the wire: sent whole, or the client is gone.
  void over() {
    const std::lock_guard lock(mutex_);
    end(nullptr);
  }
  concurrency::streams::istream body() { return buffer_.create_istream(); }

 private:
  void end(const std::exception_ptr& error) {
    if (ended_) return;
    ended_ = true;
    try {
      if (error) {
        buffer_.close(std::ios_base::out, error).wait();
      } else {
        buffer_.close(std::ios_base::out).wait();
      }
    } catch (const std::exception&) {
      // Closing twice or too late: it is closed.
    }
  }

  std::mutex mutex_;
  bool ended_ = false;
  Buffer buffer_;
};

class RestResponder final : public Responder {
 public:
  RestResponder(rest::http_request request, std::shared_ptr<OpenStreams> open)
      : request_(std::move(request)), open_(std::move(open)) {}
  ~RestResponder() override {
    if (stream_) stream_->finish();
    if (!answered_.exchange(true)) send({500, {{"Content-Type", "text/plain"}}, "no answer\n"});
  }

  void respond(http::Response response) override {
    if (!answered_.exchange(true)) send(std::move(response));
  }

  void start_stream(int status, http::Headers headers) override {
    if (answered_.exchange(true)) return;
    try {
      auto stream = std::make_shared<Stream>();
      {
        const std::lock_guard lock(open_->mutex);
        if (open_->stopping) stream->finish();
        open_->streams.insert(stream);
      }
      rest::http_response answer(static_cast<rest::status_code>(status));
      answer.set_body(stream->body());
      set_headers(answer, headers);
      request_.reply(answer).then([stream, open = open_](pplx::task<void> sent) {
        try {
          sent.get();
        } catch (const std::exception&) {
          // The client has gone away. The next write says so.
        }
        stream->over();
        const std::lock_guard lock(open->mutex);
        open->streams.erase(stream);
      });
      stream_ = stream;
    } catch (const std::exception&) {
      // No connection any more: stream_ stays empty and write() returns false.
    }
  }

  bool write(std::string_view bytes) override { return stream_ && stream_->write(bytes); }
  void finish() override {
    if (stream_) stream_->finish();
  }

 private:
  static void set_headers(rest::http_response& answer, const http::Headers& headers) {
    for (const auto& [name, value] : headers) {
      // The library frames the body itself.
      if (iequals(name, "Content-Length") || iequals(name, "Transfer-Encoding")) continue;
      if (value.find_first_of("\r\n") != std::string::npos) continue;
      answer.headers()[name] = value;
    }
  }

  void send(http::Response response) {
    try {
      rest::http_response answer(static_cast<rest::status_code>(response.status));
      if (request_.method() != rest::methods::HEAD && !response.body.empty()) {
        answer.set_body(std::move(response.body), "application/octet-stream");
      }
      set_headers(answer, response.headers);
      request_.reply(answer).then([](pplx::task<void> sent) {
        try {
          sent.get();
        } catch (const std::exception&) {
          // The client has gone away: nobody is left to tell.
        }
      });
    } catch (const std::exception&) {
      // Answered already by the library, which does so when the listener closes.
    }
  }

  rest::http_request request_;
  std::shared_ptr<OpenStreams> open_;
  std::atomic<bool> answered_{false};
  std::shared_ptr<Stream> stream_;
};

void init_pool(int threads) {
  static std::once_flag once;
  std::call_once(once, [threads] {
    try {
      crossplat::threadpool::initialize_with_threads(
          static_cast<std::size_t>(std::clamp(threads, 2, 64)));
    } catch (const std::exception&) {
      // Someone made the pool before us; its size is theirs.
    }
  });
}

// The library cannot say which port it got: find a free one first.
int free_port(const std::string& address) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in local{};
  local.sin_family = AF_INET;
  int port = 0;
  socklen_t size = sizeof local;
  if (fd >= 0 && ::inet_pton(AF_INET, address.c_str(), &local.sin_addr) == 1 &&
      ::bind(fd, reinterpret_cast<const sockaddr*>(&local), sizeof local) == 0 &&
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) == 0)
    port = ntohs(local.sin_port);
  if (fd >= 0) ::close(fd);
  return port;
}

class RestServer final : public HttpServer {
 public:
  RestServer(ServerOptions options, InboundHandler handler)
      : options_(std::move(options)),
        handler_(std::make_shared<InboundHandler>(std::move(handler))) {}
  ~RestServer() override { stop(); }

  Status open() {
    const bool any = options_.port == 0;
    std::string why = "no free port";
    for (int attempt = 0; attempt < (any ? kPortTries : 1); ++attempt) {
      const int port = any ? free_port(options_.address) : options_.port;
      if (port == 0) continue;
      if (open_at(port, why)) return {};
    }
    return fail(ErrorCode::Unavailable, "cannot listen on " + options_.address + ":" +
                                            std::to_string(options_.port) + ": " + why);
  }

  std::string url() const override { return url_; }

  void stop() override {
    std::unique_ptr<listener::http_listener> closing;
    {
      const std::lock_guard lock(stop_mutex_);
      closing.swap(listener_);
    }
    if (!closing) return;
    std::set<std::shared_ptr<Stream>> streams;
    {
      const std::lock_guard lock(open_->mutex);
      open_->stopping = true;
      streams = open_->streams;
    }
    for (const auto& stream : streams) stream->finish();
    try {
      closing->close().wait();
    } catch (const std::exception&) {
      // Closed all the same.
    }
  }

 private:
  [[nodiscard]] bool secure() const {
    return !options_.cert_pem.empty() && !options_.key_pem.empty();
  }

  listener::http_listener_config config() const {
    listener::http_listener_config config;
    config.set_timeout(utility::seconds(120));
    if (secure()) {
      config.set_ssl_context_callback(
          [cert = options_.cert_pem, key = options_.key_pem](boost::asio::ssl::context& context) {
            context.set_options(
                boost::asio::ssl::context::default_workarounds |
                boost::asio::ssl::context::no_sslv2 | boost::asio::ssl::context::no_sslv3 |
                boost::asio::ssl::context::no_tlsv1 | boost::asio::ssl::context::no_tlsv1_1);
            context.use_certificate_chain(boost::asio::buffer(cert));
            context.use_private_key(boost::asio::buffer(key), boost::asio::ssl::context::pem);
          });
    }
    return config;
  }

  bool open_at(int port, std::string& why) {
    const std::string where = std::string(secure() ? "https" : "http") + "://" + options_.address +
                              ":" + std::to_string(port);
    try {
      auto made = std::make_unique<listener::http_listener>(web::uri(where + "/"), config());
      made->support([handler = handler_, open = open_](rest::http_request request) {
        accept(handler, open, std::move(request));
      });
      made->open().wait();
      listener_ = std::move(made);
      url_ = where;
      return true;
    } catch (const std::exception& error) {
      why = error.what();
      return false;
    }
  }

  using Handler = std::shared_ptr<InboundHandler>;

  // Waits for the body, then hands over. Nothing may be thrown into the library's pool.
  static void accept(const Handler& handler, const std::shared_ptr<OpenStreams>& open,
                     rest::http_request request) {
    try {
      auto responder = std::make_shared<RestResponder>(request, open);
      if (request.headers().content_length() > kRequestBodyMax) {
        responder->respond({413, {{"Content-Type", "text/plain"}}, "the body is too large\n"});
        return;
      }
      request.extract_vector().then(
          [handler, responder, request](pplx::task<std::vector<unsigned char>> body) {
            try {
              const auto bytes = body.get();
              dispatch(*handler, request, std::string(bytes.begin(), bytes.end()), responder);
            } catch (const std::exception&) {
              responder->respond({500, {{"Content-Type", "text/plain"}}, "internal error\n"});
            }
          });
    } catch (const std::exception&) {
      // The request is malformed or its connection is gone; the responder has answered on its way
      // out.
    }
  }

  static void dispatch(const InboundHandler& handler, const rest::http_request& request,
                       std::string body, const std::shared_ptr<RestResponder>& responder) {
    InboundRequest inbound;
    inbound.request.method = request.method();
    inbound.request.url = request.request_uri().to_string();
    for (const auto& [name, value] : request.headers())
      inbound.request.headers.emplace_back(name, value);
    inbound.request.body = std::move(body);
    inbound.remote = request.remote_address();
    handler(std::move(inbound), responder);
  }

  ServerOptions options_;
  Handler handler_;
  std::shared_ptr<OpenStreams> open_ = std::make_shared<OpenStreams>();
  std::mutex stop_mutex_;
  std::unique_ptr<listener::http_listener> listener_;
  std::string url_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> serve(ServerOptions options, InboundHandler handler) {
  if (options.cert_pem.empty() != options.key_pem.empty())
    return fail(ErrorCode::Invalid, "a certificate and its key must be given together");
  init_pool(options.threads);
  auto server = std::make_unique<RestServer>(std::move(options), std::move(handler));
  SLUICE_CHECK_OK(server->open());
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace sluice::net
