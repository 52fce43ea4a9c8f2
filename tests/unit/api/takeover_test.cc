// What the reference controller left in a cluster is understood to the last byte (rollout.md §10).
#include "tests/unit/api/fixtures.h"

#include "api/keys.h"
#include "api/template_hash.h"

namespace sluice::api::test {
namespace {

class TakeOver : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Fixtures, TakeOver, testing::ValuesIn(fixture_names()), test_name);

std::string owner_uid(const kube::Json& object) {
  const auto* owners = kube::find_path(object, "metadata.ownerReferences");
  return owners == nullptr || owners->empty() ? "" : kube::get_string(owners->front(), "uid");
}

TEST(TakeOverSet, has_all_states) {
  EXPECT_EQ(fixture_names().size(), 26U);
}

TEST_P(TakeOver, every_object_of_our_kinds_decodes_without_an_error) {
  std::size_t rollouts = 0;
  for (const auto& object : fixture_objects(GetParam())) {
    const auto kind = kube::get_string(object, "kind");
    const auto text = kube::dump(object);
    std::optional<Error> error;
    if (kind == "Rollout") {
      const auto rollout = decode_with(decode_rollout, text);
      error = rollout.decode_error;
      ++rollouts;
      EXPECT_EQ(rollout.meta.key.name, kube::get_string(object, "metadata.name"));
      EXPECT_EQ(rollout.spec.replicas, kube::get_int(object, "spec.replicas"));
      EXPECT_TRUE(rollout.status.carried_json.empty()) << rollout.status.carried_json;
    } else if (kind == "AnalysisRun") {
      error = decode_with(decode_analysis_run, text).decode_error;
    } else if (kind == "AnalysisTemplate" || kind == "ClusterAnalysisTemplate") {
      const auto decoded = decode_with(decode_analysis_template, text);
      error = decoded.decode_error;
      EXPECT_FALSE(decoded.spec.metrics.empty());
    }
    EXPECT_FALSE(error) << kind << ": " << error->message;
  }
  EXPECT_EQ(rollouts, 1U);
}

TEST_P(TakeOver, the_rollout_status_survives_a_round_trip_byte_for_byte) {
  for (const auto& object : fixture_objects(GetParam(), "Rollout")) {
    const auto* stored = kube::find(object, "status");
    ASSERT_NE(stored, nullptr);
    const auto rollout = rollout_of(object);
    EXPECT_EQ(kube::dump(encode_status(rollout.status)), kube::dump(*stored));
    EXPECT_EQ(kube::dump(stored_status(rollout)), kube::dump(*stored));
  }
}

TEST_P(TakeOver, each_analysis_run_status_survives_a_round_trip_byte_for_byte) {
  for (const auto& object : fixture_objects(GetParam(), "AnalysisRun")) {
    const auto* stored = kube::find(object, "status");
    ASSERT_NE(stored, nullptr);
    const auto run = decode_with(decode_analysis_run, kube::dump(object));
    EXPECT_EQ(kube::dump(encode(run.status)), kube::dump(*stored));
  }
}

TEST_P(TakeOver, the_hash_of_the_pod_template_is_the_one_the_reference_wrote) {
  for (const auto& object : fixture_objects(GetParam(), "Rollout")) {
    const auto rollout = rollout_of(object);
    if (rollout.spec.template_json.empty()) continue;  // workloadRef: see below
    const auto hashes = template_hashes(rollout.spec.template_json, rollout.status.collision_count);
    ASSERT_TRUE(hashes) << hashes.error().message;
    if (!rollout.status.current_pod_hash.empty()) {
      EXPECT_EQ(hashes->front(), rollout.status.current_pod_hash);
    }
  }
}

TEST_P(TakeOver, the_hash_of_the_steps_is_the_one_the_reference_wrote) {
  for (const auto& object : fixture_objects(GetParam(), "Rollout")) {
    const auto rollout = rollout_of(object);
    if (!rollout.spec.canary || rollout.status.current_step_hash.empty()) continue;
    EXPECT_EQ(step_hashes(*rollout.spec.canary).front(), rollout.status.current_step_hash);
  }
}

TEST_P(TakeOver, the_replica_set_of_the_current_hash_has_an_equal_template_and_no_other_has) {
  for (const auto& object : fixture_objects(GetParam(), "Rollout")) {
    const auto rollout = rollout_of(object);
    if (rollout.spec.template_json.empty()) continue;
    for (const auto& set : fixture_objects(GetParam(), "ReplicaSet")) {
      if (owner_uid(set) != rollout.meta.uid) continue;
      const auto* label = kube::find_path(set, {"metadata", "labels", kPodTemplateHashLabel});
      ASSERT_NE(label, nullptr);
      const bool current = label->get<std::string>() == rollout.status.current_pod_hash;
      const auto* live = kube::find_path(set, "spec.template");
      ASSERT_NE(live, nullptr);
      EXPECT_EQ(templates_equal(kube::dump(*live), rollout.spec.template_json), current)
          << kube::get_string(set, "metadata.name");
    }
  }
}

// All fixtures differ between versions in the image only, so each ReplicaSet's template can be had
// back.
TEST_P(TakeOver, the_hash_of_every_replica_set_is_that_of_the_template_with_its_image) {
  for (const auto& object : fixture_objects(GetParam(), "Rollout")) {
    const auto rollout = rollout_of(object);
    for (const auto& set : fixture_objects(GetParam(), "ReplicaSet")) {
      if (owner_uid(set) != rollout.meta.uid) continue;
      const auto* label = kube::find_path(set, {"metadata", "labels", kPodTemplateHashLabel});
      ASSERT_NE(label, nullptr);
      EXPECT_EQ(kube::get_string(set, "metadata.name"),
                rollout.meta.key.name + "-" + label->get<std::string>());
      if (rollout.spec.template_json.empty()) continue;
      auto pod_template = parse(rollout.spec.template_json);
      const auto* containers = kube::find_path(set, "spec.template.spec.containers");
      ASSERT_NE(containers, nullptr);
      pod_template["spec"]["containers"][0]["image"] = containers->front()["image"];
      EXPECT_EQ(template_hashes(kube::dump(pod_template), std::nullopt).value().front(),
                label->get<std::string>());
    }
  }
}

TEST(TakeOverWorkload, the_template_of_a_referenced_deployment_hashes_as_the_reference_did) {
  const auto rollout = rollout_of(fixture_objects("workload-ref-idle", "Rollout").front());
  const auto deployment = fixture_objects("workload-ref-idle", "Deployment").front();
  const auto* pod_template = kube::find_path(deployment, "spec.template");
  ASSERT_NE(pod_template, nullptr);
  EXPECT_EQ(template_hashes(kube::dump(*pod_template), std::nullopt).value().front(),
            rollout.status.current_pod_hash);
}

}  // namespace
}  // namespace sluice::api::test
