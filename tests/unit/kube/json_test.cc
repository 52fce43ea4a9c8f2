#include "kube/json/json.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include "json_gen.h"
#include "kube/json/node.h"

namespace sluice::kube {
namespace {

TEST(Json, IntegersStayIntegers) {
  const Json value =
      parse_json(R"({"a":9007199254740993,"b":18446744073709551615,"c":-1,"d":1.5})").value();
  EXPECT_EQ(dump(value), R"({"a":9007199254740993,"b":18446744073709551615,"c":-1,"d":1.5})");
  EXPECT_EQ(get_int(value, "a"), 9007199254740993);
  EXPECT_EQ(get_int(value, "b", 7), 7) << "beyond int64";
  EXPECT_EQ(get_int(value, "d", 7), 7) << "not whole";
}

TEST(Json, ErrorsNameTheByte) {
  const auto broken = parse_json(R"({"a": tru})");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, ErrorCode::Decode);
  EXPECT_NE(broken.error().message.find("byte 10"), std::string::npos) << broken.error().message;
  for (const std::string_view text :
       {"", "{", "[1,]", "{\"a\":1} x", "'a'", "1e999", "\"\x01\"", "nul"})
    EXPECT_FALSE(parse_json(text)) << text;
}

TEST(Json, DepthIsBounded) {
  EXPECT_TRUE(parse_json(std::string(900, '[') + std::string(900, ']')));
  EXPECT_FALSE(parse_json(std::string(100'000, '[') + std::string(100'000, ']')));
  EXPECT_TRUE(parse_json("\"" + std::string(5000, '[') + "\""))
      << "brackets in strings do not count";
}

TEST(Json, DumpReplacesInvalidUtf8) {
  EXPECT_EQ(dump(Json("a\xFFz")), "\"a\xEF\xBF\xBDz\"");
}

TEST(Json, ReadingNeverThrows) {
  const Json value =
      parse_json(R"({"spec":{"n":3,"f":2.0,"s":"x","b":true,"l":[1]},"a.b":{"c":"d"}})").value();
  EXPECT_EQ(get_int(value, "spec.n"), 3);
  EXPECT_EQ(get_int(value, "spec.f"), 2);
  EXPECT_EQ(get_int(value, "spec.s", -1), -1);
  EXPECT_EQ(get_string(value, "spec.s"), "x");
  EXPECT_EQ(get_string(value, "spec.n", "fallback"), "fallback");
  EXPECT_TRUE(get_bool(value, "spec.b"));
  EXPECT_EQ(find_path(value, "spec.l.x"), nullptr);
  EXPECT_EQ(find_path(value, "spec.s.x"), nullptr);
  EXPECT_EQ(find_path(value, ""), nullptr);
  ASSERT_NE(find_path(value, {"a.b", "c"}), nullptr);
  EXPECT_EQ(find(Json(1), "x"), nullptr);
}

// ---- Node ----

void expect_equal(Node node, const Json& json) {
  switch (node.type()) {
    case Node::Type::Null:
      ASSERT_TRUE(json.is_null());
      return;
    case Node::Type::Bool:
      ASSERT_EQ(Json(*node.as_bool()), json);
      return;
    case Node::Type::Int:
      ASSERT_TRUE(json.is_number_integer());
      ASSERT_EQ(Json(*node.as_int()), json);
      return;
    case Node::Type::Double:
      ASSERT_TRUE(json.is_number_float());
      ASSERT_EQ(Json(*node.as_double()), json);
      return;
    case Node::Type::String:
      ASSERT_EQ(Json(std::string(*node.as_string())), json);
      return;
    case Node::Type::Array: {
      ASSERT_TRUE(json.is_array());
      ASSERT_EQ(node.size(), json.size());
      std::size_t i = 0;
      node.each_element([&](Node element) { expect_equal(element, json[i++]); });
      ASSERT_EQ(i, json.size());
      return;
    }
    case Node::Type::Object: {
      ASSERT_TRUE(json.is_object());
      ASSERT_EQ(node.size(), json.size());
      node.each_member([&](std::string_view key, Node member) {
        ASSERT_NE(find(json, key), nullptr);
        expect_equal(member, *find(json, key));
        expect_equal(node[key], *find(json, key));
      });
      return;
    }
    case Node::Type::Missing:
      FAIL() << "missing";
  }
}

RC_GTEST_PROP(Node, SeesTheSameDocumentAsTheEditableForm, ()) {
  const Json json = given::random_json(4, true);
  const auto document = Document::parse(dump(json));
  RC_ASSERT(document.has_value());
  expect_equal(document->root(), json);
  RC_ASSERT(!::testing::Test::HasFailure());
  RC_ASSERT(document->root().raw() == dump(json));
}

TEST(Node, MissingMembersNeedNoChecks) {
  const auto document = Document::parse(R"({"spec":{"replicas":null,"n":2}})").value();
  const Node root = document.root();
  EXPECT_EQ(root["spec"]["n"].int_or(0), 2);
  EXPECT_TRUE(root["spec"]["replicas"].absent());
  EXPECT_TRUE(root["spec"]["replicas"].exists());
  EXPECT_FALSE(root["a"]["b"]["c"].exists());
  EXPECT_FALSE(root["spec"]["n"]["x"].exists());
  EXPECT_EQ(root["a"].string_or("z"), "z");
  EXPECT_EQ(root["a"].size(), 0U);
  EXPECT_EQ(root["a"].raw(), "");
  EXPECT_EQ(Node().type(), Node::Type::Missing);
}

TEST(Node, NumbersAreReadByValue) {
  const auto document =
      Document::parse(
          R"([1.0, 1.5, 18446744073709551615, -9223372036854775808, 1e300, 9223372036854775808.0])")
          .value();
  std::vector<std::optional<std::int64_t>> ints;
  document.root().each_element([&](Node n) { ints.push_back(n.as_int()); });
  EXPECT_EQ(ints, (std::vector<std::optional<std::int64_t>>{
                      1, std::nullopt, std::nullopt, std::numeric_limits<std::int64_t>::min(),
                      std::nullopt, std::nullopt}));
  EXPECT_EQ(document.root().raw(),
            R"([1.0,1.5,18446744073709551615,-9223372036854775808,1e+300,9223372036854775808.0])");
}

TEST(Node, IntegersBeyond64BitsBecomeDoublesAsInGo) {
  const auto document = Document::parse(R"({"big":100000000000000000000,"name":"x"})");
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_EQ(document->root()["big"].as_double(), 1e20);
  EXPECT_EQ(document->root()["name"].string_or(), "x");
}

TEST(Node, StringMapSkipsWhatIsNotAString) {
  const auto document = Document::parse(R"({"z":"1","a":"2","n":3,"e":""})").value();
  EXPECT_EQ(document.root().string_map(), (StringMap{{"a", "2"}, {"e", ""}, {"z", "1"}}));
}

TEST(Node, RawIsMinifiedInDocumentOrderAndEscapesOnlyWhatItMust) {
  const auto document =
      Document::parse("{ \"b\" : [ 1 , \"x\\u0041\\n\\u0001\\/<\\\"\\\\\" ] ,\n \"a\" : { } }")
          .value();
  EXPECT_EQ(document.root().raw(), R"({"b":[1,"xA\n\u0001/<\"\\"],"a":{}})");
}

TEST(Node, RawObjectLeavesManagedFieldsOutAndNothingElse) {
  const auto document = Document::parse(
      R"({"kind":"Pod","metadata":{"managedFields":[{"manager":"k"}],"name":"x"},)"
      R"("spec":{"metadata":{"managedFields":1},"managedFields":2},"managedFields":3})");
  EXPECT_EQ(
      document->root().raw_object(),
      R"({"kind":"Pod","metadata":{"name":"x"},"spec":{"metadata":{"managedFields":1},"managedFields":2},"managedFields":3})");
  EXPECT_NE(document->root().raw().find("manager"), std::string::npos);
  const auto last = Document::parse(R"({"metadata":{"name":"x","managedFields":[]}})").value();
  EXPECT_EQ(last.root().raw_object(), R"({"metadata":{"name":"x"}})");
}

TEST(Node, DocumentsMayBeMovedAndBig) {
  Json list = Json::array();
  for (int i = 0; i < 60'000; ++i) list.push_back({{"i", i}, {"text", std::string(100, 'x')}});
  const std::string text = dump(Json{{"items", list}});
  ASSERT_GT(text.size(), 7'000'000U) << "larger than the scratch parser keeps";
  auto document = Document::parse(text).value();
  const Node items = document.root()["items"];
  const Document moved = std::move(document);
  EXPECT_EQ(items.size(), 60'000U);
  EXPECT_EQ(moved.root()["items"].raw().size(), dump(list).size());
}

TEST(Node, ADocumentOutlivesTheParsingOfOthers) {
  const auto first = Document::parse(R"({"a":"first"})").value();
  const auto second = Document::parse(R"({"a":"second"})").value();
  EXPECT_EQ(first.root()["a"].string_or(), "first");
  EXPECT_EQ(second.root()["a"].string_or(), "second");
}

TEST(Node, ErrorsSayWhere) {
  for (const std::string_view text : {"", "{", "{\"a\":}", "[1 2]", "nope", "\"\xFF\"", "{} {}"}) {
    const auto document = Document::parse(text);
    ASSERT_FALSE(document) << text;
    EXPECT_EQ(document.error().code, ErrorCode::Decode);
    EXPECT_NE(document.error().message.find("invalid JSON"), std::string::npos);
  }
  EXPECT_NE(Document::parse(R"({"a":})").error().message.find("byte 6"), std::string::npos);
  EXPECT_FALSE(Document::parse(std::string(5000, '[') + std::string(5000, ']')));
  // Nothing at a null address, which only a sanitizer's build tells from nothing anywhere else.
  EXPECT_FALSE(Document::parse(std::string_view()));
}

TEST(Node, ScalarDocumentsAreDocuments) {
  EXPECT_EQ(Document::parse("42")->root().as_int(), 42);
  EXPECT_EQ(Document::parse("\"x\"")->root().raw(), "\"x\"");
  EXPECT_TRUE(Document::parse("null")->root().absent());
}

}  // namespace
}  // namespace sluice::kube
