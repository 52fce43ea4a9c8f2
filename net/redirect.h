#pragma once
// What a request becomes when its answer sends it elsewhere, by the rules of Go's client, which the
// reference's web metrics follow. Pure.
#include <string>

#include "base/http.h"
#include "base/result.h"

namespace sluice::net {

// 301, 302, 303, 307, 308.
[[nodiscard]] bool is_redirect(int status);

// Turns `request` into the one to send to `target`, an absolute URL: after 301, 302 and 303
// everything but GET and HEAD becomes a GET without a body. Credentials and cookies do not go to
// another host (a subdomain of the first one is not another host), nor from https to http. Headers
// whose value came from a Secret stay where the template sends them: not another name, a subdomain
// neither, not another port, not from https to http; from http to https of the same name, at both
// their usual ports, they go along. A body with a Secret that would have to go elsewhere ends the
// request. Errors: Invalid (a target that is no plain web address, such a body); the request is
// then as it was.
[[nodiscard]] Status redirect(http::Request& request, int status, const std::string& target);

}  // namespace sluice::net
