// The production loop beside a server that says no for a while: what it costs, and what is heard.
#include <deque>

#include "sim/captured_telemetry.h"
#include "sim/server_names.h"
#include "sim/sim_transport.h"
#include "sim/virtual_clock.h"
#include "tests/unit/sim/scenario_fixture.h"
#include "tests/unit/sim/user_world.h"

namespace sluice::sim {
namespace {

using testing::HasSubstr;

// Says 403 to the writes that a test names, and passes everything else on.
class RefusingTransport final : public Transport {
 public:
  explicit RefusingTransport(SimTransport& inner) : inner_(inner) {}
  RequestToken submit(http::Request request) override {
    if (!refuses || !refuses(request)) return inner_.submit(std::move(request));
    ++refused;
    TransportEvent event;
    event.token = kOwn + static_cast<RequestToken>(refused);
    event.kind = TransportEvent::Kind::Response;
    event.response.status = 403;
    event.response.body =
        R"({"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,)"
        R"("message":"is forbidden: exceeded quota"})";
    ready_.push_back(std::move(event));
    return ready_.back().token;
  }
  void cancel(RequestToken token) override {
    if (token < kOwn) inner_.cancel(token);
  }
  void poll(std::vector<TransportEvent>& out, Millis wait) override {
    inner_.poll(out, wait);
    for (auto& event : ready_) out.push_back(std::move(event));
    ready_.clear();
  }
  void wake() override {}
  [[nodiscard]] bool ready() const { return !ready_.empty(); }

  std::function<bool(const http::Request&)> refuses;
  int refused = 0;

 private:
  static constexpr RequestToken kOwn = 1ULL << 40U;
  SimTransport& inner_;
  std::vector<TransportEvent> ready_;
};

// One controller, a cluster, and nothing between them but the refusals.
struct RefusingWorld {
  VirtualClock clock{WallTime(Seconds(1'795'000'000))};
  SeededRng rng{1};
  ApiServer server{clock, rng, server_options()};
  Workloads workloads{server, clock, rng, StageTimes{}};
  CapturedTelemetry telemetry{clock, 2000};
  SimTransport network{server, clock, {}};
  RefusingTransport transport{network};
  std::unique_ptr<loop::Loop> controller;
  MonoTime loop_next{}, workloads_next{};
  int turns = 0;

  RefusingWorld() {
    for (const char* name : {"default", "argo-rollouts"})
      apply({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}});
    loop::Options options;
    options.lease_namespace = "argo-rollouts";
    options.identity = "one";
    controller = std::make_unique<loop::Loop>(options, clock, rng, transport, telemetry);
  }
  static ApiServer::Options server_options() {
    ApiServer::Options out;
    out.crds = checkout_crds();
    return out;
  }
  void apply(const Json& object) {
    const auto status = apply_object(server, object);
    EXPECT_TRUE(status) << status.error().message;
  }
  void run_for(Micros time) {
    const auto end = clock.mono_now() + time;
    while (true) {
      for (bool worked = true; worked;) {
        worked = false;
        const auto now = clock.mono_now();
        if (transport.ready() || network.next_time() <= now || loop_next <= now) {
          std::vector<TransportEvent> events;
          transport.poll(events, Millis(0));
          loop_next = controller->turn(std::move(events));
          ++turns;
          worked = true;
        }
        if (workloads.pending() || workloads_next <= now) {
          workloads_next = workloads.step();
          worked = true;
        }
        server.tick();
      }
      if (clock.mono_now() >= end) return;
      const auto next = std::min({network.next_time(), loop_next, workloads_next});
      clock.advance_to(std::min(end, std::max(next, clock.mono_now() + Micros(1))));
    }
  }
  Json rollout() {
    const auto object = server.get(api::kRollouts, {"default", "web"});
    return object ? *object : Json::object();
  }
  std::string text(const std::string& path) { return kube::get_string(rollout(), path); }
  void patch(const Json& body, const std::string& subresource = "") {
    kube::Write write;
    write.type = api::kRollouts;
    write.key = {"default", "web"};
    write.subresource = subresource;
    write.body = kube::dump(body);
    const auto result = server.write(write);
    EXPECT_TRUE(result) << result.error().message;
  }
  void set_image(const std::string& image) {
    auto object = rollout();
    object["spec"]["template"]["spec"]["containers"][0]["image"] = image;
    patch({{"spec", {{"template", object["spec"]["template"]}}}});
  }
  std::string weight() {
    const auto object = server.get(kube::kIngresses, {"default", "web-web-canary"});
    const auto* found =
        object ? kube::find_path(*object, {"metadata", "annotations",
                                           "nginx.ingress.kubernetes.io/canary-weight"})
               : nullptr;
    return found ? found->get<std::string>() : "";
  }
  int warnings() {
    int out = 0;
    for (const auto& event : server.list(kube::kEvents, "default"))
      if (kube::get_string(*event, "type") == "Warning")
        out += static_cast<int>(kube::get_int(*event, "count", 1));
    return out;
  }
};

bool writes_ingresses(const http::Request& request) {
  return request.method != "GET" && request.url.find("/ingresses") != std::string::npos;
}
bool creates_sets(const http::Request& request) {
  return request.method == "POST" && request.url.find("/replicasets") != std::string::npos;
}

RefusingWorld& routed(RefusingWorld& world) {
  for (const auto* name : {"web-stable", "web-canary"}) world.apply(UserWorld::service(name));
  world.apply(UserWorld::ingress());
  Json strategy = UserWorld::steps_canary();
  strategy.erase("analysis");
  strategy["steps"] =
      Json::array({{{"setWeight", 50}}, {{"pause", {{"duration", "6s"}}}}, {{"setWeight", 75}}});
  world.apply(UserWorld::rollout("web", strategy));
  world.run_for(Seconds(30));
  EXPECT_EQ(world.text("status.phase"), "Healthy");
  world.set_image("web:2");
  return world;
}

// N1: permission to write Ingresses is taken away before setWeight 75, and given back.
TEST(N1, a_weight_is_set_within_seconds_of_the_permission_that_was_away) {
  RefusingWorld world;
  routed(world).run_for(Seconds(7));
  ASSERT_EQ(world.weight(), "50");
  world.transport.refuses = writes_ingresses;
  world.run_for(Seconds(60));
  EXPECT_EQ(world.weight(), "50");
  EXPECT_EQ(world.text("status.phase"), "Progressing");
  EXPECT_THAT(world.text("status.message"), HasSubstr("exceeded quota"));
  world.transport.refuses = nullptr;
  world.run_for(Seconds(14));
  EXPECT_NE(world.weight(), "50");
}

TEST(N1, an_abort_takes_users_off_within_seconds_of_the_permission_that_was_away) {
  RefusingWorld world;
  routed(world).run_for(Seconds(7));
  world.transport.refuses = writes_ingresses;
  world.run_for(Seconds(60));
  world.patch({{"status", {{"abort", true}}}}, "status");
  world.run_for(Seconds(2));
  EXPECT_EQ(world.text("status.phase"), "Degraded") << "the person is heard meanwhile";
  EXPECT_EQ(world.weight(), "50");
  world.transport.refuses = nullptr;
  world.run_for(Seconds(14));
  EXPECT_EQ(world.weight(), "0");
}

// With the permission back the abort's own weight does not wait for the other one's turn.
TEST(N1, an_abort_is_sent_at_once_though_an_older_weight_was_refused) {
  RefusingWorld world;
  routed(world).run_for(Seconds(7));
  world.transport.refuses = writes_ingresses;
  world.run_for(Seconds(60));
  world.transport.refuses = nullptr;
  world.patch({{"status", {{"abort", true}}}}, "status");
  world.run_for(Millis(100));
  EXPECT_EQ(world.weight(), "0");
}

TEST(N1, an_hour_without_room_for_a_replica_set_costs_some_hundred_requests_and_one_event) {
  RefusingWorld world;
  routed(world);
  const auto warnings = world.warnings();
  world.transport.refuses = creates_sets;
  world.set_image("web:3");
  world.run_for(Seconds(5));
  const auto turns = world.turns;
  const auto version = world.text("metadata.resourceVersion");
  world.run_for(Seconds(3600));
  EXPECT_GT(world.transport.refused, 300) << "nobody asks any more";
  EXPECT_LT(world.transport.refused, 500);
  EXPECT_LT(world.turns - turns, 12'000) << "the Lease, bookmarks, and a few turns for each try";
  EXPECT_EQ(world.warnings() - warnings, 1);
  EXPECT_THAT(world.text("status.message"), HasSubstr("exceeded quota"));
  EXPECT_EQ(world.text("status.observedGeneration"),
            std::to_string(kube::get_int(world.rollout(), "metadata.generation")));
  world.transport.refuses = nullptr;
  world.run_for(Seconds(60));
  EXPECT_EQ(world.text("status.phase"), "Healthy") << world.rollout()["status"].dump(1);
}

}  // namespace
}  // namespace sluice::sim
