#include "kube/cache/packed.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace sluice::kube {
namespace {

std::string object_text(int number) {
  const std::string n = std::to_string(number * 7919);
  return R"({"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"name":"web-)" + n +
         R"(","namespace":"shop","labels":{"app":"web","rollouts-pod-template-hash":")" + n +
         R"("},"uid":"0d9e-)" + n + R"(-4a1b"},"spec":{"replicas":5,"selector":{"matchLabels":)" +
         R"({"app":"web"}},"template":{"spec":{"containers":[{"name":"web","image":"web:v)" + n +
         R"(","ports":[{"containerPort":8080}],"resources":{"requests":{"cpu":"100m"}}}]}}}})";
}

TEST(Packed, GivesBackWhatWasPackedBeforeAndAfterItLearnt) {
  Packer packer;
  std::vector<Packed> all;
  for (int i = 0; i < 500; ++i) all.push_back(packer.pack(object_text(i)));
  for (int i = 0; i < 500; ++i) EXPECT_EQ(packer.unpack(all[i]), object_text(i));
}

TEST(Packed, LearnsWhatTheTextsHaveInCommon) {
  Packer packer;
  const std::size_t first = packer.pack(object_text(0)).size();
  EXPECT_LT(first, object_text(0).size());
  for (int i = 1; i < 200; ++i) static_cast<void>(packer.pack(object_text(i)));
  EXPECT_LT(packer.pack(object_text(200)).size() * 3, first);
}

TEST(Packed, TextsThatTeachNothingAreKeptToo) {
  Packer packer;
  for (int i = 0; i < 200; ++i) {
    const std::string text(static_cast<std::size_t>(i % 3), 'x');
    EXPECT_EQ(packer.unpack(packer.pack(text)), text);
  }
  EXPECT_EQ(packer.unpack(Packed()), "");
}

RC_GTEST_PROP(PackedProperty, AnyBytesComeBack, (const std::vector<std::string>& texts)) {
  Packer packer;
  for (int i = 0; i < 70; ++i) static_cast<void>(packer.pack(object_text(i)));
  std::vector<Packed> all;
  for (const auto& text : texts) all.push_back(packer.pack(text));
  for (std::size_t i = 0; i < texts.size(); ++i) RC_ASSERT(packer.unpack(all[i]) == texts[i]);
}

}  // namespace
}  // namespace sluice::kube
