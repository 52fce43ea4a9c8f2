#include "kube/request/request.h"

#include <gtest/gtest.h>

#include "base/assert.h"
#include "base/hash.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"
#include "kube/request/service_account.h"

namespace sluice::kube {
namespace {

constexpr ResourceType kRolloutLike{"argoproj.io", "v1alpha1", "rollouts", "Rollout", true, true};

TEST(ResourcePath, NamesGroupNamespaceAndSubresource) {
  EXPECT_EQ(resource_path(kPods, {"shop", "web"}), "/api/v1/namespaces/shop/pods/web");
  EXPECT_EQ(resource_path(kReplicaSets, {"shop", "web-1"}, "status"),
            "/apis/apps/v1/namespaces/shop/replicasets/web-1/status");
  EXPECT_EQ(resource_path(kReplicaSets, {"", ""}), "/apis/apps/v1/replicasets");
  EXPECT_EQ(resource_path(kNamespaces, {"", "shop"}), "/api/v1/namespaces/shop");
  EXPECT_EQ(resource_path(kNamespaces, {"ignored", "shop"}), "/api/v1/namespaces/shop");
  EXPECT_EQ(resource_path(kPodDisruptionBudgets, {"a", "b"}, "", "v1beta1"),
            "/apis/policy/v1beta1/namespaces/a/poddisruptionbudgets/b");
  EXPECT_EQ(resource_path(kPods, {"a", "b/../c"}), "/api/v1/namespaces/a/pods/b%2F..%2Fc");
}

TEST(MakeRequest, ADryRunSaysSo) {
  Write dry;
  dry.type = kReplicaSets;
  dry.key = {"n", ""};
  dry.verb = Verb::Create;
  dry.body = "{}";
  dry.dry_run = true;
  EXPECT_EQ(make_request(dry).url,
            "/apis/apps/v1/namespaces/n/replicasets?fieldManager=sluice&dryRun=All");
}

TEST(MakeRequest, EachVerbHasItsMethodPathAndMediaType) {
  const struct {
    Verb verb;
    std::string_view subresource, method, url, type;
  } rows[] = {
      {Verb::Create, "", "POST",
       "/apis/argoproj.io/v1alpha1/namespaces/n/rollouts?fieldManager=sluice", "application/json"},
      {Verb::Create, "eviction", "POST",
       "/apis/argoproj.io/v1alpha1/namespaces/n/rollouts/x/eviction?fieldManager=sluice",
       "application/json"},
      {Verb::MergePatch, "status", "PATCH",
       "/apis/argoproj.io/v1alpha1/namespaces/n/rollouts/x/status?fieldManager=sluice",
       "application/merge-patch+json"},
      {Verb::StrategicPatch, "", "PATCH",
       "/apis/argoproj.io/v1alpha1/namespaces/n/rollouts/x?fieldManager=sluice",
       "application/strategic-merge-patch+json"},
      {Verb::ApplyPatch, "", "PATCH",
       "/apis/argoproj.io/v1alpha1/namespaces/n/rollouts/x?fieldManager=sluice&force=true",
       "application/apply-patch+yaml"},
      {Verb::Update, "", "PUT",
       "/apis/argoproj.io/v1alpha1/namespaces/n/rollouts/x?fieldManager=sluice",
       "application/json"},
      {Verb::Delete, "", "DELETE", "/apis/argoproj.io/v1alpha1/namespaces/n/rollouts/x",
       "application/json"},
  };
  for (const auto& row : rows) {
    Write write{.type = kRolloutLike,
                .key = {"n", "x"},
                .subresource = std::string(row.subresource),
                .verb = row.verb,
                .body = "{}"};
    const http::Request request = make_request(write);
    EXPECT_EQ(request.method, row.method);
    EXPECT_EQ(request.url, row.url);
    EXPECT_EQ(request.client_name, "kube");
    ASSERT_NE(http::find_header(request.headers, "Content-Type"), nullptr);
    EXPECT_EQ(*http::find_header(request.headers, "Content-Type"), row.type);
  }
}

TEST(MakeRequest, PreconditionsGoWhereTheServerChecksThem) {
  Write write{.type = kRolloutLike, .key = {"n", "x"}, .uid = "u", .resource_version = "7"};
  for (const Verb verb : {Verb::MergePatch, Verb::StrategicPatch, Verb::ApplyPatch, Verb::Update}) {
    write.verb = verb;
    write.body = R"({"metadata":{"labels":{"a":"b"}},"spec":{}})";
    EXPECT_EQ(make_request(write).body,
              R"({"metadata":{"labels":{"a":"b"},"resourceVersion":"7","uid":"u"},"spec":{}})");
    write.body = R"({"spec":{}})";
    EXPECT_EQ(make_request(write).body,
              R"({"metadata":{"resourceVersion":"7","uid":"u"},"spec":{}})");
  }
  write.verb = Verb::JsonPatch;
  write.body = R"([{"op":"remove","path":"/a"}])";
  EXPECT_EQ(
      make_request(write).body,
      R"([{"op":"test","path":"/metadata/uid","value":"u"},{"op":"test","path":"/metadata/resourceVersion","value":"7"},{"op":"remove","path":"/a"}])");
  write.verb = Verb::Delete;
  write.body = R"({"propagationPolicy":"Background"})";
  EXPECT_EQ(
      make_request(write).body,
      R"({"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"resourceVersion":"7","uid":"u"},"propagationPolicy":"Background"})");
}

TEST(MakeRequest, WithoutPreconditionsTheBodyIsSentAsItIs) {
  Write write{.type = kRolloutLike,
              .key = {"n", "x"},
              .verb = Verb::MergePatch,
              .body = R"({"z":1, "a":2})"};
  EXPECT_EQ(make_request(write).body, write.body);
  write.verb = Verb::Delete;
  write.body = "";
  EXPECT_EQ(make_request(write).body, "");
  EXPECT_EQ(http::find_header(make_request(write).headers, "Content-Type"), nullptr);
}

TEST(MakeRequest, ABodyThatIsNotJsonIsOurOwnMistake) {
  const Write write{
      .type = kRolloutLike, .key = {"n", "x"}, .verb = Verb::MergePatch, .body = "{", .uid = "u"};
  EXPECT_THROW(static_cast<void>(make_request(write)), AssertionFailure);
}

TEST(ListAndWatch, QueriesAreCodedAndLeftOutWhenEmpty) {
  EXPECT_EQ(make_get(kPods, {"a", "b"}).url, "/api/v1/namespaces/a/pods/b");
  EXPECT_EQ(make_list(kPods, "", {.limit = 0}).url, "/api/v1/pods");
  EXPECT_EQ(
      make_list(kPods, "shop", {.label_selector = "app in (a,b)", .resource_version = "5"}).url,
      "/api/v1/namespaces/shop/"
      "pods?labelSelector=app%20in%20%28a%2Cb%29&limit=500&resourceVersion=5");
  EXPECT_EQ(make_list(kPods, "", {.resource_version = "5", .continue_token = "t=="}).url,
            "/api/v1/pods?limit=500&continue=t%3D%3D");
  const http::Request watch = make_watch(
      kPods, "shop",
      {.field_selector = "spec.nodeName=x", .resource_version = "7", .timeout = Seconds(250)});
  EXPECT_EQ(watch.url,
            "/api/v1/namespaces/shop/"
            "pods?watch=true&allowWatchBookmarks=true&fieldSelector=spec.nodeName%3Dx&"
            "resourceVersion=7&timeoutSeconds=250");
  EXPECT_TRUE(watch.stream);
}

http::Response status(int code, std::string_view reason, std::string_view message,
                      std::string_view details = "{}") {
  http::Response response;
  response.status = code;
  response.body = dump(Json{{"kind", "Status"},
                            {"apiVersion", "v1"},
                            {"status", "Failure"},
                            {"message", message},
                            {"reason", reason},
                            {"details", parse_json(details).value()},
                            {"code", code}});
  return response;
}

TEST(ResponseError, TheReasonDecidesThenTheCode) {
  const struct {
    http::Response response;
    ErrorCode code;
  } rows[] = {
      {status(404, "NotFound", "pods \"x\" not found", R"({"name":"x","kind":"pods"})"),
       ErrorCode::NotFound},
      {status(404, "NotFound", "the server could not find the requested resource"),
       ErrorCode::Unavailable},
      {status(409, "AlreadyExists", "x"), ErrorCode::AlreadyExists},
      {status(409, "Conflict", "x"), ErrorCode::Conflict},
      {status(422, "Invalid", "x"), ErrorCode::Invalid},
      {status(422, "", "testing value /metadata/resourceVersion failed: test failed"),
       ErrorCode::Conflict},
      {status(422, "", "testing value /spec/replicas failed: test failed"), ErrorCode::Invalid},
      {status(403, "Forbidden", "x"), ErrorCode::Forbidden},
      {status(401, "Unauthorized", "x"), ErrorCode::Forbidden},
      {status(410, "Expired", "x"), ErrorCode::Gone},
      {status(410, "Gone", "x"), ErrorCode::Gone},
      {status(429, "TooManyRequests", "x"), ErrorCode::Throttled},
      {status(504, "Timeout", "x"), ErrorCode::Timeout},
      {status(500, "ServerTimeout", "x"), ErrorCode::Timeout},
      {status(500, "InternalError", "x"), ErrorCode::Unavailable},
      {status(503, "ServiceUnavailable", "x"), ErrorCode::Unavailable},
      {status(400, "BadRequest", "x"), ErrorCode::Invalid},
      {status(405, "MethodNotAllowed", "x"), ErrorCode::Invalid},
      {status(409, "SomethingNew", "x"), ErrorCode::Conflict},
      {{404, {}, "404 page not found"}, ErrorCode::Unavailable},
      {{410, {}, ""}, ErrorCode::Gone},
      {{429, {}, ""}, ErrorCode::Throttled},
      {{413, {}, "<html>"}, ErrorCode::Invalid},
      {{502, {}, "<html>"}, ErrorCode::Unavailable},
      {{302, {}, ""}, ErrorCode::Unavailable},
  };
  for (const auto& row : rows) {
    const auto error = response_error(row.response, "get pods shop/x");
    ASSERT_TRUE(error) << row.response.body;
    EXPECT_EQ(to_string(error->code), to_string(row.code))
        << row.response.status << " " << row.response.body;
    EXPECT_EQ(error->message.rfind("get pods shop/x: ", 0), 0U) << error->message;
  }
  EXPECT_FALSE(response_error({200, {}, "x"}, ""));
  EXPECT_FALSE(response_error({204, {}, ""}, ""));
}

TEST(ResponseError, TheServersWishToWaitIsKept) {
  http::Response header = status(429, "TooManyRequests", "slow down", R"({"retryAfterSeconds":9})");
  EXPECT_EQ(response_error(header, "")->retry_after, Millis(9'000));
  header.headers.emplace_back("retry-after", " 3 ");
  EXPECT_EQ(response_error(header, "")->retry_after, Millis(3'000));
  http::Response plain{503, {{"Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"}}, ""};
  EXPECT_EQ(response_error(plain, "")->retry_after, std::nullopt);
  EXPECT_EQ(response_error(status(500, "InternalError", "x"), "")->retry_after, std::nullopt);
}

TEST(F10_ServiceAccount, of_a_token_is_what_its_subject_says) {
  const auto token = [](std::string claims) {
    std::string payload = base64_encode(claims);
    for (char& c : payload) c = c == '+' ? '-' : c == '/' ? '_' : c;
    while (payload.ends_with('=')) payload.pop_back();
    return "eyJhbGciOiJSUzI1NiJ9." + payload + ".c2ln";
  };
  const auto found = service_account_of(
      token(R"({"sub":"system:serviceaccount:argo-rollouts:sluice","x":"??>>~~ÿÿ"})") + "\n");
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, (ObjectKey{"argo-rollouts", "sluice"}));
  for (const std::string& other :
       {std::string(), std::string("opaque"), std::string("a.b.c"), std::string("a.!!.c"),
        token("[]"), token("{}"), token(R"({"sub":"jane"})"), token(R"({"sub":7})"),
        token(R"({"sub":"system:serviceaccount:a"})"), token(R"({"sub":"system:serviceaccount::b"})"),
        token(R"({"sub":"system:node:a:b"})")})
    EXPECT_FALSE(service_account_of(other)) << other;
}

}  // namespace
}  // namespace sluice::kube
