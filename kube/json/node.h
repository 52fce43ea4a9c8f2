#pragma once
// A read-only cursor over a document parsed by simdjson: the decode path (docs/adr/0002). A Node is
// valid as long as its Document lives. Missing members are Nodes with exists() == false, so chains
// need no checks:
//   doc.root()["spec"]["replicas"].as_int()
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/strings.h"

namespace sluice::kube {

class Node {
 public:
  enum class Type { Missing, Null, Bool, Int, Double, String, Array, Object };

  Node() = default;
  [[nodiscard]] Type type() const;
  [[nodiscard]] bool exists() const { return type() != Type::Missing; }
  // Missing or JSON null.
  [[nodiscard]] bool absent() const {
    const Type t = type();
    return t == Type::Missing || t == Type::Null;
  }
  [[nodiscard]] Node operator[](std::string_view member) const;

  // nullopt when absent or of another type. as_int also takes a double that is a whole number.
  [[nodiscard]] std::optional<std::string_view> as_string() const;
  [[nodiscard]] std::optional<std::int64_t> as_int() const;
  [[nodiscard]] std::optional<double> as_double() const;
  [[nodiscard]] std::optional<bool> as_bool() const;

  [[nodiscard]] std::string string_or(std::string_view fallback = "") const;
  [[nodiscard]] std::int64_t int_or(std::int64_t fallback) const;
  [[nodiscard]] bool bool_or(bool fallback) const;
  // Members that are not strings are skipped.
  [[nodiscard]] StringMap string_map() const;

  void each_element(const std::function<void(Node)>& visit) const;                   // arrays
  void each_member(const std::function<void(std::string_view, Node)>& visit) const;  // objects
  [[nodiscard]] std::size_t size() const;  // elements or members

  // Compact JSON text of this value, members in document order.
  [[nodiscard]] std::string raw() const;
  // The same, leaving out metadata.managedFields when this is an API object.
  [[nodiscard]] std::string raw_object() const;

 private:
  friend class Document;
  struct Cursor {
    const void* document = nullptr;
    std::size_t index = 0;
  };
  explicit Node(Cursor cursor) : cursor_(cursor) {}
  Cursor cursor_;
};

class Document {
 public:
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();
  // Errors: Decode, saying where.
  [[nodiscard]] static Result<Document> parse(std::string_view text);
  [[nodiscard]] Node root() const;

 private:
  Document();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::kube
