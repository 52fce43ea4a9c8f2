#include "kube/request/request.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/assert.h"
#include "base/strings.h"
#include "kube/json/json.h"
#include "kube/json/node.h"

namespace sluice::kube {

namespace {

constexpr std::string_view kFieldManager = "sluice";
constexpr std::size_t kBodyExcerptMax = 200;

void add_param(std::string& url, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  url += url.find('?') == std::string::npos ? '?' : '&';
  url += key;
  url += '=';
  url += url_encode(value);
}

http::Request base_request(std::string method, std::string url) {
  http::Request request;
  request.method = std::move(method);
  request.url = std::move(url);
  request.client_name = "kube";
  http::set_header(request.headers, "Accept", "application/json");
  return request;
}

// Bodies are made by our own code: one that does not parse is our own mistake.
Json own_body(const Write& write) {
  auto body = parse_json(write.body);
  SLUICE_ASSERT(body.has_value(), fmt::format("{} {}: {}", to_string(write.verb), write.key.text(),
                                              body.error().message));
  return std::move(*body);
}

std::string with_metadata(const Write& write) {
  if (write.uid.empty() && write.resource_version.empty()) return write.body;
  Json body = own_body(write);
  SLUICE_ASSERT(body.is_object(), "the body of a write with preconditions must be an object");
  Json& metadata = body["metadata"];
  if (!metadata.is_object()) metadata = Json::object();
  if (!write.uid.empty()) metadata["uid"] = write.uid;
  if (!write.resource_version.empty()) metadata["resourceVersion"] = write.resource_version;
  return dump(body);
}

std::string with_tests(const Write& write) {
  if (write.uid.empty() && write.resource_version.empty()) return write.body;
  const Json given = own_body(write);
  SLUICE_ASSERT(given.is_array(), "a JSON patch must be a list");
  Json body = Json::array();
  const auto test = [&](std::string_view path, const std::string& value) {
    if (!value.empty()) body.push_back({{"op", "test"}, {"path", path}, {"value", value}});
  };
  test("/metadata/uid", write.uid);
  test("/metadata/resourceVersion", write.resource_version);
  for (const auto& operation : given) body.push_back(operation);
  return dump(body);
}

std::string delete_options(const Write& write) {
  if (write.body.empty() && write.uid.empty() && write.resource_version.empty()) return {};
  Json body = write.body.empty() ? Json::object() : own_body(write);
  SLUICE_ASSERT(body.is_object(), "DeleteOptions must be an object");
  body["apiVersion"] = "v1";
  body["kind"] = "DeleteOptions";
  if (!write.uid.empty()) body["preconditions"]["uid"] = write.uid;
  if (!write.resource_version.empty())
    body["preconditions"]["resourceVersion"] = write.resource_version;
  return dump(body);
}

struct Shape {
  std::string_view method, content_type;
};

Shape shape_of(Verb verb) {
  switch (verb) {
    case Verb::Create:
      return {"POST", "application/json"};
    case Verb::MergePatch:
      return {"PATCH", "application/merge-patch+json"};
    case Verb::JsonPatch:
      return {"PATCH", "application/json-patch+json"};
    case Verb::StrategicPatch:
      return {"PATCH", "application/strategic-merge-patch+json"};
    case Verb::ApplyPatch:
      return {"PATCH", "application/apply-patch+yaml"};
    case Verb::Update:
      return {"PUT", "application/json"};
    case Verb::Delete:
      return {"DELETE", "application/json"};
  }
  return {"PATCH", "application/merge-patch+json"};
}

std::string body_of(const Write& write) {
  switch (write.verb) {
    case Verb::Create:
      return write.body;
    case Verb::MergePatch:
    case Verb::StrategicPatch:
    case Verb::ApplyPatch:
    case Verb::Update:
      return with_metadata(write);
    case Verb::JsonPatch:
      return with_tests(write);
    case Verb::Delete:
      return delete_options(write);
  }
  return write.body;
}

}  // namespace

std::string_view to_string(Verb verb) {
  switch (verb) {
    case Verb::Create:
      return "create";
    case Verb::MergePatch:
      return "merge-patch";
    case Verb::JsonPatch:
      return "json-patch";
    case Verb::StrategicPatch:
      return "strategic-patch";
    case Verb::ApplyPatch:
      return "apply-patch";
    case Verb::Update:
      return "update";
    case Verb::Delete:
      return "delete";
  }
  return "unknown";
}

std::string resource_path(const ResourceType& type, const ObjectKey& key,
                          std::string_view subresource, std::string_view version) {
  const std::string_view v = version.empty() ? type.version : version;
  std::string path =
      type.group.empty() ? fmt::format("/api/{}", v) : fmt::format("/apis/{}/{}", type.group, v);
  if (type.namespaced && !key.namespace_.empty())
    path += "/namespaces/" + url_encode(key.namespace_);
  path += '/';
  path += type.resource;
  if (!key.name.empty()) path += "/" + url_encode(key.name);
  if (!subresource.empty()) {
    path += '/';
    path += subresource;
  }
  return path;
}

http::Request make_request(const Write& write) {
  ObjectKey key = write.key;
  // An object is created in its collection; a subresource (eviction, binding) below the object.
  if (write.verb == Verb::Create && write.subresource.empty()) key.name.clear();
  const Shape shape = shape_of(write.verb);
  http::Request request =
      base_request(std::string(shape.method), resource_path(write.type, key, write.subresource));
  if (write.verb != Verb::Delete) add_param(request.url, "fieldManager", kFieldManager);
  if (write.verb == Verb::ApplyPatch) add_param(request.url, "force", "true");
  if (write.dry_run) add_param(request.url, "dryRun", "All");
  request.body = body_of(write);
  if (!request.body.empty())
    http::set_header(request.headers, "Content-Type", std::string(shape.content_type));
  return request;
}

http::Request make_get(const ResourceType& type, const ObjectKey& key) {
  return base_request("GET", resource_path(type, key));
}

http::Request make_list(const ResourceType& type, std::string_view ns, const ListOptions& options) {
  http::Request request = base_request("GET", resource_path(type, ObjectKey{std::string(ns), ""}));
  add_param(request.url, "labelSelector", options.label_selector);
  add_param(request.url, "fieldSelector", options.field_selector);
  if (options.limit > 0) add_param(request.url, "limit", std::to_string(options.limit));
  add_param(request.url, "continue", options.continue_token);
  // A continue token fixes the version itself; both together are refused.
  if (options.continue_token.empty())
    add_param(request.url, "resourceVersion", options.resource_version);
  return request;
}

http::Request make_watch(const ResourceType& type, std::string_view ns,
                         const WatchOptions& options) {
  http::Request request = base_request("GET", resource_path(type, ObjectKey{std::string(ns), ""}));
  add_param(request.url, "watch", "true");
  add_param(request.url, "allowWatchBookmarks", "true");
  add_param(request.url, "labelSelector", options.label_selector);
  add_param(request.url, "fieldSelector", options.field_selector);
  add_param(request.url, "resourceVersion", options.resource_version);
  if (options.timeout.count() > 0)
    add_param(request.url, "timeoutSeconds", std::to_string(options.timeout.count()));
  request.stream = true;
  return request;
}

namespace {

std::optional<ErrorCode> code_of_reason(std::string_view reason) {
  struct Row {
    std::string_view reason;
    ErrorCode code;
  };
  constexpr Row kRows[] = {
      {"NotFound", ErrorCode::NotFound},
      {"AlreadyExists", ErrorCode::AlreadyExists},
      {"Conflict", ErrorCode::Conflict},
      {"Invalid", ErrorCode::Invalid},
      {"Forbidden", ErrorCode::Forbidden},
      {"Unauthorized", ErrorCode::Forbidden},
      {"Gone", ErrorCode::Gone},
      {"Expired", ErrorCode::Gone},
      {"TooManyRequests", ErrorCode::Throttled},
      {"Timeout", ErrorCode::Timeout},
      {"ServerTimeout", ErrorCode::Timeout},
      {"ServiceUnavailable", ErrorCode::Unavailable},
      {"InternalError", ErrorCode::Unavailable},
      {"BadRequest", ErrorCode::Invalid},
      {"MethodNotAllowed", ErrorCode::Invalid},
      {"NotAcceptable", ErrorCode::Invalid},
      {"UnsupportedMediaType", ErrorCode::Invalid},
      {"RequestEntityTooLarge", ErrorCode::Invalid},
  };
  for (const auto& row : kRows)
    if (row.reason == reason) return row.code;
  return std::nullopt;
}

ErrorCode code_of_status(int status) {
  if (status == 401 || status == 403) return ErrorCode::Forbidden;
  if (status == 408 || status == 504) return ErrorCode::Timeout;
  if (status == 409) return ErrorCode::Conflict;
  if (status == 410) return ErrorCode::Gone;
  if (status == 429) return ErrorCode::Throttled;
  // A 404 without a Status comes from something in between, or from a server that does not know the
  // path: that says nothing about the object.
  if (status == 404 || status < 400 || status >= 500) return ErrorCode::Unavailable;
  return ErrorCode::Invalid;
}

// The `test` operations that make_request puts in front of a JSON patch fail as 422: that is a
// conflict.
bool failed_precondition_test(int status, std::string_view message) {
  const auto has = [&](std::string_view part) {
    return message.find(part) != std::string_view::npos;
  };
  return status == 422 && has("test") && (has("/metadata/resourceVersion") || has("/metadata/uid"));
}

std::optional<Millis> seconds_value(std::optional<std::int64_t> seconds) {
  constexpr std::int64_t kMax = 3600;
  if (!seconds || *seconds < 0) return std::nullopt;
  return Seconds(std::min(*seconds, kMax));
}

std::optional<Millis> retry_after(const http::Response& response, Node details) {
  if (const std::string* header = http::find_header(response.headers, "Retry-After")) {
    if (auto delay = seconds_value(parse_int(trim(*header)))) return delay;
  }
  const auto seconds = details["retryAfterSeconds"].as_int();
  return seconds && *seconds > 0 ? seconds_value(seconds) : std::nullopt;
}

}  // namespace

std::optional<Error> response_error(const http::Response& response, std::string_view what) {
  if (response.status >= 200 && response.status < 300) return std::nullopt;
  Error error;
  error.code = code_of_status(response.status);
  const auto document = Document::parse(response.body);
  const Node root = document ? document->root() : Node();
  if (root["kind"].as_string() != "Status") {
    error.retry_after = retry_after(response, Node());
    const std::string excerpt = response.body.substr(0, kBodyExcerptMax);
    error.message = fmt::format("{}: HTTP {}{}{}", what, response.status,
                                excerpt.empty() ? "" : ": ", trim(excerpt));
    return error;
  }
  const std::string message = root["message"].string_or();
  if (const auto code = code_of_reason(root["reason"].string_or())) error.code = *code;
  // The server also says NotFound for a resource it does not serve, then without a name.
  const bool unserved = root["details"]["name"].string_or().empty() &&
                        message == "the server could not find the requested resource";
  if (error.code == ErrorCode::NotFound && unserved) error.code = ErrorCode::Unavailable;
  if (failed_precondition_test(response.status, message)) error.code = ErrorCode::Conflict;
  error.retry_after = retry_after(response, root["details"]);
  error.message = fmt::format("{}: {}", what,
                              message.empty() ? fmt::format("HTTP {}", response.status) : message);
  return error;
}

}  // namespace sluice::kube
