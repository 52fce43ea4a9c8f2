#include "controller/analysisrun/secrets.h"

#include <fmt/format.h>

#include "api/keys.h"
#include "base/hash.h"
#include "kube/json/node.h"

namespace sluice::analysisrun {

namespace {

// The kustomize overlay that grants the controller `get` on Secrets.
constexpr std::string_view kRole = "deploy/secrets/one-namespace/role.yaml";

std::string unreadable_text(std::string_view run_namespace, const std::string& name,
                            const Error& error) {
  if (error.code == ErrorCode::Forbidden) {
    return fmt::format(
        "cannot read Secret {0}/{1}: the controller lacks the right to get secrets; for this "
        "namespace alone it is granted by: kubectl -n {0} apply -f {2}",
        run_namespace, name, kRole);
  }
  return fmt::format("cannot read Secret {}/{}: {}", run_namespace, name, error.message);
}

}  // namespace

Result<std::string> secret_value(std::string_view body, const std::string& name,
                                 const std::string& key, bool need_label) {
  SLUICE_TRY(const auto document, kube::Document::parse(body));
  const kube::Node secret = document.root();
  // Before the key is looked for: whether there is one is nobody's business either.
  if (need_label && secret["metadata"]["labels"][api::kAnalysisArgumentLabel].as_string() != "true")
    return fail(ErrorCode::Invalid,
                fmt::format("it does not carry the label {}=true, which the controller's flag "
                            "--secrets-need-label asks for",
                            api::kAnalysisArgumentLabel));
  std::string value;
  const auto encoded = secret["data"][key].as_string();
  if (encoded && base64_decode(*encoded, value)) return value;
  return fail(ErrorCode::NotFound,
              fmt::format("key '{}' does not exist in secret '{}'", key, name));
}

SecretReading read_secrets(const std::vector<std::string>& references,
                           std::string_view run_namespace,
                           const std::map<std::string, Result<std::string>>& secrets) {
  SecretReading out;
  for (const std::string& id : references) {
    const std::string name = id.substr(0, id.find('/'));
    auto found = secrets.find(id);
    if (found == secrets.end()) {
      out.unread.push_back(id);
    } else if (found->second) {
      out.values[id] = *found->second;
    } else if (const Error& error = found->second.error(); error.code == ErrorCode::NotFound) {
      const bool key_missing = error.message.rfind("key '", 0) == 0;
      out.absent = key_missing ? error.message : fmt::format("secrets {} not found", quote(name));
    } else {
      out.unreadable = unreadable_text(run_namespace, name, error);
    }
  }
  return out;
}

}  // namespace sluice::analysisrun
