#include "kube/schema/template_defaults.h"

#include <gtest/gtest.h>

#include "kube/json/json.h"

namespace sluice::kube {
namespace {

Json parsed(std::string_view text) {
  return parse_json(text).value();
}

TEST(TemplateDefaults, are_those_of_the_api_server) {
  auto t = parsed(
      R"({"spec":{"containers":[{"name":"a","image":"r:5000/web"},{"name":"b","image":"web:latest"},{"name":"c","image":"web:1"},
      {"name":"d","image":"web@sha256:00","env":[{"name":"E","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}],
       "resources":{"limits":{"cpu":"100u"}},"lifecycle":{"preStop":{"httpGet":{"port":1}}},"livenessProbe":{"grpc":{"port":2}}}],
      "volumes":[{"name":"v"},{"name":"s","secret":{"secretName":"s"}},{"name":"p","projected":{"sources":[{"serviceAccountToken":{"path":"t"}}]}},
       {"name":"h","hostPath":{"path":"/"}},{"name":"e","ephemeral":{"volumeClaimTemplate":{"spec":{}}}}]}})");
  apply_template_defaults(t);
  const auto& spec = t["spec"];
  EXPECT_EQ(spec["restartPolicy"], "Always");
  EXPECT_EQ(spec["dnsPolicy"], "ClusterFirst");
  EXPECT_EQ(spec["securityContext"], parsed("{}"));
  EXPECT_EQ(spec["terminationGracePeriodSeconds"], 30);
  EXPECT_EQ(spec["schedulerName"], "default-scheduler");
  const char* const policies[] = {"Always", "Always", "IfNotPresent", "IfNotPresent"};
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_EQ(spec["containers"][i]["imagePullPolicy"], policies[i]) << i;
  const auto& d = spec["containers"][3];
  EXPECT_EQ(d["env"][0]["valueFrom"]["fieldRef"]["apiVersion"], "v1");
  EXPECT_EQ(d["resources"]["limits"]["cpu"], "1m");
  EXPECT_EQ(d["lifecycle"]["preStop"]["httpGet"],
            parsed(R"({"port":1,"path":"/","scheme":"HTTP"})"));
  EXPECT_EQ(
      d["livenessProbe"],
      parsed(
          R"({"grpc":{"port":2,"service":""},"timeoutSeconds":1,"periodSeconds":10,"successThreshold":1,"failureThreshold":3})"));
  EXPECT_EQ(spec["volumes"][0]["emptyDir"], parsed("{}"));
  EXPECT_EQ(spec["volumes"][1]["secret"]["defaultMode"], 420);
  EXPECT_EQ(
      spec["volumes"][2]["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"],
      3600);
  EXPECT_EQ(spec["volumes"][3]["hostPath"]["type"], "");
  EXPECT_EQ(spec["volumes"][4]["ephemeral"]["volumeClaimTemplate"]["spec"]["volumeMode"],
            "Filesystem");
  const auto once = dump(t);
  apply_template_defaults(t);
  EXPECT_EQ(dump(t), once);
}

}  // namespace
}  // namespace sluice::kube
