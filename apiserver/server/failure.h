#pragma once
// What the server answers when it refuses: a Status object (embedded-cluster.md §1, row Errors).
// Clients branch on `reason`, so the vocabulary is the real server's.
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "base/result.h"
#include "kube/json/json_fwd.h"

namespace sluice::apiserver::server {

using kube::Json;

struct Cause {
  std::string reason;  // FieldValueInvalid, FieldManagerConflict…
  std::string message;
  std::string field;  // dotted path, "" when none
};

struct Failure {
  int code = 500;
  std::string reason;
  std::string message;
  std::string group, kind, name,
      uid;  // details; `kind` is a plural resource or a kind, as the real server does
  std::vector<Cause> causes;
  std::optional<int> retry_after;  // seconds
};

template <class T>
using Outcome = tl::expected<T, Failure>;

[[nodiscard]] inline tl::unexpected<Failure> refuse(Failure failure) {
  return tl::unexpected<Failure>(std::move(failure));
}

// The resource a failure talks about.
struct Subject {
  std::string group, resource, kind;
  // "deployments.apps", "pods"
  [[nodiscard]] std::string qualified() const {
    return group.empty() ? resource : resource + "." + group;
  }
};

[[nodiscard]] Failure not_found(const Subject& subject, std::string_view name);
[[nodiscard]] Failure already_exists(const Subject& subject, std::string_view name);
[[nodiscard]] Failure conflict(const Subject& subject, std::string_view name, std::string_view why);
[[nodiscard]] Failure stale_version(const Subject& subject, std::string_view name);
[[nodiscard]] Failure forbidden(const Subject& subject, std::string_view name,
                                std::string_view why);
[[nodiscard]] Failure invalid(const Subject& subject, std::string_view name,
                              std::vector<Cause> causes);
[[nodiscard]] Failure bad_request(std::string message);
[[nodiscard]] Failure expired(std::string message);
[[nodiscard]] Failure too_many_requests(std::string message, int retry_after_seconds);
[[nodiscard]] Failure internal_error(std::string message);
[[nodiscard]] Failure unsupported_media_type(std::string_view got);
[[nodiscard]] Failure method_not_allowed();
[[nodiscard]] Failure no_such_path();
[[nodiscard]] Failure not_implemented(std::string message);

// Field errors in the words of field.Error.
[[nodiscard]] Cause required(std::string field, std::string_view detail = "");
[[nodiscard]] Cause invalid_value(std::string field, std::string_view value_text,
                                  std::string_view detail);
[[nodiscard]] Cause unsupported_value(std::string field, std::string_view value_text,
                                      const std::vector<std::string>& supported);
[[nodiscard]] Cause duplicate_value(std::string field, std::string_view value_text);
[[nodiscard]] Cause field_forbidden(std::string field, std::string_view detail);

[[nodiscard]] Json to_status(const Failure& failure);
[[nodiscard]] Json success_status(const Subject& subject, std::string_view name,
                                  std::string_view uid);
[[nodiscard]] Error to_error(const Failure& failure);

}  // namespace sluice::apiserver::server
