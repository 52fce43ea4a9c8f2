#include "api/field_errors.h"

namespace sluice::api {

std::string required_error(std::string_view path, std::string_view detail) {
  return std::string(path) + ": Required value: " + std::string(detail);
}

std::string invalid_error(std::string_view path, std::string_view value_text,
                          std::string_view detail) {
  return std::string(path) + ": Invalid value: " + std::string(value_text) + ": " +
         std::string(detail);
}

}  // namespace sluice::api
