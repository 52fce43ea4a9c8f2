#pragma once
// Memory that namespaces share. When there is not enough of it, the largest piece of the namespace
// that holds the most has to go, of several the newest. Not the piece that comes last: whoever
// fills the room and then stays would keep all others out.
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace sluice {

class Budget {
 public:
  using Id = std::uint64_t;
  explicit Budget(std::size_t bytes_max) : max_(bytes_max) {}

  // Also for a piece that is held already and has another size now.
  void hold(Id id, const std::string& owner, std::size_t bytes);
  void release(Id id);
  // One that has to go, and is released; nullopt when all fit. Asked until it says so.
  [[nodiscard]] std::optional<Id> evict();
  void clear();

  [[nodiscard]] std::size_t total() const { return total_; }
  [[nodiscard]] std::size_t max() const { return max_; }

 private:
  struct Piece {
    std::string owner;
    std::size_t bytes = 0;
  };
  std::size_t max_;
  std::size_t total_ = 0;
  std::map<Id, Piece> pieces_;
  std::map<std::string, std::size_t> owners_;
};

}  // namespace sluice
