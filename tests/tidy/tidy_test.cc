// The include rules of docs/architecture.md#rules, read from the #include lines themselves.
#include <gtest/gtest.h>

TEST(Tidy, Placeholder) { SUCCEED(); }
