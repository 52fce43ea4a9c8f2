#include "kube/watch/reflector.h"

#include <fmt/core.h>

#include <algorithm>

#include "kube/json/node.h"
#include "kube/watch/salvage.h"

namespace sluice::kube {

namespace {

constexpr int kChunk = 500;
constexpr Millis kBackoffFirst{500};
constexpr Millis kBackoffMax{30'000};
constexpr unsigned kBackoffDoublingsMax = 6;
// Watches end on their own after 240 to 300 s, spread so that not all of them come back together.
constexpr std::int64_t kWatchSecondsMin = 240;
constexpr std::uint64_t kWatchSecondsSpread = 61;
constexpr Millis kSilenceGrace{5'000};
// A watch that the server ends sooner, and without an event, counts as a failure: no busy loop.
constexpr Millis kWatchShort{1'000};
// A list body of many large objects takes its time.
constexpr Millis kListTimeout{60'000};

// Half of it fixed, half by chance.
Millis with_jitter(Millis delay, Rng& rng) {
  const auto half = delay.count() / 2;
  return Millis(half + static_cast<Millis::rep>(rng.below(static_cast<std::uint64_t>(half) + 1)));
}

bool names_object(Node object) {
  return object["metadata"]["name"].as_string().value_or("") != "";
}

}  // namespace

// The states and what leads from one to the next:
//
//   List ──submit──► Listing ──last chunk──► Watch ──submit──► Watching
//    ▲                 │                      ▲                  │
//    │                 │                      └── ended, silent, ┤
//    │                 │                          error: wait,   │
//    │                 │                          resume from    │
//    │                 │                          the version    │
//    │                 │                          seen last      │
//    │                 │                                         │
//    ├── more to come, │                                         │
//    │   error: wait,  │                                         │
//    │   same chunk; ──┘                                         │
//    │   410: a new list, unchunked                              │
//    │                                                           │
//    └───────────── 410, unreadable event ───────────────────────┘
struct Reflector::Impl {
  enum class State { List, Listing, Watch, Watching };

  Impl(Options o, ReflectorSink& s, Rng& r) : options(std::move(o)), sink(s), rng(r) {
    type = options.type;
    if (!options.version.empty()) type.version = options.version;
  }

  Options options;
  ReflectorSink& sink;
  Rng& rng;
  ResourceType type;

  State state = State::List;
  std::optional<MonoTime> not_before;
  std::optional<RequestToken> token;
  unsigned failures = 0;     // in a row, of the present phase
  unsigned expirations = 0;  // 410s in a row without one event between
  std::optional<Error> last_error;
  bool forbidden = false;
  bool synced = false;
  std::string resource_version;

  bool list_open = false;   // on_list_started was called
  bool list_whole = false;  // ask for everything at once: the chunks expired while they were read
  std::string continue_token;

  LineFramer framer;
  MonoTime opened_at{};
  bool saw_event = false;
  bool restart_list = false;  // asked for by an event of the running watch
  bool watch_broken = false;  // an event ended the running watch

  std::string what(std::string_view verb) const {
    return fmt::format("{} {}{}{}", verb, type.resource, options.namespace_.empty() ? "" : " in ",
                       options.namespace_);
  }

  // ---- requests ----

  http::Request list_request() {
    ListOptions list;
    list.label_selector = options.label_selector;
    list.field_selector = options.field_selector;
    list.limit = list_whole ? 0 : kChunk;
    list.continue_token = continue_token;
    http::Request request = make_list(type, options.namespace_, list);
    request.timeout = kListTimeout;
    return request;
  }

  http::Request watch_request() {
    WatchOptions watch;
    watch.label_selector = options.label_selector;
    watch.field_selector = options.field_selector;
    watch.resource_version = resource_version;
    watch.timeout =
        Seconds(kWatchSecondsMin + static_cast<std::int64_t>(rng.below(kWatchSecondsSpread)));
    http::Request request = make_watch(type, options.namespace_, watch);
    request.stream_silence = options.silence_max.count() > 0
                                 ? options.silence_max
                                 : Millis(watch.timeout) + kSilenceGrace;
    return request;
  }

  Step next(MonoTime now) {
    if (state == State::Listing || state == State::Watching) return {};
    if (not_before && now < *not_before) return {std::nullopt, not_before};
    not_before.reset();
    if (state == State::List) {
      state = State::Listing;
      return {list_request(), std::nullopt};
    }
    state = State::Watching;
    framer.reset();
    saw_event = restart_list = watch_broken = false;
    return {watch_request(), std::nullopt};
  }

  // ---- outcomes ----

  void succeeded() {
    failures = 0;
    forbidden = false;
    last_error.reset();
  }

  void wait(MonoTime now, unsigned attempt, const std::optional<Millis>& at_least) {
    Millis delay = kBackoffFirst * (1U << std::min(attempt, kBackoffDoublingsMax));
    delay = with_jitter(std::min(delay, kBackoffMax), rng);
    // The server's wish is a lower bound; jitter on top keeps the clients apart.
    if (at_least && *at_least > delay) delay = *at_least + with_jitter(kBackoffFirst, rng);
    not_before = now + delay;
  }

  void failed(Error error, State again, MonoTime now) {
    token.reset();
    forbidden = error.code == ErrorCode::Forbidden;
    wait(now, failures++, error.retry_after);
    last_error = std::move(error);
    state = again;
  }

  // Our version is too old. The first time there is no reason to wait; a server that forgets faster
  // than we can list must not be hammered.
  void expired(Error error, MonoTime now) {
    token.reset();
    state = State::List;
    continue_token.clear();
    if (expirations > 0) wait(now, expirations - 1, std::nullopt);
    ++expirations;
    last_error = std::move(error);
  }

  // ---- list ----

  void on_list_event(const TransportEvent& event, MonoTime now) {
    if (event.kind == TransportEvent::Kind::Failed) {
      failed(event.error, State::List, now);
    } else if (event.kind == TransportEvent::Kind::Response) {
      on_list_response(event.response, now);
    }
  }

  void on_list_response(const http::Response& response, MonoTime now) {
    if (auto error = response_error(response, what("list"))) {
      if (error->code == ErrorCode::Gone && !continue_token.empty()) {
        list_whole = true;
        expired(std::move(*error), now);
      } else {
        failed(std::move(*error), State::List, now);
      }
      return;
    }
    const auto document = Document::parse(response.body);
    if (!document) {
      take_in_parts(response.body, document.error(), now);
      return;
    }
    const Node root = document->root();
    const Node items = root["items"];
    take_chunk(root["metadata"], items.absent() || items.type() == Node::Type::Array, now, [&] {
      items.each_element([&](Node item) {
        if (names_object(item)) sink.on_upsert(item);
      });
    });
  }

  // Something in the list cannot be read: all the rest of it can.
  void take_in_parts(std::string_view body, Error error, MonoTime now) {
    const auto list = salvage_list(body);
    const bool named = list && std::all_of(list->items.begin(), list->items.end(), [](auto& item) {
                         return !item.why_unreadable || names_object(item.object.root());
                       });
    if (!named) {
      // One that we cannot name would pass for deleted.
      error.message = what("list") + ": " + error.message;
      failed(std::move(error), State::List, now);
      return;
    }
    take_chunk(list->head.root()["metadata"], true, now, [&] {
      for (const auto& item : list->items)
        if (names_object(item.object.root())) upsert(item.object.root(), item.why_unreadable);
    });
  }

  void upsert(Node object, const std::optional<std::string>& why_unreadable) {
    if (why_unreadable) {
      sink.on_unreadable(object, *why_unreadable);
    } else {
      sink.on_upsert(object);
    }
  }

  void take_chunk(Node metadata, bool has_items, MonoTime now, const std::function<void()>& items) {
    const std::string version = metadata["resourceVersion"].string_or();
    if (version.empty() || !has_items) {
      failed(Error{ErrorCode::Decode, what("list") + ": the answer is not a list", std::nullopt},
             State::List, now);
      return;
    }
    token.reset();
    succeeded();
    // A list that starts over is a new list: what the abandoned one delivered does not count.
    if (!list_open || continue_token.empty()) sink.on_list_started();
    list_open = true;
    items();
    continue_token = metadata["continue"].string_or();
    if (!continue_token.empty()) {
      state = State::List;
      return;
    }
    resource_version = version;
    list_open = list_whole = false;
    synced = true;
    state = State::Watch;
    sink.on_list_finished();
  }

  // ---- watch ----

  void on_watch_event(const TransportEvent& event, MonoTime now) {
    switch (event.kind) {
      case TransportEvent::Kind::StreamOpened:
        opened_at = now;
        forbidden = false;
        last_error.reset();  // `failures` stays until the stream has proved itself
        return;
      case TransportEvent::Kind::StreamData:
        take_data(event.response.body, now);
        return;
      case TransportEvent::Kind::StreamEnded:
        stream_ended(now);
        return;
      case TransportEvent::Kind::Failed:
        failed(event.error, State::Watch, now);
        return;
      case TransportEvent::Kind::Response:
        break;
    }
    auto error = response_error(event.response, what("watch"));
    if (!error)
      error =
          Error{ErrorCode::Decode, what("watch") + ": the answer is not a stream", std::nullopt};
    if (error->code == ErrorCode::Gone) {
      expired(std::move(*error), now);
    } else {
      failed(std::move(*error), State::Watch, now);
    }
  }

  void stream_ended(MonoTime now) {
    if (!saw_event && now - opened_at < kWatchShort) {
      failed(Error{ErrorCode::Unavailable, what("watch") + ": the server ended it at once",
                   std::nullopt},
             State::Watch, now);
      return;
    }
    token.reset();
    succeeded();
    state = State::Watch;
  }

  void take_data(std::string_view bytes, MonoTime now) {
    std::optional<Error> trouble;
    const Status framed = framer.feed(bytes, [&](std::string_view line) {
      if (!watch_broken) take_line(line, trouble);
    });
    if (!framed) {
      trouble = framed.error();
      restart_list = watch_broken = true;
    }
    if (!watch_broken) return;
    // The rest of the stream is of no use; the owner cancels a request whose token is no longer
    // ours.
    if (restart_list && trouble && trouble->code == ErrorCode::Gone) {
      expired(std::move(*trouble), now);
    } else {
      continue_token.clear();
      failed(trouble.value_or(Error{}), restart_list ? State::List : State::Watch, now);
    }
  }

  void take_line(std::string_view line, std::optional<Error>& trouble) {
    if (const auto document = Document::parse(line)) {
      const Node event = document->root();
      take_news(event["type"].string_or(), event["object"], std::nullopt, trouble);
    } else if (const auto event = salvage_event(line)) {
      take_news(event->type, event->object.object.root(), event->object.why_unreadable, trouble);
    } else {
      take_news("", Node(), std::nullopt, trouble);
    }
  }

  void take_news(std::string_view kind, Node object, const std::optional<std::string>& unreadable,
                 std::optional<Error>& trouble) {
    if (kind == "ERROR") {
      take_error(object, trouble);
      return;
    }
    const auto version = object["metadata"]["resourceVersion"].as_string();
    const bool change = kind == "ADDED" || kind == "MODIFIED" || kind == "DELETED";
    if (!version || (!change && kind != "BOOKMARK") || (change && !names_object(object))) {
      // We cannot know what we missed: look at everything again.
      trouble = Error{ErrorCode::Decode, what("watch") + ": unreadable event", std::nullopt};
      restart_list = watch_broken = true;
      return;
    }
    resource_version = std::string(*version);
    saw_event = true;
    expirations = 0;
    succeeded();
    if (!change) return;
    if (kind == "DELETED") {
      sink.on_delete(object);
    } else {
      upsert(object, unreadable);
    }
  }

  // An error in the stream is a Status in the place of the object; its HTTP status was 200 long
  // ago.
  void take_error(Node object, std::optional<Error>& trouble) {
    http::Response response;
    response.status =
        static_cast<int>(std::clamp<std::int64_t>(object["code"].int_or(500), 400, 599));
    response.body = object.raw();
    trouble = response_error(response, what("watch"));
    watch_broken = true;
    restart_list = trouble && trouble->code == ErrorCode::Gone;
  }
};

Reflector::Reflector(Options options, ReflectorSink& sink, Rng& rng)
    : impl_(std::make_unique<Impl>(std::move(options), sink, rng)) {}
Reflector::~Reflector() = default;

Reflector::Step Reflector::next(MonoTime now) {
  return impl_->next(now);
}

void Reflector::submitted(RequestToken token) {
  impl_->token = token;
}

std::optional<RequestToken> Reflector::token() const {
  return impl_->token;
}

void Reflector::on_event(const TransportEvent& event, MonoTime now) {
  if (!impl_->token || *impl_->token != event.token) return;  // late news of a request we gave up
  if (impl_->state == Impl::State::Listing) {
    impl_->on_list_event(event, now);
  } else if (impl_->state == Impl::State::Watching) {
    impl_->on_watch_event(event, now);
  }
}

void Reflector::server_answers(MonoTime now) {
  Impl& self = *impl_;
  const bool unreached = self.last_error && !self.last_error->retry_after &&
                         (self.last_error->code == ErrorCode::Unavailable ||
                          self.last_error->code == ErrorCode::Timeout);
  if (!unreached || !self.not_before) return;
  self.not_before = std::min(*self.not_before, now + with_jitter(kBackoffFirst, self.rng));
}

bool Reflector::synced() const {
  return impl_->synced;
}
const std::string& Reflector::resource_version() const {
  return impl_->resource_version;
}
const std::optional<Error>& Reflector::last_error() const {
  return impl_->last_error;
}
bool Reflector::forbidden() const {
  return impl_->forbidden;
}

}  // namespace sluice::kube
