// Job metrics (analysis.md §12.4).
#include <gtest/gtest.h>

#include "analysis/providers/job.h"
#include "engine_support.h"
#include "kube/json/json.h"

namespace sluice::analysis {
namespace {

using api::AnalysisPhase;
using testing::at;
using testing::metric_from;

constexpr std::string_view kUid = "c33eb844-a476-498f-9052-2fddbdcd365a";

api::AnalysisRun run() {
  api::AnalysisRun out;
  out.meta.key = {"shop", "web-abc-2"};
  out.meta.uid = kUid;
  return out;
}

TEST(JobName, says_run_metric_and_number) {
  EXPECT_EQ(job::name_of("uid", "smoke", 3), "uid.smoke.3");
}

TEST(JobName, cuts_the_metric_so_that_63_characters_suffice) {
  const std::string name = job::name_of(kUid, "a-very-long-metric-name-that-does-not-fit", 12);
  EXPECT_EQ(name.size(), 63U);
  EXPECT_EQ(name, std::string(kUid) + ".a-very-long-metric-name.12");
  EXPECT_EQ(job::name_of(std::string(80, 'u'), "m", 1), std::string(80, 'u') + "..1");
}

TEST(JobRequest, is_the_job_of_the_metric_marked_as_ours) {
  const auto metric = metric_from(
      R"({"name":"smoke","provider":{"job":{"metadata":{"labels":{"team":"a"},"annotations":{"note":"b"},"name":"ignored"},)"
      R"("spec":{"backoffLimit":0,"template":{"metadata":{"labels":{"x":"y"}},"spec":{"restartPolicy":"Never"}}}}}})");
  const auto write = job::build_request(run(), metric, 1);
  ASSERT_TRUE(write) << write.error().message;
  EXPECT_EQ(write->verb, kube::Verb::Create);
  EXPECT_EQ(write->key.text(), "shop/" + std::string(kUid) + ".smoke.1");
  EXPECT_TRUE(write->tolerate_done);
  const auto body = kube::parse_json(write->body);
  ASSERT_TRUE(body);
  EXPECT_EQ(
      (*body)["metadata"].dump(),
      R"({"annotations":{"analysisrun.argoproj.io/metric-name":"smoke","analysisrun.argoproj.io/name":"web-abc-2",)"
      R"("analysisrun.argoproj.io/namespace":"shop","note":"b"},"labels":{"analysisrun.argoproj.io/uid":")" +
          std::string(kUid) + R"(","team":"a"},"name":")" + std::string(kUid) +
          R"(.smoke.1","namespace":"shop","ownerReferences":[{"apiVersion":"argoproj.io/v1alpha1",)"
          R"("blockOwnerDeletion":true,"controller":true,"kind":"AnalysisRun","name":"web-abc-2","uid":")" +
          std::string(kUid) + R"("}]})");
  EXPECT_EQ(
      (*body)["spec"].dump(),
      R"({"backoffLimit":0,"template":{"metadata":{"labels":{"analysisrun.argoproj.io/uid":")" +
          std::string(kUid) + R"(","x":"y"}},"spec":{"restartPolicy":"Never"}}})");
  EXPECT_EQ(kube::get_string(*body, "apiVersion"), "batch/v1");
  EXPECT_EQ(kube::get_string(*body, "kind"), "Job");
}

TEST(JobRequest, without_a_spec_is_an_error) {
  const auto write =
      job::build_request(run(), metric_from(R"({"name":"m","provider":{"job":{}}})"), 1);
  ASSERT_FALSE(write);
  EXPECT_EQ(write.error().message, "metric 'm': provider.job.spec is missing");
}

TEST(JobRequest, deletion_waits_for_the_pods_and_names_the_uid) {
  const kube::Write write = job::build_delete({"shop", "j"}, "u-1");
  EXPECT_EQ(write.verb, kube::Verb::Delete);
  EXPECT_EQ(write.uid, "u-1");
  EXPECT_TRUE(write.tolerate_done);
  EXPECT_NE(write.body.find(R"("propagationPolicy":"Foreground")"), std::string::npos);
}

kube::Job with_conditions(std::vector<kube::Condition> conditions) {
  kube::Job out;
  out.conditions = std::move(conditions);
  return out;
}
kube::Condition condition(std::string type, std::string status = "True") {
  kube::Condition out;
  out.type = std::move(type);
  out.status = std::move(status);
  return out;
}

TEST(JobFinding, follows_from_the_conditions_that_are_true) {
  EXPECT_EQ(job::interpret(with_conditions({}), {}).phase, AnalysisPhase::Running);
  EXPECT_EQ(job::interpret(with_conditions({condition("Complete")}), {}).phase,
            AnalysisPhase::Successful);
  EXPECT_EQ(job::interpret(with_conditions({condition("Failed")}), {}).phase,
            AnalysisPhase::Failed);
  EXPECT_EQ(job::interpret(with_conditions({condition("Complete", "False")}), {}).phase,
            AnalysisPhase::Running);
  EXPECT_EQ(job::interpret(with_conditions({condition("Suspended")}), {}).phase,
            AnalysisPhase::Running);
  kube::Condition failed = condition("Failed");
  failed.reason = "BackoffLimitExceeded";
  failed.message = "Job has reached the specified backoff limit";
  const auto finding = job::interpret(with_conditions({failed}), {});
  EXPECT_EQ(finding.message, "");
  EXPECT_EQ(finding.failure, "BackoffLimitExceeded: Job has reached the specified backoff limit");
}

TEST(JobFinding, an_image_that_cannot_be_pulled_is_inconclusive) {
  for (const char* reason : {"ErrImagePull", "ImagePullBackOff", "InvalidImageName"}) {
    auto pod = std::make_shared<kube::Pod>();
    pod->meta.key = {"shop", "p-1"};
    pod->waiting_reason = reason;
    pod->waiting_container = "main";
    pod->waiting_message = "no such image\n";
    const auto finding = job::interpret(with_conditions({}), {pod});
    EXPECT_EQ(finding.phase, AnalysisPhase::Inconclusive);
    EXPECT_EQ(finding.message, "Pod p-1, container main has terminal error (" +
                                   std::string(reason) + "): no such image");
    EXPECT_EQ(job::interpret(with_conditions({condition("Complete")}), {pod}).phase,
              AnalysisPhase::Successful);
    pod->waiting_reason = "ContainerCreating";
    EXPECT_EQ(job::interpret(with_conditions({}), {pod}).phase, AnalysisPhase::Running);
  }
}

TEST(JobPolling, slows_down_with_the_age_of_the_job) {
  EXPECT_EQ(job::next_look(at(0), at(0)), at(1));
  EXPECT_EQ(job::next_look(at(0), at(50)), at(60));
  EXPECT_EQ(job::next_look(at(10), at(0)), at(1));
}

TEST(JobCollection, removes_the_oldest_of_this_metric_only) {
  std::vector<std::shared_ptr<const kube::Job>> jobs;
  const auto add = [&](const std::string& name, const std::string& metric, double created) {
    auto one = std::make_shared<kube::Job>();
    one->meta.key = {"shop", name};
    one->meta.created_at = at(created);
    one->meta.annotations[std::string(job::kMetricNameAnnotation)] = metric;
    jobs.push_back(one);
  };
  add("c", "m", 3);
  add("a", "m", 1);
  add("b", "m", 2);
  add("other", "n", 0);
  const auto surplus = job::superfluous(jobs, "m", 1);
  ASSERT_EQ(surplus.size(), 2U);
  EXPECT_EQ(surplus[0]->meta.key.name, "a");
  EXPECT_EQ(surplus[1]->meta.key.name, "b");
  EXPECT_TRUE(job::superfluous(jobs, "m", 3).empty());
}

// ---- F10: whose rights a Job gets ----

Result<kube::Write> request_with(const std::string& pod_spec, const job::Policy& policy) {
  return job::build_request(
      run(),
      metric_from(R"({"name":"smoke","provider":{"job":{"spec":{"template":{"spec":)" + pod_spec +
                  "}}}}}"),
      1, policy);
}
kube::Json pod_of(const Result<kube::Write>& write) {
  EXPECT_TRUE(write) << write.error().message;
  return write ? kube::parse_json(write->body).value()["spec"]["template"]["spec"] : kube::Json();
}

TEST(F10_JobAccount, the_controllers_own_is_refused_by_either_name_of_the_field) {
  job::Policy policy;
  policy.own_account = {"shop", "argo-rollouts"};
  for (const char* spec :
       {R"({"serviceAccountName":"argo-rollouts"})", R"({"serviceAccount":"argo-rollouts"})",
        R"({"serviceAccountName":"","serviceAccount":"argo-rollouts"})",
        R"({"serviceAccountName":"argo-rollouts","serviceAccount":"other"})"}) {
    const auto write = request_with(spec, policy);
    ASSERT_FALSE(write) << spec;
    EXPECT_EQ(write.error().code, ErrorCode::Forbidden);
    EXPECT_EQ(write.error().message,
              "metric 'smoke': provider.job.spec.template.spec.serviceAccountName: ServiceAccount "
              "\"argo-rollouts\" is the controller's own, whose rights no Job gets: name another one, "
              "or run the controller in a namespace of its own");
  }
  for (const char* spec : {R"({})", R"({"serviceAccountName":"tests"})",
                           R"({"serviceAccountName":"tests","serviceAccount":"argo-rollouts"})"})
    EXPECT_TRUE(request_with(spec, policy)) << spec;
  // An account of the same name in another namespace is another account.
  policy.own_account = {"argo-rollouts", "argo-rollouts"};
  EXPECT_TRUE(request_with(R"({"serviceAccountName":"argo-rollouts"})", policy));
  // Who runs the controller under the account that pods get by default has to name others.
  policy.own_account = {"shop", "default"};
  EXPECT_FALSE(request_with("{}", policy));
}

TEST(F10_JobAccount, a_list_allows_names_everywhere_or_in_one_namespace) {
  job::Policy policy;
  policy.accounts = {"tests", "shop/smoke", "other/deployer"};
  for (const char* allowed : {"tests", "smoke"})
    EXPECT_TRUE(request_with(R"({"serviceAccountName":")" + std::string(allowed) + R"("})", policy));
  for (const char* refused : {"deployer", "default", ""}) {
    const auto write =
        request_with(R"({"serviceAccountName":")" + std::string(refused) + R"("})", policy);
    ASSERT_FALSE(write) << refused;
    EXPECT_NE(write.error().message.find("--job-service-accounts"), std::string::npos);
  }
  policy.accounts.insert("default");
  EXPECT_TRUE(request_with("{}", policy));
  policy.own_account = {"shop", "tests"};  // a list does not lend the controller's own
  EXPECT_FALSE(request_with(R"({"serviceAccountName":"tests"})", policy));
}

TEST(F10_JobAccount, a_token_is_mounted_as_the_template_or_else_the_flag_says) {
  job::Policy policy;
  EXPECT_FALSE(pod_of(request_with("{}", policy)).contains("automountServiceAccountToken"));
  policy.automount_token = false;
  EXPECT_EQ(pod_of(request_with("{}", policy))["automountServiceAccountToken"], false);
  EXPECT_EQ(pod_of(request_with(R"({"automountServiceAccountToken":true})",
                                policy))["automountServiceAccountToken"],
            true);
}

}  // namespace
}  // namespace sluice::analysis
