#pragma once
// The methods of times, durations, months, weekdays and locations (expressions.md §11).
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "analysis/expr/builtins.h"
#include "analysis/expr/type.h"
#include "analysis/expr/value.h"

namespace sluice::analysis::expr {

[[nodiscard]] Instant add_duration(const Instant& time, std::int64_t nanoseconds);
// Saturates at the ends of a 64-bit nanosecond count.
[[nodiscard]] std::int64_t time_difference(const Instant& a, const Instant& b);

// The signature of a method of that type; nullopt when there is none.
[[nodiscard]] std::optional<Signature> find_method(const Type& receiver, std::string_view name);

[[nodiscard]] bool has_method(const Value& receiver, std::string_view name);
[[nodiscard]] Value bind_method(const Value& receiver, std::string_view name);
[[nodiscard]] Value call_method(const Value& receiver, std::string_view name,
                                const Arguments& arguments);

}  // namespace sluice::analysis::expr
