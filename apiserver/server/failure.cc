#include "apiserver/server/failure.h"

#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

Failure about(const Subject& subject, std::string_view name, int code, std::string reason,
              std::string message) {
  Failure f;
  f.code = code;
  f.reason = std::move(reason);
  f.message = std::move(message);
  f.group = subject.group;
  f.kind = subject.resource;
  f.name = std::string(name);
  return f;
}

Failure plain(int code, std::string reason, std::string message) {
  Failure f;
  f.code = code;
  f.reason = std::move(reason);
  f.message = std::move(message);
  return f;
}

}  // namespace

Failure not_found(const Subject& subject, std::string_view name) {
  return about(subject, name, 404, "NotFound",
               fmt::format("{} \"{}\" not found", subject.qualified(), name));
}

Failure already_exists(const Subject& subject, std::string_view name) {
  return about(subject, name, 409, "AlreadyExists",
               fmt::format("{} \"{}\" already exists", subject.qualified(), name));
}

Failure conflict(const Subject& subject, std::string_view name, std::string_view why) {
  return about(subject, name, 409, "Conflict",
               fmt::format("Operation cannot be fulfilled on {} \"{}\": {}", subject.qualified(),
                           name, why));
}

Failure stale_version(const Subject& subject, std::string_view name) {
  return conflict(subject, name,
                  "the object has been modified; please apply your changes to the latest version "
                  "and try again");
}

Failure forbidden(const Subject& subject, std::string_view name, std::string_view why) {
  return about(subject, name, 403, "Forbidden",
               fmt::format("{} \"{}\" is forbidden: {}", subject.qualified(), name, why));
}

Failure invalid(const Subject& subject, std::string_view name, std::vector<Cause> causes) {
  std::string text;
  for (const Cause& cause : causes) {
    if (!text.empty()) text += ", ";
    if (!cause.field.empty()) text += cause.field + ": ";
    text += cause.message;
  }
  if (causes.size() > 1) text = "[" + text + "]";
  const std::string kind =
      subject.group.empty() ? subject.kind : subject.kind + "." + subject.group;
  Failure f = about(subject, name, 422, "Invalid",
                    fmt::format("{} \"{}\" is invalid: {}", kind, name, text));
  f.kind = subject.kind;
  f.causes = std::move(causes);
  return f;
}

Failure bad_request(std::string message) {
  return plain(400, "BadRequest", std::move(message));
}
Failure expired(std::string message) {
  return plain(410, "Expired", std::move(message));
}
Failure internal_error(std::string message) {
  return plain(500, "InternalError", std::move(message));
}
Failure not_implemented(std::string message) {
  return plain(501, "NotImplemented", std::move(message));
}

Failure too_many_requests(std::string message, int retry_after_seconds) {
  Failure f = plain(429, "TooManyRequests", std::move(message));
  f.retry_after = retry_after_seconds;
  return f;
}

Failure unsupported_media_type(std::string_view got) {
  return plain(
      415, "UnsupportedMediaType",
      fmt::format(
          "the body of the request was in an unknown format - accepted media types include: "
          "application/json, application/yaml (got {})",
          got));
}

Failure method_not_allowed() {
  return plain(405, "MethodNotAllowed",
               "the server does not allow this method on the requested resource");
}

Failure no_such_path() {
  return plain(404, "NotFound", "the server could not find the requested resource");
}

Cause required(std::string field, std::string_view detail) {
  return {"FieldValueRequired",
          detail.empty() ? "Required value" : fmt::format("Required value: {}", detail),
          std::move(field)};
}

Cause invalid_value(std::string field, std::string_view value_text, std::string_view detail) {
  return {"FieldValueInvalid", fmt::format("Invalid value: {}: {}", value_text, detail),
          std::move(field)};
}

Cause unsupported_value(std::string field, std::string_view value_text,
                        const std::vector<std::string>& supported) {
  std::string list;
  for (const std::string& value : supported) {
    if (!list.empty()) list += ", ";
    list += "\"" + value + "\"";
  }
  return {"FieldValueNotSupported",
          fmt::format("Unsupported value: {}: supported values: {}", value_text, list),
          std::move(field)};
}

Cause duplicate_value(std::string field, std::string_view value_text) {
  return {"FieldValueDuplicate", fmt::format("Duplicate value: {}", value_text), std::move(field)};
}

Cause field_forbidden(std::string field, std::string_view detail) {
  return {"FieldValueForbidden", fmt::format("Forbidden: {}", detail), std::move(field)};
}

Json to_status(const Failure& failure) {
  Json status = {{"kind", "Status"},    {"apiVersion", "v1"},         {"metadata", Json::object()},
                 {"status", "Failure"}, {"message", failure.message}, {"code", failure.code}};
  if (!failure.reason.empty()) status["reason"] = failure.reason;
  Json details = Json::object();
  if (!failure.name.empty()) details["name"] = failure.name;
  if (!failure.group.empty()) details["group"] = failure.group;
  if (!failure.kind.empty()) details["kind"] = failure.kind;
  if (!failure.uid.empty()) details["uid"] = failure.uid;
  if (failure.retry_after) details["retryAfterSeconds"] = *failure.retry_after;
  for (const Cause& cause : failure.causes) {
    Json entry = {{"reason", cause.reason}, {"message", cause.message}};
    if (!cause.field.empty()) entry["field"] = cause.field;
    details["causes"].push_back(std::move(entry));
  }
  if (!details.empty() || failure.code == 404) status["details"] = std::move(details);
  return status;
}

Json success_status(const Subject& subject, std::string_view name, std::string_view uid) {
  Json details = {{"name", std::string(name)}, {"kind", subject.resource}};
  if (!subject.group.empty()) details["group"] = subject.group;
  if (!uid.empty()) details["uid"] = std::string(uid);
  return {{"kind", "Status"},
          {"apiVersion", "v1"},
          {"metadata", Json::object()},
          {"status", "Success"},
          {"details", std::move(details)}};
}

Error to_error(const Failure& failure) {
  Error error;
  error.message = failure.message;
  if (failure.retry_after) error.retry_after = std::chrono::seconds(*failure.retry_after);
  if (failure.reason == "NotFound")
    error.code = ErrorCode::NotFound;
  else if (failure.reason == "AlreadyExists")
    error.code = ErrorCode::AlreadyExists;
  else if (failure.reason == "Conflict")
    error.code = ErrorCode::Conflict;
  else if (failure.reason == "Forbidden")
    error.code = ErrorCode::Forbidden;
  else if (failure.reason == "TooManyRequests")
    error.code = ErrorCode::Throttled;
  else if (failure.code == 410)
    error.code = ErrorCode::Gone;
  else if (failure.code == 400 || failure.code == 415 || failure.code == 422)
    error.code = ErrorCode::Invalid;
  else
    error.code = ErrorCode::Internal;
  return error;
}

}  // namespace sluice::apiserver::server
