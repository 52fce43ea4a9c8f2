#include "analysis/providers/sample.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/condition.h"
#include "base/hash.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::analysis {

namespace {

api::Measurement finished(api::AnalysisPhase phase, std::string message, Timing timing) {
  api::Measurement out;
  out.phase = phase;
  out.message = std::move(message);
  out.started_at = truncate_to_seconds(timing.started_at);
  out.finished_at = truncate_to_seconds(timing.finished_at);
  return out;
}

// Go's name of a method in an error: "Get", "Post".
std::string method_word(std::string_view method) {
  std::string out = to_lower(method);
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z')
    out[0] = static_cast<char>(out[0] - 'a' + 'A');
  return out;
}

// RFC 9110: letters, digits and these.
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

}  // namespace

api::Measurement error_measurement(std::string message, Timing timing) {
  return finished(api::AnalysisPhase::Error, std::move(message), timing);
}

api::Measurement measure(const api::Metric& metric, const Result<Sample>& sample,
                         std::string_view query, Timing timing, const expr::ZoneLoader& zones,
                         Work* work) {
  api::Measurement out;
  if (sample) {
    const ConditionOutcome outcome = evaluate_conditions(
        metric.success_condition, metric.failure_condition, sample->result,
        {.now = timing.finished_at, .load_zone = zones, .work = work});
    out = finished(outcome.phase, outcome.message, timing);
    out.value = sample->text;
    out.metadata = sample->metadata;
  } else {
    out = error_measurement(sample.error().message, timing);
  }
  if (out.phase == api::AnalysisPhase::Successful) return out;
  if (!query.empty()) out.metadata.emplace(kQueryMetadata, query);
  if (std::string condition = conditions_text(metric); sample && !condition.empty())
    out.metadata.emplace(kConditionMetadata, std::move(condition));
  return out;
}

std::string conditions_text(const api::Metric& metric) {
  std::string out;
  if (!metric.success_condition.empty()) out = "successCondition: " + metric.success_condition;
  if (!metric.failure_condition.empty())
    out += (out.empty() ? "" : "; ") + ("failureCondition: " + metric.failure_condition);
  return out;
}

std::string transport_text(std::string_view method, std::string_view url, const Error& error) {
  const std::string cause =
      error.code == ErrorCode::Timeout ? "context deadline exceeded" : error.message;
  return fmt::format("{} {}: {}", method_word(method), quote(http::without_user_info(url)), cause);
}

bool is_absolute_url(std::string_view text) {
  const std::size_t end = text.find("://");
  if (end == std::string_view::npos) return false;
  const std::string scheme = to_lower(text.substr(0, end));
  if (scheme != "http" && scheme != "https") return false;
  const std::string_view rest = text.substr(end + 3);
  const std::string_view host = rest.substr(0, rest.find_first_of("/?#"));
  if (host.empty() || host.front() == ':') return false;
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  return host.find(' ') == std::string_view::npos;
}

Status check_sendable(const http::Request& request) {
  if (!is_token(request.method))
    return fail(ErrorCode::Invalid, "net/http: invalid method " + quote(request.method));
  const auto refuse = [&](const std::string& cause) -> Status {
    return fail(ErrorCode::Invalid, transport_text(request.method, request.url,
                                                   Error{ErrorCode::Invalid, cause, std::nullopt}));
  };
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name)) return refuse("net/http: invalid header field name " + quote(name));
    if (!is_field_value(value))
      return refuse("net/http: invalid header field value for " + quote(name));
  }
  return {};
}

kube::Json config_of(const api::Metric& metric) {
  auto parsed = kube::parse_json(metric.provider_json);
  return parsed ? std::move(*parsed) : kube::Json::object();
}

void add_custom_headers(const kube::Json& config, http::Headers& headers) {
  const kube::Json* list = kube::find(config, "headers");
  if (list == nullptr || !list->is_array()) return;
  for (const kube::Json& header : *list)
    http::set_header(headers, kube::get_string(header, "key"), kube::get_string(header, "value"));
}

Seconds bounded_timeout(std::int64_t seconds) {
  constexpr std::int64_t kDay = 86'400;
  return Seconds(std::min(seconds, kDay));
}

void mark_secrets(http::Request& request, const Result<http::Request>& altered) {
  for (const auto& [name, value] : request.headers) {
    const std::string* other = altered ? http::find_header(altered->headers, name) : nullptr;
    if (other == nullptr || *other != value) request.secret_headers.push_back(name);
  }
  request.secret_body = !request.body.empty() && (!altered || altered->body != request.body);
}

void set_basic_auth(http::Headers& headers, std::string_view username, std::string_view password) {
  const std::string pair = std::string(username) + ":" + std::string(password);
  http::set_header(headers, "Authorization", "Basic " + base64_encode(pair));
}

}  // namespace sluice::analysis
