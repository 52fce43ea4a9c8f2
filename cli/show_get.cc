#include <fmt/format.h>

#include "api/resources.h"
#include "cli/objects.h"
#include "cli/rollout_view.h"
#include "cli/show.h"
#include "cli/watch.h"
#include "kube/json/json.h"
#include "kube/json/yaml.h"
#include "kube/model/resources.h"

namespace sluice::cli {
namespace {

constexpr Millis kRefreshAtLeast{1000};  // ages move on
constexpr Millis kRefreshAtMost{200};

bool wants_colour(Environment& env, const Options& options) {
  return env.out_is_terminal && !options.no_color && env.files.env("NO_COLOR").empty() &&
         env.files.env("TERM") != "dumb";
}

Result<api::Rollout> decode(const std::string& body) {
  SLUICE_TRY(const auto document, kube::Document::parse(body));
  return api::decode_rollout(document.root());
}

Status print_object(Environment& env, const std::string& body, const Options& options) {
  if (options.output == "name") {
    SLUICE_TRY(const auto rollout, decode(body));
    env.out(fmt::format("rollout.argoproj.io/{}\n", rollout.meta.key.name));
    return {};
  }
  SLUICE_TRY(kube::Json object, kube::parse_json(body));
  if (const auto it = object.find("metadata"); it != object.end() && it->is_object())
    it->erase("managedFields");
  env.out(options.output == "json"
              ? object.dump(4, ' ', false, kube::Json::error_handler_t::replace) + "\n"
              : kube::to_yaml(object));
  return {};
}

struct Scope {
  std::string selector;  // of ReplicaSets and pods
  bool experiments_served = true;
};

// A kind that the server does not have has no objects; any other failure is one.
Result<Objects> load(Client& client, api::Rollout rollout, Scope& scope) {
  Objects out;
  scope.selector = children_selector(rollout);
  out.rollout = std::move(rollout);
  kube::ListOptions mine, all;
  mine.label_selector = scope.selector;
  SLUICE_CHECK_OK(client.list(kube::kReplicaSets, client.ns(), mine,
                              [&](kube::Node n) { out.sets.push_back(decode_set_info(n)); }));
  SLUICE_CHECK_OK(client.list(kube::kPods, client.ns(), mine,
                              [&](kube::Node n) { out.pods.push_back(decode_pod_info(n)); }));
  SLUICE_CHECK_OK(client.list(api::kAnalysisRuns, client.ns(), all, [&](kube::Node n) {
    out.runs.push_back(api::decode_analysis_run(n));
  }));
  const Status experiments = client.list(api::kExperiments, client.ns(), all, [&](kube::Node n) {
    out.experiments.push_back(decode_experiment_info(n));
  });
  if (!experiments && !is_unserved(experiments.error())) return fail(experiments.error());
  scope.experiments_served = experiments.has_value();
  return out;
}

struct Feeds {
  Feed<api::Rollout> rollouts{api::decode_rollout};
  Feed<SetInfo> sets{decode_set_info};
  Feed<PodInfo> pods{decode_pod_info};
  Feed<ExperimentInfo> experiments{decode_experiment_info};
  Feed<api::AnalysisRun> runs{api::decode_analysis_run};

  void start(Watcher& watcher, const std::string& ns, const std::string& name, const Scope& scope) {
    watcher.add({api::kRollouts, ns, "", "metadata.name=" + name, "", Millis(0)}, rollouts);
    watcher.add({kube::kReplicaSets, ns, scope.selector, "", "", Millis(0)}, sets);
    watcher.add({kube::kPods, ns, scope.selector, "", "", Millis(0)}, pods);
    watcher.add({api::kAnalysisRuns, ns, "", "", "", Millis(0)}, runs);
    if (scope.experiments_served)
      watcher.add({api::kExperiments, ns, "", "", "", Millis(0)}, experiments);
  }

  bool take_changed() {
    bool changed = rollouts.take_changed();
    changed = sets.take_changed() || changed;
    changed = pods.take_changed() || changed;
    changed = experiments.take_changed() || changed;
    return runs.take_changed() || changed;
  }

  std::optional<Objects> view() const {
    if (rollouts.objects().empty()) return std::nullopt;
    return Objects{rollouts.objects().begin()->second, sets.values(), pods.values(),
                   experiments.values(), runs.values()};
  }
};

Status watch_rollout(Environment& env, Client& client, const Invocation& asked, const Scope& scope,
                     const Painter& paint) {
  const std::string& name = asked.args[0];
  Feeds feeds;
  Watcher watcher(env, client);
  feeds.start(watcher, client.ns(), name, scope);
  const MonoTime started = env.clock.mono_now();
  const auto limit = asked.options.timeout_seconds > 0
                         ? std::optional(started + Seconds(asked.options.timeout_seconds))
                         : std::nullopt;
  std::optional<MonoTime> drawn;
  bool stale = true;
  while (!env.interrupted()) {
    const MonoTime now = env.clock.mono_now();
    if (limit && now >= *limit) return {};
    const MonoTime due = drawn ? *drawn + (stale ? kRefreshAtMost : kRefreshAtLeast) : now;
    if (watcher.synced() && now >= due) {
      const auto objects = feeds.view();
      if (!objects) return fail(missing_rollout(name));
      env.out.redraw(rollout_text(*objects, env.clock.wall_now(), paint));
      drawn = now;
      stale = false;
      continue;
    }
    MonoTime until = watcher.synced() ? due : now + kRefreshAtLeast;
    if (limit) until = std::min(until, *limit);
    SLUICE_CHECK_OK(watcher.turn(until));
    stale = feeds.take_changed() || stale;
  }
  return {};
}

}  // namespace

Error missing_rollout(const std::string& name) {
  return {ErrorCode::NotFound, fmt::format("rollout.argoproj.io \"{}\" not found", name), {}};
}

Result<std::string> read_rollout_text(Client& client, const std::string& name) {
  auto body = client.get(api::kRollouts, name);
  if (!body && body.error().code == ErrorCode::NotFound) return fail(missing_rollout(name));
  return body;
}

Status run_get_rollout(Environment& env, Client& client, const Invocation& asked) {
  if (asked.options.watch && !asked.options.output.empty())
    return fail(
        ErrorCode::Invalid,
        "--output and --watch exclude each other: use 'kubectl get rollout NAME -w -o yaml'");
  SLUICE_TRY(const std::string body, read_rollout_text(client, asked.args[0]));
  if (!asked.options.output.empty()) return print_object(env, body, asked.options);
  SLUICE_TRY(api::Rollout rollout, decode(body));
  const Painter paint(wants_colour(env, asked.options));
  Scope scope;
  if (asked.options.watch) env.catch_signals(client.transport());
  SLUICE_TRY(const Objects objects, load(client, std::move(rollout), scope));
  if (asked.options.watch) return watch_rollout(env, client, asked, scope, paint);
  env.out.painted(rollout_text(objects, env.clock.wall_now(), paint));
  return {};
}

}  // namespace sluice::cli
