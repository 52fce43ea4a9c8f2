#pragma once
// Reading a document with a memory for its first malformed field. Internal to api/.
//
// A Field is a kube::Node that knows where it stands; the path is only put together when something
// is wrong. Fields point to their parents, so each level has to be a named local (temporaries are
// refused).
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "kube/json/node.h"
#include "kube/model/quantity.h"

namespace sluice::api {

class Field {
 public:
  Field(kube::Node node, std::optional<Error>& error, std::string_view name = "")
      : node_(node), name_(name), error_(&error) {}

  [[nodiscard]] Field operator[](std::string_view member) const& {
    return {node_[member], *error_, member, this, kNoIndex};
  }
  Field operator[](std::string_view member) const&& = delete;

  [[nodiscard]] kube::Node node() const { return node_; }
  [[nodiscard]] bool absent() const { return node_.absent(); }
  // True for an object; anything else that is present is an error.
  [[nodiscard]] bool is_object() const;
  [[nodiscard]] std::string text() const { return optional_text().value_or(std::string()); }
  [[nodiscard]] std::optional<std::string> optional_text() const;
  [[nodiscard]] std::optional<std::int32_t> int32() const;
  [[nodiscard]] std::int32_t int32_or(std::int32_t fallback) const {
    return int32().value_or(fallback);
  }
  [[nodiscard]] std::optional<std::int64_t> int64() const;
  [[nodiscard]] std::optional<bool> boolean() const;
  [[nodiscard]] bool flag() const { return boolean().value_or(false); }
  [[nodiscard]] std::optional<WallTime> time() const;
  [[nodiscard]] std::optional<kube::IntOrString> int_or_string() const;
  [[nodiscard]] StringMap string_map() const;
  [[nodiscard]] std::vector<std::string> strings() const;
  // Compact JSON text, "" when absent.
  [[nodiscard]] std::string json() const { return absent() ? std::string() : node_.raw(); }
  // Elements that are objects; others are errors.
  void each_object(const std::function<void(const Field&)>& visit) const;

  void malformed(std::string_view expected) const;

 private:
  static constexpr std::size_t kNoIndex = std::numeric_limits<std::size_t>::max();
  Field(kube::Node node, std::optional<Error>& error, std::string_view name, const Field* parent,
        std::size_t index)
      : node_(node), name_(name), error_(&error), parent_(parent), index_(index) {}
  [[nodiscard]] std::string path() const;

  kube::Node node_;
  std::string_view name_;
  std::optional<Error>* error_;
  const Field* parent_ = nullptr;
  std::size_t index_ = kNoIndex;
};

}  // namespace sluice::api
