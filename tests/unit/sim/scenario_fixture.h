#pragma once
// Scenarios for tests: the CRDs of the checkout compiled once, runs that stop where a test wants to
// do harm.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "api/resources.h"
#include "kube/json/json.h"
#include "kube/json/yaml.h"
#include "kube/model/resources.h"
#include "sim/scenario_run.h"

namespace sluice::sim {

inline Scenarios::Crds checkout_crds() {
  static const Scenarios::Crds kCrds = [] {
    std::vector<Json> documents;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(SLUICE_SOURCE_DIR) / "crds")) {
      if (entry.path().extension() != ".yaml") continue;
      std::ifstream in(entry.path());
      std::ostringstream text;
      text << in.rdbuf();
      auto parsed = kube::parse_yaml(text.str());
      if (!parsed) continue;
      for (auto& document : *parsed) documents.push_back(std::move(document));
    }
    auto bundle = ApiServer::compile_crds(documents);
    return bundle ? *bundle : nullptr;
  }();
  return kCrds;
}

inline Knobs knobs_for(Workflow workflow) {
  Knobs out;
  out.workflow = workflow;
  return out;
}

inline std::string all_text(const std::vector<check::Violation>& found) {
  std::string out;
  for (const auto& item : found) out += item.checker + ": " + item.text + "\n";
  return out;
}

// A run with what a rogue controller may do to it.
struct Given : ScenarioRun {
  explicit Given(Workflow workflow, const check::CheckerOptions& options = {})
      : ScenarioRun(knobs_for(workflow), checkout_crds(), options) {}
  explicit Given(const Knobs& knobs) : ScenarioRun(knobs, checkout_crds()) {}

  void patch(const kube::ResourceType& type, const std::string& name, const std::string& body,
             const std::string& subresource = "", const std::string& identity = "") {
    kube::Write write;
    write.type = type;
    write.key = {"default", name};
    write.subresource = subresource;
    write.body = body;
    const auto response = rogue(write, identity);
    EXPECT_LT(response.status, 300) << response.body;
  }
  void status(const std::string& body) {
    patch(api::kRollouts, "web", R"({"status":)" + body + "}", "status");
  }
  void canary_weight(int weight) {
    patch(kube::kIngresses, "web-web-canary",
          R"({"metadata":{"annotations":{"nginx.ingress.kubernetes.io/canary-weight":")" +
              std::to_string(weight) + R"("}}})");
  }
  void select(const std::string& service, const std::string& hash) {
    patch(kube::kServices, service,
          R"({"spec":{"selector":{"rollouts-pod-template-hash":)" +
              (hash.empty() ? "null" : "\"" + hash + "\"") + "}}}");
  }
  void scale(const std::string& image, int replicas) {
    patch(kube::kReplicaSets, set_name(image),
          R"({"spec":{"replicas":)" + std::to_string(replicas) + "}}");
  }
  std::string set_name(const std::string& image) const {
    for (const auto& [name, set] : view().sets)
      if (set.image == image) return name;
    return "";
  }
  // The update is under way: the first weight is set, the first pause runs.
  bool in_first_pause() {
    if (!deploy()) return false;
    begin_update("app:v2");
    return wait("the first pause",
                [this] { return rollout().pause("CanaryPauseStep") != nullptr; });
  }
  int caught(std::string_view checker) const {
    return static_cast<int>(
        std::count_if(checkers.found.begin(), checkers.found.end(),
                      [&](const auto& item) { return item.checker == checker; }));
  }
};

}  // namespace sluice::sim
