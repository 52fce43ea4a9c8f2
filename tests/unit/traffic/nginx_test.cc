// The nginx router (traffic.md §3.1, §5.3).
#include <gtest/gtest.h>

#include "api/keys.h"
#include "kube/json/json.h"
#include "kube/json/patch.h"
#include "kube/model/resources.h"
#include "traffic/nginx/canary_object.h"
#include "traffic/nginx/nginx.h"

namespace sluice::traffic::nginx {
namespace {

const char* const kStable = R"({"apiVersion":"networking.k8s.io/v1","kind":"Ingress",
  "metadata":{"name":"shop-ing","namespace":"ns","uid":"u-s","resourceVersion":"1",
    "annotations":{"nginx.ingress.kubernetes.io/rewrite-target":"/"}},
  "spec":{"ingressClassName":"nginx","defaultBackend":{"service":{"name":"fallback","port":{"number":1}}},
    "tls":[{"hosts":["shop.example.com"],"secretName":"shop-tls"}],
    "rules":[
      {"host":"shop.example.com","http":{"paths":[
        {"path":"/","pathType":"Prefix","backend":{"service":{"name":"shop-stable","port":{"number":80}}}},
        {"path":"/img","pathType":"Prefix","backend":{"service":{"name":"images","port":{"number":80}}}}]}},
      {"host":"admin.example.com","http":{"paths":[
        {"path":"/","pathType":"Prefix","backend":{"service":{"name":"admin","port":{"number":80}}}}]}}]}})";

kube::Json json(std::string_view text) {
  auto parsed = kube::parse_json(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(kube::Json());
}

std::shared_ptr<const kube::Object> ingress(const kube::Json& object) {
  const auto document = kube::Document::parse(kube::dump(object));
  EXPECT_TRUE(document);
  return std::make_shared<kube::Object>(kube::decode_object(document->root()));
}

struct World {
  api::Rollout rollout;
  api::NginxRouting routing;
  Wish split;
  kube::Objects objects;
  Options options;

  World() {
    rollout.meta.key = {"ns", "shop"};
    rollout.meta.uid = "u-r";
    rollout.spec.canary.emplace();
    rollout.spec.canary->traffic_routing.emplace();
    routing.stable_ingress = "shop-ing";
    split.canary_weight = 15;
    split.canary_service = "shop-canary";
    split.stable_service = "shop-stable";
    put(json(kStable));
  }
  void put(const kube::Json& object) {
    put(kube::get_string(object, "metadata.name"), ingress(object));
  }
  void put(const std::string& name, std::shared_ptr<const kube::Object> object) {
    objects[{kube::kIngresses, {"ns", name}}] = std::move(object);
  }
  // The Rollout as a user would write it.
  [[nodiscard]] api::Rollout user() const {
    auto out = rollout;
    out.spec.canary->traffic_routing->nginx = routing;
    out.spec.canary->stable_service = split.stable_service;
    return out;
  }
  [[nodiscard]] RouteState state() const { return router().state(user(), objects); }
  [[nodiscard]] RoutePlan release(bool configured = true) const {
    auto out = user();
    if (!configured) out.spec.canary->traffic_routing.reset();
    return router().release(out, objects);
  }
  [[nodiscard]] std::optional<std::string> problem() const {
    auto out = router().problem(user(), objects);
    if (!out) return std::nullopt;
    return std::move(out->text);
  }
  [[nodiscard]] Result<RoutePlan> plan() const {
    return router().plan(user(), split, objects, options);
  }
  // What the server stores after the plan's writes.
  std::size_t apply() {
    const auto planned = plan();
    EXPECT_TRUE(planned);
    if (!planned) return 0;
    for (const auto& item : planned->writes) apply_one(item.write);
    return planned->writes.size();
  }
  void apply_one(const kube::Write& write) {
    kube::Json body = json(write.body);
    if (write.verb == kube::Verb::Create) {
      body["metadata"]["uid"] = "u-" + write.key.name;
      body["metadata"]["resourceVersion"] = "7";
      put(body);
      return;
    }
    ASSERT_EQ(write.verb, kube::Verb::MergePatch);
    kube::Json object = live(write.key.name);
    kube::apply_merge_patch(object, body);
    put(object);
  }
  [[nodiscard]] kube::Json live(const std::string& name) const {
    const auto found = objects.find({kube::kIngresses, {"ns", name}});
    EXPECT_NE(found, objects.end()) << name;
    return found == objects.end() ? kube::Json() : json(*found->second->raw);
  }
  void edit(const std::string& name, const kube::Json& patch) {
    kube::Json object = live(name);
    kube::apply_merge_patch(object, patch);
    put(object);
  }
  [[nodiscard]] std::string annotation(const std::string& name, const std::string& key) const {
    const auto object = live(name);
    const auto* value = kube::find_path(object, {"metadata", "annotations", key});
    return value != nullptr && value->is_string() ? value->get<std::string>() : "(none)";
  }
};
const std::string kCanary = "shop-shop-ing-canary";
const std::string kPrefix = "nginx.ingress.kubernetes.io/";

TEST(NginxCreate, makes_the_canary_ingress_of_the_example) {
  World world;
  world.routing.additional_ingress_annotations = {{"canary-by-header", "X-Canary"}};
  const auto plan = world.plan();
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->writes.size(), 1U);
  const auto& write = plan->writes[0].write;
  EXPECT_EQ(write.type, kube::kIngresses);
  EXPECT_EQ(write.verb, kube::Verb::Create);
  EXPECT_EQ(write.key, (kube::ObjectKey{"ns", kCanary}));
  EXPECT_EQ(json(write.body), json(R"({"apiVersion":"networking.k8s.io/v1","kind":"Ingress",
    "metadata":{"name":"shop-shop-ing-canary","namespace":"ns",
      "annotations":{"nginx.ingress.kubernetes.io/canary":"true","nginx.ingress.kubernetes.io/canary-by-header":"X-Canary",
        "nginx.ingress.kubernetes.io/canary-weight":"15",
        "sluice/applied-annotations":"[\"nginx.ingress.kubernetes.io/canary-by-header\"]"},
      "ownerReferences":[{"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout","name":"shop","uid":"u-r","controller":true,
        "blockOwnerDeletion":true}]},
    "spec":{"ingressClassName":"nginx","tls":[{"hosts":["shop.example.com"],"secretName":"shop-tls"}],
      "rules":[{"host":"shop.example.com","http":{"paths":[
        {"path":"/","pathType":"Prefix","backend":{"service":{"name":"shop-canary","port":{"number":80}}}},
        {"path":"/img","pathType":"Prefix","backend":{"service":{"name":"images","port":{"number":80}}}}]}}]}})"));
  EXPECT_EQ(write.purpose, kSetWeights);
  EXPECT_EQ(plan->writes[0].event.reason, "CreatingCanaryIngress");
  EXPECT_EQ(plan->writes[0].event.message,
            "Creating canary ingress `shop-shop-ing-canary` with weight `15`");
  EXPECT_EQ(world.state().verify.verified, std::nullopt);
}

TEST(NginxCreate, happens_at_weight_zero_too) {
  World world;
  world.split.canary_weight = 0;
  EXPECT_EQ(world.apply(), 1U);
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "canary-weight"), "0");
  EXPECT_EQ(world.annotation(kCanary, std::string(kAppliedAnnotations)), "(none)");
  EXPECT_EQ(world.apply(), 0U);
}

TEST(NginxUpdate, patches_only_what_differs) {
  World world;
  world.apply();
  EXPECT_EQ(world.apply(), 0U);
  world.split.canary_weight = 50;
  const auto plan = world.plan();
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->writes.size(), 1U);
  EXPECT_EQ(plan->writes[0].write.verb, kube::Verb::MergePatch);
  EXPECT_EQ(plan->writes[0].write.body,
            R"({"metadata":{"annotations":{"nginx.ingress.kubernetes.io/canary-weight":"50"}}})");
  EXPECT_EQ(plan->writes[0].write.uid, "u-" + kCanary);
  EXPECT_EQ(plan->writes[0].write.resource_version, "7");
  EXPECT_EQ(plan->writes[0].event.reason, "PatchingCanaryIngress");
  EXPECT_EQ(plan->writes[0].event.message,
            "Updating Ingress `shop-shop-ing-canary` to desiredWeight '50'");
}

TEST(NginxUpdate, plans_nothing_for_the_object_the_reference_left) {
  World world;
  world.rollout.meta.key.name = "web";
  world.routing.stable_ingress = "web";
  world.split = {25, 100, "c7cb6565b", "5bd5f557b7", "web-canary", "web-stable", ""};
  world.put(json(
      R"({"metadata":{"name":"web","namespace":"ns"},"spec":{"ingressClassName":"nginx","rules":[{"host":"web.example","http":{"paths":[
    {"backend":{"service":{"name":"web-stable","port":{"number":80}}},"path":"/","pathType":"Prefix"}]}}]},"status":{"loadBalancer":{}}})"));
  world.put(json(
      R"({"metadata":{"annotations":{"nginx.ingress.kubernetes.io/canary":"true","nginx.ingress.kubernetes.io/canary-by-header":"X",
      "nginx.ingress.kubernetes.io/canary-weight":"25"},"generation":1,"name":"web-web-canary","namespace":"ns",
    "ownerReferences":[{"apiVersion":"argoproj.io/v1alpha1","blockOwnerDeletion":true,"controller":true,"kind":"Rollout","name":"web","uid":"u-r"}],
    "resourceVersion":"29296","uid":"ae93"},"spec":{"ingressClassName":"nginx","rules":[{"host":"web.example","http":{"paths":[
    {"backend":{"service":{"name":"web-canary","port":{"number":80}}},"path":"/","pathType":"Prefix"}]}}]},"status":{"loadBalancer":{}}})"));
  world.routing.additional_ingress_annotations = {{"canary-by-header", "X"}};
  EXPECT_EQ(world.apply(), 0U);  // missing bookkeeping alone is no reason to write
  world.split.canary_weight = 50;
  EXPECT_EQ(world.apply(), 1U);
  EXPECT_EQ(world.annotation("web-web-canary", "sluice/applied-annotations"),
            R"(["nginx.ingress.kubernetes.io/canary-by-header"])");
}

TEST(NginxUpdate, follows_the_stable_ingress) {
  World world;
  world.apply();
  world.edit(
      "shop-ing",
      json(R"({"spec":{"tls":[{"hosts":["new.example.com"]}],"ingressClassName":"other"}})"));
  EXPECT_EQ(world.apply(), 1U);
  EXPECT_EQ(world.live(kCanary)["spec"]["tls"], json(R"([{"hosts":["new.example.com"]}])"));
  EXPECT_EQ(world.live(kCanary)["spec"]["ingressClassName"], "other");
  world.edit("shop-ing", json(R"({"spec":{"tls":null}})"));
  EXPECT_EQ(world.apply(), 1U);
  EXPECT_FALSE(world.live(kCanary)["spec"].contains("tls"));
}

TEST(NginxUpdate, never_leaves_a_stale_backend) {
  World world;
  world.apply();
  world.split.canary_service = "shop-canary-2";
  world.split.canary_weight = 15;
  EXPECT_EQ(world.apply(), 1U);
  EXPECT_EQ(
      world.live(kCanary)["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"],
      "shop-canary-2");
  EXPECT_EQ(
      world.live(kCanary)["spec"]["rules"][0]["http"]["paths"][1]["backend"]["service"]["name"],
      "images");
}

TEST(NginxUpdate, restores_what_somebody_edited) {
  World world;
  world.apply();
  world.edit(
      kCanary,
      json(R"({"metadata":{"annotations":{"nginx.ingress.kubernetes.io/canary-weight":"100"}}})"));
  EXPECT_EQ(world.apply(), 1U);
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "canary-weight"), "15");
}

TEST(NginxAnnotations, keep_what_other_tools_add_without_a_loop) {
  World world;
  world.apply();
  world.edit(
      kCanary,
      json(
          R"({"metadata":{"annotations":{"field.cattle.io/publicEndpoints":"[]"},"labels":{"team":"a"}}})"));
  EXPECT_EQ(world.apply(), 0U);
  world.split.canary_weight = 40;
  EXPECT_EQ(world.apply(), 1U);
  EXPECT_EQ(world.annotation(kCanary, "field.cattle.io/publicEndpoints"), "[]");
  EXPECT_EQ(world.live(kCanary)["metadata"]["labels"], json(R"({"team":"a"})"));
}

TEST(NginxAnnotations, disappear_when_they_are_taken_out_of_the_rollout) {
  World world;
  world.routing.additional_ingress_annotations = {{"canary-by-header", "X"},
                                                  {"canary-by-cookie", "c"}};
  world.routing.canary_ingress_annotations = {{"example.com/a", "1"}};
  world.apply();
  world.routing.additional_ingress_annotations.erase("canary-by-header");
  world.routing.canary_ingress_annotations.clear();
  EXPECT_EQ(world.apply(), 1U);
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "canary-by-header"), "(none)");
  EXPECT_EQ(world.annotation(kCanary, "example.com/a"), "(none)");
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "canary-by-cookie"), "c");
  world.routing.additional_ingress_annotations.clear();
  EXPECT_EQ(world.apply(), 1U);
  EXPECT_EQ(world.annotation(kCanary, "sluice/applied-annotations"), "(none)");
  EXPECT_EQ(world.apply(), 0U);
}

TEST(NginxAnnotations, survive_bookkeeping_that_is_not_ours) {
  World world;
  world.apply();
  for (const char* text : {"not json", "{}", "[1,{}]"}) {
    world.edit(kCanary,
               kube::Json{{"metadata", {{"annotations", {{"sluice/applied-annotations", text}}}}}});
    EXPECT_EQ(world.apply(), 1U) << text;
    EXPECT_EQ(world.annotation(kCanary, kPrefix + "canary"), "true") << text;
  }
}

TEST(NginxAnnotations, get_the_prefix_once) {
  World world;
  world.routing.additional_ingress_annotations = {
      {"nginx.ingress.kubernetes.io/canary-by-header", "X"}};
  world.apply();
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "canary-by-header"), "X");
  EXPECT_EQ(world.annotation(kCanary, kPrefix + kPrefix + "canary-by-header"), "(none)");
}

TEST(NginxAnnotations, of_the_canary_map_win_but_never_over_weight) {
  World world;
  world.routing.additional_ingress_annotations = {{"canary-by-header", "A"}, {"canary", "false"}};
  world.routing.canary_ingress_annotations = {{kPrefix + "canary-by-header", "B"},
                                              {kPrefix + "canary-weight", "99"}};
  world.apply();
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "canary-by-header"), "B");
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "canary-weight"), "15");
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "canary"), "true");
  EXPECT_EQ(world.annotation(kCanary, "sluice/applied-annotations"),
            R"(["nginx.ingress.kubernetes.io/canary-by-header"])");
  EXPECT_EQ(world.apply(), 0U);
}

TEST(NginxAnnotations, use_the_prefix_of_the_rollout) {
  World world;
  world.routing.annotation_prefix = "custom.example.com";
  world.apply();
  EXPECT_EQ(world.annotation(kCanary, "custom.example.com/canary-weight"), "15");
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "canary-weight"), "(none)");
  EXPECT_EQ(world.state().weight, 15);
}

TEST(NginxAnnotations, carry_the_total_only_while_the_rollout_sets_one) {
  World world;
  world.rollout.spec.canary->traffic_routing->max_traffic_weight = 1000;
  world.split.max_weight = 1000;
  world.split.canary_weight = 5;
  world.apply();
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "canary-weight-total"), "1000");
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "canary-weight"), "5");
  world.rollout.spec.canary->traffic_routing->max_traffic_weight.reset();
  world.split.max_weight = 100;
  EXPECT_EQ(world.apply(), 1U);
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "canary-weight-total"), "(none)");
  // Also when another controller wrote it, and nobody keeps books.
  world.edit(
      kCanary,
      json(
          R"({"metadata":{"annotations":{"nginx.ingress.kubernetes.io/canary-weight-total":"7"}}})"));
  EXPECT_EQ(world.apply(), 1U);
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "canary-weight-total"), "(none)");
}

TEST(NginxAnnotations, carry_the_class_of_an_ingress_without_a_class_name) {
  World world;
  world.edit(
      "shop-ing",
      json(
          R"({"metadata":{"annotations":{"kubernetes.io/ingress.class":"nginx"}},"spec":{"ingressClassName":null}})"));
  world.apply();
  EXPECT_EQ(world.annotation(kCanary, "kubernetes.io/ingress.class"), "nginx");
  EXPECT_FALSE(world.live(kCanary)["spec"].contains("ingressClassName"));
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "rewrite-target"), "(none)");
}

TEST(NginxAnnotations, of_the_class_leave_when_the_stable_ingress_moves_to_a_class_name) {
  World world;
  world.edit(
      "shop-ing",
      json(
          R"({"metadata":{"annotations":{"kubernetes.io/ingress.class":"nginx"}},"spec":{"ingressClassName":null}})"));
  world.apply();
  world.edit(
      "shop-ing",
      json(
          R"({"metadata":{"annotations":{"kubernetes.io/ingress.class":null}},"spec":{"ingressClassName":"internal"}})"));
  EXPECT_EQ(world.apply(), 1U);
  EXPECT_EQ(world.annotation(kCanary, "kubernetes.io/ingress.class"), "(none)");
  EXPECT_EQ(world.live(kCanary)["spec"]["ingressClassName"], "internal");
  EXPECT_EQ(world.apply(), 0U);
  // One that the Rollout asks for stays.
  world.routing.canary_ingress_annotations["kubernetes.io/ingress.class"] = "special";
  EXPECT_EQ(world.apply(), 1U);
  EXPECT_EQ(world.annotation(kCanary, "kubernetes.io/ingress.class"), "special");
}

TEST(NginxVerdict, travels_in_the_write_that_cuts_and_goes_when_recorded) {
  World world;
  world.apply();
  world.split.canary_weight = 0;
  world.split.abort_verdict = R"({"message":"bad"})";
  const auto plan = world.plan();
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->writes.size(), 1U);
  const auto body = json(plan->writes[0].write.body)["metadata"]["annotations"];
  EXPECT_EQ(body[kPrefix + "canary-weight"], "0");
  EXPECT_EQ(body[std::string(api::kAbortVerdictAnnotation)], R"({"message":"bad"})");
  world.apply();
  EXPECT_EQ(world.state().verdict, R"({"message":"bad"})");
  EXPECT_EQ(world.apply(), 0U);
  world.split.abort_verdict.clear();
  EXPECT_EQ(world.apply(), 1U);
  EXPECT_EQ(world.state().verdict, "");
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "canary-weight"), "0");
}

TEST(NginxVerdict, is_written_with_a_created_object_too) {
  World world;
  world.split.canary_weight = 0;
  world.split.abort_verdict = "x";
  world.apply();
  EXPECT_EQ(world.state().verdict, "x");
}

TEST(NginxVerdict, is_believed_only_on_an_object_of_this_rollout) {
  World world;
  world.split.abort_verdict = "x";
  world.apply();
  world.rollout.meta.uid = "u-another";
  EXPECT_EQ(world.state().verdict, "");
  EXPECT_EQ(world.state().weight, std::nullopt);
}

TEST(NginxOwner, is_never_taken_from_another_object) {
  World world;
  world.apply();
  for (
      const char* owners :
      {"null",
       R"([{"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout","name":"shop","uid":"u-old","controller":true}])",
       R"([{"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout","name":"shop","uid":"u-r"}])"}) {
    world.edit(kCanary, kube::Json{{"metadata", {{"ownerReferences", json(owners)}}}});
    const auto plan = world.plan();
    ASSERT_FALSE(plan) << owners;
    EXPECT_EQ(plan.error().code, ErrorCode::Conflict);
    EXPECT_EQ(plan.error().message,
              "canary ingress `shop-shop-ing-canary` controlled by different object");
  }
}

TEST(NginxSeveral, are_planned_each_for_itself) {
  World world;
  world.routing.stable_ingress.clear();
  world.routing.stable_ingresses = {"gone", "shop-ing", "shop-ing"};
  const auto plan = world.plan();
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->writes.size(), 1U);
  EXPECT_EQ(plan->writes[0].write.key.name, kCanary);
  ASSERT_TRUE(plan->error);
  EXPECT_EQ(plan->error->code, ErrorCode::NotFound);
  EXPECT_NE(plan->error->message.find("error retrieving stableIngress `gone` from cache"),
            std::string::npos);
}

TEST(NginxSeveral, fail_together_with_all_their_names) {
  World world;
  world.routing.stable_ingress.clear();
  world.routing.stable_ingresses = {"gone", "shop-ing"};
  world.split.stable_service = "elsewhere";
  const auto plan = world.plan();
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.error().message.find("`gone`"), std::string::npos);
  EXPECT_NE(
      plan.error().message.find("ingress `shop-ing` has no rules using service elsewhere backend"),
      std::string::npos);
}

TEST(NginxSeveral, report_the_largest_weight) {
  World world;
  auto second = json(kStable);
  second["metadata"]["name"] = "second";
  world.put(second);
  world.routing.stable_ingress.clear();
  world.routing.stable_ingresses = {"shop-ing", "second"};
  EXPECT_EQ(world.state().weight, std::nullopt);
  EXPECT_EQ(world.apply(), 2U);
  world.edit(
      "shop-second-canary",
      json(R"({"metadata":{"annotations":{"nginx.ingress.kubernetes.io/canary-weight":"70"}}})"));
  EXPECT_EQ(world.state().weight, 70);
  world.edit(
      "shop-second-canary",
      json(R"({"metadata":{"annotations":{"nginx.ingress.kubernetes.io/canary-weight":"many"}}})"));
  EXPECT_EQ(world.state().weight, 15);
}

TEST(NginxRules, without_a_path_to_stable_are_an_error_that_names_the_ingress) {
  World world;
  world.split.stable_service = "nobody";
  const auto plan = world.plan();
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, ErrorCode::Invalid);
  EXPECT_EQ(plan.error().message, "ingress `shop-ing` has no rules using service nobody backend");
}

TEST(NginxRules, of_odd_shapes_are_passed_over) {
  World world;
  auto object = json(kStable);
  auto& rules = object["spec"]["rules"];
  rules.push_back(json(R"({"host":"empty.example.com"})"));
  rules.push_back(json(R"({"host":"null.example.com","http":null})"));
  rules.push_back(json(
      R"({"host":"bucket.example.com","http":{"paths":[{"path":"/","pathType":"Prefix","backend":{"resource":{"kind":"Bucket","name":"b"}}}]}})"));
  rules[0]["http"]["paths"].push_back(json(
      R"({"path":"/b","pathType":"Prefix","backend":{"resource":{"kind":"Bucket","name":"b"}}})"));
  world.put(object);
  world.apply();
  const auto spec = world.live(kCanary)["spec"];
  ASSERT_EQ(spec["rules"].size(), 1U);
  EXPECT_EQ(spec["rules"][0]["http"]["paths"][2], rules[0]["http"]["paths"][2]);
  EXPECT_FALSE(spec.contains("defaultBackend"));
}

TEST(NginxName, is_cut_to_253_characters) {
  EXPECT_EQ(canary_ingress_name("shop", "shop-ing"), kCanary);
  const auto name = canary_ingress_name("r", std::string(250, 'x'));
  EXPECT_EQ(name.size(), 253U);
  EXPECT_TRUE(name.ends_with("x-canary"));
  EXPECT_EQ(canary_ingress_name("r", std::string(244, 'x')).size(), 253U);
  EXPECT_EQ(canary_ingress_name("r", std::string(243, 'x')).size(), 252U);
  const auto dotted = canary_ingress_name("r", std::string(243, 'x') + ".yyyyyyyy");
  EXPECT_EQ(dotted.size(), 253U);
  EXPECT_TRUE(dotted.ends_with("x--canary")) << dotted;  // ".-" would be refused
}

TEST(NginxName, that_two_ingresses_share_is_an_error) {
  World world;
  world.routing.stable_ingress.clear();
  world.routing.stable_ingresses = {std::string(250, 'x') + "1", std::string(250, 'x') + "2"};
  const auto plan = world.plan();
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, ErrorCode::Invalid);
  EXPECT_NE(plan.error().message.find("more than one stable ingress"), std::string::npos);
}

TEST(NginxOrphans, go_to_weight_zero) {
  World world;
  world.apply();
  EXPECT_TRUE(world.release().writes.empty());
  const auto removed = world.release(false);
  ASSERT_EQ(removed.writes.size(), 1U);
  EXPECT_EQ(removed.writes[0].write.body,
            R"({"metadata":{"annotations":{"nginx.ingress.kubernetes.io/canary-weight":"0"}}})");
  EXPECT_EQ(removed.writes[0].event.message,
            "Updating Ingress `shop-shop-ing-canary` to desiredWeight '0'");
  world.routing.stable_ingress = "second";
  EXPECT_EQ(world.release().writes.size(), 1U);
  world.apply_one(removed.writes[0].write);
  EXPECT_TRUE(world.release(false).writes.empty());
}

TEST(NginxOrphans, of_other_rollouts_and_plain_ingresses_are_left_alone) {
  World world;
  world.apply();
  world.rollout.meta.uid = "u-another";
  EXPECT_TRUE(world.release(false).writes.empty());
}

TEST(NginxValidation, has_the_texts_of_the_specification) {
  const std::string field = "spec.strategy.canary.trafficRouting.nginx";
  World world;
  const auto check = [&] { return world.problem(); };
  EXPECT_EQ(check(), std::nullopt);
  world.split.stable_service = "nobody";
  EXPECT_EQ(check(), field +
                         ".stableIngress: Invalid value: \"shop-ing\": ingress `shop-ing` has no "
                         "rules using service nobody backend");
  world.routing.stable_ingress = "gone";
  EXPECT_EQ(
      check(),
      field +
          ".stableIngress: Invalid value: \"gone\": ingress.networking.k8s.io \"gone\" not found");
  world.routing.stable_ingresses = {"gone"};
  EXPECT_EQ(check(), field +
                         ": Internal error: Either StableIngress or StableIngresses must be "
                         "configured. Both are configured.");
  world.routing.stable_ingress.clear();
  EXPECT_EQ(check(), field +
                         ".StableIngresses: Invalid value: \"gone\": ingress.networking.k8s.io "
                         "\"gone\" not found");
  world.routing.stable_ingresses = {"shop-ing"};
  EXPECT_EQ(check(), field +
                         ".stableIngresses: Invalid value: \"shop-ing\": ingress `shop-ing` has no "
                         "rules using service nobody backend");
  world.routing.stable_ingresses.clear();
  EXPECT_EQ(check(), field +
                         ": Internal error: Either StableIngress or StableIngresses must be "
                         "configured. Neither are configured.");
}

TEST(NginxMalformed, stable_ingress_is_an_error_and_no_crash) {
  World world;
  auto broken = std::make_shared<kube::Object>();
  broken->meta.key = {"ns", "shop-ing"};
  world.put("shop-ing", broken);  // no raw bytes at all
  ASSERT_FALSE(world.plan());
  EXPECT_EQ(world.plan().error().code, ErrorCode::Decode);
  EXPECT_TRUE(world.problem());
  for (const char* text :
       {R"({"metadata":{"name":"shop-ing"}})",
        R"({"metadata":{"name":"shop-ing"},"spec":{"rules":{}}})",
        R"({"metadata":{"name":"shop-ing"},"spec":{"rules":[1,null,{"http":{"paths":{}}}]}})"}) {
    broken->raw = std::make_shared<const std::string>(text);
    ASSERT_FALSE(world.plan()) << text;
    EXPECT_EQ(world.plan().error().code, ErrorCode::Invalid) << text;
  }
}

// ---- F7: what would run in the ingress controller, which all tenants share, with its rights ----

TEST(F7_Snippets, code_is_known_by_its_key_whatever_the_prefix) {
  const char* const code[] = {"nginx.ingress.kubernetes.io/server-snippet",
                              "nginx.ingress.kubernetes.io/configuration-snippet",
                              "nginx.ingress.kubernetes.io/auth-snippet",
                              "nginx.ingress.kubernetes.io/stream-snippet",
                              "nginx.ingress.kubernetes.io/modsecurity-snippet",
                              "Nginx.Ingress.Kubernetes.io/Server-Snippet",
                              "ingress.example.com/location-snippet",
                              "server-snippet",
                              "nginx.org/server-snippets",
                              "nginx.org/location-snippets",
                              "haproxy.org/backend-config-snippet",
                              "haproxy-ingress.github.io/config-backend",
                              "haproxy-ingress.github.io/config-frontend",
                              "ingress.kubernetes.io/config-backend",
                              "zalando.org/skipper-filter",
                              "zalando.org/skipper-routes"};
  for (const char* key : code) EXPECT_TRUE(is_code(key)) << key;
  const char* const settings[] = {"nginx.ingress.kubernetes.io/canary-by-header",
                                  "nginx.ingress.kubernetes.io/rewrite-target",
                                  "nginx.ingress.kubernetes.io/auth-url",
                                  "snippet.example.com/team",
                                  "example.com/config-version",
                                  "cert-manager.io/cluster-issuer",
                                  "haproxy.org/timeout-server",
                                  "zalando.org/ratelimit",
                                  "nginx.ingress.kubernetes.io/snippet-of-code",
                                  ""};
  for (const char* key : settings) EXPECT_FALSE(is_code(key)) << key;
}

TEST(F7_Snippets, are_left_out_and_all_else_is_as_before) {
  World world;
  world.routing.canary_ingress_annotations = {{kPrefix + "server-snippet", "deny all;"},
                                              {"haproxy.org/backend-config-snippet", "x"},
                                              {"example.com/team", "shop"}};
  world.routing.additional_ingress_annotations = {{"configuration-snippet", "more_set_headers;"},
                                                  {"canary-by-header", "X-Canary"}};
  const auto planned = world.plan();
  ASSERT_TRUE(planned);
  ASSERT_EQ(planned->writes.size(), 1U);
  EXPECT_EQ(json(planned->writes[0].write.body)["metadata"]["annotations"], json(R"({
    "example.com/team":"shop",
    "nginx.ingress.kubernetes.io/canary":"true",
    "nginx.ingress.kubernetes.io/canary-by-header":"X-Canary",
    "nginx.ingress.kubernetes.io/canary-weight":"15",
    "sluice/applied-annotations":"[\"example.com/team\",\"nginx.ingress.kubernetes.io/canary-by-header\"]",
    "sluice/left-out-annotations":"[\"haproxy.org/backend-config-snippet\",\"nginx.ingress.kubernetes.io/configuration-snippet\",\"nginx.ingress.kubernetes.io/server-snippet\"]"})"));
  ASSERT_EQ(planned->notices.size(), 1U);
  EXPECT_EQ(planned->notices[0].reason, "SnippetsLeftOut");
  EXPECT_EQ(planned->notices[0].message,
            "Left out of canary ingress `shop-shop-ing-canary`, because it is the ingress controller's "
            "own configuration, which others share (the flag --allow-ingress-snippets of the controller "
            "lets it pass): "
            "spec.strategy.canary.trafficRouting.nginx.canaryIngressAnnotations[haproxy.org/"
            "backend-config-snippet], "
            "spec.strategy.canary.trafficRouting.nginx.additionalIngressAnnotations[nginx.ingress."
            "kubernetes.io/configuration-snippet], "
            "spec.strategy.canary.trafficRouting.nginx.canaryIngressAnnotations[nginx.ingress."
            "kubernetes.io/server-snippet]");
}

TEST(F7_Snippets, are_warned_of_once_and_again_only_when_others_are_left_out) {
  World world;
  world.routing.canary_ingress_annotations = {{kPrefix + "server-snippet", "deny all;"}};
  world.apply();
  EXPECT_EQ(world.apply(), 0U);
  for (const int weight : {20, 40}) {
    world.split.canary_weight = weight;
    const auto planned = world.plan();
    ASSERT_TRUE(planned);
    EXPECT_EQ(planned->writes.size(), 1U);
    EXPECT_TRUE(planned->notices.empty());
    world.apply();
  }
  // At rest a Rollout that gets another one hears of it at once.
  world.routing.canary_ingress_annotations["nginx.org/server-snippets"] = "deny all;";
  auto planned = world.plan();
  ASSERT_TRUE(planned && planned->writes.size() == 1U);
  EXPECT_EQ(planned->notices.size(), 1U);
  world.apply();
  EXPECT_EQ(world.apply(), 0U);
  world.routing.canary_ingress_annotations.clear();
  planned = world.plan();
  ASSERT_TRUE(planned && planned->writes.size() == 1U);
  EXPECT_TRUE(planned->notices.empty());
  world.apply();
  EXPECT_EQ(world.annotation(kCanary, std::string(kLeftOutAnnotations)), "(none)");
  EXPECT_EQ(world.apply(), 0U);
}

TEST(F7_Snippets, one_warning_names_every_canary_ingress_of_the_rollout) {
  World world;
  kube::Json second = json(kStable);
  second["metadata"]["name"] = "shop-inner";
  world.put(second);
  world.routing.stable_ingress.clear();
  world.routing.stable_ingresses = {"shop-ing", "shop-inner"};
  world.routing.canary_ingress_annotations = {{kPrefix + "server-snippet", "deny all;"}};
  const auto planned = world.plan();
  ASSERT_TRUE(planned);
  ASSERT_EQ(planned->notices.size(), 1U);
  EXPECT_NE(planned->notices[0].message.find("`shop-shop-ing-canary`, `shop-shop-inner-canary`"),
            std::string::npos);
}

TEST(F7_Snippets, pass_with_the_flag_and_go_when_it_is_taken_away) {
  World world;
  world.options.allow_ingress_snippets = true;
  world.routing.canary_ingress_annotations = {{kPrefix + "server-snippet", "deny all;"}};
  const auto planned = world.plan();
  ASSERT_TRUE(planned);
  EXPECT_TRUE(planned->notices.empty());
  world.apply();
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "server-snippet"), "deny all;");
  EXPECT_EQ(world.annotation(kCanary, std::string(kLeftOutAnnotations)), "(none)");
  world.options.allow_ingress_snippets = false;
  EXPECT_EQ(world.apply(), 1U);
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "server-snippet"), "(none)");
  EXPECT_EQ(world.apply(), 0U);
  world.options.allow_ingress_snippets = true;
  EXPECT_EQ(world.apply(), 1U);
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "server-snippet"), "deny all;");
  EXPECT_EQ(world.annotation(kCanary, std::string(kLeftOutAnnotations)), "(none)");
  EXPECT_EQ(world.apply(), 0U);
}

// Nothing that another controller left is touched at rest; what this release leaves out goes with
// the next write that is due anyway.
TEST(F7_Snippets, that_another_controller_let_pass_stay_until_there_is_something_to_write) {
  World world;
  world.routing.canary_ingress_annotations = {{kPrefix + "server-snippet", "deny all;"}};
  world.options.allow_ingress_snippets = true;
  world.apply();
  world.edit(kCanary, {{"metadata", {{"annotations", {{kAppliedAnnotations, nullptr}}}}}});
  world.options.allow_ingress_snippets = false;
  const auto at_rest = world.plan();
  ASSERT_TRUE(at_rest);
  EXPECT_TRUE(at_rest->writes.empty());
  EXPECT_TRUE(at_rest->notices.empty());
  world.split.canary_weight = 40;
  const auto planned = world.plan();
  ASSERT_TRUE(planned);
  EXPECT_EQ(planned->notices.size(), 1U);
  world.apply();
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "server-snippet"), "(none)");
  EXPECT_EQ(world.apply(), 0U);
}

TEST(F7_Snippets, of_the_stable_ingress_are_not_copied_and_its_own_are_not_touched) {
  World world;
  world.edit("shop-ing",
             {{"metadata", {{"annotations", {{kPrefix + "server-snippet", "deny all;"}}}}}});
  const auto planned = world.plan();
  ASSERT_TRUE(planned);
  EXPECT_TRUE(planned->notices.empty());
  world.apply();
  EXPECT_EQ(world.annotation(kCanary, kPrefix + "server-snippet"), "(none)");
  EXPECT_EQ(world.annotation("shop-ing", kPrefix + "server-snippet"), "deny all;");
}

// Somebody who could set them would make two writers of one annotation, and an abort out of nothing.
TEST(F7_Snippets, our_own_records_are_no_annotations_for_a_field) {
  World world;
  world.routing.canary_ingress_annotations = {
      {std::string(kAppliedAnnotations), "[\"x\"]"},
      {std::string(kLeftOutAnnotations), "[\"y\"]"},
      {std::string(api::kAbortVerdictAnnotation), "{\"hash\":\"h\"}"},
      {"example.com/team", "shop"}};
  world.apply();
  EXPECT_EQ(world.annotation(kCanary, std::string(kAppliedAnnotations)), "[\"example.com/team\"]");
  EXPECT_EQ(world.annotation(kCanary, std::string(kLeftOutAnnotations)), "(none)");
  EXPECT_EQ(world.annotation(kCanary, std::string(api::kAbortVerdictAnnotation)), "(none)");
  EXPECT_EQ(world.apply(), 0U);
}

}  // namespace
}  // namespace sluice::traffic::nginx
