#include "kube/request/service_account.h"

#include <algorithm>

#include "base/hash.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::kube {

std::optional<ObjectKey> service_account_of(std::string_view token) {
  // A JWT: header, claims, signature.
  const auto parts = split(trim(token), '.');
  if (parts.size() != 3) return std::nullopt;
  std::string encoded = parts[1], claims;
  std::replace(encoded.begin(), encoded.end(), '-', '+');
  std::replace(encoded.begin(), encoded.end(), '_', '/');
  if (!base64_decode(encoded, claims)) return std::nullopt;
  const auto parsed = parse_json(claims);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  // system:serviceaccount:NAMESPACE:NAME
  const auto subject = split(get_string(*parsed, "sub"), ':');
  if (subject.size() != 4 || subject[0] != "system" || subject[1] != "serviceaccount" ||
      subject[2].empty() || subject[3].empty())
    return std::nullopt;
  return ObjectKey{subject[2], subject[3]};
}

}  // namespace sluice::kube
