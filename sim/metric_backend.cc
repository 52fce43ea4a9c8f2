#include "sim/metric_backend.h"

namespace sluice::sim {
namespace {

// The text between `before` and the next '|'.
std::string between(const std::string& text, std::string_view before) {
  const auto at = text.find(before);
  if (at == std::string::npos) return "";
  const auto from = at + before.size();
  return text.substr(from, text.find('|', from) - from);
}

http::Response vector_of(const std::string& value) {
  std::string result = value.empty() ? "" : R"({"metric":{},"value":[1,")" + value + R"("]})";
  return {200,
          {{"Content-Type", "application/json"}},
          R"({"status":"success","data":{"resultType":"vector","result":[)" + result + "]}}"};
}

}  // namespace

std::optional<http::Response> MetricBackend::operator()(const http::Request& request,
                                                        MonoTime now) {
  std::string query = request.body;
  const auto target = http::parse_target(request.url.substr(request.url.find('/', 8)));
  if (const std::string* param = target.param("query"))
    query = *param;
  else if (!query.empty()) {
    const auto form = http::parse_target("/?" + query);
    if (const std::string* field = form.param("query")) query = *field;
  }
  const std::string hash = between(query, "hash:"), analysis = between(query, "analysis:");
  const std::string key = (image_of ? image_of(hash) : std::string()) + " " + analysis;
  Kind kind = Kind::Good;
  if (const auto it = scripts.find(key); it != scripts.end()) {
    const std::size_t n = asked_[key]++;
    kind = n < it->second.first.size() ? it->second.first[n] : it->second.then;
  }
  if (answered) answered({kind, hash, analysis, now});
  switch (kind) {
    case Kind::Good:
      return vector_of("1");
    case Kind::Bad:
      return vector_of("0.5");
    case Kind::NotANumber:
      return vector_of("NaN");
    case Kind::Empty:
      return vector_of("");
    case Kind::ServerError:
      return http::Response{500, {}, "internal error"};
    case Kind::Timeout:
      return http::Response{};
  }
  return std::nullopt;
}

}  // namespace sluice::sim
