#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "kube/model/objects.h"
#include "kube/model/quantity.h"

namespace sluice::kube {
namespace {

Document document(std::string_view text) {
  auto parsed = Document::parse(text);
  EXPECT_TRUE(parsed) << text;
  return std::move(parsed).value();
}

// ---- meta ----

TEST(Meta, ReadsWhatTheWireCarries) {
  const auto doc = document(
      R"({"metadata":{"name":"web-1","namespace":"shop","uid":"u1","resourceVersion":"42","generation":3,
    "labels":{"app":"web"},"annotations":{"a/b":"c"},"creationTimestamp":"2026-11-21T14:28:03Z",
    "deletionTimestamp":"2026-11-21T14:29:03Z","finalizers":["foregroundDeletion","x/y"],
    "ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"n","uid":"o0"},
      {"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout","name":"web","uid":"o1","controller":true,"blockOwnerDeletion":true}],
    "managedFields":[{"manager":"x"}]}})");
  const Meta meta = decode_meta(doc.root());
  EXPECT_EQ(meta.key.text(), "shop/web-1");
  EXPECT_EQ(meta.uid, "u1");
  EXPECT_EQ(meta.resource_version, "42");
  EXPECT_EQ(meta.generation, 3);
  EXPECT_EQ(meta.labels, (StringMap{{"app", "web"}}));
  EXPECT_EQ(meta.annotations, (StringMap{{"a/b", "c"}}));
  EXPECT_EQ(format_rfc3339(meta.created_at), "2026-11-21T14:28:03Z");
  ASSERT_TRUE(meta.deleted_at);
  EXPECT_EQ(format_rfc3339(*meta.deleted_at), "2026-11-21T14:29:03Z");
  EXPECT_EQ(meta.finalizers, (std::vector<std::string>{"foregroundDeletion", "x/y"}));
  ASSERT_EQ(meta.owners.size(), 2U);
  ASSERT_NE(meta.controller_owner(), nullptr);
  EXPECT_EQ(*meta.controller_owner(),
            (OwnerReference{"argoproj.io/v1alpha1", "Rollout", "web", "o1", true, true}));
}

TEST(Meta, NullsAndAbsencesAreTheSame) {
  const auto doc = document(
      R"({"metadata":{"name":"x","creationTimestamp":null,"deletionTimestamp":null,"labels":null}})");
  const Meta meta = decode_meta(doc.root());
  EXPECT_EQ(meta.created_at, WallTime{});
  EXPECT_FALSE(meta.deleted_at);
  EXPECT_TRUE(meta.labels.empty());
  EXPECT_EQ(meta.controller_owner(), nullptr);
  EXPECT_EQ(decode_meta(Node()).key.name, "");
}

TEST(Meta, ResourceVersionsCompareAsNumbersOfAnySize) {
  const auto less = std::strong_ordering::less;
  const auto equal = std::strong_ordering::equal;
  EXPECT_EQ(compare_resource_versions("9", "10"), less);
  EXPECT_EQ(compare_resource_versions("10", "10"), equal);
  EXPECT_EQ(compare_resource_versions("11", "10"), std::strong_ordering::greater);
  EXPECT_EQ(compare_resource_versions("99999999999999999999", "100000000000000000000"), less);
  EXPECT_EQ(compare_resource_versions("abc", "abc"), equal);
  EXPECT_EQ(compare_resource_versions("abc", "10"), std::nullopt);
  EXPECT_EQ(compare_resource_versions("", "10"), std::nullopt);
  EXPECT_EQ(compare_resource_versions("", ""), std::nullopt);
}

// ---- quantities ----

TEST(Quantity, HasOneCanonicalText) {
  const struct {
    std::string_view in, out;
  } rows[] = {
      {"2000m", "2"},
      {"0.1", "100m"},
      {"0.15", "150m"},
      {"1.5", "1500m"},
      {"0.001", "1m"},
      {"1000", "1k"},
      {"1024Mi", "1Gi"},
      {"1536Mi", "1536Mi"},
      {"0.5Gi", "512Mi"},
      {"100Mi", "100Mi"},
      {"64Mi", "64Mi"},
      {"1e3", "1e3"},
      {"1e4", "10e3"},
      {"0", "0"},
      {"0Ki", "0"},
      {"0m", "0"},
      {"1024Ki", "1Mi"},
      {"1000m", "1"},
      {"1000k", "1M"},
      {"1500", "1500"},
      {"0.5Ki", "512"},
      {"1Ki", "1Ki"},
      {"0.1Gi", "107374182400m"},
      {"-2000m", "-2"},
      {"-0.5", "-500m"},
      {"0.0000000001", "1n"},
      {"1.0000000001", "1000000001n"},
      {"8Ki", "8Ki"},
      {"16384Ki", "16Mi"},
      {"512", "512"},
      {"1E", "1E"},
      {"1000E", "1000E"},
      {".5", "500m"},
      {"1.500", "1.500"},
      {"100n", "100n"},
      {"16Ei", "9223372036854775807"},
      {"1000000000n", "1"},
      {"12345678901234567890", "12345678901234567890"},
      {"1.5e3", "1500"},
      {"2e-3", "2e-3"},
      {"1Mi", "1Mi"},
      {"4000m", "4"},
      {"250m", "250m"},
      // What Kubernetes 0.34 makes of notations that few people use.
      {"007", "007"},
      {"000100m", "000100m"},
      {"+2", "+2"},
      {"+2Ei", "2Ei"},
      {"1.Ei", "1Ei"},
      {"1.Gi", "1.Gi"},
      {".5e1", "5"},
      {"99999Gi", "99999Gi"},
      {" 128Mi ", "128Mi"},
  };
  for (const auto& row : rows) {
    const auto canonical = canonical_quantity(row.in);
    ASSERT_TRUE(canonical) << row.in;
    EXPECT_EQ(*canonical, row.out) << row.in;
  }
}

TEST(Quantity, RefusesWhatIsNotOne) {
  for (const std::string_view text : {"", "m", "1 Gi", "1gi", "1KI", "1e", "1e+", "1.2.3", "--1",
                                      "0x10", ".", "1Kii", "1e99999"}) {
    const auto canonical = canonical_quantity(text);
    ASSERT_FALSE(canonical) << text;
    EXPECT_EQ(canonical.error().code, ErrorCode::Invalid);
  }
}

TEST(Quantity, EqualityIsByValue) {
  EXPECT_TRUE(quantities_equal("1", "1000m"));
  EXPECT_TRUE(quantities_equal("1Gi", "1073741824"));
  EXPECT_TRUE(quantities_equal("1e3", "1k"));
  EXPECT_TRUE(quantities_equal("0", "-0m"));
  EXPECT_FALSE(quantities_equal("1", "-1"));
  EXPECT_FALSE(quantities_equal("1G", "1Gi"));
  EXPECT_TRUE(quantities_equal("rubbish", "rubbish"));
  EXPECT_FALSE(quantities_equal("rubbish", "1"));
}

RC_GTEST_PROP(Quantity, CanonicalTextIsAFixpointOfTheSameValue, ()) {
  static const char* const kSuffixes[] = {"",   "n",  "u",  "m",  "k",  "M",   "G",
                                          "Ki", "Mi", "Gi", "Ti", "e3", "e-6", "e1"};
  std::string text = std::to_string(*rc::gen::inRange(-100'000, 100'000));
  if (*rc::gen::inRange(0, 2) == 1) text += "." + std::to_string(*rc::gen::inRange(0, 10'000));
  text += kSuffixes[*rc::gen::inRange<std::size_t>(0, std::size(kSuffixes))];
  const std::string canonical = canonical_quantity(text).value();
  RC_LOG() << text << " → " << canonical;
  RC_ASSERT(quantities_equal(text, canonical));
  RC_ASSERT(canonical_quantity(canonical).value() == canonical);
}

// ---- selectors ----

TEST(Selector, QueryFormReadsWritesAndMatches) {
  const struct {
    std::string_view query, text;
    StringMap matching, other;
  } rows[] = {
      {"a=b", "a=b", {{"a", "b"}}, {{"a", "c"}}},
      {"a == b , x=y", "a=b,x=y", {{"a", "b"}, {"x", "y"}}, {{"a", "b"}}},
      {"a!=b", "a notin (b)", {}, {{"a", "b"}}},
      {"a in (y,x)", "a in (x,y)", {{"a", "x"}}, {}},
      {"a notin (x, y)", "a notin (x,y)", {{"a", "z"}}, {{"a", "y"}}},
      {"a", "a", {{"a", ""}}, {}},
      {"!a", "!a", {}, {{"a", ""}}},
      {"a=", "a=", {{"a", ""}}, {}},
      {"a in ()", "a in ()", {{"a", ""}}, {{"a", "x"}}},
      {"example.com/a=b,!z",
       "example.com/a=b,!z",
       {{"example.com/a", "b"}},
       {{"example.com/a", "b"}, {"z", ""}}},
      {"a=b,a=c", "a=b,a in (c)", {}, {{"a", "b"}}},
      {"in in (in)", "in in (in)", {{"in", "in"}}, {}},
  };
  for (const auto& row : rows) {
    const auto selector = parse_selector(row.query);
    ASSERT_TRUE(selector) << row.query << ": " << selector.error().message;
    EXPECT_EQ(selector->text(), row.text);
    const bool satisfiable = row.query != "a=b,a=c";
    EXPECT_EQ(selector->matches(row.matching), satisfiable) << row.query;
    EXPECT_FALSE(selector->matches(row.other)) << row.query;
    EXPECT_EQ(parse_selector(selector->text())->text(), selector->text());
  }
  EXPECT_TRUE(parse_selector("  ")->matches({{"any", "thing"}}));
  EXPECT_EQ(parse_selector("")->text(), "<none>");
}

TEST(Selector, MalformedQueriesAreRefused) {
  for (const std::string_view text :
       {"a=b,", ",", "a=b c", "a in x", "a in (x", "a in (x y)", "=b", "a b", "!", "!a=b", "a=b/c",
        "-a=b", "a/b/c=d", "a>1", "a=$"}) {
    const auto selector = parse_selector(text);
    ASSERT_FALSE(selector) << text;
    EXPECT_EQ(selector.error().code, ErrorCode::Invalid);
  }
}

LabelSelector selector_of(std::string_view text) {
  return decode_selector(document(text).root());
}

TEST(Selector, ObjectFormIsRead) {
  const auto selector = selector_of(
      R"({"matchLabels":{"z":"1","a":"2"},"matchExpressions":[{"key":"m","operator":"In","values":["b","a"]},{"key":"k","operator":"DoesNotExist"}]})");
  EXPECT_EQ(selector.text(), "a=2,!k,m in (a,b),z=1");
  EXPECT_EQ(selector.problem("spec.selector"), "");
  EXPECT_TRUE(selector.matches({{"z", "1"}, {"a", "2"}, {"m", "a"}}));
  EXPECT_FALSE(selector.matches({{"z", "1"}, {"a", "2"}, {"m", "a"}, {"k", ""}}));
}

TEST(Selector, ProblemsAreToldInTheServersWords) {
  const struct {
    std::string_view selector, problem;
  } rows[] = {
      {R"({"matchExpressions":[{"key":"a","operator":"Near","values":["b"]}]})",
       "s.matchExpressions[0].operator: Invalid value: \"Near\": not a valid selector operator"},
      {R"({"matchExpressions":[{"key":"a"}]})",
       "s.matchExpressions[0].operator: Invalid value: \"\": not a valid selector operator"},
      {R"({"matchExpressions":[{"key":"a","operator":"In"}]})",
       "s.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or "
       "'NotIn'"},
      {R"({"matchLabels":{"ok":"v"},"matchExpressions":[{"key":"b","operator":"Exists"},{"key":"a","operator":"Exists","values":["x"]}]})",
       "s.matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' "
       "or 'DoesNotExist'"},
  };
  for (const auto& row : rows) {
    const auto selector = selector_of(row.selector);
    EXPECT_EQ(selector.problem("s"), row.problem);
  }
  EXPECT_EQ(selector_of(R"({"matchLabels":{"bad key":"v"}})").problem("s").substr(0, 60),
            "s.matchLabels: Invalid value: \"bad key\": name part must cons");
  EXPECT_NE(selector_of(R"({"matchLabels":{"a":"bad value"}})")
                .problem("s")
                .find("a valid label must be"),
            std::string::npos);
  EXPECT_NE(selector_of(R"({"matchLabels":{"UPPER/a":"v"}})")
                .problem("s")
                .find("prefix part a lowercase RFC 1123"),
            std::string::npos);
  EXPECT_NE(selector_of(R"({"matchLabels":{"a":")" + std::string(64, 'x') + R"("}})")
                .problem("s")
                .find("no more than 63"),
            std::string::npos);
}

TEST(Selector, AnUnknownOperatorMatchesNothing) {
  const auto selector =
      selector_of(R"({"matchExpressions":[{"key":"a","operator":"Near","values":["b"]}]})");
  EXPECT_FALSE(selector.matches({}));
  EXPECT_FALSE(selector.matches({{"a", "b"}}));
  EXPECT_EQ(selector.text(), "<error>");
}

// ---- objects ----

TEST(Objects, ReplicaSetsKeepWhatDecisionsRead) {
  const auto doc = document(
      R"({"kind":"ReplicaSet","metadata":{"name":"r","managedFields":[]},"spec":{"replicas":3,"minReadySeconds":5,
    "selector":{"matchLabels":{"a":"b"}},"future":{"x":1}},"status":{"replicas":3,"readyReplicas":2,"availableReplicas":1,"observedGeneration":7,
    "conditions":[{"type":"T","status":"True","reason":"R","message":"M","lastTransitionTime":"2026-11-21T14:28:03Z"}]}})");
  const ReplicaSet rs = decode_replica_set(doc.root());
  EXPECT_FALSE(rs.decode_error);
  EXPECT_EQ(rs.replicas, 3);
  EXPECT_EQ(rs.min_ready_seconds, 5);
  EXPECT_EQ(rs.selector.text(), "a=b");
  EXPECT_EQ(rs.status_replicas, 3);
  EXPECT_EQ(rs.ready_replicas, 2);
  EXPECT_EQ(rs.available_replicas, 1);
  EXPECT_EQ(rs.observed_generation, 7);
  ASSERT_EQ(rs.conditions.size(), 1U);
  EXPECT_EQ(rs.conditions[0].reason, "R");
  EXPECT_FALSE(rs.conditions[0].last_update_time);
  EXPECT_NE(rs.raw->find(R"("future":{"x":1})"), std::string::npos);
  EXPECT_EQ(rs.raw->find("managedFields"), std::string::npos);
  EXPECT_EQ(decode_replica_set(document(R"({"metadata":{"name":"r"}})").root()).replicas, 1)
      << "the API default";
}

TEST(Objects, AMistypedFieldIsAnErrorOfThatObjectOnly) {
  const struct {
    std::string_view text, message;
  } rows[] = {
      {R"({"metadata":{"name":"r"},"spec":{"replicas":"3"}})",
       "spec.replicas must be a 32-bit integer"},
      {R"({"metadata":{"name":"r"},"spec":{"replicas":3000000000}})",
       "spec.replicas must be a 32-bit integer"},
      {R"({"metadata":{"name":"r"},"spec":[]})", "spec must be an object"},
      {R"({"metadata":{"name":"r"},"status":{"conditions":{}}})",
       "status.conditions must be a list"},
      {R"({"metadata":{}})", "metadata.name must be a non-empty string"},
  };
  for (const auto& row : rows) {
    const auto doc = document(row.text);
    const ReplicaSet rs = decode_replica_set(doc.root());
    ASSERT_TRUE(rs.decode_error) << row.text;
    EXPECT_EQ(rs.decode_error->code, ErrorCode::Decode);
    EXPECT_EQ(rs.decode_error->message, row.message);
    EXPECT_EQ(*rs.raw, doc.root().raw()) << "kept as raw";
  }
}

TEST(Objects, ServicesAndObjectsOfAnyKind) {
  const Service service = decode_service(
      document(
          R"({"metadata":{"name":"s"},"spec":{"type":"ClusterIP","selector":{"app":"web"},"ports":[{"name":"http","port":80,"targetPort":"web"},{"port":81,"targetPort":8081},{"port":82}]}})")
          .root());
  EXPECT_EQ(service.selector, (StringMap{{"app", "web"}}));
  ASSERT_EQ(service.ports.size(), 3U);
  EXPECT_EQ(service.ports[0].target_port, "web");
  EXPECT_EQ(service.ports[1].target_port, "8081");
  EXPECT_EQ(service.ports[2].target_port, "");
  const Object any = decode_object(
      document(
          R"({"metadata":{"name":"i","annotations":{"a":"1"}},"spec":{"rules":[{"host":"x"}]}})")
          .root());
  EXPECT_EQ(any.meta.key.name, "i");
  EXPECT_EQ(any.meta.annotations, (StringMap{{"a", "1"}}));
  ASSERT_TRUE(any.raw);
  EXPECT_NE(any.raw->find(R"("spec":{"rules":[{"host":"x"}]})"), std::string::npos) << *any.raw;
  EXPECT_FALSE(any.decode_error);
  EXPECT_TRUE(decode_object(document(R"({"metadata":{}})").root()).decode_error);
}

TEST(Objects, PodsJobsAndLeases) {
  const Pod pod = decode_pod(
      document(
          R"({"metadata":{"name":"p"},"spec":{"nodeName":"n","containers":[{"image":"a:1"},{"image":"b:1"}]},"status":{"phase":"Pending","podIP":"127.0.0.2",
      "conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-11-21T14:28:03Z"}],
      "containerStatuses":[{"restartCount":2,"state":{"running":{}}},{"name":"b","restartCount":1,"state":{"waiting":{"reason":"ErrImagePull","message":"no such image"}}}]}})")
          .root());
  EXPECT_TRUE(pod.ready);
  EXPECT_TRUE(pod.ready_since);
  EXPECT_EQ(pod.restarts, 3);
  EXPECT_EQ(pod.waiting_reason, "ErrImagePull");
  EXPECT_EQ(pod.waiting_message, "no such image");
  EXPECT_EQ(pod.waiting_container, "b");
  EXPECT_EQ(pod.images, (std::vector<std::string>{"a:1", "b:1"}));
  const Job job = decode_job(
      document(
          R"({"metadata":{"name":"j"},"status":{"failed":2,"conditions":[{"type":"Failed","status":"True"}]}})")
          .root());
  EXPECT_EQ(job.failed, 2);
  EXPECT_EQ(job.conditions.at(0).type, "Failed");
  const Lease lease = decode_lease(
      document(
          R"({"metadata":{"name":"l"},"spec":{"holderIdentity":"me","leaseDurationSeconds":15,"leaseTransitions":4,"renewTime":"2026-11-21T14:28:03.123456Z"}})")
          .root());
  EXPECT_EQ(lease.holder, "me");
  EXPECT_EQ(lease.transitions, 4);
  ASSERT_TRUE(lease.renew_time);
  EXPECT_EQ(format_rfc3339_micro(*lease.renew_time), "2026-11-21T14:28:03.123456Z");
}

}  // namespace
}  // namespace sluice::kube
