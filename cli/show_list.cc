#include <fmt/format.h>

#include "api/resources.h"
#include "cli/list_view.h"
#include "cli/objects.h"
#include "cli/show.h"
#include "cli/text.h"
#include "cli/watch.h"

namespace sluice::cli {
namespace {

constexpr Millis kFlush{500};
constexpr const char* kEmpty = "No resources found.\n";

std::string namespace_of(const Client& client, const Options& options) {
  return options.all_namespaces ? "" : client.ns();
}
std::string name_selector(const Options& options) {
  return options.name.empty() ? "" : "metadata.name=" + options.name;
}

Status list_once(Environment& env, Client& client, const Options& options) {
  kube::ListOptions query;
  query.field_selector = name_selector(options);
  const WallTime now = env.clock.wall_now();
  std::vector<std::vector<std::string>> rows{list_header(options)};
  SLUICE_CHECK_OK(
      client.list(api::kRollouts, namespace_of(client, options), query, [&](kube::Node item) {
        rows.push_back(stamped(list_row(api::decode_rollout(item), now, options), now, options));
      }));
  if (rows.size() == 1) {
    env.err(kEmpty);
    return {};
  }
  auto widths = list_widths(options);
  env.out(table_text(rows, widths));
  return {};
}

// Prints rows that differ from what was printed of the same rollout.
class RowStream {
 public:
  RowStream(Environment& env, const Options& options)
      : env_(env), options_(options), widths_(list_widths(options)) {
    pending_.push_back(list_header(options));
  }

  void note(const kube::ObjectKey& key, const api::Rollout& rollout) {
    const WallTime now = env_.clock.wall_now();
    auto row = list_row(rollout, now, options_);
    auto& last = printed_[key];
    if (last == row) return;
    last = row;
    pending_.push_back(stamped(std::move(row), now, options_));
  }

  void flush() {
    if (pending_.empty()) return;
    env_.out(table_text(pending_, widths_));
    pending_.clear();
  }

 private:
  Environment& env_;
  const Options& options_;
  std::vector<std::size_t> widths_;  // grow: rows of a stream keep their columns
  std::vector<std::vector<std::string>> pending_;
  std::map<kube::ObjectKey, std::vector<std::string>> printed_;
};

Status watch_list(Environment& env, Client& client, const Options& options) {
  Feed<api::Rollout> rollouts(api::decode_rollout);
  Watcher watcher(env, client);
  watcher.add(
      {api::kRollouts, namespace_of(client, options), "", name_selector(options), "", Millis(0)},
      rollouts);
  RowStream rows(env, options);
  MonoTime next_flush = env.clock.mono_now();
  while (!env.interrupted()) {
    const MonoTime now = env.clock.mono_now();
    if (watcher.synced() && now >= next_flush) {
      rows.flush();
      next_flush = now + kFlush;
    }
    // Until the first list is there, nothing is to be printed.
    SLUICE_CHECK_OK(watcher.turn(watcher.synced() ? next_flush : now + kFlush));
    if (!watcher.synced()) continue;
    for (const auto& key : rollouts.take_fresh())
      if (const auto it = rollouts.objects().find(key); it != rollouts.objects().end())
        rows.note(key, it->second);
  }
  rows.flush();
  return {};
}

}  // namespace

Status run_list_rollouts(Environment& env, Client& client, const Invocation& asked) {
  if (!asked.options.watch) return list_once(env, client, asked.options);
  env.catch_signals(client.transport());
  return watch_list(env, client, asked.options);
}

}  // namespace sluice::cli
