#include <gtest/gtest.h>

#include <map>

#include "kube/json/json.h"
#include "kube/json/patch.h"

namespace sluice::kube {
namespace {

Json json(std::string_view text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value) << text;
  return value.value_or(Json());
}

// The lists that occur below; which ones a kind has is the API server's to know.
class ListsOfTheTests final : public StrategicSchema {
 public:
  [[nodiscard]] std::string merge_key(std::string_view path) const override {
    static const std::map<std::string_view, std::string> kKeys = {
        {"spec.containers", "name"},
        {"spec.containers.env", "name"},
        {"spec.containers.ports", "containerPort"},
        {"spec.template.spec.containers", "name"},
        {"spec.volumes", "name"},
        {"spec.ports", "port"},
        {"status.conditions", "type"},
        {"metadata.finalizers", "="}};
    const auto it = kKeys.find(path);
    return it == kKeys.end() ? "" : it->second;
  }
};

struct Row {
  std::string_view what, target, patch, result;
};

void expect_results(const std::vector<Row>& rows) {
  for (const auto& row : rows) {
    Json target = json(row.target);
    const Status status = apply_strategic_patch(target, json(row.patch), ListsOfTheTests());
    ASSERT_TRUE(status) << row.what << ": " << status.error().message;
    EXPECT_EQ(dump(target), dump(json(row.result))) << row.what;
  }
}

TEST(StrategicPatch, MergesListsByTheirKey) {
  expect_results({
      {"a container's image",
       R"({"spec":{"template":{"spec":{"containers":[{"name":"a","image":"1","args":["x"]},{"name":"b","image":"1"}]}}}})",
       R"({"spec":{"template":{"spec":{"containers":[{"name":"b","image":"2"}]}}}})",
       R"({"spec":{"template":{"spec":{"containers":[{"name":"a","image":"1","args":["x"]},{"name":"b","image":"2"}]}}}})"},
      {"a new container comes first when no order is given",
       R"({"spec":{"containers":[{"name":"a"}]}})",
       R"({"spec":{"containers":[{"name":"z","image":"1"}]}})",
       R"({"spec":{"containers":[{"name":"z","image":"1"},{"name":"a"}]}})"},
      {"nested lists merge too",
       R"({"spec":{"containers":[{"name":"a","env":[{"name":"X","value":"1"},{"name":"Y","value":"1"}],"ports":[{"containerPort":80}]}]}})",
       R"({"spec":{"containers":[{"name":"a","env":[{"name":"Y","value":"2"}],"ports":[{"containerPort":80,"name":"http"}]}]}})",
       R"({"spec":{"containers":[{"name":"a","env":[{"name":"X","value":"1"},{"name":"Y","value":"2"}],"ports":[{"containerPort":80,"name":"http"}]}]}})"},
      {"volumes and conditions",
       R"({"spec":{"volumes":[{"name":"v","emptyDir":{}}]},"status":{"conditions":[{"type":"Ready","status":"False"},{"type":"Init","status":"True"}]}})",
       R"({"status":{"conditions":[{"type":"Ready","status":"True"}]},"spec":{"volumes":[{"name":"v","emptyDir":null,"configMap":{"name":"c"}}]}})",
       R"({"spec":{"volumes":[{"name":"v","configMap":{"name":"c"}}]},"status":{"conditions":[{"type":"Ready","status":"True"},{"type":"Init","status":"True"}]}})"},
      {"service ports by port", R"({"spec":{"ports":[{"port":80,"targetPort":8080}]}})",
       R"({"spec":{"ports":[{"port":80,"targetPort":9090}]}})",
       R"({"spec":{"ports":[{"port":80,"targetPort":9090}]}})"},
      {"atomic lists are replaced",
       R"({"spec":{"containers":[{"name":"a","args":["x","y"]}],"tolerations":[{"key":"a"}]}})",
       R"({"spec":{"containers":[{"name":"a","args":["z"]}],"tolerations":[{"key":"b"}]}})",
       R"({"spec":{"containers":[{"name":"a","args":["z"]}],"tolerations":[{"key":"b"}]}})"},
      {"sets of primitives", R"({"metadata":{"finalizers":["a","b"]}})",
       R"({"metadata":{"finalizers":["b","c"]}})", R"({"metadata":{"finalizers":["a","b","c"]}})"},
      {"null removes", R"({"metadata":{"labels":{"a":"1","b":"2"}}})",
       R"({"metadata":{"labels":{"a":null,"zz":null}}})", R"({"metadata":{"labels":{"b":"2"}}})"},
      {"nothing changes nothing", R"({"a":[1]})", R"({})", R"({"a":[1]})"},
      {"a list over a map", R"({"spec":{"containers":{"x":1}}})",
       R"({"spec":{"containers":[{"name":"a"}]}})", R"({"spec":{"containers":[{"name":"a"}]}})"},
  });
}

TEST(StrategicPatch, ObeysDirectives) {
  expect_results({
      {"$patch: delete of an element", R"({"spec":{"containers":[{"name":"a"},{"name":"b"}]}})",
       R"({"spec":{"containers":[{"name":"a","$patch":"delete"}]}})",
       R"({"spec":{"containers":[{"name":"b"}]}})"},
      {"$patch: delete of an element that is not there",
       R"({"spec":{"containers":[{"name":"b"}]}})",
       R"({"spec":{"containers":[{"name":"a","$patch":"delete"}]}})",
       R"({"spec":{"containers":[{"name":"b"}]}})"},
      {"$patch: replace of a list", R"({"spec":{"containers":[{"name":"a"},{"name":"b"}]}})",
       R"({"spec":{"containers":[{"name":"c"},{"$patch":"replace"}]}})",
       R"({"spec":{"containers":[{"name":"c"}]}})"},
      {"$patch: replace of a map", R"({"metadata":{"labels":{"a":"1","b":"2"}}})",
       R"({"metadata":{"labels":{"$patch":"replace","c":"3"}}})",
       R"({"metadata":{"labels":{"c":"3"}}})"},
      {"$patch: delete of a map", R"({"metadata":{"labels":{"a":"1"}}})",
       R"({"metadata":{"labels":{"$patch":"delete"}}})", R"({"metadata":{"labels":{}}})"},
      {"$deleteFromPrimitiveList", R"({"metadata":{"finalizers":["a","b","c"]}})",
       R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["b","x"]}})",
       R"({"metadata":{"finalizers":["a","c"]}})"},
      {"$deleteFromPrimitiveList of a list that is not there", R"({"metadata":{}})",
       R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["b"]}})", R"({"metadata":{}})"},
      {"$setElementOrder",
       R"({"spec":{"containers":[{"name":"a"},{"name":"b"},{"name":"server"}]}})",
       R"({"spec":{"$setElementOrder/containers":[{"name":"c"},{"name":"b"},{"name":"a"}],"containers":[{"name":"c","image":"1"}]}})",
       R"({"spec":{"containers":[{"name":"c","image":"1"},{"name":"b"},{"name":"a"},{"name":"server"}]}})"},
      {"$setElementOrder without changes", R"({"spec":{"containers":[{"name":"a"},{"name":"b"}]}})",
       R"({"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"a"}]}})",
       R"({"spec":{"containers":[{"name":"b"},{"name":"a"}]}})"},
      {"$setElementOrder with a deletion",
       R"({"spec":{"containers":[{"name":"a"},{"name":"b"},{"name":"c"}]}})",
       R"({"spec":{"$setElementOrder/containers":[{"name":"c"},{"name":"a"}],"containers":[{"name":"b","$patch":"delete"}]}})",
       R"({"spec":{"containers":[{"name":"c"},{"name":"a"}]}})"},
      {"$setElementOrder of primitives", R"({"metadata":{"finalizers":["a","b"]}})",
       R"({"metadata":{"$setElementOrder/finalizers":["c","a"],"finalizers":["c"]}})",
       R"({"metadata":{"finalizers":["c","a","b"]}})"},
      {"server-side elements keep their place before what follows them",
       R"({"spec":{"containers":[{"name":"server"},{"name":"a"},{"name":"b"}]}})",
       R"({"spec":{"$setElementOrder/containers":[{"name":"a"},{"name":"b"}],"containers":[{"name":"b","image":"2"}]}})",
       R"({"spec":{"containers":[{"name":"server"},{"name":"a"},{"name":"b","image":"2"}]}})"},
      {"$retainKeys",
       R"({"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}}})",
       R"({"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}})",
       R"({"spec":{"strategy":{"type":"Recreate"}}})"},
      {"$retainKeys in a volume", R"({"spec":{"volumes":[{"name":"v","emptyDir":{}}]}})",
       R"({"spec":{"volumes":[{"$retainKeys":["name","hostPath"],"name":"v","hostPath":{"path":"/x"}}]}})",
       R"({"spec":{"volumes":[{"name":"v","hostPath":{"path":"/x"}}]}})"},
      {"directives in content that is new have nothing to act on", R"({"spec":{}})",
       R"({"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate","x":null},"$setElementOrder/containers":[{"name":"a"}],"containers":[{"name":"a"},{"name":"b","$patch":"delete"}]}})",
       R"({"spec":{"strategy":{"type":"Recreate"},"containers":[{"name":"a"}]}})"},
  });
}

TEST(StrategicPatch, RefusesMalformedPatchesAndLeavesTheTargetAlone) {
  const struct {
    std::string_view patch, message;
  } rows[] = {
      {R"({"spec":{"containers":[{"image":"x"}]}})", "does not contain its merge key \"name\""},
      {R"({"spec":{"containers":["x"]}})", "is not an object"},
      {R"({"spec":{"containers":[{"$patch":"delete"}]}})", "merge key"},
      {R"({"spec":{"containers":[{"$patch":"merge","name":"a"}]}})",
       "unknown $patch directive \"merge\""},
      {R"({"metadata":{"$patch":"explode"}})", "unknown $patch directive"},
      {R"({"metadata":{"$deleteFromPrimitiveList/finalizers":"a"}})", "must be a list"},
      {R"({"spec":{"$setElementOrder/containers":1}})", "must be a list"},
      {R"({"spec":{"$retainKeys":["a"],"b":1}})", "does not name \"b\""},
      {R"({"spec":{"$retainKeys":"a"}})", "must be a list"},
      {R"([])", "must be an object"},
  };
  const Json before = json(R"({"metadata":{"name":"x"},"spec":{"containers":[{"name":"a"}]}})");
  for (const auto& row : rows) {
    Json target = before;
    const Status status = apply_strategic_patch(target, json(row.patch), ListsOfTheTests());
    ASSERT_FALSE(status) << row.patch;
    EXPECT_EQ(status.error().code, ErrorCode::Invalid);
    EXPECT_NE(status.error().message.find(row.message), std::string::npos)
        << status.error().message;
    EXPECT_EQ(target, before);
  }
}

}  // namespace
}  // namespace sluice::kube
