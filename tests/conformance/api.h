#pragma once
// One suite, two servers: these tests speak HTTP through this interface only, so that they run
// against the embedded server in process and against a real kube-apiserver over HTTPS.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/http.h"
#include "kube/json/json.h"

namespace sluice::conformance {

using kube::Json;

class Api {
 public:
  virtual ~Api() = default;
  virtual http::Response call(http::Request request) = 0;
  // The events of a watch until the server ends it (the path carries timeoutSeconds).
  virtual std::vector<Json> watch(const std::string& path, const std::string& accept) = 0;
  // Lets a real server's own controllers catch up; nothing for the embedded one.
  virtual void settle() {}
  // True on the embedded server: differences are asserted on both sides.
  [[nodiscard]] virtual bool embedded() const = 0;
};

using ApiFactory = std::function<std::unique_ptr<Api>()>;

struct Answer {
  int status = 0;
  Json body;
  http::Headers headers;
  [[nodiscard]] std::string text(const char* dotted) const {
    return kube::get_string(body, dotted);
  }
  [[nodiscard]] std::int64_t number(const char* dotted) const {
    return kube::get_int(body, dotted);
  }
  [[nodiscard]] bool has(const char* dotted) const {
    return kube::find_path(body, dotted) != nullptr;
  }
  [[nodiscard]] std::string version() const { return text("metadata.resourceVersion"); }
};

class Conformance : public testing::TestWithParam<ApiFactory> {
 protected:
  static constexpr const char* kMerge = "application/merge-patch+json";
  static constexpr const char* kJsonPatch = "application/json-patch+json";
  static constexpr const char* kStrategic = "application/strategic-merge-patch+json";
  static constexpr const char* kApply = "application/apply-patch+yaml";

  void SetUp() override {
    api_ = GetParam()();
    const Answer made =
        post("/api/v1/namespaces", {{"apiVersion", "v1"},
                                    {"kind", "Namespace"},
                                    {"metadata", {{"generateName", "conformance-"}}}});
    ASSERT_EQ(made.status, 201) << made.body;
    ns_ = made.text("metadata.name");
  }
  void TearDown() override { (void)del("/api/v1/namespaces/" + ns_); }

  Answer send(const std::string& method, const std::string& path, const Json& body = nullptr,
              const std::string& type = "application/json",
              const std::string& accept = "application/json") {
    http::Request request;
    request.method = method;
    request.url = path;
    http::set_header(request.headers, "Accept", accept);
    if (!body.is_null()) {
      request.body = kube::dump(body);
      http::set_header(request.headers, "Content-Type", type);
    }
    const http::Response response = api_->call(std::move(request));
    Result<Json> parsed = kube::parse_json(response.body);
    return {response.status, parsed ? *parsed : Json(response.body), response.headers};
  }
  Answer get(const std::string& path, const std::string& accept = "application/json") {
    return send("GET", path, nullptr, "", accept);
  }
  Answer post(const std::string& path, const Json& body) { return send("POST", path, body); }
  Answer put(const std::string& path, const Json& body) { return send("PUT", path, body); }
  Answer del(const std::string& path, const Json& options = nullptr) {
    return send("DELETE", path, options);
  }
  Answer patch(const std::string& path, const char* type, const Json& body) {
    return send("PATCH", path, body, type);
  }
  Answer apply(const std::string& path, const std::string& manager, const Json& body,
               bool force = false) {
    return send("PATCH", path + "?fieldManager=" + manager + (force ? "&force=true" : ""), body,
                kApply);
  }

  [[nodiscard]] std::string in_ns(const std::string& group_version,
                                  const std::string& resource) const {
    return (group_version == "v1" ? "/api/v1" : "/apis/" + group_version) + "/namespaces/" + ns_ +
           "/" + resource;
  }
  [[nodiscard]] std::string config_maps() const { return in_ns("v1", "configmaps"); }
  [[nodiscard]] std::string deployments() const { return in_ns("apps/v1", "deployments"); }
  [[nodiscard]] std::string services() const { return in_ns("v1", "services"); }

  static Json config_map(const std::string& name, const Json& data = Json::object(),
                         const Json& labels = Json::object()) {
    Json object = {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", name}}}};
    if (!data.empty()) object["data"] = data;
    if (!labels.empty()) object["metadata"]["labels"] = labels;
    return object;
  }
  static Json deployment(const std::string& name) {
    return {{"apiVersion", "apps/v1"},
            {"kind", "Deployment"},
            {"metadata", {{"name", name}}},
            {"spec",
             {{"replicas", 0},
              {"selector", {{"matchLabels", {{"app", name}}}}},
              {"template",
               {{"metadata", {{"labels", {{"app", name}}}}},
                {"spec",
                 {{"containers",
                   {{{"name", "web"},
                     {"image", "example/web:1"},
                     {"ports", {{{"containerPort", 8080}}}}}}}}}}}}}};
  }

  // A CRD of its own group for each caller; returns the path of its objects in the test's
  // namespace.
  std::string install(const Json& spec_schema, bool status = true, const Json& columns = nullptr) {
    group_ = "g" + ns_.substr(ns_.size() - 5) + ".example.com";
    Json version = {
        {"name", "v1"},
        {"served", true},
        {"storage", true},
        {"schema",
         {{"openAPIV3Schema",
           {{"type", "object"},
            {"properties",
             {{"spec", spec_schema},
              {"status",
               {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}}}}}}}}}};
    version["subresources"] = {{"scale",
                                {{"specReplicasPath", ".spec.replicas"},
                                 {"statusReplicasPath", ".status.replicas"},
                                 {"labelSelectorPath", ".status.selector"}}}};
    if (status) version["subresources"]["status"] = Json::object();
    if (!columns.is_null()) version["additionalPrinterColumns"] = columns;
    crd_ = {{"apiVersion", "apiextensions.k8s.io/v1"},
            {"kind", "CustomResourceDefinition"},
            {"metadata", {{"name", "widgets." + group_}}},
            {"spec",
             {{"group", group_},
              {"scope", "Namespaced"},
              {"names", {{"plural", "widgets"}, {"kind", "Widget"}, {"shortNames", {"wd"}}}},
              {"versions", {version}}}}};
    const Answer made = post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd_);
    EXPECT_EQ(made.status, 201) << made.body;
    const std::string path = in_ns(group_ + "/v1", "widgets");
    for (int i = 0; i < 50 && get(path).status != 200; ++i) api_->settle();
    return path;
  }
  [[nodiscard]] std::string crd_path() const {
    return "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets." + group_;
  }
  [[nodiscard]] Json widget(const std::string& name, const Json& spec) const {
    return {{"apiVersion", group_ + "/v1"},
            {"kind", "Widget"},
            {"metadata", {{"name", name}}},
            {"spec", spec}};
  }

  // "ADDED a", "MODIFIED b" …
  static std::vector<std::string> summary(const std::vector<Json>& events) {
    std::vector<std::string> out;
    for (const Json& event : events)
      if (kube::get_string(event, "type") != "BOOKMARK")
        out.push_back(kube::get_string(event, "type") + " " +
                      kube::get_string(event, "object.metadata.name"));
    return out;
  }

  std::unique_ptr<Api> api_;
  std::string ns_, group_;
  Json crd_;
};

}  // namespace sluice::conformance
