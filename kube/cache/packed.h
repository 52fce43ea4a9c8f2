#pragma once
// The texts of objects at rest, small: zstd with a dictionary made of the first texts that were
// packed. Objects of one kind repeat each other (field names, labels, whole pod templates): the
// dictionary says once what they have in common.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::kube {

class Packed {
 public:
  Packed() = default;
  [[nodiscard]] bool empty() const { return bytes_ == nullptr; }
  // In bytes, of what is kept.
  [[nodiscard]] std::size_t size() const;

 private:
  friend class Packer;
  std::unique_ptr<char[]> bytes_;  // header, then a zstd frame
};

// Not thread-safe. What one Packer packed only the same Packer can unpack.
class Packer {
 public:
  Packer();
  ~Packer();
  Packer(Packer&&) noexcept;
  Packer& operator=(Packer&&) noexcept;

  // Never fails: a text that does not shrink is kept as it is. Texts up to 4 GB.
  [[nodiscard]] Packed pack(std::string_view text);
  // Exactly the text that was packed.
  [[nodiscard]] std::string unpack(const Packed& packed) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::kube
