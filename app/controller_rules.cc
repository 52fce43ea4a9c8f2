#include "app/controller_rules.h"

#include <fmt/core.h>

#include "base/http.h"
#include "base/strings.h"
#include "base/time.h"

namespace sluice::app {

namespace {

std::string shown_url(std::string_view url) {
  return http::without_user_info(url.substr(0, url.find_first_of("?#")));
}

std::string words(const std::vector<std::string>& flags) {
  return flags.empty() ? "nothing" : join(flags, " ");
}

std::string timeout_flag(const loop::Options& options) {
  return "--metric-timeout-max=" + format_go_duration(options.metric_timeout_max);
}

std::string allowed(const Flags& flags, const loop::Options& options, const net::KubeConfig& kube) {
  std::vector<std::string> out;
  if (options.routers.allow_ingress_snippets) out.emplace_back("--allow-ingress-snippets");
  if (!flags.metric_allow_cidr.empty())
    out.push_back("--metric-allow-cidr=" + join(flags.metric_allow_cidr, ","));
  if (options.metric_timeout_max > loop::Options{}.metric_timeout_max)
    out.push_back(timeout_flag(options));
  if (kube.insecure_skip_verify) out.emplace_back("--insecure-skip-tls-verify");
  return words(out);
}

std::string denied(const Flags& flags, const loop::Options& options) {
  std::vector<std::string> out;
  if (options.secrets_need_label) out.emplace_back("--secrets-need-label");
  if (!options.jobs.accounts.empty())
    out.push_back("--job-service-accounts=" +
                  join({options.jobs.accounts.begin(), options.jobs.accounts.end()}, ","));
  if (!options.jobs.automount_token) out.emplace_back("--no-job-automount-token");
  if (!flags.metric_deny_cidr.empty())
    out.push_back("--metric-deny-cidr=" + join(flags.metric_deny_cidr, ","));
  if (options.metric_timeout_max < loop::Options{}.metric_timeout_max)
    out.push_back(timeout_flag(options));
  return words(out);
}

std::string impersonated(const net::KubeConfig& kube) {
  if (kube.impersonate_user.empty()) return "nobody";
  if (kube.impersonate_groups.empty()) return kube.impersonate_user;
  return fmt::format("{} of {}", kube.impersonate_user, join(kube.impersonate_groups, ","));
}

}  // namespace

std::vector<LogField> rules_in_force(const Flags& flags, const loop::Options& options,
                                     const net::KubeConfig& kube) {
  return {{"namespaces", options.namespace_.empty() ? "all" : options.namespace_},
          {"instance_id", options.instance_id.empty() ? "none" : options.instance_id},
          {"lease", options.leader_elect ? options.lease_namespace + "/" + options.lease_name
                                         : "none (--no-leader-elect)"},
          {"allowed_beyond_defaults", allowed(flags, options, kube)},
          {"denied_beyond_defaults", denied(flags, options)},
          {"metric_timeout_max", format_go_duration(options.metric_timeout_max)},
          {"queries_in_flight_max", std::to_string(options.queries_in_flight_max)},
          {"api_server", shown_url(kube.server)},
          {"proxy", kube.proxy_url.empty() ? "none" : shown_url(kube.proxy_url)},
          {"impersonates", impersonated(kube)},
          {"prometheus",
           options.prometheus_address.empty() ? "none" : shown_url(options.prometheus_address)}};
}

}  // namespace sluice::app
