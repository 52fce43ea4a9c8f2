// What comments cite is in the repository.
#include "tests/tidy/citations.h"

#include <gtest/gtest.h>

namespace sluice::tidy {
namespace {

Anchors anchors() {
  auto documents = sources_below({"docs"}, {".md"});
  return read_anchors(documents);
}

std::vector<std::string> messages(const std::string& text) {
  const Anchors known =
      read_anchors({{"docs/spec/rollout.md", "## 3. Canary\n### 3.11 Weights\n| C12 | pause |\n"},
                    {"docs/spec/traffic.md", "### 2.4 Conflicts\n**SVC-23** text\n"}});
  std::vector<std::string> out;
  for (const auto& finding : check_citations({"controller/rollout/x.cc", text}, known))
    out.push_back(finding.message);
  return out;
}

TEST(Citations, LeadSomewhere) {
  const Anchors known = anchors();
  EXPECT_TRUE(known.documents.at("rollout.md").sections.contains("3.11"));
  EXPECT_TRUE(known.documents.at("rollout.md").rules.contains("C12"));
  EXPECT_TRUE(known.documents.at("traffic.md").rules.contains("SVC-23"));
  auto folders = production_folders();
  folders.insert(folders.end(), {"bench", "tests"});
  for (const auto& source : sources_below(folders, {".cc", ".h", ".inc"})) {
    if (source.path.starts_with("tests/tidy/")) continue;  // these are examples
    for (const auto& finding : check_citations(source, known))
      ADD_FAILURE() << finding.file << ":" << finding.line << ": " << finding.message;
  }
}

TEST(Citations, NameOnlyDocumentsThatAreHere) {
  auto folders = production_folders();
  folders.insert(folders.end(), {"bench", "tests", "tools", "script", "deploy", "examples", "crds",
                                 "docs", ".ci"});
  const std::vector<std::string> kinds = {".md", ".cc", ".h",   ".inc",
                                          ".py", ".sh", ".txt", ".yaml"};
  auto sources = sources_below(folders, kinds);
  const auto of_root = sources_below({}, kinds);
  sources.insert(sources.end(), of_root.begin(), of_root.end());
  std::set<std::string> known;
  for (const auto& source : sources) known.insert(source.path.substr(source.path.rfind('/') + 1));
  for (const auto& source : sources) {
    if (source.path.starts_with("tests/tidy/")) continue;
    for (const auto& finding : check_document_names(source, known))
      ADD_FAILURE() << finding.file << ":" << finding.line << ": " << finding.message;
  }
}

TEST(CitationsThemselves, FindEachKindOfBreach) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(messages("// The weight is set last (rollout.md §3.11, C12).\n"), Texts{});
  EXPECT_EQ(messages("// Whose Service it is (traffic.md §2.4\n// SVC-23).\n"), Texts{});
  EXPECT_EQ(messages("// The weight (rollout.md §3.12).\n"), Texts{"rollout.md has no §3.12"});
  EXPECT_EQ(messages("// The weight (§3.11).\n"),
            Texts{"§3.11 of which document? Write \"rollout.md §…\""});
  EXPECT_EQ(messages("// As SVC-23 wants.\n"), Texts{"SVC-23 of which document?"});
  EXPECT_EQ(messages("// As wanted (traffic.md SVC-99).\n"),
            Texts{"SVC-99 is no rule of traffic.md"});
  EXPECT_EQ(messages("// C12.\n").size(), 2U);
  EXPECT_EQ(messages("// rollout.md §3.11.\n"),
            Texts{"a comment that is only a citation: say the rule in words"});
  EXPECT_EQ(messages("const char* x = \"§9\";\n"), Texts{});
}

TEST(CitationsThemselves, FindDocumentsThatAreNotHere) {
  EXPECT_EQ(check_document_names({"x.md", "see [a](b.md) and c.md"}, {"b.md"}).size(), 1U);
}

}  // namespace
}  // namespace sluice::tidy
