// What a status may hold (analysis.md §10.1: its size must stay below the API's limit).
#include <gtest/gtest.h>

#include "analysis/stored_text.h"
#include "engine_support.h"
#include "kube/json/json.h"

namespace sluice::analysis {
namespace {

TEST(StoredText, is_cut_between_characters_and_says_that_something_is_missing) {
  const struct {
    const char* text;
    std::size_t max;
    const char* expected;
  } rows[] = {{"", 8, ""},          {"12345678", 8, "12345678"}, {"123456789", 8, "12345…"},
              {"1234é789", 8, "1234…"}, {"éééé", 8, "éééé"},         {"ééééé", 8, "éé…"},
              {"123456", 3, "…"}};
  for (const auto& row : rows) {
    EXPECT_EQ(shortened(row.text, row.max), row.expected) << row.text;
    EXPECT_LE(shortened(row.text, row.max).size(), row.max);
  }
}

TEST(StoredText, of_bytes_that_are_no_utf_8_ends_all_the_same) {
  EXPECT_EQ(shortened(std::string(100, '\x80'), 50), "…");
  EXPECT_LE(shortened(std::string(100, '\xff'), 50).size(), 50U);
}

struct Stored : ::testing::Test {
  api::AnalysisRunStatus status;
  api::MetricResult& add(const std::string& name, int count, const std::string& value) {
    api::MetricResult result;
    result.name = name;
    for (int i = 0; i < count; ++i) {
      record(result, testing::measurement('S', testing::at(i)));
      result.measurements.back().value = value;
      result.measurements.back().metadata["query"] = value;
    }
    status.metric_results.push_back(std::move(result));
    return status.metric_results.back();
  }
  [[nodiscard]] std::size_t written() const { return kube::dump(api::encode(status)).size(); }
};

TEST_F(Stored, small_measurements_stay_as_they_are) {
  add("m", 1'000, "[0.95]");
  const auto before = api::encode(status);
  bound_measurements(status);
  EXPECT_TRUE(api::encode(status) == before);
}

TEST_F(Stored, long_texts_are_kept_by_the_newest_measurements) {
  api::MetricResult& result = add("m", 100, std::string(16'000, 'x'));
  bound_measurements(status);
  EXPECT_LE(written(), kStoredStatusMax);
  EXPECT_EQ(result.measurements.size(), 100U);
  EXPECT_EQ(result.measurements.back().value.size(), 16'000U);
  EXPECT_LE(result.measurements.front().value.size(), 256U);
  EXPECT_EQ(result.count, 100);
  const auto once = api::encode(status);
  bound_measurements(status);
  EXPECT_TRUE(api::encode(status) == once);
}

TEST_F(Stored, characters_that_grow_in_json_count_as_what_they_become) {
  add("control", 20, std::string(16'000, '\x01'));
  add("invalid", 20, std::string(16'000, '\xff'));
  add("quotes", 20, std::string(16'000, '"'));
  bound_measurements(status);
  EXPECT_LE(written(), kStoredStatusMax);
}

TEST_F(Stored, a_retention_of_millions_loses_its_oldest_measurements) {
  add("a", 3'000, "1");
  add("b", 3'000, "1");
  add("c", 1, "1");
  bound_measurements(status);
  EXPECT_LE(written(), kStoredStatusMax);
  EXPECT_EQ(status.metric_results[0].count, 3'000);
  for (const api::MetricResult& result : status.metric_results)
    ASSERT_FALSE(result.measurements.empty()) << result.name;
  EXPECT_EQ(status.metric_results[0].measurements.back().started_at, testing::at(2'999));
}

TEST_F(Stored, texts_of_one_measurement_are_bounded_each) {
  api::Measurement one;
  one.value = one.message = one.metadata["query"] = std::string(1U << 20U, 'x');
  clean_texts(one);
  EXPECT_EQ(one.value.size(), kStoredTextMax);
  EXPECT_EQ(one.message.size(), kStoredTextMax);
  EXPECT_EQ(one.metadata["query"].size(), kStoredTextMax);
}

TEST(F6_StoredText, of_a_measurement_steers_no_terminal) {
  const std::string hostile = "\x1b[2J\xC2\x9B" "0m\r\n\u202E<html>\x9B";
  const std::string shown = "\\u001b[2J\\u009b0m\n\\u202e<html>\xEF\xBF\xBD";
  api::Measurement one;
  one.value = one.message = one.metadata["query"] = hostile;
  clean_texts(one);
  EXPECT_EQ(one.value, shown);
  EXPECT_EQ(one.message, shown);
  EXPECT_EQ(one.metadata["query"], shown);
  // An escape is longer than what it stands for.
  one.value = std::string(kStoredTextMax, '\a');
  clean_texts(one);
  EXPECT_LE(one.value.size(), kStoredTextMax);
}

}  // namespace
}  // namespace sluice::analysis
