// Finds, merges and resolves kubeconfig files the way kubectl does: the first file that sets a name
// wins, relative paths are relative to their file, flags win over files, and without any file the
// service account of the pod is used.
#include <optional>
#include <set>

#include "base/hash.h"
#include "base/http.h"
#include "base/strings.h"
#include "kube/json/json.h"
#include "kube/json/yaml.h"
#include "net/net.h"

namespace sluice::net {
namespace {

using kube::Json;

constexpr const char* kServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

// One named entry with the file that it came from: for relative paths and for error messages.
struct Entry {
  Json body = Json::object();
  std::string file;
};
using Entries = std::map<std::string, Entry>;

struct Merged {
  Entries clusters, users, contexts;
  std::string current_context;
  std::vector<std::string> files;  // read, in order
};

tl::unexpected<Error> invalid(const std::string& file, const std::string& field,
                              const std::string& what) {
  return fail(ErrorCode::Invalid, "kubeconfig " + file + ": " + field + ": " + what);
}

std::string directory_of(const std::string& file) {
  const auto slash = file.rfind('/');
  return slash == std::string::npos ? "" : file.substr(0, slash + 1);
}

std::string resolve_path(const std::string& path, const std::string& file) {
  if (path.empty() || path.front() == '/') return path;
  return directory_of(file) + path;
}

// A member that must be a string when it is there.
Result<std::string> text_of(const Entry& entry, const std::string& where, const char* key) {
  const Json* value = kube::find(entry.body, key);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string()) return invalid(entry.file, where + "." + key, "must be a string");
  return value->get<std::string>();
}

Result<bool> bool_of(const Entry& entry, const std::string& where, const char* key) {
  const Json* value = kube::find(entry.body, key);
  if (value == nullptr || value->is_null()) return false;
  if (!value->is_boolean()) return invalid(entry.file, where + "." + key, "must be true or false");
  return value->get<bool>();
}

Result<std::vector<std::string>> texts_of(const Entry& entry, const std::string& where,
                                          const char* key) {
  std::vector<std::string> out;
  const Json* value = kube::find(entry.body, key);
  if (value == nullptr || value->is_null()) return out;
  if (!value->is_array())
    return invalid(entry.file, where + "." + key, "must be a list of strings");
  for (const auto& item : *value) {
    if (!item.is_string())
      return invalid(entry.file, where + "." + key, "must be a list of strings");
    out.push_back(item.get<std::string>());
  }
  return out;
}

Status merge_section(const Json& root, const std::string& file, const char* section,
                     const char* member, Entries& into) {
  const Json* list = kube::find(root, section);
  if (list == nullptr || list->is_null()) return {};
  if (!list->is_array()) return invalid(file, section, "must be a list");
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Json& item = (*list)[i];
    const std::string where = std::string(section) + "[" + std::to_string(i) + "]";
    const std::string name = kube::get_string(item, "name");
    if (name.empty()) return invalid(file, where + ".name", "is missing");
    const Json* body = kube::find(item, member);
    Entry entry;
    entry.file = file;
    if (body != nullptr && !body->is_null()) {
      if (!body->is_object()) return invalid(file, where + "." + member, "must be an object");
      entry.body = *body;
    }
    into.emplace(name, std::move(entry));  // the first one of a name wins
  }
  return {};
}

Status merge_file(const std::string& text, const std::string& file, Merged& into) {
  auto documents = kube::parse_yaml(text);
  if (!documents)
    return fail(ErrorCode::Invalid, "kubeconfig " + file + ": " + documents.error().message);
  into.files.push_back(file);
  for (const Json& root : *documents) {
    if (!root.is_object()) return invalid(file, "(document)", "must be an object");
    const std::string kind = kube::get_string(root, "kind", "Config");
    if (kind != "Config") return invalid(file, "kind", "is \"" + kind + "\", not Config");
    SLUICE_CHECK_OK(merge_section(root, file, "clusters", "cluster", into.clusters));
    SLUICE_CHECK_OK(merge_section(root, file, "users", "user", into.users));
    SLUICE_CHECK_OK(merge_section(root, file, "contexts", "context", into.contexts));
    if (into.current_context.empty())
      into.current_context = kube::get_string(root, "current-context");
  }
  return {};
}

Result<Merged> read_files(Files& files, const KubeConfigOverrides& overrides) {
  Merged merged;
  if (!overrides.kubeconfig.empty()) {
    auto text = files.read(overrides.kubeconfig);
    if (!text)
      return fail(ErrorCode::Invalid, "kubeconfig " + overrides.kubeconfig +
                                          ": cannot be read: " + text.error().message);
    SLUICE_CHECK_OK(merge_file(*text, overrides.kubeconfig, merged));
    return merged;
  }
  std::vector<std::string> paths;
  if (const std::string listed = files.env("KUBECONFIG"); !listed.empty()) {
    paths = split(listed, ':');
  } else if (const std::string home = files.env("HOME"); !home.empty()) {
    paths.push_back(home + "/.kube/config");
  }
  std::set<std::string> seen;
  for (const auto& path : paths) {
    if (path.empty() || !seen.insert(path).second) continue;
    auto text = files.read(path);
    if (!text) {
      if (text.error().code == ErrorCode::NotFound)
        continue;  // kubectl skips absent files of the list
      return fail(ErrorCode::Invalid,
                  "kubeconfig " + path + ": cannot be read: " + text.error().message);
    }
    SLUICE_CHECK_OK(merge_file(*text, path, merged));
  }
  return merged;
}

// `key`-data (base64) wins over the file named by `key`.
Result<std::string> pem_of(Files& files, const Entry& entry, const std::string& where,
                           const std::string& key) {
  const std::string data_key = key + "-data";
  SLUICE_TRY(const std::string data, text_of(entry, where, data_key.c_str()));
  if (!data.empty()) {
    std::string packed, out;
    for (const char c : data) {
      if (c != '\n' && c != '\r') packed.push_back(c);
    }
    if (!base64_decode(packed, out))
      return invalid(entry.file, where + "." + data_key, "is not base64");
    return out;
  }
  SLUICE_TRY(const std::string path, text_of(entry, where, key.c_str()));
  if (path.empty()) return std::string();
  auto text = files.read(resolve_path(path, entry.file));
  if (!text)
    return invalid(entry.file, where + "." + key, "cannot be read: " + text.error().message);
  return std::move(*text);
}

Status apply_cluster(Files& files, const Entry& entry, const std::string& name,
                     KubeConfig& config) {
  const std::string where = "clusters." + name;
  SLUICE_TRY(config.server, text_of(entry, where, "server"));
  SLUICE_TRY(config.insecure_skip_verify, bool_of(entry, where, "insecure-skip-tls-verify"));
  SLUICE_TRY(config.ca_pem, pem_of(files, entry, where, "certificate-authority"));
  SLUICE_TRY(config.tls_server_name, text_of(entry, where, "tls-server-name"));
  SLUICE_TRY(config.proxy_url, text_of(entry, where, "proxy-url"));
  return {};
}

Status apply_exec(const Entry& user, const std::string& where, KubeConfig& config) {
  const Json* body = kube::find(user.body, "exec");
  if (body == nullptr || body->is_null()) return {};
  const std::string at = where + ".exec";
  if (!body->is_object()) return invalid(user.file, at, "must be an object");
  const Entry entry{*body, user.file};
  KubeConfig::Exec exec;
  SLUICE_TRY(exec.api_version, text_of(entry, at, "apiVersion"));
  if (exec.api_version != "client.authentication.k8s.io/v1" &&
      exec.api_version != "client.authentication.k8s.io/v1beta1")
    return invalid(
        user.file, at + ".apiVersion",
        "\"" + exec.api_version + "\" is not client.authentication.k8s.io/v1 or /v1beta1");
  SLUICE_TRY(exec.command, text_of(entry, at, "command"));
  if (exec.command.empty()) return invalid(user.file, at + ".command", "is missing");
  // A bare name is looked up in PATH, anything with a slash belongs to the file's folder.
  if (exec.command.find('/') != std::string::npos)
    exec.command = resolve_path(exec.command, user.file);
  SLUICE_TRY(exec.args, texts_of(entry, at, "args"));
  SLUICE_TRY(exec.provide_cluster_info, bool_of(entry, at, "provideClusterInfo"));
  if (const Json* env = kube::find(*body, "env"); env != nullptr && !env->is_null()) {
    if (!env->is_array()) return invalid(user.file, at + ".env", "must be a list");
    for (const auto& item : *env) {
      const std::string key = kube::get_string(item, "name");
      if (key.empty()) return invalid(user.file, at + ".env", "has an entry without a name");
      exec.env.emplace_back(key, kube::get_string(item, "value"));
    }
  }
  config.exec = std::move(exec);
  return {};
}

// The legacy form of OIDC: a valid id-token works, refreshing it is the business of an exec plugin.
Status apply_auth_provider(const Entry& user, const std::string& where, KubeConfig& config) {
  const Json* provider = kube::find(user.body, "auth-provider");
  if (provider == nullptr || provider->is_null()) return {};
  const std::string name = kube::get_string(*provider, "name");
  const Json* id_token = kube::find_path(*provider, {"config", "id-token"});
  if (name == "oidc" && id_token != nullptr && id_token->is_string()) {
    if (config.token.empty()) config.token = id_token->get<std::string>();
    return {};
  }
  if (config.exec || !config.token.empty() || !config.token_file.empty() ||
      !config.client_cert_pem.empty())
    return {};
  return fail(ErrorCode::Unsupported, "kubeconfig " + user.file + ": " + where +
                                          ".auth-provider: \"" + name +
                                          "\" is not supported: configure an exec plugin instead");
}

Status apply_user(Files& files, const Entry& entry, const std::string& name, KubeConfig& config) {
  const std::string where = "users." + name;
  SLUICE_TRY(config.client_cert_pem, pem_of(files, entry, where, "client-certificate"));
  SLUICE_TRY(config.client_key_pem, pem_of(files, entry, where, "client-key"));
  if (config.client_cert_pem.empty() != config.client_key_pem.empty())
    return invalid(entry.file, where, "client-certificate and client-key must be given together");
  SLUICE_TRY(config.token, text_of(entry, where, "token"));
  SLUICE_TRY(const std::string token_file, text_of(entry, where, "tokenFile"));
  config.token_file = resolve_path(token_file, entry.file);
  SLUICE_TRY(config.username, text_of(entry, where, "username"));
  SLUICE_TRY(config.password, text_of(entry, where, "password"));
  SLUICE_TRY(config.impersonate_user, text_of(entry, where, "as"));
  SLUICE_TRY(config.impersonate_groups, texts_of(entry, where, "as-groups"));
  SLUICE_CHECK_OK(apply_exec(entry, where, config));
  return apply_auth_provider(entry, where, config);
}

const Entry* find_entry(const Entries& entries, const std::string& name) {
  const auto it = entries.find(name);
  return it == entries.end() ? nullptr : &it->second;
}

std::string shown_files(const Merged& merged) {
  return merged.files.empty() ? "(none)" : join(merged.files, ":");
}

Result<KubeConfig> from_files(Files& files, const Merged& merged,
                              const KubeConfigOverrides& overrides) {
  KubeConfig config;
  std::string cluster = overrides.cluster, user = overrides.user;
  const std::string context =
      overrides.context.empty() ? merged.current_context : overrides.context;
  if (!context.empty()) {
    const Entry* entry = find_entry(merged.contexts, context);
    if (entry == nullptr)
      return invalid(shown_files(merged), "contexts", "there is no context \"" + context + "\"");
    const std::string where = "contexts." + context;
    SLUICE_TRY(const std::string context_cluster, text_of(*entry, where, "cluster"));
    SLUICE_TRY(const std::string context_user, text_of(*entry, where, "user"));
    SLUICE_TRY(config.namespace_, text_of(*entry, where, "namespace"));
    if (cluster.empty()) cluster = context_cluster;
    if (user.empty()) user = context_user;
  }
  if (!cluster.empty()) {
    const Entry* entry = find_entry(merged.clusters, cluster);
    if (entry == nullptr)
      return invalid(shown_files(merged), "clusters", "there is no cluster \"" + cluster + "\"");
    SLUICE_CHECK_OK(apply_cluster(files, *entry, cluster, config));
  }
  if (!user.empty()) {
    const Entry* entry = find_entry(merged.users, user);
    if (entry == nullptr)
      return invalid(shown_files(merged), "users", "there is no user \"" + user + "\"");
    SLUICE_CHECK_OK(apply_user(files, *entry, user, config));
  }
  return config;
}

bool in_cluster(Files& files) {
  return !files.env("KUBERNETES_SERVICE_HOST").empty() &&
         !files.env("KUBERNETES_SERVICE_PORT").empty();
}

Result<KubeConfig> from_service_account(Files& files) {
  const std::string folder = kServiceAccount;
  KubeConfig config;
  const std::string host = files.env("KUBERNETES_SERVICE_HOST");
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  config.server = "https://" + shown + ":" + files.env("KUBERNETES_SERVICE_PORT");
  config.token_file = folder + "/token";
  auto token = files.read(config.token_file);
  if (!token)
    return fail(ErrorCode::Invalid,
                "in-cluster: " + config.token_file + ": cannot be read: " + token.error().message);
  auto ca = files.read(folder + "/ca.crt");
  if (!ca)
    return fail(ErrorCode::Invalid,
                "in-cluster: " + folder + "/ca.crt: cannot be read: " + ca.error().message);
  config.ca_pem = std::move(*ca);
  if (auto ns = files.read(folder + "/namespace")) config.namespace_ = std::string(trim(*ns));
  return config;
}

Result<std::string> flag_file(Files& files, const char* flag, const std::string& path) {
  auto text = files.read(path);
  if (!text)
    return fail(ErrorCode::Invalid,
                std::string(flag) + " " + path + ": cannot be read: " + text.error().message);
  return std::move(*text);
}

// --username and --password. A user name of the flags replaces every other way of the file to log
// in but certificates.
Status apply_basic(const KubeConfigOverrides& overrides, KubeConfig& config) {
  if (overrides.username.empty() && overrides.password.empty()) return {};
  if (!overrides.token.empty())
    return fail(ErrorCode::Invalid, "--token and --username/--password exclude each other");
  if (!overrides.username.empty()) {
    config.username = overrides.username;
    config.password.clear();
    config.token.clear();
    config.token_file.clear();
    config.exec.reset();
  }
  if (config.username.empty())
    return fail(ErrorCode::Invalid, "--password needs --username, or a username in the kubeconfig");
  if (!overrides.password.empty()) config.password = overrides.password;
  return {};
}

Status apply_overrides(Files& files, const KubeConfigOverrides& overrides, KubeConfig& config) {
  if (!overrides.server.empty()) config.server = overrides.server;
  if (!overrides.namespace_.empty()) config.namespace_ = overrides.namespace_;
  if (!overrides.tls_server_name.empty()) config.tls_server_name = overrides.tls_server_name;
  if (!overrides.token.empty()) {
    config.token = overrides.token;
    config.token_file.clear();
    config.exec.reset();
    config.username.clear();
    config.password.clear();
  }
  SLUICE_CHECK_OK(apply_basic(overrides, config));
  if (!overrides.proxy_url.empty()) config.proxy_url = overrides.proxy_url;
  if (!overrides.certificate_authority.empty()) {
    SLUICE_TRY(config.ca_pem,
               flag_file(files, "--certificate-authority", overrides.certificate_authority));
    config.insecure_skip_verify = false;
  }
  if (!overrides.client_certificate.empty()) {
    SLUICE_TRY(config.client_cert_pem,
               flag_file(files, "--client-certificate", overrides.client_certificate));
  }
  if (!overrides.client_key.empty()) {
    SLUICE_TRY(config.client_key_pem, flag_file(files, "--client-key", overrides.client_key));
  }
  if (config.client_cert_pem.empty() != config.client_key_pem.empty())
    return fail(ErrorCode::Invalid, "--client-certificate and --client-key must be given together");
  if (overrides.insecure_skip_tls_verify) {
    config.insecure_skip_verify = true;
    if (overrides.certificate_authority.empty()) config.ca_pem.clear();
  }
  if (!overrides.as_user.empty()) config.impersonate_user = overrides.as_user;
  if (!overrides.as_groups.empty()) config.impersonate_groups = overrides.as_groups;
  return {};
}

Status finish(KubeConfig& config, const std::string& source) {
  if (config.server.empty())
    return fail(ErrorCode::Invalid, "no API server is configured (" + source +
                                        "): set --server, --kubeconfig or KUBECONFIG");
  while (config.server.ends_with('/')) config.server.pop_back();
  if (config.server.find("://") == std::string::npos) config.server = "http://" + config.server;
  if (!config.server.starts_with("https://") && !config.server.starts_with("http://"))
    return fail(ErrorCode::Invalid, "API server \"" + http::without_user_info(config.server) +
                                        "\" (" + source + "): only http and https are spoken");
  if (config.insecure_skip_verify && !config.ca_pem.empty())
    return fail(ErrorCode::Invalid,
                source + ": insecure-skip-tls-verify and certificate-authority exclude each other");
  if (config.impersonate_user.empty() && !config.impersonate_groups.empty())
    return fail(ErrorCode::Invalid,
                source + ": groups to impersonate (as-groups) need a user (as)");
  return {};
}

}  // namespace

Result<KubeConfig> load_kubeconfig(Files& files, const KubeConfigOverrides& overrides) {
  SLUICE_TRY(const Merged merged, read_files(files, overrides));
  const bool nothing_given = merged.clusters.empty() && merged.users.empty() &&
                             merged.contexts.empty() && overrides.server.empty() &&
                             overrides.kubeconfig.empty();
  KubeConfig config;
  std::string source = "kubeconfig " + shown_files(merged);
  if (nothing_given && in_cluster(files)) {
    source = "in-cluster";
    SLUICE_TRY(config, from_service_account(files));
  } else {
    SLUICE_TRY(config, from_files(files, merged, overrides));
  }
  SLUICE_CHECK_OK(apply_overrides(files, overrides, config));
  SLUICE_CHECK_OK(finish(config, source));
  return config;
}

}  // namespace sluice::net
