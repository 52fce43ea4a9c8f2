#pragma once
// Blocking requests to one API server, and errors that a person can act on.
#include <functional>
#include <string>
#include <string_view>

#include "cli/environment.h"
#include "kube/json/node.h"
#include "kube/model/meta.h"
#include "kube/request/request.h"

namespace sluice::cli {

class Client {
 public:
  Client(Connection connection, const GlobalOptions& global);

  [[nodiscard]] Transport& transport() { return *connection_.transport; }
  [[nodiscard]] const std::string& ns() const { return connection_.namespace_; }
  [[nodiscard]] const std::string& server() const { return connection_.server; }

  // Headers and time limits that every request of this command gets.
  void prepare(http::Request& request) const;
  // An answer of any status. Errors: Timeout, Unavailable, Forbidden: there was none.
  [[nodiscard]] Result<http::Response> send(http::Request request);
  // As send, but an answer that is not 2xx is an error in the server's own words.
  [[nodiscard]] Result<http::Response> demand(http::Request request);
  // The body of one object of the namespace.
  [[nodiscard]] Result<std::string> get(const kube::ResourceType& type, const std::string& name);
  // All pages; objects are valid during the call only.
  [[nodiscard]] Status list(const kube::ResourceType& type, std::string_view ns,
                            kube::ListOptions options,
                            const std::function<void(kube::Node)>& visit);

 private:
  Connection connection_;
  std::string as_uid_;
  Millis timeout_;
};

// The server's message, with a remedy where it leaves the reader alone. `path` is the request's,
// without query.
[[nodiscard]] Error server_error(const http::Response& response, std::string_view path);
// The server says that it does not know this resource at all.
[[nodiscard]] bool is_unserved(const Error& error);

}  // namespace sluice::cli
