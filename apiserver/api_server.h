#pragma once
// A Kubernetes API server as a pure handler: requests in, responses and watch lines out, time from
// a Clock. One body of code serves the simulator (virtual time), `sluice cluster` (HTTPS on
// loopback) and the demo. The norm is the real kube-apiserver: the conformance suite runs against
// both.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/seams.h"
#include "kube/json/json_fwd.h"
#include "kube/model/meta.h"
#include "kube/request/request.h"

namespace sluice::apiserver {

using kube::Json;

struct Caller {
  std::string user = "system:admin";
  std::string user_agent;
};

// One line per request that was answered; the demo and the cost tests count these.
struct AuditEntry {
  WallTime time{};
  std::string user, user_agent, verb;  // get list watch create update patch delete deletecollection
  std::string group, resource, subresource, namespace_, name;
  int code = 0;
  bool changed = false;  // the stored state moved
};

struct Change {
  enum class Kind { Added, Modified, Deleted };
  Kind kind = Kind::Added;
  std::string group, resource;
  kube::ObjectKey key;
  std::shared_ptr<const Json> object;    // the state after the change; for Deleted the last state
  std::shared_ptr<const Json> previous;  // nullptr for Added
};

class WatchSink {
 public:
  virtual ~WatchSink() = default;
  virtual void on_bytes(std::string_view ndjson) = 0;  // whole lines
  virtual void on_end() = 0;                           // the server ends the watch in good order
};
using WatchId = std::uint64_t;

class ApiServer {
 public:
  // CRDs compiled once and shared by many servers (the simulator makes one server per run).
  struct CompiledCrd {
    std::shared_ptr<const Json> object;
    std::shared_ptr<const void> definition;
  };
  struct CrdBundle {
    std::vector<CompiledCrd> list;
  };
  // Errors: Invalid, naming the CRD.
  [[nodiscard]] static Result<std::shared_ptr<const CrdBundle>> compile_crds(
      const std::vector<Json>& crds);

  struct Options {
    std::size_t watch_window = 1000;        // changes kept per resource; older watches get 410
    std::string minor = "30";               // /version; the behaviour imitated
    std::shared_ptr<const CrdBundle> crds;  // installed from the start
    bool managed_fields =
        true;  // off: ordinary writes are not recorded in managedFields (cheaper); apply still is
    bool gone_as_http_status =
        false;  // a watch from an expired version: HTTP 410 instead of 200 and an ERROR event
  };
  ApiServer(Clock& clock, Rng& rng, Options options);
  ApiServer(Clock& clock, Rng& rng);
  ~ApiServer();

  // Anything but a watch.
  [[nodiscard]] http::Response handle(const http::Request& request, const Caller& caller = {});
  [[nodiscard]] static bool is_watch(const http::Request& request);
  struct WatchOpened {
    WatchId id = 0;  // 0: refused, see refusal
    http::Response refusal;
    http::Headers headers;  // of the 200 answer
  };
  // Initial events are delivered before this returns; later ones during handle(), tick() and writes
  // below.
  [[nodiscard]] WatchOpened open_watch(const http::Request& request,
                                       std::shared_ptr<WatchSink> sink, const Caller& caller = {});
  void close_watch(WatchId id);
  // Bookmarks, watch timeouts. Returns when to be called next.
  MonoTime tick();
  // Throws all history away, so that every open or resumed watch meets 410 (simulation).
  void expire_watch_windows();

  // In-process access for workload controllers, stages, checkers and tests: no audit, no request
  // parsing, the same rules (defaults, resourceVersion, watch events).
  [[nodiscard]] std::shared_ptr<const Json> get(const kube::ResourceType& type,
                                                const kube::ObjectKey& key) const;
  [[nodiscard]] std::vector<std::shared_ptr<const Json>> list(const kube::ResourceType& type,
                                                              std::string_view ns = "") const;
  [[nodiscard]] Result<Json> write(const kube::Write& write);
  // Called synchronously after each stored change, in order; may not write from inside.
  void on_change(std::function<void(const Change&)> listener);
  void on_audit(std::function<void(const AuditEntry&)> listener);
  [[nodiscard]] std::uint64_t resource_version() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::apiserver
