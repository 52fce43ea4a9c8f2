// The pages on the controller's flags, and the program, must not drift apart.
#include <gmock/gmock.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "app/controller_flags.h"
#include "base/strings.h"

namespace sluice::app {
namespace {

std::string page(const char* path) {
  std::ifstream file(std::string(SLUICE_SOURCE_DIR) + "/" + path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// What stands between backticks in one cell or page.
std::vector<std::string> code_spans(const std::string& text) {
  static const std::regex kSpan("`([^`\n]+)`");
  std::vector<std::string> out;
  for (std::sregex_iterator it(text.begin(), text.end(), kSpan), end; it != end; ++it)
    out.push_back((*it)[1]);
  return out;
}

struct DocumentedFlag {
  std::string section, default_text;
};

// By each name, "--namespace" and "-n".
std::map<std::string, DocumentedFlag> documented() {
  std::map<std::string, DocumentedFlag> out;
  std::string section;
  for (const auto& line : split(page("docs/reference/cli.md"), '\n')) {
    if (line.starts_with("## ")) section = line.substr(3);
    if (!section.starts_with("Flags of `sluice controller`") || !line.starts_with("| `-")) continue;
    const auto cells = split(line, '|');
    if (cells.size() < 4) continue;
    const auto value = code_spans(cells[2]);
    for (const auto& span : code_spans(cells[1]))
      for (const auto& name : split(span, ','))
        EXPECT_TRUE(out.emplace(std::string(trim(name)),
                                DocumentedFlag{section, value.empty() ? "" : value.front()})
                        .second)
            << name << " stands there twice";
  }
  return out;
}

TEST(Issue9Documents, EachFlagOfThePageExistsWithItsDefault) {
  CLI::App app;
  Flags flags;
  add_flags(app, flags);
  const auto all = documented();
  ASSERT_GT(all.size(), 60U);
  for (const auto& [name, flag] : all) {
    const auto* option = app.get_option_no_throw(name);
    ASSERT_NE(option, nullptr) << name << " is no flag of the controller";
    if (name == "--version") continue;
    EXPECT_EQ(option->get_default_str(), flag.default_text) << name;
  }
}

TEST(Issue9Documents, EachFlagOfTheControllerStandsOnThePage) {
  CLI::App app;
  Flags flags;
  add_flags(app, flags);
  const auto all = documented();
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) EXPECT_TRUE(all.contains("--" + name)) << name;
    for (const auto& name : option->get_snames()) EXPECT_TRUE(all.contains("-" + name)) << name;
  }
}

TEST(Issue9Documents, TheSecurityPageNamesTheFlagsOfRightsAndMetricsAndNoOthers) {
  CLI::App app;
  Flags flags;
  add_flags(app, flags);
  std::vector<std::string> named;
  for (const auto& span : code_spans(page("docs/security.md"))) {
    if (!span.starts_with("--")) continue;
    named.push_back(span.substr(0, span.find_first_of(" =")));
    EXPECT_NE(app.get_option_no_throw(named.back()), nullptr) << span;
  }
  for (const auto& [name, flag] : documented()) {
    if (!flag.section.ends_with("about rights") && !flag.section.ends_with("about metrics"))
      continue;
    const auto* option = app.get_option_no_throw(name);
    ASSERT_NE(option, nullptr) << name;
    EXPECT_TRUE(std::any_of(named.begin(), named.end(), [&](const auto& one) {
      return option->check_name(one);
    })) << name;
  }
}

}  // namespace
}  // namespace sluice::app
