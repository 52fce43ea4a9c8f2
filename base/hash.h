#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

// FNV-1a, 32 bit (offset basis 2166136261, prime 16777619). `seed` continues an earlier hash.
[[nodiscard]] std::uint32_t fnv1a32(std::string_view bytes, std::uint32_t seed = 2166136261U);
// apimachinery's rand.SafeEncodeString of the decimal form (rollout.md §1.10.1).
[[nodiscard]] std::string safe_encode_decimal(std::uint32_t value);

// 64-bit FNV-1a for fingerprints inside this process.
[[nodiscard]] std::uint64_t fnv1a64(std::string_view bytes,
                                    std::uint64_t seed = 14695981039346656037ULL);

[[nodiscard]] std::string base64_encode(std::string_view bytes);
// Standard alphabet, padding required or absent. nullopt on any other character.
[[nodiscard]] bool base64_decode(std::string_view text, std::string& out);
[[nodiscard]] std::string hex_encode(std::string_view bytes);

}  // namespace sluice
