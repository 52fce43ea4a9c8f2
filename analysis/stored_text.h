#pragma once
// What text a status may hold, and how much of it. The API server refuses objects beyond about
// 1.5 MiB, and a status that cannot be written would leave its run Running for ever (analysis.md
// §10.1). Much of the text is a stranger's, and people read it with tools that do not clean it.
#include <cstddef>
#include <string>
#include <string_view>

#include "api/analysis.h"

namespace sluice::analysis {

inline constexpr std::size_t kStoredTextMax = 16U << 10U;     // one value, message or query; bytes
inline constexpr std::size_t kStoredStatusMax = 512U << 10U;  // all measurements of a run; bytes

// At most `max` bytes, cut between two characters, "…" where something is missing.
[[nodiscard]] std::string shortened(std::string text, std::size_t max = kStoredTextMax);

// Every text of the measurement printable() and shortened. Conditions have seen the value as it
// came; this is what is kept for people. Mask Secrets first: one that was changed is not
// recognised.
void clean_texts(api::Measurement& measurement);

// Brings all measurements below kStoredStatusMax as JSON: the oldest ones lose the length of their
// texts first, then the oldest go altogether. Every metric keeps its newest one; counters stay.
void bound_measurements(api::AnalysisRunStatus& status);

}  // namespace sluice::analysis
