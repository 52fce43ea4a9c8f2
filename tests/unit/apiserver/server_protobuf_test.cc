// Bodies in protobuf, as kubectl sends them from 1.31 on.
#include "apiserver/server/protobuf.h"

#include "base/hash.h"
#include "tests/unit/apiserver/protobuf_samples.h"
#include "tests/unit/apiserver/server_fixture.h"

namespace sluice::apiserver {
namespace {

using testing_support::config_map;
using testing_support::kProtobufSamples;
using testing_support::World;

std::string bytes_of(const testing_support::ProtobufSample& sample) {
  std::string out;
  EXPECT_TRUE(base64_decode(sample.protobuf, out));
  return out;
}

// A Go encoder writes the zero values of plain fields; JSON leaves them out.
bool protobuf_zero(const Json& value) {
  if (value.is_object() || value.is_array()) {
    for (const auto& [key, member] : value.items())
      if (!protobuf_zero(member)) return false;
    return true;
  }
  return value.is_null() || value == "" || value == 0 || value == false;
}

void expect_same(const Json& decoded, const Json& json, const std::string& path) {
  if (json.is_object() && decoded.is_object()) {
    for (const auto& [key, member] : json.items()) {
      if (decoded.contains(key))
        expect_same(decoded[key], member, path + "." + key);
      else
        EXPECT_TRUE(protobuf_zero(member)) << path << "." << key << " is missing: " << member;
    }
    for (const auto& [key, member] : decoded.items()) {
      if (json.contains(key)) continue;
      EXPECT_TRUE(protobuf_zero(member)) << path << "." << key << " is too much: " << member;
    }
    return;
  }
  if (json.is_array() && decoded.is_array()) {
    ASSERT_EQ(decoded.size(), json.size()) << path;
    for (std::size_t i = 0; i < json.size(); ++i)
      expect_same(decoded[i], json[i], path + "[" + std::to_string(i) + "]");
    return;
  }
  EXPECT_EQ(decoded, json) << path;
}

TEST(ServerProtobuf, WhatARealServerEncodesIsReadAsItsJsonSays) {
  for (const auto& sample : kProtobufSamples) {
    const Json json = *kube::parse_json(sample.json);
    const Json decoded = server::decode_protobuf(bytes_of(sample));
    ASSERT_TRUE(decoded.is_object()) << json["kind"];
    expect_same(decoded, json, json["kind"].get<std::string>());
  }
}

TEST(ServerProtobuf, AnObjectCutShortAnywhereIsRefusedOrReadWithoutHarm) {
  for (const auto& sample : kProtobufSamples) {
    const std::string bytes = bytes_of(sample);
    for (std::size_t size = 0; size < bytes.size(); size += 7)
      (void)server::decode_protobuf(std::string_view(bytes).substr(0, size));
    // A few bytes less cut the outermost field, which says how long it is.
    EXPECT_TRUE(
        server::decode_protobuf(std::string_view(bytes).substr(0, bytes.size() - 9)).is_null());
  }
}

TEST(ServerProtobuf, AWholeDeploymentIsCreatedFromProtobuf) {
  World w;
  std::string bytes = bytes_of(kProtobufSamples[0]);
  // As a client would send it: nothing that the server gives.
  const std::string version =
      kube::get_string(*kube::parse_json(kProtobufSamples[0].json), "metadata.resourceVersion");
  const std::string field = std::string("\x32") + static_cast<char>(version.size()) + version;
  const std::size_t at = bytes.find(field);
  ASSERT_NE(at, std::string::npos);
  bytes[at] = '\x22';  // resourceVersion (6) becomes selfLink (4), which is ignored on create
  http::Request request;
  request.method = "POST";
  request.url = "/apis/apps/v1/namespaces/default/deployments";
  request.body = bytes;
  http::set_header(request.headers, "Content-Type", "application/vnd.kubernetes.protobuf");
  const http::Response made = w.server.handle(request);
  ASSERT_EQ(made.status, 201) << made.body;
  const Json stored = w.call("GET", request.url + "/pb").body;
  const Json& container = stored["spec"]["template"]["spec"]["containers"][0];
  EXPECT_EQ(container["ports"][0]["containerPort"], 8080);
  EXPECT_EQ(container["readinessProbe"]["httpGet"]["port"], "http");
  EXPECT_EQ(container["resources"]["requests"]["cpu"], "100m");
  EXPECT_EQ(kube::get_int(stored, "spec.replicas", -1), 0);
}

TEST(ServerProtobuf, AKindThatIsNotBuiltInIsRefusedWithARemedy) {
  World w;
  const World::Reply reply = w.call("POST", "/api/v1/namespaces/default/configmaps",
                                    config_map("a"), "application/vnd.kubernetes.protobuf");
  EXPECT_EQ(reply.status, 415);
  EXPECT_NE(kube::get_string(reply.body, "message").find("kubectl apply -f"), std::string::npos);
}

}  // namespace
}  // namespace sluice::apiserver
