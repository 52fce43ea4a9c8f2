// JSONPath as Kubernetes has it (analysis.md §12.3).
#include <gtest/gtest.h>

#include "analysis/providers/jsonpath.h"
#include "kube/json/json.h"

namespace sluice::analysis {
namespace {

constexpr std::string_view kDocument =
    R"({"a":{"b":1,"k.with.dots":2,"list":[10,20,30,40]},"items":[{"x":1,"n":"one"},{"x":2,"n":"two"},{"n":"three"}],)"
    R"("s":"text","t":true,"z":null,"deep":{"k":5,"more":{"k":6}}})";

struct Path {
  std::string name, path, result;  // results joined by '|'; "!…" = error
};
class JsonPathTable : public ::testing::TestWithParam<Path> {};

TEST_P(JsonPathTable, finds) {
  const Path& c = GetParam();
  const auto document = kube::parse_json(kDocument);
  ASSERT_TRUE(document);
  std::string out;
  const auto parsed = JsonPath::parse(c.path);
  if (!parsed) {
    out = "!" + parsed.error().message;
  } else if (const auto found = parsed->find(*document); !found) {
    out = "!" + found.error().message;
  } else {
    for (const auto& value : *found) out += (out.empty() ? "" : "|") + value.dump();
  }
  EXPECT_EQ(out, c.result) << c.path;
}

INSTANTIATE_TEST_SUITE_P(
    Table, JsonPathTable,
    ::testing::Values(
        Path{"member", "{.a.b}", "1"}, Path{"root", "{$.a.b}", "1"},
        Path{"bare", "{s}", "\"text\""}, Path{"current", "{@.s}", "\"text\""},
        Path{"quoted_key", "{.a['k.with.dots']}", "2"},
        Path{"escaped_key", R"({.a.k\.with\.dots})", "2"}, Path{"index", "{.a.list[0]}", "10"},
        Path{"last", "{.a.list[-1]}", "40"}, Path{"slice", "{.a.list[1:3]}", "20|30"},
        Path{"step", "{.a.list[0:4:2]}", "10|30"}, Path{"open_slice", "{.a.list[2:]}", "30|40"},
        Path{"union_of_indexes", "{.a.list[0,2]}", "10|30"},
        Path{"union_of_keys", "{.['s','t']}", "\"text\"|true"},
        Path{"all_elements", "{.a.list[*]}", "10|20|30|40"},
        Path{"all_members_in_key_order", "{.deep.*}", "5|{\"k\":6}"},
        Path{"recursive", "{..k}", "5|6"}, Path{"list_as_a_whole", "{.a.list}", "[10,20,30,40]"},
        Path{"filter_greater", "{.items[?(@.x>1)].n}", "!x is not found"},
        Path{"filter_equal", "{.items[?(@.n=='two')].x}", "2"},
        Path{"filter_not_equal", "{.items[?(@.n!=\"two\")].n}", "\"one\"|\"three\""},
        Path{"filter_less_equal", "{.a.list[?(@<=20)]}", "10|20"},
        Path{"filter_exists", "{.items[?(@.x)].n}", "\"one\"|\"two\""},
        Path{"filter_matches", "{.items[?(@.n=~'^t')].n}", "\"two\"|\"three\""},
        Path{
            "filter_of_no_list", "{.a[?(@.b)]}",
            R"(!{"b":1,"k.with.dots":2,"list":[10,20,30,40]} is not array or slice and cannot be filtered)"},
        Path{"range", "{range .items[*]}{.n}{end}", "\"one\"|\"two\"|\"three\""},
        Path{"range_and_after", "{range .items[0:2]}{.x}{end}{.s}", "1|2|\"text\""},
        Path{"range_of_nothing", "{range .a.list[?(@>99)]}{.x}{end}{.s}", "\"text\""},
        Path{"text", "value: {.s}", "\"value: \"|\"text\""},
        Path{"quoted_text", "{\"txt\"}", "\"txt\""}, Path{"null", "{.z}", "null"},
        Path{"missing", "{.nope}", "!nope is not found"},
        Path{"out_of_bounds", "{.a.list[9]}", "!array index out of bounds: index 9, length 4"},
        Path{"slice_out_of_bounds", "{.a.list[0:9:2]}",
             "!array index out of bounds: index 8, length 4"},
        Path{"index_of_an_object", "{.a[0]}", "!map[string]interface {} is not array or slice"},
        Path{"unclosed", "{.a", "!unclosed action"},
        Path{"unterminated_array", "{.a[0}", "!unterminated array"},
        Path{"unterminated_filter", "{.a[?(@.x}", "!unterminated filter"},
        Path{"unterminated_quote", "{\"x}", "!unterminated quoted string"},
        Path{"bad_index", "{.a[x]}", "!invalid array index x"},
        Path{"bad_character", "{#}", "!unrecognized character in action: U+0023 '#'"},
        Path{"double_descent", "{....k}", "!invalid multiple recursive descent"},
        Path{"end_without_range", "{end}", "!not in range, nothing to end"},
        Path{"incomparable", "{.items[?(@.n>1)]}", "!incompatible types for comparison"}),
    [](const auto& one) { return one.param.name; });

TEST(JsonPathLimits, filters_cannot_nest_without_end) {
  std::string path;
  for (int i = 0; i < 500; ++i) path += "[?(@";
  EXPECT_FALSE(JsonPath::parse("{.a" + path));
}

}  // namespace
}  // namespace sluice::analysis
