#include "analysis/providers/web.h"

#include <fmt/format.h>

#include "analysis/go_text.h"
#include "analysis/providers/jsonpath.h"
#include "analysis/stored_text.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::analysis::web {

namespace {

using kube::Json;

constexpr std::int64_t kDefaultTimeoutSeconds = 10;
constexpr std::size_t kShownBytesMax = 256;

std::string method_of(const Json& config) {
  std::string method = kube::get_string(config, "method");
  return method.empty() ? "GET" : method;
}

Result<JsonPath> path_of(const Json& config) {
  const std::string text = kube::get_string(config, "jsonPath");
  return JsonPath::parse(text.empty() ? "{$}" : text);
}

Status check_authentication(const Json& config) {
  for (const char* member : {"tokenUrl", "clientId", "clientSecret"}) {
    if (!kube::get_string(config, std::string("authentication.oauth2.") + member).empty()) {
      return fail(
          ErrorCode::Unsupported,
          "provider.web.authentication.oauth2 is not implemented by this release: pass a token in "
          "provider.web.headers instead");
    }
  }
  return {};
}

// Body and headers; the JSON body names its own type whatever the user's headers say.
Status set_payload(const Json& config, http::Request& request) {
  const std::string body = kube::get_string(config, "body");
  const Json* json_body = kube::find(config, "jsonBody");
  const bool has_json = json_body != nullptr && !json_body->is_null();
  if (!body.empty() && has_json)
    return fail(ErrorCode::Invalid,
                "use either Body or JSONBody; both cannot exists for WebMetric payload");
  if (request.method == "GET" && (!body.empty() || has_json)) {
    return fail(ErrorCode::Invalid,
                "Body/JSONBody can only be used with POST or PUT WebMetric Method types");
  }
  request.body = has_json ? kube::dump(*json_body) : body;
  add_custom_headers(config, request.headers);
  if (has_json) http::set_header(request.headers, "Content-Type", "application/json");
  return {};
}

// Numbers are doubles, also in the text that is shown.
Json as_doubles(Json value) {
  if (value.is_number()) return value.get<double>();
  if (value.is_structured())
    for (Json& child : value) child = as_doubles(std::move(child));
  return value;
}

// JSON by path; anything else is text, and the path does not matter.
Result<Sample> read_body(const std::string& body, const JsonPath& path, Work* work) {
  const auto document = kube::parse_json(body);
  if (!document) return Sample{expr::Value::string(body), body, {}};
  const auto found = path.find(*document, 1, work);
  if (!found)
    return fail(ErrorCode::Invalid,
                fmt::format("Could not find JSONPath in body: {}", found.error().message));
  if (found->empty()) return fail(ErrorCode::Invalid, "result of web metric produced no value");
  Sample sample;
  sample.result = expr::from_json(found->front());
  sample.text = compact_json(as_doubles(found->front()));
  return sample;
}

}  // namespace

Result<http::Request> build_request(const api::Metric& metric) {
  const Json config = config_of(metric);
  http::Request out;
  out.client_name = "metric";
  out.method = method_of(config);
  out.url = kube::get_string(config, "url");
  out.insecure_skip_verify = kube::get_bool(config, "insecure");
  out.redirects_max = kRedirectsMax;
  out.body_max = kResponseBytesMax;
  const std::int64_t seconds = kube::get_int(config, "timeoutSeconds");
  out.timeout = bounded_timeout(seconds <= 0 ? kDefaultTimeoutSeconds : seconds);
  SLUICE_TRY([[maybe_unused]] const JsonPath path, path_of(config));
  SLUICE_CHECK_OK(check_authentication(config));
  const std::string username = kube::get_string(config, "authentication.basicAuth.username");
  if (!username.empty())
    set_basic_auth(out.headers, username,
                   kube::get_string(config, "authentication.basicAuth.password"));
  SLUICE_CHECK_OK(set_payload(config, out));
  if (!is_absolute_url(out.url)) {
    const Error cause{ErrorCode::Invalid, "the URL must be absolute, with the scheme http or https",
                      std::nullopt};
    return fail(ErrorCode::Invalid, transport_text(out.method, out.url, cause));
  }
  SLUICE_CHECK_OK(check_sendable(out));
  return out;
}

Result<Sample> interpret(const api::Metric& metric, const http::Request& request,
                         const Result<http::Response>& response, Work* work) {
  if (!response)
    return fail(response.error().code,
                transport_text(request.method, request.url, response.error()));
  if (response->status < 200 || response->status >= 300) {
    std::string text = fmt::format("received non 2xx response code: {}", response->status);
    const std::string_view start = trim(response->body).substr(0, kShownBytesMax + 1);
    const std::string shown = shortened(std::string(start), kShownBytesMax);
    if (!shown.empty()) text += " " + shown;
    return fail(ErrorCode::Unavailable, std::move(text));
  }
  if (response->body.size() > kResponseBytesMax)
    return fail(ErrorCode::Invalid,
                "Received no bytes in response: the answer is longer than 10 MiB");
  SLUICE_TRY(const JsonPath path, path_of(config_of(metric)));
  if (work != nullptr) work->read(response->body.size());
  return read_body(response->body, path, work);
}

std::string query_of(const api::Metric& metric) {
  const Json config = config_of(metric);
  return method_of(config) + " " + http::without_user_info(kube::get_string(config, "url"));
}

namespace {

class Row final : public Provider {
 public:
  Row() : Provider("web", "Web", Traits()) {}

  Result<http::Request> ask(const api::Metric& metric, const AskContext&) const override {
    return build_request(metric);
  }
  Reading read(const api::Metric& metric, const http::Request& request,
               const Result<http::Response>& response, Work* work) const override {
    return interpret(metric, request, response, work);
  }
  std::string query_of(const api::Metric& metric) const override {
    return analysis::web::query_of(metric);
  }
};

}  // namespace

const Provider& provider() {
  static const Row row;
  return row;
}

}  // namespace sluice::analysis::web
