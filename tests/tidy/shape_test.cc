// The shape of the code, each rule with a list of today's exceptions that may only shrink.
#include "tests/tidy/shape.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/tidy/include_rules.h"

namespace sluice::tidy {
namespace {

constexpr int kFunctionMax = 70;
constexpr int kColumnsMax = 100;

const std::vector<Source>& production() {
  static const auto sources = sources_below(production_folders(), {".cc", ".h"});
  return sources;
}
std::vector<Source> all_cpp() {
  auto folders = production_folders();
  folders.insert(folders.end(), {"bench", "tests", "tools"});
  return sources_below(folders, {".cc", ".h", ".inc"});
}

// The list and the tree say the same: a new offence is wrong, and so is a line that offends no
// more.
std::vector<std::string> differences(const std::set<std::string>& offences,
                                     const std::set<std::string>& listed, const std::string& list,
                                     const std::string& remedy) {
  std::vector<std::string> out;
  for (const auto& offence : offences)
    if (!listed.contains(offence)) out.push_back(offence + ": " + remedy);
  for (const auto& line : listed)
    if (!offences.contains(line))
      out.push_back(line + " is mended: take it out of tests/tidy/exceptions/" + list + ".txt");
  return out;
}
void expect_listed(const std::set<std::string>& offences, const std::string& list,
                   const std::string& remedy) {
  const auto lines = exceptions(list);
  for (const auto& text : differences(offences, {lines.begin(), lines.end()}, list, remedy))
    ADD_FAILURE() << text;
}

TEST(Shape, FunctionsStayShort) {
  std::set<std::string> offences;
  for (const auto& source : production())
    for (const auto& function : functions_of(source.text))
      if (function.lines > kFunctionMax) offences.insert(source.path + ": " + function.name);
  expect_listed(offences, "long_functions", "longer than 70 lines, split it by what it does");
}

TEST(Shape, LinesFitTheirColumns) {
  std::set<std::string> offences;
  for (const auto& source : all_cpp()) {
    const auto lines = lines_of(source.text);
    const auto wide = std::count_if(lines.begin(), lines.end(),
                                    [](const auto& line) { return columns(line) > kColumnsMax; });
    if (wide > 0) offences.insert(source.path + ": " + std::to_string(wide));
  }
  expect_listed(offences, "wide_lines", "lines wider than 100 columns (the number is their count)");
}

TEST(Shape, NoTwoPartsIncludeEachOther) {
  expect_listed(knots(production()), "knots", "they include each other: one is the lower one");
}

TEST(Shape, WhatHeadersDeclareIsUsed) {
  expect_listed(dead_declarations(production()), "dead_declarations",
                "no production code calls it: give it a caller or take it out");
}

TEST(Shape, EachEdgeOfTheLayersIsUsed) {
  auto folders = production_folders();
  folders.push_back("bench");
  expect_listed(unused_edges(sources_below(folders, {".cc", ".h"})), "unused_edges",
                "no include goes over it: take it out of the table of include_rules.cc");
}

TEST(ShapeItself, AListOfExceptionsMayOnlyShrink) {
  EXPECT_TRUE(differences({"a.cc: f"}, {"a.cc: f"}, "long", "split it").empty());
  EXPECT_EQ(differences({"a.cc: f", "b.cc: g"}, {"a.cc: f"}, "long", "split it"),
            std::vector<std::string>{"b.cc: g: split it"});
  EXPECT_EQ(
      differences({}, {"a.cc: f"}, "long", "split it"),
      std::vector<std::string>{"a.cc: f is mended: take it out of tests/tidy/exceptions/long.txt"});
}

TEST(ShapeItself, SeesFunctionsAndTheirLength) {
  const auto functions = functions_of(
      "#define X {\nnamespace a {\nstruct S {\n  int f() const {\n    return g({1}, '{');\n  "
      "}\n};\n"
      "void S::h(int x) {\n  auto l = [] { return 1; };\n  if (x) { l(); }\n}\n}\n");
  ASSERT_EQ(functions.size(), 2U);
  EXPECT_EQ(functions[0].name, "f");
  EXPECT_EQ(functions[0].lines, 3);
  EXPECT_EQ(functions[1].name, "S::h");
  EXPECT_EQ(functions[1].line, 8);
  EXPECT_EQ(functions[1].lines, 4);
}

TEST(ShapeItself, SeesKnotsDeadDeclarationsAndWideLines) {
  EXPECT_EQ(knots({{"m/a.h", "#include \"m/b.h\"\n"}, {"m/b.cc", "#include \"m/a.h\"\n"}}),
            std::set<std::string>{"m/a <-> m/b"});
  EXPECT_TRUE(knots({{"m/a.cc", "#include \"m/a.h\"\n"}}).empty());
  const std::vector<Source> sources = {
      {"m/a.h", "namespace m {\nint used(int);\nint dead(int);\n}\n"},
      {"m/a.cc", "int used(int x) { return x; }\nint dead(int x) { return x; }\n"},
      {"m/b.cc", "int y = used(1);  // dead(2)\n"}};
  EXPECT_EQ(dead_declarations(sources), std::set<std::string>{"m/a.h: dead"});
  EXPECT_EQ(columns("─✓"), 2);
}

}  // namespace
}  // namespace sluice::tidy
