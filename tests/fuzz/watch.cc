// What comes from the API server. The first line says what the rest is: "watch" (lines of a watch),
// "list" (the body of a list), "merge", "json" and "strategic" (a document in one line, a patch for
// it in the next).
#include <memory>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"
#include "kube/cache/store.h"
#include "kube/json/json.h"
#include "kube/json/patch.h"
#include "kube/model/objects.h"
#include "kube/model/resources.h"
#include "kube/watch/reflector.h"
#include "tests/fuzz/fuzz.h"

namespace sluice::kube {
namespace {

using fuzz::expect;
using Kind = TransportEvent::Kind;

// Two caches of the same news: one keeps every view, the other puts all but one to rest. And a
// record of the news themselves.
class Cache final : public ReflectorSink {
 public:
  Cache() { resting_.rest_unread(1, &decode_replica_set); }

  void on_upsert(Node object) override {
    const ReplicaSet set = decode_replica_set(object);
    log += "+" + set.meta.key.text() + "@" + set.meta.resource_version + "\n";
    const bool seen = awake_.upsert(set);
    expect(seen == resting_.upsert(set), "views at rest do not change what is news");
  }
  void on_delete(Node object) override {
    const Meta meta = decode_meta(object);
    log += "-" + meta.key.text() + "\n";
    const bool seen = awake_.erase(meta.key, meta.uid);
    expect(seen == resting_.erase(meta.key, meta.uid), "views at rest do not change what is lost");
  }
  void on_list_started() override {
    log += "[\n";
    awake_.list_started();
    resting_.list_started();
  }
  void on_list_finished() override {
    log += "]\n";
    awake_.list_finished([](const ReplicaSet&) {});
    resting_.list_finished([](const ReplicaSet&) {});
  }
  // What a reader sees.
  std::string content() const {
    const std::string out = text(awake_);
    expect(out == text(resting_), "views at rest do not change what is read",
           out + "\n" + text(resting_));
    return out;
  }

  std::string log;

 private:
  static std::string text(const Store<ReplicaSet>& store) {
    std::string out;
    store.each([&](const ReplicaSet& set) {
      out += set.meta.key.text() + " " + set.meta.uid + " " + set.meta.resource_version + " " +
             std::to_string(set.replicas) + " " + *set.raw + "\n";
    });
    return out;
  }

  Store<ReplicaSet> awake_, resting_;
};

// A Reflector with an owner and a server that says what it is told to.
class Player {
 public:
  void play_list(std::string_view body) {
    ask();
    feed(Kind::Response, body);
  }
  void open_watch() {
    play_list(R"({"metadata":{"resourceVersion":"5"},"items":[{"metadata":{"name":"a",)"
              R"("namespace":"shop","uid":"u1","resourceVersion":"4"}}]})");
    ask();
    feed(Kind::StreamOpened, "");
  }
  void feed(Kind kind, std::string_view body) {
    TransportEvent event;
    event.token = token_;
    event.kind = kind;
    event.response.status = 200;
    event.response.body = std::string(body);
    reflector_.on_event(event, now_);
  }
  // Everything that others can see.
  std::string state() const {
    return cache_.log + cache_.content() + reflector_.resource_version() +
           (reflector_.token() ? " open" : " given up") + (reflector_.synced() ? " synced" : "") +
           (reflector_.last_error() ? " " + reflector_.last_error()->message : "");
  }
  // Whatever was said, the Reflector goes on: sooner or later it asks again.
  void expect_goes_on() {
    if (reflector_.token()) return;
    auto step = reflector_.next(now_);
    if (!step.request) {
      expect(step.wait_until.has_value(), "it asks, or says when it will");
      expect(reflector_.next(*step.wait_until).request.has_value(), "it asks when it said");
    }
  }

 private:
  void ask() {
    expect(reflector_.next(now_).request.has_value(), "nothing went wrong yet, so it asks at once");
    reflector_.submitted(++token_);
  }

  Cache cache_;
  SeededRng rng_{1};
  Reflector reflector_{{.type = kReplicaSets}, cache_, rng_};
  RequestToken token_ = 0;
  MonoTime now_{};
};

// The same bytes in one piece and in many: nobody can tell.
void check_watch(std::string_view bytes) {
  Player whole, pieces;
  whole.open_watch();
  pieces.open_watch();
  whole.feed(Kind::StreamData, bytes);
  SeededRng rng(fnv1a64(bytes));
  for (std::string_view rest = bytes; !rest.empty();) {
    // Mostly a few bytes, now and then whole lines: both ends of a line are places to break.
    const auto size =
        1 + rng.below(rng.chance(0.5) ? std::min<std::size_t>(rest.size(), 8) : rest.size());
    pieces.feed(Kind::StreamData, rest.substr(0, size));
    rest.remove_prefix(size);
  }
  expect(whole.state() == pieces.state(), "how a stream is cut does not matter",
         whole.state() + "\n---- in pieces\n" + pieces.state());
  whole.expect_goes_on();
}

void check_list(std::string_view body) {
  Player player;
  player.play_list(body);
  (void)player.state();
  player.expect_goes_on();
}

// What a document is does not depend on who reads it.
void check_readers(std::string_view text, const Json& json) {
  const auto document = Document::parse(text);
  if (!document) return;  // the fast reader refuses more (numbers beyond 64 bits)
  const auto again = parse_json(document->root().raw());
  expect(again.has_value(), "what a node writes can be read");
  expect(*again == json, "both readers read the same", dump(*again) + "\n" + dump(json));
  const auto echo = parse_json(dump(json));
  expect(echo && *echo == json, "what is written is what was read", dump(json));
}

void check_merge(const Json& from, const Json& patch) {
  Json to = from;
  apply_merge_patch(to, patch);
  Json result = from;
  apply_merge_patch(result, merge_patch_diff(from, to));
  expect(result == to, "the difference leads from one to the other",
         dump(result) + "\n" + dump(to));
  Json twice = to;
  apply_merge_patch(twice, patch);
  expect(twice == to, "a merge patch may be sent twice", dump(twice) + "\n" + dump(to));
}

void check_patch(std::string_view kind, std::string_view rest) {
  const std::string_view first = fuzz::take_line(rest);
  const auto target = parse_json(first);
  const auto patch = parse_json(fuzz::take_line(rest));
  if (target) check_readers(first, *target);
  if (!target || !patch) return;
  Json result = *target;
  if (kind == "json") {
    if (const auto done = apply_json_patch(result, *patch); !done)
      expect(!done.error().message.empty(), "an error says what is wrong");
  } else if (kind == "strategic") {
    if (const auto done = apply_strategic_patch(result, *patch, builtin_strategic_schema()); !done)
      expect(!done.error().message.empty(), "an error says what is wrong");
  } else {
    check_merge(*target, *patch);
  }
  (void)dump(result);
}

}  // namespace
}  // namespace sluice::kube

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  std::string_view text = fuzz::text_of(data, size);
  const std::string_view kind = fuzz::take_line(text);
  if (kind == "watch") {
    kube::check_watch(text);
  } else if (kind == "list") {
    kube::check_list(text);
  } else {
    kube::check_patch(kind, text);
  }
  return 0;
}
