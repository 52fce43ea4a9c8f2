#pragma once
// What the tests of cli/ share: a clock under the test's hand, an API server made of a list of
// objects, and a process around a command whose output is kept.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>

#include "base/strings.h"
#include "cli/objects.h"
#include "cli/run.h"
#include "kube/json/json.h"

namespace sluice::cli::test {

using kube::Json;

inline WallTime at(std::string_view text) {
  const auto time = parse_rfc3339(text);
  EXPECT_TRUE(time) << text;
  return time.value_or(WallTime{});
}

class ManualClock final : public Clock {
 public:
  WallTime wall_now() override { return wall; }
  MonoTime mono_now() override { return MonoTime(Micros(1'000'000)) + passed; }
  void advance(Micros by) {
    wall += by;
    passed += by;
  }
  WallTime wall = at("2026-11-21T14:30:00Z");
  Micros passed{0};
};

class FakeFiles final : public Files {
 public:
  Result<std::string> read(const std::string& path) override {
    return fail(ErrorCode::NotFound, path);
  }
  std::string env(const std::string& name) override { return get_or(environment, name); }
  StringMap environment;
};

inline http::Response status_response(int code, const std::string& reason,
                                      const std::string& message, const std::string& name = "") {
  const Json body = {
      {"kind", "Status"}, {"apiVersion", "v1"}, {"status", "Failure"},        {"code", code},
      {"reason", reason}, {"message", message}, {"details", {{"name", name}}}};
  return {code, {}, body.dump()};
}
inline http::Response not_served() {
  return status_response(404, "NotFound", "the server could not find the requested resource");
}

// Collection path of an object: "/apis/apps/v1/namespaces/shop/replicasets".
inline std::string collection_of(const Json& object) {
  static const std::map<std::string, std::string> plural = {
      {"Rollout", "rollouts"},         {"ReplicaSet", "replicasets"}, {"Pod", "pods"},
      {"AnalysisRun", "analysisruns"}, {"Experiment", "experiments"}, {"Deployment", "deployments"},
      {"PodTemplate", "podtemplates"}};
  const auto it = plural.find(kube::get_string(object, "kind"));
  if (it == plural.end()) return {};
  const std::string version = kube::get_string(object, "apiVersion");
  return (version.find('/') == std::string::npos ? "/api/" : "/apis/") + version + "/namespaces/" +
         kube::get_string(object, "metadata.namespace") + "/" + it->second;
}

// Answers GET, list and watch from its objects; PATCH and PUT with 200 unless something else is
// scripted. Time passes only in poll(), and only when there is nothing to deliver.
class FakeServer final : public Transport {
 public:
  explicit FakeServer(ManualClock& clock) : clock_(clock) {}

  RequestToken submit(http::Request request) override {
    const RequestToken token = ++last_token_;
    requests.push_back(request);
    const std::string path = request.url.substr(0, request.url.find('?'));
    if (auto& answers = scripted[request.method + " " + path]; !answers.empty()) {
      deliver(token, TransportEvent::Kind::Response, answers.front());
      if (answers.size() > 1 || once) answers.pop_front();
      return token;
    }
    if (down) {
      TransportEvent event;
      event.token = token;
      event.error = down_error;
      ready_.push_back(event);
      return token;
    }
    if (request.stream) {
      watches_[token] = path;
      deliver(token, TransportEvent::Kind::StreamOpened, {200, {}, ""});
    } else {
      deliver(token, TransportEvent::Kind::Response,
              request.method == "GET" ? read(path, request.url) : http::Response{200, {}, "{}"});
    }
    return token;
  }
  void cancel(RequestToken token) override { watches_.erase(token); }
  void wake() override {}
  void poll(std::vector<TransportEvent>& out, Millis wait) override {
    if (++polls > 100'000) throw std::runtime_error("the command does not end");
    if (ready_.empty()) pass(wait);
    out.insert(out.end(), ready_.begin(), ready_.end());
    ready_.clear();
  }

  // At that time after the start, once.
  void later(Micros when, std::function<void()> what) { later_.emplace(when, std::move(what)); }
  // Stores the object and tells the watches.
  void change(const Json& object) {
    for (auto& old : objects)
      if (collection_of(old) == collection_of(object) && name_of(old) == name_of(object))
        old = object;
    tell("MODIFIED", object);
  }
  void remove(Json object) {
    std::erase_if(objects, [&](const Json& old) {
      return collection_of(old) == collection_of(object) && name_of(old) == name_of(object);
    });
    tell("DELETED", object);
  }
  void break_watches() {
    const auto all = std::exchange(watches_, {});
    for (const auto& [token, path] : all) {
      TransportEvent event;
      event.token = token;
      event.error = {ErrorCode::Unavailable, "connection reset", {}};
      ready_.push_back(event);
    }
  }

  // "PATCH /path?query {body}" of everything that is not a GET; `fieldManager` left out.
  [[nodiscard]] std::vector<std::string> writes() const {
    std::vector<std::string> out;
    for (const auto& request : requests)
      if (request.method != "GET")
        out.push_back(request.method + " " + request.url.substr(0, request.url.find('?')) + " " +
                      request.body);
    return out;
  }

  std::vector<Json> objects;
  std::map<std::string, std::deque<http::Response>>
      scripted;  // the last answer stays, unless `once`
  std::vector<http::Request> requests;
  bool once = false, down = false;
  Error down_error{ErrorCode::Unavailable, "connection refused", {}};
  int polls = 0;

 private:
  static std::string name_of(const Json& object) {
    return kube::get_string(object, "metadata.name");
  }

  void tell(const char* type, Json object) {
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    const Json line = {{"type", type}, {"object", object}};
    for (const auto& [token, path] : watches_)
      if (path == collection_of(object))
        deliver(token, TransportEvent::Kind::StreamData, {200, {}, line.dump() + "\n"});
  }

  void deliver(RequestToken token, TransportEvent::Kind kind, http::Response response) {
    TransportEvent event;
    event.token = token;
    event.kind = kind;
    event.response = std::move(response);
    ready_.push_back(std::move(event));
  }

  void pass(Micros wait) {
    const Micros end = clock_.passed + wait;
    while (!later_.empty() && later_.begin()->first <= end && ready_.empty()) {
      if (later_.begin()->first > clock_.passed)
        clock_.advance(later_.begin()->first - clock_.passed);
      const auto what = later_.begin()->second;
      later_.erase(later_.begin());
      what();
    }
    if (ready_.empty() && end > clock_.passed) clock_.advance(end - clock_.passed);
  }

  http::Response read(const std::string& path, const std::string& url) {
    const auto target = http::parse_target(url);
    Json items = Json::array();
    for (const auto& object : objects) {
      const std::string collection = collection_of(object);
      if (collection.empty()) continue;
      if (path == collection + "/" + name_of(object)) return {200, {}, object.dump()};
      const bool everywhere =
          collection.substr(collection.rfind('/')) == path.substr(path.rfind('/')) &&
          path.find("/namespaces/") == std::string::npos;
      if (path != collection && !everywhere) continue;
      const auto* fields = target.param("fieldSelector");
      if (fields == nullptr || *fields == "metadata.name=" + name_of(object))
        items.push_back(object);
    }
    const std::string name = path.substr(path.rfind('/') + 1);
    if (is_object_path(path))
      return status_response(404, "NotFound", resource_of(path) + " \"" + name + "\" not found",
                             name);
    return {200,
            {},
            Json{{"kind", "List"}, {"metadata", {{"resourceVersion", "100"}}}, {"items", items}}
                .dump()};
  }
  static bool is_object_path(const std::string& path) {
    const auto segments = http::parse_target(path)
                              .segments;  // apis/G/V/namespaces/N/R/name, api/V/namespaces/N/R/name
    std::size_t count = 0;
    for (const auto& segment : segments) count += segment.empty() ? 0 : 1;
    return count == (path.rfind("/apis/", 0) == 0 ? 7U : 6U);
  }
  static std::string resource_of(const std::string& path) {
    const auto parts = split(path, '/');  // "", apis, G, V, namespaces, N, R, name
    return path.rfind("/apis/", 0) == 0 ? parts[6] + "." + parts[2] : parts[5];
  }

  ManualClock& clock_;
  RequestToken last_token_ = 0;
  int version_ = 100;
  std::deque<TransportEvent> ready_;
  std::map<RequestToken, std::string> watches_;
  std::multimap<Micros, std::function<void()>> later_;
};

// A process around a command.
struct Shell {
  ManualClock clock;
  FakeFiles files;
  SeededRng rng{7};
  std::shared_ptr<FakeServer> server = std::make_shared<FakeServer>(clock);
  std::string ns = "shop", program = "kubectl-argo-rollouts";
  std::string out, err;
  bool terminal = false, interrupted = false;
  int connections = 0;
  GlobalOptions seen;

  int run(const std::vector<std::string>& args) {
    out.clear();
    err.clear();
    Environment env{clock,
                    rng,
                    files,
                    [this](std::string_view t) { out += t; },
                    [this](std::string_view t) { err += t; },
                    terminal,
                    [this](const GlobalOptions& global) -> Result<Connection> {
                      ++connections;
                      seen = global;
                      return Connection{
                          server, "https://api.example",
                          global.kube.namespace_.empty() ? ns : global.kube.namespace_};
                    },
                    [](Transport&) {},
                    [this] { return interrupted; }};
    return cli::run(env, program, args);
  }
};

inline std::vector<Json> fixture(const std::string& name) {
  std::ifstream file(std::string(SLUICE_SOURCE_DIR) + "/tests/fixtures/takeover/" + name + ".json");
  std::stringstream text;
  text << file.rdbuf();
  const auto document = kube::parse_json(text.str());
  EXPECT_TRUE(document) << name;
  std::vector<Json> out;
  if (!document) return out;
  if (const Json* list = kube::find(*document, "objects"))
    for (const auto& object : *list) out.push_back(object);
  return out;
}

inline Json parse(const std::string& text) {
  auto out = kube::parse_json(text);
  EXPECT_TRUE(out) << text;
  return out ? *out : Json();
}

inline api::Rollout rollout_of(const Json& object) {
  const auto document = kube::Document::parse(object.dump());
  EXPECT_TRUE(document);
  return api::decode_rollout(document->root());
}

}  // namespace sluice::cli::test
