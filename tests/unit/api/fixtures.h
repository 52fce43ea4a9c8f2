#pragma once
// The take-over fixtures: live objects as the reference controller left them.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "api/analysis.h"
#include "api/rollout.h"
#include "kube/json/json.h"

namespace sluice::api::test {

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline std::filesystem::path source_dir() {
  return SLUICE_SOURCE_DIR;
}

inline kube::Json parse(std::string_view text) {
  auto parsed = kube::parse_json(text);
  EXPECT_TRUE(parsed.has_value()) << (parsed ? "" : parsed.error().message) << "\n" << text;
  return parsed ? std::move(*parsed) : kube::Json();
}

inline std::vector<std::string> fixture_names() {
  std::vector<std::string> out;
  for (const auto& entry :
       std::filesystem::directory_iterator(source_dir() / "tests/fixtures/takeover"))
    if (entry.path().extension() == ".json") out.push_back(entry.path().stem().string());
  std::sort(out.begin(), out.end());
  return out;
}

inline std::vector<kube::Json> fixture_objects(const std::string& name) {
  const auto document =
      parse(read_file(source_dir() / "tests/fixtures/takeover" / (name + ".json")));
  const auto* objects = kube::find(document, "objects");
  EXPECT_TRUE(objects != nullptr && objects->is_array()) << name;
  std::vector<kube::Json> out;
  if (objects != nullptr)
    for (const auto& object : *objects) out.push_back(object);
  return out;
}

inline std::vector<kube::Json> fixture_objects(const std::string& name, std::string_view kind) {
  std::vector<kube::Json> out;
  for (auto& object : fixture_objects(name))
    if (kube::get_string(object, "kind") == kind) out.push_back(std::move(object));
  return out;
}

template <class Decoder>
auto decode_with(Decoder decoder, const std::string& text) {
  auto document = kube::Document::parse(text);
  EXPECT_TRUE(document.has_value()) << text;
  return decoder(document->root());
}

inline Rollout rollout_of(const kube::Json& object) {
  return decode_with(decode_rollout, kube::dump(object));
}
// A Rollout of this spec (JSON text).
inline Rollout rollout_with_spec(const std::string& spec) {
  return decode_with(decode_rollout,
                     R"({"metadata":{"name":"web","namespace":"shop"},"spec":)" + spec + "}");
}

inline std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string out = info.param;
  for (char& c : out)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return out;
}

}  // namespace sluice::api::test
