#pragma once
// A metric provider that exists for tests alone, and joins the table of providers from here: an
// answer is a plain number. A metric names it, and the Secret with its token, with
// provider.plainNumber = {"url": "http://x/y", "token": {"name": "login", "key": "token"}}.
//
// A server that answers 421 is asked the other way round, with HEAD for GET.
#include <string>
#include <vector>

#include "analysis/provider_table.h"
#include "kube/json/json.h"

namespace sluice::analysis::test {

class PlainNumberProvider final : public Provider {
 public:
  static constexpr std::string_view kKind = "plainNumber";
  PlainNumberProvider() : Provider(kKind, "PlainNumber", {}) {}

  std::vector<std::string> secrets(const api::Metric& metric) const override {
    const std::string id = token_of(metric);
    return id.empty() ? std::vector<std::string>{} : std::vector<std::string>{id};
  }
  Result<http::Request> ask(const api::Metric& metric, const AskContext& context) const override {
    http::Request out;
    out.client_name = "metric";
    out.method = "GET";
    out.url = kube::get_string(config_of(metric), "url");
    out.timeout = Seconds(10);
    if (out.url.empty()) return fail(ErrorCode::Invalid, "plainNumber.url: Required value");
    if (const auto token = context.secrets.find(token_of(metric)); token != context.secrets.end())
      http::set_header(out.headers, "Authorization", "Bearer " + token->second);
    return out;
  }
  Reading read(const api::Metric&, const http::Request& request,
               const Result<http::Response>& response, Work* work) const override {
    if (!response) return Result<Sample>(fail(response.error()));
    if (response->status == 421) {
      http::Request other = request;
      other.method = "HEAD";
      return Again{std::move(other)};
    }
    if (work != nullptr) work->read(response->body.size());
    const auto number = kube::parse_json(response->body);
    if (!number || !number->is_number())
      return Result<Sample>(fail(ErrorCode::Invalid, "'" + response->body + "' is no number"));
    return Result<Sample>(Sample{expr::Value::number(number->get<double>()), response->body, {}});
  }
  std::string query_of(const api::Metric& metric) const override {
    return "GET " + kube::get_string(config_of(metric), "url");
  }

 private:
  static std::string token_of(const api::Metric& metric) {
    const auto config = config_of(metric);
    const std::string name = kube::get_string(config, "token.name");
    return name.empty() ? "" : name + "/" + kube::get_string(config, "token.key");
  }
};

}  // namespace sluice::analysis::test
