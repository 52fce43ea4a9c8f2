// Members that the types of the pod template do not have are in no hash and in no comparison
// (ADR 12).
#include <random>

#include "api/template_hash.h"
#include "kube/json/yaml.h"
#include "kube/schema/typed_json.h"
#include "tests/unit/api/fixtures.h"

namespace sluice::api::test {
namespace {

using kube::MemberKind;
using kube::TypedMember;
using kube::TypedSchema;
using kube::TypedStruct;
using Hashes = std::vector<std::string>;

Hashes hashes_of(const kube::Json& pod_template,
                 std::optional<std::int32_t> collisions = std::nullopt) {
  auto out = template_hashes(kube::dump(pod_template), collisions);
  EXPECT_TRUE(out) << out.error().message << "\n" << kube::dump(pod_template);
  return out.value_or(Hashes{});
}

// `optional` belongs to the secret; as a member of an item it was seen in the wild.
const char* const kMisplaced = R"(
metadata: {labels: {app: web}}
spec:
  containers:
    - name: web
      image: web:v1
      volumeMounts: [{name: key, mountPath: /data/app.pem, subPath: app.pem, readOnly: true}]
  volumes:
    - name: key
      secret:
        secretName: web-secrets
        items:
          - key: app-key
            path: app.pem
            optional: true
)";

kube::Json misplaced() {
  auto documents = kube::parse_yaml(kMisplaced);
  EXPECT_TRUE(documents && documents->size() == 1);
  return std::move(documents->front());
}

TEST(MisplacedField, leaves_the_hash_that_the_reference_computes) {
  auto pod_template = misplaced();
  const auto hashes = hashes_of(pod_template);
  // What the reference's own code says of this template, in its releases since 1.9 and before.
  EXPECT_THAT(hashes, testing::ElementsAre("687c47c548", "6bf68c8884"));
  auto& item = pod_template["spec"]["volumes"][0]["secret"]["items"][0];
  ASSERT_EQ(item.erase("optional"), 1U);
  EXPECT_EQ(hashes_of(pod_template), hashes);
  // In its place it is substance.
  pod_template["spec"]["volumes"][0]["secret"]["optional"] = true;
  EXPECT_NE(hashes_of(pod_template), hashes);
}

TEST(MisplacedField, does_not_count_in_a_comparison_on_either_side) {
  const auto with = kube::dump(misplaced());
  auto pod_template = misplaced();
  pod_template["spec"]["volumes"][0]["secret"]["items"][0].erase("optional");
  const auto without = kube::dump(pod_template);
  EXPECT_TRUE(templates_equal(without, with));
  EXPECT_TRUE(templates_equal(with, without));
  pod_template["spec"]["volumes"][0]["secret"]["items"][0]["mode"] = 256;
  EXPECT_FALSE(templates_equal(kube::dump(pod_template), with));
}

// A server without the type sees a volume without a source, and gives it an empty directory.
TEST(MisplacedField, a_volume_source_that_nobody_knows_is_no_source) {
  const char* const desired =
      R"({"spec":{"containers":[],"volumes":[{"name":"v","sourceOfTomorrow":{"size":1}}]}})";
  const char* const dropped =
      R"({"spec":{"containers":[],"volumes":[{"name":"v","emptyDir":{}}]}})";
  EXPECT_TRUE(templates_equal(dropped, desired));
  EXPECT_TRUE(templates_equal(desired, desired));
  EXPECT_FALSE(templates_equal(
      R"({"spec":{"containers":[],"volumes":[{"name":"v","hostPath":{"path":"/"}}]}})", desired));
}

TEST(MisplacedField, names_are_case_sensitive) {
  const auto with = [](const char* members) {
    return parse(std::string(R"({"spec":{"containers":[{"name":"c",)") + members + "}]}}");
  };
  EXPECT_EQ(hashes_of(with(R"("Image":"a")")), hashes_of(with(R"("tty":false)")));
  EXPECT_EQ(hashes_of(with(R"("image":"a","IMAGE":"b")")), hashes_of(with(R"("image":"a")")));
}

TEST(MisplacedField, what_is_beyond_the_types_is_told_with_its_place) {
  EXPECT_EQ(unknown_members(kube::dump(misplaced())),
            R"({"spec":{"volumes":{"0":{"secret":{"items":{"0":{"optional":true}}}}}}})");
  EXPECT_EQ(unknown_members(R"({"metadata":{"labels":{"odd":"x"}},"spec":{"containers":[{"name":"c"},
      {"resources":{"limits":{"odd/x":"1"}},"securityContext":{"odd":{"a":[null]},"privileged":true}}],"more":null},
      "odd":false})"),
            R"({"odd":false,"spec":{"containers":{"1":{"securityContext":{"odd":{"a":[null]}}}}}})");
  for (const char* nothing : {"{}", "", "[]", "{", R"({"spec":{"containers":[null,{"name":"c"}]}})"})
    EXPECT_EQ(unknown_members(nothing), "") << nothing;
}

// ---- any template, any depth ----

// A template with all kinds of members that the types have.
class RandomTemplate {
 public:
  explicit RandomTemplate(std::uint32_t seed) : random_(seed) {}

  kube::Json make() { return structure(schema_.type("PodTemplateSpec"), 0); }
  // Adds members of no type, of other types, and of other case, to structs at any depth.
  std::size_t sprinkle(kube::Json& pod_template) {
    places_.clear();
    collect(pod_template, schema_.type("PodTemplateSpec"));
    std::size_t added = 0;
    for (int i = 0; i < 6; ++i) {
      auto& [value, type] = places_[below(places_.size())];
      const auto name = foreign_name(*type);
      if (type->find(name) != nullptr || value->contains(name)) continue;
      static const kube::Json kValues[] = {
          true, 0, "x", "", kube::Json::array({1, nullptr}), {{"a", {{"b", 1.5}}}}};
      (*value)[name] = kValues[below(std::size(kValues))];
      ++added;
    }
    return added;
  }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }
  bool chance(unsigned percent) { return below(100) < percent; }

  kube::Json scalar(MemberKind kind) {
    static const char* const kTexts[] = {"a", "web:1", "<&>", "é", ""};
    static const char* const kQuantities[] = {"1", "100m", "0.5", "1Gi", "1e3"};
    if (kind == MemberKind::Int) return below(3) * 40;
    if (kind == MemberKind::Bool) return chance(50);
    if (kind == MemberKind::Time) return "2026-01-02T03:04:05Z";
    if (kind == MemberKind::IntOrString) return chance(50) ? kube::Json(80) : kube::Json("http");
    if (kind == MemberKind::Quantity || kind == MemberKind::QuantityValue)
      return kQuantities[below(5)];
    return kTexts[below(5)];
  }
  kube::Json value(const TypedMember& member, int depth) {
    const auto kind = member.kind;
    if (kind == MemberKind::StringList) return kube::Json::array({"a", "b"});
    if (kind == MemberKind::IntList) return kube::Json::array({1, 2});
    if (kind == MemberKind::StringMap) return {{"a", "x"}, {"B", "y"}};
    if (kind == MemberKind::QuantityMap) return {{"cpu", scalar(MemberKind::Quantity)}};
    if (kind == MemberKind::Any) return {{"free", 1}};
    if (kind == MemberKind::StructMap) return {{"k", structure(*member.type, depth + 1)}};
    if (kind == MemberKind::Struct) return structure(*member.type, depth + 1);
    if (kind != MemberKind::StructList) return scalar(kind);
    auto out = kube::Json::array();
    for (auto n = below(3); n > 0; --n) out.push_back(structure(*member.type, depth + 1));
    return out;
  }
  kube::Json structure(const TypedStruct& type, int depth) {
    kube::Json out = kube::Json::object();
    const unsigned percent = depth == 0 ? 100 : type.members.size() > 20 ? 35 : 50;
    for (const auto& member : type.members)
      if (chance(percent)) out[member.name] = value(member, depth);
    return out;
  }
  void collect(kube::Json& value, const TypedStruct& type) {
    places_.emplace_back(&value, &type);
    for (const auto& member : type.members) {
      const auto it = value.find(member.name);
      if (it == value.end()) continue;
      if (member.kind == MemberKind::Struct) collect(*it, *member.type);
      if (member.kind == MemberKind::StructList || member.kind == MemberKind::StructMap)
        for (auto& item : *it) collect(item, *member.type);
    }
  }
  std::string foreign_name(const TypedStruct& type) {
    if (chance(30)) return "fieldOfTomorrow";
    const auto& from = chance(30) ? type : *places_[below(places_.size())].second;
    if (from.members.empty()) return "zz";
    auto name = from.members[below(from.members.size())].name;
    if (&from == &type) name[0] = static_cast<char>(std::toupper(name[0]));
    return name;
  }

  std::mt19937 random_;
  const TypedSchema& schema_ = TypedSchema::pods();
  std::vector<std::pair<kube::Json*, const TypedStruct*>> places_;
};

TEST(MisplacedField, at_any_depth_changes_no_hash_and_no_comparison) {
  std::size_t added = 0, large = 0;
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    RandomTemplate random(seed);
    const auto plain = random.make();
    auto odd = plain;
    const auto here = random.sprinkle(odd);
    added += here;
    if (kube::dump(plain).size() > 2'000) ++large;
    for (const auto collisions : {std::optional<std::int32_t>(), std::optional<std::int32_t>(1)})
      EXPECT_EQ(hashes_of(odd, collisions), hashes_of(plain, collisions)) << kube::dump(odd);
    EXPECT_EQ(canonical_template_json(kube::dump(odd), true).value(),
              canonical_template_json(kube::dump(plain), true).value());
    EXPECT_TRUE(templates_equal(kube::dump(odd), kube::dump(plain))) << kube::dump(odd);
    EXPECT_TRUE(templates_equal(kube::dump(plain), kube::dump(odd))) << kube::dump(odd);
    EXPECT_EQ(unknown_members(kube::dump(plain)), "") << seed;
    EXPECT_EQ(unknown_members(kube::dump(odd)).empty(), here == 0) << seed;
  }
  EXPECT_GT(added, 600U);
  EXPECT_GT(large, 30U);
}

}  // namespace
}  // namespace sluice::api::test
