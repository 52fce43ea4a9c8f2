#include "analysis/providers/prometheus.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "analysis/condition.h"
#include "analysis/go_text.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::analysis::prometheus {

namespace {

using kube::Json;
using Parameters = std::vector<std::pair<std::string, std::string>>;

constexpr std::int64_t kDefaultTimeoutSeconds = 30;

std::string seconds_text(double seconds) {
  return format_fixed(seconds);
}
std::string time_text(WallTime t) {
  return seconds_text(static_cast<double>(t.time_since_epoch().count()) / 1e6);
}

Result<std::string> address_of(const Json& config, const AskContext& context) {
  std::string address = kube::get_string(config, "address");
  if (address.empty()) address = context.default_address;
  if (address.empty()) return fail(ErrorCode::Invalid, "prometheus address is not configured");
  if (!is_absolute_url(address))
    return fail(ErrorCode::Invalid, "prometheus address is not is url format");
  return address;
}

// The address may carry a path, which stays in front, and a query, which stays behind.
std::string endpoint(std::string address, std::string_view path) {
  std::string query;
  if (const std::size_t at = address.find('?'); at != std::string::npos) {
    query = address.substr(at);
    address.resize(at);
  }
  while (address.ends_with('/')) address.pop_back();
  return address + std::string(path) + query;
}

bool any_text(const Json& config, std::string_view object,
              std::initializer_list<const char*> members) {
  return std::any_of(members.begin(), members.end(), [&](const char* member) {
    return !kube::get_string(config, std::string(object) + "." + member).empty();
  });
}

Status check_authentication(const Json& config, const std::string& address) {
  constexpr std::string_view kOauth = "authentication.oauth2";
  if (any_text(config, kOauth, {"tokenUrl", "clientId", "clientSecret"})) {
    if (!any_text(config, kOauth, {"clientId"}) || !any_text(config, kOauth, {"clientSecret"}))
      return fail(ErrorCode::Invalid, "missing mandatory parameter in metric for OAuth2 setup");
    return fail(ErrorCode::Unsupported,
                "provider.prometheus.authentication.oauth2 is not implemented by this release: "
                "pass a token in "
                "provider.prometheus.headers instead");
  }
  const bool managed = address.find("aps-workspaces") != std::string::npos;
  if (managed && any_text(config, "authentication.sigv4", {"region", "profile", "roleArn"})) {
    return fail(ErrorCode::Unsupported,
                "provider.prometheus.authentication.sigv4 is not implemented by this release: "
                "query through a signing "
                "proxy instead");
  }
  return {};
}

Status add_basic_auth(const Json& config, http::Headers& headers) {
  const std::string username = kube::get_string(config, "authentication.basicAuth.username");
  const std::string password = kube::get_string(config, "authentication.basicAuth.password");
  if (username.empty() && password.empty()) return {};
  if (username.empty() || password.empty()) {
    return fail(ErrorCode::Invalid,
                fmt::format("missing mandatory parameter in metric for basic auth setup: {}",
                            username.empty() ? "username" : "password"));
  }
  set_basic_auth(headers, username, password);
  return {};
}

// A zero timeout would be over before it began: the default instead.
Result<Seconds> timeout_of(const Json& config) {
  const std::int64_t seconds = kube::get_int(config, "timeout");
  if (seconds < 0) return fail(ErrorCode::Invalid, "prometheus timeout should not be negative");
  return bounded_timeout(seconds == 0 ? kDefaultTimeoutSeconds : seconds);
}

Result<Parameters> range_parameters(const Json& range, const std::string& query,
                                    const AskContext& context) {
  const auto bound = [&](const char* member) -> Result<std::string> {
    auto time = evaluate_range_bound(kube::get_string(range, member), {context.now, context.zones});
    if (!time) {
      return fail(ErrorCode::Invalid, fmt::format("failed to parse rangeQuery.{} as time: {}",
                                                  member, time.error().message));
    }
    return time_text(*time);
  };
  SLUICE_TRY(std::string start, bound("start"));
  SLUICE_TRY(std::string end, bound("end"));
  auto step = parse_go_duration(kube::get_string(range, "step"));
  if (!step) {
    return fail(ErrorCode::Invalid,
                "failed to parse rangeQuery.step as duration: " + step.error().message);
  }
  return Parameters{{"end", std::move(end)},
                    {"query", query},
                    {"start", std::move(start)},
                    {"step", seconds_text(static_cast<double>(step->count()) / 1e9)}};
}

std::string form(const Parameters& parameters) {
  std::string out;
  for (const auto& [key, value] : parameters) {
    if (!out.empty()) out += '&';
    out += key + "=" + url_encode(value);
  }
  return out;
}

// Go's ParseFloat, as far as Prometheus writes numbers.
std::optional<double> sample_number(const Json& pair) {
  if (!pair.is_array() || pair.size() != 2 || !pair[1].is_string()) return std::nullopt;
  std::string_view text = pair[1].get_ref<const std::string&>();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  const bool negative = text.starts_with('-');
  if (text.starts_with('+') || negative) text.remove_prefix(1);
  if (text.starts_with('+') || text.starts_with('-')) return std::nullopt;
  double value = 0;
  if (iequals(text, "Inf") || iequals(text, "Infinity")) {
    value = std::numeric_limits<double>::infinity();
  } else {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  }
  return negative ? -value : value;
}

tl::unexpected<Error> bad_response(std::string_view text) {
  return fail(ErrorCode::Invalid, fmt::format("bad_response: {}", text));
}

Sample list_sample(const std::vector<double>& values) {
  std::string text = "[";
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) text += ',';
    text += format_fixed(values[i]);
  }
  return {expr::Value::floats(values), text + "]", {}};
}

Result<Sample> vector_sample(const Json& result) {
  std::vector<double> values;
  for (const Json& series : result) {
    const Json* pair = kube::find(series, "value");
    if (pair == nullptr && kube::find(series, "histogram") != nullptr)
      continue;  // native histograms are left out
    const auto value = pair == nullptr ? std::nullopt : sample_number(*pair);
    if (!value) return bad_response("a sample of the vector has no number");
    values.push_back(*value);
  }
  return list_sample(values);
}

Result<Sample> matrix_sample(const Json& result) {
  std::vector<double> values;
  for (const Json& series : result) {
    const Json* points = kube::find(series, "values");
    if (points == nullptr) continue;
    if (!points->is_array()) return bad_response("a series of the matrix has no points");
    for (const Json& point : *points) {
      const auto value = sample_number(point);
      if (!value) return bad_response("a point of the matrix has no number");
      values.push_back(*value);
    }
  }
  return list_sample(values);
}

Result<Sample> read_data(const Json& answer) {
  const Json* data = kube::find(answer, "data");
  if (data == nullptr || !data->is_object()) return bad_response("the answer holds no data");
  const std::string type = kube::get_string(*data, "resultType");
  const Json* result = kube::find(*data, "result");
  const bool known = type == "scalar" || type == "vector" || type == "matrix";
  if (!known) return fail(ErrorCode::Invalid, fmt::format("unexpected value type {}", quote(type)));
  static const Json kNothing = Json::array();
  if (result == nullptr || result->is_null()) result = &kNothing;
  if (!result->is_array()) return bad_response("the result is not a list");
  if (type == "vector") return vector_sample(*result);
  if (type == "matrix") return matrix_sample(*result);
  const auto value = sample_number(*result);
  if (!value) return bad_response("the scalar has no number");
  return Sample{expr::Value::number(*value), format_fixed(*value), {}};
}

std::string warnings_of(const Json& answer) {
  std::vector<std::string> out;
  if (const Json* list = kube::find(answer, "warnings"); list != nullptr && list->is_array()) {
    for (const Json& warning : *list)
      if (warning.is_string()) out.push_back(quote(warning.get_ref<const std::string&>()));
  }
  return join(out, ", ");
}

std::string status_text(int status) {
  if (status / 100 == 4) return fmt::format("client_error: client error: {}", status);
  if (status / 100 == 5) return fmt::format("server_error: server error: {}", status);
  return fmt::format("bad_response: bad response code {}", status);
}

}  // namespace

Result<http::Request> build_request(const api::Metric& metric, const AskContext& context) {
  const Json config = config_of(metric);
  SLUICE_TRY(const std::string address, address_of(config, context));
  SLUICE_CHECK_OK(check_authentication(config, address));
  http::Request out;
  out.client_name = "metric";
  out.method = "POST";
  out.insecure_skip_verify = kube::get_bool(config, "insecure");
  out.redirects_max = kRedirectsMax;
  out.body_max = kResponseBytesMax;
  http::set_header(out.headers, "Content-Type", "application/x-www-form-urlencoded");
  SLUICE_CHECK_OK(add_basic_auth(config, out.headers));
  add_custom_headers(config, out.headers);
  SLUICE_TRY(out.timeout, timeout_of(config));
  const std::string query = kube::get_string(config, "query");
  if (const Json* range = kube::find(config, "rangeQuery");
      range != nullptr && range->is_object() && !range->empty()) {
    SLUICE_TRY(const Parameters parameters, range_parameters(*range, query, context));
    out.url = endpoint(address, "/api/v1/query_range");
    out.body = form(parameters);
  } else {
    out.url = endpoint(address, "/api/v1/query");
    out.body = form({{"query", query}, {"time", time_text(context.now)}});
  }
  SLUICE_CHECK_OK(check_sendable(out));
  return out;
}

bool wants_get(const http::Response& response) {
  return response.status == 405 || response.status == 501;
}

http::Request as_get(const http::Request& request) {
  http::Request out = request;
  out.method = "GET";
  out.url += (out.url.find('?') == std::string::npos ? "?" : "&") + request.body;
  out.body.clear();
  std::erase_if(out.headers,
                [](const auto& header) { return iequals(header.first, "Content-Type"); });
  return out;
}

Result<Sample> interpret(const http::Request& request, const Result<http::Response>& response,
                         Work* work) {
  if (!response)
    return fail(response.error().code,
                transport_text(request.method, request.url, response.error()));
  const int status = response->status;
  const bool explains_itself = status == 400 || status == 422;
  if (status / 100 != 2 && !explains_itself)
    return fail(ErrorCode::Unavailable, status_text(status));
  if (response->body.size() > kResponseBytesMax)
    return bad_response("the answer is longer than 10 MiB");
  if (work != nullptr) work->read(response->body.size());
  const auto answer = kube::parse_json(response->body);
  if (!answer) return bad_response(answer.error().message);
  const std::string outcome = kube::get_string(*answer, "status");
  if (outcome == "error") {
    return fail(ErrorCode::Invalid, fmt::format("{}: {}", kube::get_string(*answer, "errorType"),
                                                kube::get_string(*answer, "error")));
  }
  if (explains_itself) return bad_response("inconsistent body for response code");
  if (outcome != "success") return bad_response("the answer has no status");
  SLUICE_TRY(Sample sample, read_data(*answer));
  if (std::string warnings = warnings_of(*answer); !warnings.empty())
    sample.metadata["warnings"] = std::move(warnings);
  return sample;
}

std::string query_of(const api::Metric& metric) {
  return kube::get_string(config_of(metric), "query");
}

namespace {

class Row final : public Provider {
 public:
  Row() : Provider("prometheus", "Prometheus", {.keeps_query = true}) {}

  Result<http::Request> ask(const api::Metric& metric, const AskContext& context) const override {
    return build_request(metric, context);
  }
  Reading read(const api::Metric&, const http::Request& request,
               const Result<http::Response>& response, Work* work) const override {
    if (request.method == "POST" && response && wants_get(*response)) return Again{as_get(request)};
    return interpret(request, response, work);
  }
  std::string query_of(const api::Metric& metric) const override {
    return prometheus::query_of(metric);
  }
};

}  // namespace

const Provider& provider() {
  static const Row row;
  return row;
}

}  // namespace sluice::analysis::prometheus
