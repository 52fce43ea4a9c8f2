#include "cli/client.h"

#include <fmt/format.h>

#include "net/net.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kUnserved = "the API server does not serve";
constexpr int kPagesMax = 10'000;  // a server that never ends its list

std::string path_of(const http::Request& request) {
  return request.url.substr(0, request.url.find('?'));
}

bool is_unserved_answer(const http::Response& response) {
  if (response.status != 404) return false;
  const auto document = kube::Document::parse(response.body);
  if (!document || document->root()["kind"].as_string() != "Status") return true;
  return document->root()["details"]["name"].string_or().empty() &&
         document->root()["message"].string_or() ==
             "the server could not find the requested resource";
}

}  // namespace

Error server_error(const http::Response& response, std::string_view path) {
  auto error = kube::response_error(response, path);
  if (!error) return {ErrorCode::Internal, "not an error", {}};
  if (is_unserved_answer(response)) {
    error->message = fmt::format("{} {}: check --server, and that the CRDs of Sluice are installed",
                                 kUnserved, path);
    return *error;
  }
  const auto document = kube::Document::parse(response.body);
  const std::string message = document ? document->root()["message"].string_or() : "";
  if (!message.empty()) error->message = message;
  if (response.status == 401)
    error->message += ": log in again, or check the user of the kubeconfig context";
  return *error;
}

bool is_unserved(const Error& error) {
  return error.message.rfind(kUnserved, 0) == 0;
}

Client::Client(Connection connection, const GlobalOptions& global)
    : connection_(std::move(connection)),
      as_uid_(global.as_uid),
      timeout_(global.request_timeout) {}

void Client::prepare(http::Request& request) const {
  if (!as_uid_.empty()) http::set_header(request.headers, "Impersonate-Uid", as_uid_);
  if (timeout_.count() > 0 && !request.stream) request.timeout = timeout_;
}

Result<http::Response> Client::send(http::Request request) {
  prepare(request);
  const bool writes = request.method != "GET";
  auto answer = net::call(transport(), std::move(request));
  if (answer) return answer;
  Error error = std::move(answer.error());
  if (writes && error.code == ErrorCode::Timeout)
    error.message += "; the change may have been made, 'get rollout' tells";
  error.message = fmt::format("no answer from {}: {} (check --server, --context and --kubeconfig)",
                              connection_.server, error.message);
  return fail(std::move(error));
}

Result<http::Response> Client::demand(http::Request request) {
  const std::string path = path_of(request);
  SLUICE_TRY(http::Response answer, send(std::move(request)));
  if (answer.status >= 300) return fail(server_error(answer, path));
  return answer;
}

Result<std::string> Client::get(const kube::ResourceType& type, const std::string& name) {
  SLUICE_TRY(http::Response answer, demand(kube::make_get(type, {ns(), name})));
  return std::move(answer.body);
}

Status Client::list(const kube::ResourceType& type, std::string_view ns, kube::ListOptions options,
                    const std::function<void(kube::Node)>& visit) {
  for (int page = 0; page < kPagesMax; ++page) {
    SLUICE_TRY(const http::Response answer, demand(kube::make_list(type, ns, options)));
    auto document = kube::Document::parse(answer.body);
    if (!document)
      return fail(ErrorCode::Decode,
                  fmt::format("list of {}: {}", type.resource, document.error().message));
    document->root()["items"].each_element(visit);
    options.continue_token = document->root()["metadata"]["continue"].string_or();
    if (options.continue_token.empty()) return {};
  }
  return fail(ErrorCode::Internal, fmt::format("the list of {} does not end", type.resource));
}

}  // namespace sluice::cli
