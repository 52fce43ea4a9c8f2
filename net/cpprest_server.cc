// The inbound side on cpprestsdk's listener. The library is kept behind this one file: handlers run
// on its pool, its exceptions end here, its unbounded stream buffer gets a bound, and its bytes
// come from and go to our own door instead of its own sockets (ADR 16).
#include <cpprest/containerstream.h>
#include <cpprest/details/http_server.h>
#include <cpprest/details/http_server_api.h>
#include <cpprest/http_listener.h>
#include <cpprest/producerconsumerstream.h>
#include <pplx/threadpool.h>
#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "base/strings.h"
#include "net/door.h"
#include "net/net.h"

namespace sluice::net {
namespace {

namespace rest = web::http;
namespace listener = web::http::experimental::listener;

// A watcher this far behind is dropped: it lists again, which is cheaper than our memory.
constexpr std::size_t kStreamBehindMax = 8U << 20U;
constexpr std::size_t kPieceBytes = 64U << 10U;
constexpr const char* kKeeper = "http://keeper.invalid:1/";  // of no socket

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
  // Never waits for the closing: that takes a thread of the pool, which may be where we are. What
  // is to be read, or not, is settled by the call itself.
  void end(const std::exception_ptr& error) {
    if (ended_) return;
    ended_ = true;
    try {
      auto closed = error ? buffer_.close(std::ios_base::out, error)
                          : buffer_.close(std::ios_base::out);
      closed.then([](const pplx::task<void>& done) {
        try {
          done.get();
        } catch (const std::exception&) {
          // Closing twice or too late: it is closed.
        }
      });
    } catch (const std::exception&) {
      // As above.
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

// What a request carries through the library, so that its response finds the way back.
class Context final : public rest::details::_http_server_context {
 public:
  explicit Context(std::shared_ptr<Reply> reply) : reply_(std::move(reply)) {}
  [[nodiscard]] Reply& reply() const { return *reply_; }

 private:
  std::shared_ptr<Reply> reply_;
};

// The body of a response of the library, read as the door asks for it.
void read_piece(const rest::http_response& response, std::function<void(Answer::Piece)> done) {
  auto bytes = std::make_shared<std::string>(kPieceBytes, '\0');
  const auto finish = [bytes, done, response](const pplx::task<std::size_t>& read) {
    try {
      bytes->resize(read.get());
      done(std::move(*bytes));
    } catch (const std::exception&) {
      done(std::nullopt);
    }
  };
  try {
    auto buffer = response.body().streambuf();
    auto read = buffer.getn(reinterpret_cast<std::uint8_t*>(bytes->data()), bytes->size());
    if (read.is_done())
      finish(read);
    else
      read.then(finish);
  } catch (const std::exception&) {
    done(std::nullopt);
  }
}

Answer answer_of(rest::http_response response, const pplx::task_completion_event<void>& sent) {
  Answer answer;
  answer.status = response.status_code();
  answer.reason = response.reason_phrase();
  for (const auto& [name, value] : response.headers()) answer.headers.emplace_back(name, value);
  answer.over = [sent](bool whole) {
    if (whole)
      sent.set();
    else
      sent.set_exception(rest::http_exception("the client is gone"));
  };
  if (!response.body().is_valid()) return answer;
  // Set by the library where the body is a text, and not a stream.
  if (std::uint64_t length = 0;
      response.headers().match(rest::header_names::content_length, length))
    answer.length = length;
  answer.next = [response = std::move(response)](std::function<void(Answer::Piece)> done) {
    read_piece(response, std::move(done));
  };
  return answer;
}

// The library's own seam for what serves its listeners. Its own server, which reads whatever comes
// for as long as it comes, is never made; sockets are the door's.
class DoorServer final : public web::http::experimental::details::http_server {
 public:
  using Listener = listener::details::http_listener_impl;
  static DoorServer& installed() {
    static const auto only = [] {
      auto made = std::make_unique<DoorServer>();
      DoorServer* server = made.get();
      web::http::experimental::details::http_server_api::register_server_api(std::move(made));
      // With its last listener the library destroys its server, while answers may still be on their
      // way to it. One that never closes keeps it.
      static auto* const keeper = new listener::http_listener(web::uri(kKeeper));
      keeper->open().wait();
      return server;
    }();
    return *only;
  }

  // The door for the listener that is about to be opened with this address.
  void expect(const std::string& address, std::shared_ptr<Door> door) {
    const std::lock_guard lock(mutex_);
    doors_[address] = std::move(door);
  }
  void forget(const std::string& address) {
    const std::lock_guard lock(mutex_);
    doors_.erase(address);
  }

  pplx::task<void> start() override { return pplx::task_from_result(); }
  pplx::task<void> stop() override { return pplx::task_from_result(); }
  pplx::task<void> register_listener(Listener* listener) override {
    if (listener->uri().to_string() == kKeeper) return pplx::task_from_result();
    const auto door = door_of(listener);
    if (!door)
      return pplx::task_from_exception<void>(std::runtime_error("no door for this listener"));
    door->start([listener](ArrivedRequest arrived, const std::shared_ptr<Reply>& reply) {
      hand_over(*listener, std::move(arrived), reply);
    });
    return pplx::task_from_result();
  }
  pplx::task<void> unregister_listener(Listener* listener) override {
    if (const auto door = door_of(listener)) door->close();
    return pplx::task_from_result();
  }
  pplx::task<void> respond(rest::http_response response) override {
    pplx::task_completion_event<void> sent;
    const auto* context = dynamic_cast<Context*>(response._get_server_context());
    if (context == nullptr)
      sent.set_exception(rest::http_exception("nobody asked"));
    else
      context->reply().send(answer_of(response, sent));
    return pplx::create_task(sent);
  }

 private:
  std::shared_ptr<Door> door_of(Listener* listener) {
    const std::lock_guard lock(mutex_);
    const auto found = doors_.find(listener->uri().to_string());
    return found == doors_.end() ? nullptr : found->second;
  }

  static void hand_over(Listener& listener, ArrivedRequest arrived,
                        const std::shared_ptr<Reply>& reply) {
    auto request = rest::http_request::_create_request(std::make_unique<Context>(reply));
    try {
      request.set_method(arrived.head.method);
      request.set_request_uri(web::uri(arrived.head.target));
      for (const auto& [name, value] : arrived.head.headers) request.headers().add(name, value);
      const auto& parts = request._get_impl();
      parts->_set_remote_address(arrived.remote);
      const auto size = arrived.body.size();
      parts->set_instream(
          concurrency::streams::bytestream::open_istream(std::move(arrived.body)));
      parts->_complete(size);
    } catch (const std::exception&) {  // the library knows no such address
      static_cast<void>(request._reply_if_not_already(rest::status_codes::BadRequest));
      return;
    }
    try {
      listener.handle_request(request);
    } catch (const std::exception&) {
      static_cast<void>(request._reply_if_not_already(rest::status_codes::InternalError));
    }
  }

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Door>> doors_;
};

class RestServer final : public HttpServer {
 public:
  explicit RestServer(InboundHandler handler)
      : handler_(std::make_shared<InboundHandler>(std::move(handler))) {}
  ~RestServer() override { stop(); }

  Status open(const ServerOptions& options) {
    SLUICE_TRY(std::shared_ptr<Door> door, Door::open(options));
    const bool v6 = options.address.find(':') != std::string::npos;
    const std::string host = (v6 ? "[" + options.address + "]" : options.address) + ":" +
                             std::to_string(door->port());
    url_ = (options.cert_pem.empty() ? "http://" : "https://") + host;
    try {
      // TLS ends at the door: for the library all is plain.
      const web::uri address("http://" + host + "/");
      address_ = address.to_string();
      DoorServer::installed().expect(address_, door);
      listener_ = std::make_unique<listener::http_listener>(address);
      listener_->support([handler = handler_, open = open_](rest::http_request request) {
        accept(handler, open, std::move(request));
      });
      listener_->open().wait();
      return {};
    } catch (const std::exception& error) {
      listener_.reset();
      DoorServer::installed().forget(address_);
      return fail(ErrorCode::Unavailable, "cannot serve " + url_ + ": " + error.what());
    }
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
    DoorServer::installed().forget(address_);
  }

 private:
  using Handler = std::shared_ptr<InboundHandler>;

  // The body is there; what follows runs on the library's pool. Nothing may be thrown into that.
  static void accept(const Handler& handler, const std::shared_ptr<OpenStreams>& open,
                     rest::http_request request) {
    auto responder = std::make_shared<RestResponder>(request, open);
    request.extract_vector().then(
        [handler, responder, request](pplx::task<std::vector<unsigned char>> body) {
          try {
            const auto bytes = body.get();
            dispatch(*handler, request, std::string(bytes.begin(), bytes.end()), responder);
          } catch (const std::exception&) {
            responder->respond({500, {{"Content-Type", "text/plain"}}, "internal error\n"});
          }
        });
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

  Handler handler_;
  std::shared_ptr<OpenStreams> open_ = std::make_shared<OpenStreams>();
  std::mutex stop_mutex_;
  std::unique_ptr<listener::http_listener> listener_;
  std::string url_, address_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> serve(ServerOptions options, InboundHandler handler) {
  if (options.cert_pem.empty() != options.key_pem.empty())
    return fail(ErrorCode::Invalid, "a certificate and its key must be given together");
  init_pool(options.threads);
  auto server = std::make_unique<RestServer>(std::move(handler));
  SLUICE_CHECK_OK(server->open(options));
  return std::unique_ptr<HttpServer>(std::move(server));
}

ServerOptions public_port(std::string address, int port) {
  ServerOptions options;
  options.address = std::move(address);
  options.port = port;
  options.limits.read_only = true;
  options.limits.body_bytes = 0;
  options.limits.connections = 64;
  options.limits.per_remote = 16;
  // What is being sent is in memory once for each client, and a fleet's metrics are megabytes.
  options.limits.answers = 4;
  options.limits.answers_per_remote = 1;
  return options;
}

}  // namespace sluice::net
