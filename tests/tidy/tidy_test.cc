// The house rules that a machine can check, read from the files themselves.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/tidy/include_rules.h"

using sluice::tidy::check_file;
using sluice::tidy::provider_named_in;
using sluice::tidy::router_named_in;

namespace {

std::vector<sluice::tidy::Source> production_and_bench() {
  auto folders = sluice::tidy::production_folders();
  folders.push_back("bench");
  return sluice::tidy::sources_below(folders, {".cc", ".h"});
}

template <class Visit>
void each_source(Visit visit) {
  static const auto sources = production_and_bench();
  for (const auto& source : sources) visit(source.path, source.text);
}

}  // namespace

TEST(IncludeRules, HoldInEveryFile) {
  int files = 0;
  each_source([&](const std::string& file, const std::string& text) {
    ++files;
    for (const auto& finding : check_file(file, text))
      ADD_FAILURE() << finding.file << ":" << finding.line << ": " << finding.message;
  });
  EXPECT_GT(files, 30) << "the test looks in the wrong place";
}

TEST(IncludeRules, AnalysisMayNotIncludeNet) {
  const auto findings = check_file("analysis/engine.cc", "#include \"net/net.h\"\n");
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].message,
            "analysis/ may not include net/net.h: see docs/architecture.md#rules");
}

TEST(IncludeRules, CatchEachKindOfBreach) {
  struct Case {
    const char* file;
    const char* text;
  };
  const Case cases[] = {
      {"analysis/x.cc", "#include \"traffic/router.h\"\n"},
      {"traffic/x.cc", "#include \"analysis/engine.h\"\n"},
      {"sim/x.cc", "#include \"net/net.h\"\n"},
      {"net/x.cc", "#include \"sim/simulation.h\"\n"},
      {"net/x.cc", "#include \"apiserver/api_server.h\"\n"},
      {"apiserver/x.cc", "#include \"controller/plan.h\"\n"},
      {"cluster/x.cc", "#include \"sim/simulation.h\"\n"},
      {"kube/x/x.cc", "#include <simdjson.h>\n"},
      {"kube/json/x.cc", "#include <zstd.h>\n"},
      {"controller/loop/x.cc", "#include <spdlog/spdlog.h>\n"},
      {"api/x.cc", "#include <nlohmann/json.hpp>\n"},
      {"controller/rollout/x.cc", "auto t = std::chrono::system_clock::now();\n"},
      {"base/x.cc", "#include <mutex>\n"},
      {"controller/rollout/x.cc", "#include \"controller/loop/loop.h\"\n"},
      {"controller/rollout/x.cc", "#include \"traffic/nginx/nginx.h\"\n"},
      {"traffic/status.cc", "#include \"traffic/nginx/nginx.h\"\n"},
      {"controller/analysisrun/pass.cc", "#include \"analysis/providers/web.h\"\n"},
      {"analysis/providers/web.cc", "#include \"analysis/providers/prometheus.h\"\n"},
      {"traffic/istio/x.cc", "#include \"traffic/nginx/nginx.h\"\n"},
      {"cluster/x.cc", "#include \"demo/demo.h\"\n"},
      {"demo/x.cc", "  execve(argv[0], argv.data(), envp.data());\n"},
      {"net/exec_plugin.cc", "  ::posix_spawnp(&pid, name, &actions, &attributes, a, e);\n"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(check_file(c.file, c.text).size(), 1U) << c.file << ": " << c.text;
  EXPECT_TRUE(check_file("controller/loop/x.cc",
                         "#include \"controller/rollout/rollout.h\"\n#include <map>\n")
                  .empty());
  EXPECT_TRUE(
      check_file("analysis/provider_table.cc", "#include \"analysis/providers/web.h\"\n").empty());
  EXPECT_TRUE(
      check_file("controller/analysisrun/x.cc", "#include \"analysis/providers/job.h\"\n").empty());
  EXPECT_TRUE(check_file("traffic/routers.cc", "#include \"traffic/nginx/nginx.h\"\n").empty());
  EXPECT_TRUE(check_file("traffic/nginx/x.cc", "#include \"traffic/nginx/nginx.h\"\n").empty());
  EXPECT_TRUE(check_file("controller/rollout/x.cc", "#include \"traffic/router.h\"\n").empty());
}

// A router is a row of traffic/routers.cc.
TEST(Tidy, NobodyNamesARouterButItsRow) {
  std::vector<std::string> naming;
  each_source([&](const std::string& file, const std::string& text) {
    const auto name = router_named_in(file, text);
    if (!name.empty()) naming.push_back(file + ": " + name);
  });
  std::sort(naming.begin(), naming.end());
  EXPECT_EQ(naming, sluice::tidy::exceptions("named_routers"))
      << "ask traffic/router.h; what no longer names one leaves the list";
}

// A metric provider is a row of analysis/provider_table.cc.
TEST(Tidy, NobodyNamesAProviderButItsRow) {
  std::vector<std::string> naming;
  each_source([&](const std::string& file, const std::string& text) {
    const auto name = provider_named_in(file, text);
    if (!name.empty()) naming.push_back(file + ": " + name);
  });
  std::sort(naming.begin(), naming.end());
  EXPECT_EQ(naming, sluice::tidy::exceptions("named_providers"))
      << "ask analysis/provider.h; what no longer names one leaves the list";
}

TEST(Tidy, AProviderIsKnownByItsNameOutsideComments) {
  EXPECT_EQ(provider_named_in("controller/analysisrun/x.cc", "a.prometheus_address;\n"),
            "prometheus");
  EXPECT_EQ(provider_named_in("cli/x.cc", "if (m.provider_kind == \"web\")"),
            "provider_kind == \"");
  EXPECT_EQ(provider_named_in("analysis/x.cc", "int a;  // Prometheus gives\nint b;"), "");
  EXPECT_EQ(provider_named_in("analysis/providers/x.cc", "prometheus"), "");
}

TEST(Tidy, ARouterIsKnownByItsNameAndItsKinds) {
  EXPECT_EQ(router_named_in("controller/rollout/x.cc", "const bool nginx_needs = 1;"), "nginx");
  EXPECT_EQ(router_named_in("cli/x.cc", "kVirtualServices"), "virtualservice");
  EXPECT_EQ(router_named_in("controller/loop/x.cc", "if (kind == \"ALB\")"), "alb");
  EXPECT_EQ(router_named_in("analysis/x.cc", "// an albatross dismisses smiles"), "");
  EXPECT_EQ(router_named_in("traffic/nginx/x.cc", "nginx"), "");
}

// Its custom kinds come as CRDs: what it knows by name, it would treat better than a real server.
TEST(Tidy, TheApiServerKnowsNoKindOfOurs) {
  int files = 0;
  each_source([&](const std::string& file, const std::string& text) {
    if (!file.starts_with("apiserver/")) return;
    ++files;
    for (const char* name : {"argoproj", "Rollout", "AnalysisRun", "AnalysisTemplate"})
      EXPECT_EQ(text.find(name), std::string::npos) << file << " names " << name;
  });
  EXPECT_GT(files, 50);
}

TEST(Tidy, FilesStayShort) {
  each_source([](const std::string& file, const std::string& text) {
    const auto lines = std::count(text.begin(), text.end(), '\n');
    EXPECT_LE(lines, 800) << file << " has " << lines << " lines: split it by subject";
  });
}

TEST(Tidy, EveryModuleHasAReadme) {
  for (const auto& folder : sluice::tidy::production_folders())
    EXPECT_TRUE(sluice::tidy::exists(folder + "/README.md")) << folder;
}

TEST(Tidy, HeadersHaveAGuard) {
  each_source([](const std::string& file, const std::string& text) {
    EXPECT_TRUE(!file.ends_with(".h") || text.rfind("#pragma once", 0) == 0U) << file;
  });
}
