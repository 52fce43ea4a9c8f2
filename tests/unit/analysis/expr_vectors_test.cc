#include <gtest/gtest.h>

#include "expr_test_support.h"
#include "expr_vectors_builtins.h"
#include "expr_vectors_json.h"
#include "expr_vectors_language.h"
#include "expr_vectors_results.h"
#include "expr_vectors_time.h"

namespace sluice::analysis::expr {
namespace {

template <std::size_t N>
void run(const Vector (&vectors)[N]) {
  for (const Vector& vector : vectors) {
    EXPECT_EQ(outcome(vector.expression, vector.result), vector.expected)
        << "#" << vector.number << ": " << vector.expression << "   with " << vector.result;
  }
}

TEST(ExpressionVectors, LiteralsArithmeticComparisonLogicAndSyntaxErrors) {
  run(kVectorsLanguage);
}
TEST(ExpressionVectors, StringsCollectionsPredicatesAndPipes) {
  run(kVectorsBuiltins);
}
TEST(ExpressionVectors, DatesDurationsAndAnalysisFunctions) {
  run(kVectorsTime);
}
TEST(ExpressionVectors, ResultsThatAreNumbersListsTextsOrRecords) {
  run(kVectorsResults);
}
TEST(ExpressionVectors, ResultsThatAreJsonObjects) {
  run(kVectorsJson);
}

}  // namespace
}  // namespace sluice::analysis::expr
