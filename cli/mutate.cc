#include "cli/mutate.h"

#include <fmt/format.h>

#include "api/resources.h"
#include "base/strings.h"
#include "cli/arguments.h"
#include "cli/edits.h"
#include "cli/set_image.h"
#include "cli/undo.h"
#include "cli/workload.h"
#include "kube/json/json.h"
#include "kube/model/resources.h"

namespace sluice::cli {
namespace {

constexpr int kUpdateAttempts = 5;

http::Request patch_request(Client& client, const kube::ResourceType& type, const std::string& name,
                            const std::string& subresource, kube::Verb verb,
                            const std::string& body) {
  kube::Write write;
  write.type = type;
  write.key = {client.ns(), name};
  write.subresource = subresource;
  write.verb = verb;
  write.body = body;
  return kube::make_request(write);
}

http::Request merge_request(Client& client, const std::string& name, const std::string& subresource,
                            const std::string& body) {
  return patch_request(client, api::kRollouts, name, subresource, kube::Verb::MergePatch, body);
}

// The object after the last request; "" when there was none.
Result<std::string> send_edit(Client& client, const std::string& name, const Edit& edit) {
  std::string after;
  if (!edit.status.empty()) {
    http::Request request = merge_request(client, name, "status", edit.status);
    const std::string path = request.url.substr(0, request.url.find('?'));
    SLUICE_TRY(http::Response answer, client.send(std::move(request)));
    if (answer.status == 404) {
      SLUICE_TRY(answer, client.demand(merge_request(client, name, "", edit.unified)));
    } else if (answer.status >= 300) {
      return fail(server_error(answer, path));
    }
    after = std::move(answer.body);
  }
  if (!edit.spec.empty()) {
    SLUICE_TRY(http::Response answer, client.demand(merge_request(client, name, "", edit.spec)));
    after = std::move(answer.body);
  }
  return after;
}

// The command did what it was told, and it changes nothing: people take that for a success.
std::string idle_note(const std::string& name, const std::string& after, std::string_view what) {
  const auto document = kube::Document::parse(after);
  if (!document) return {};
  const api::Rollout rollout = api::decode_rollout(document->root());
  const auto& status = rollout.status;
  const bool seen = parse_int(status.observed_generation) == rollout.meta.generation;
  if (!seen || status.stable_rs.empty() || status.stable_rs != status.current_pod_hash) return {};
  return fmt::format("Note: no update of rollout '{}' is under way, so there is nothing to {}\n",
                     name, what);
}

Result<api::Rollout> get_rollout(Client& client, const std::string& name) {
  SLUICE_TRY(const std::string body, client.get(api::kRollouts, name));
  SLUICE_TRY(const auto document, kube::Document::parse(body));
  return api::decode_rollout(document.root());
}

// One after the other; the first error ends it, what was done stays done.
Status for_each_name(Environment& env, Client& client, const Invocation& asked, const Edit& edit,
                     std::string_view said) {
  for (const auto& name : asked.args) {
    SLUICE_TRY(const std::string after, send_edit(client, name, edit));
    env.out(fmt::format("rollout '{}' {}\n", name, said));
    if (asked.command == Command::Abort) env.err(idle_note(name, after, "abort"));
  }
  return {};
}

Status restart(Environment& env, Client& client, const Invocation& asked) {
  SLUICE_TRY(const Edit edit, restart_edit(asked.options.in, env.clock.wall_now()));
  SLUICE_TRY(const std::string after, send_edit(client, asked.args[0], edit));
  (void)after;
  env.out(fmt::format("rollout '{}' restarts in {}\n", asked.args[0],
                      asked.options.in.empty() ? "0s" : asked.options.in));
  return {};
}

Status promote(Environment& env, Client& client, const Invocation& asked) {
  const std::string& name = asked.args[0];
  SLUICE_CHECK_OK(check_promote_flags(asked.options));  // before any request
  SLUICE_TRY(const std::string before, client.get(api::kRollouts, name));
  SLUICE_TRY(const auto document, kube::Document::parse(before));
  const api::Rollout rollout = api::decode_rollout(document.root());
  SLUICE_TRY(const Edit edit, promote_edit(rollout, asked.options));
  SLUICE_TRY(const std::string after, send_edit(client, name, edit));
  env.out(
      fmt::format("rollout '{}' {}\n", name, asked.options.full ? "fully promoted" : "promoted"));
  if (edit.spec.empty()) env.err(idle_note(name, after.empty() ? before : after, "promote"));
  return {};
}

Result<std::string> current_template(Client& client, const api::Rollout& rollout,
                                     const TemplateHome& home) {
  if (home.in_rollout) return rollout.spec.template_json;
  SLUICE_TRY(const std::string body, client.get(home.type, home.name));
  SLUICE_TRY(const kube::Json object, kube::parse_json(body));
  const kube::Json* found =
      kube::find_path(object, home.type.kind == "PodTemplate" ? "template" : "spec.template");
  return found == nullptr ? std::string() : kube::dump(*found);
}

Status undo(Environment& env, Client& client, const Invocation& asked) {
  const std::string& name = asked.args[0];
  SLUICE_TRY(const api::Rollout rollout, get_rollout(client, name));
  SLUICE_TRY(const TemplateHome home, template_home(rollout));
  // Without a selector of its own (workloadRef) the owner decides alone.
  kube::ListOptions options;
  options.label_selector = rollout.spec.selector.text();
  if (rollout.spec.selector.empty()) options.label_selector.clear();
  std::vector<kube::ReplicaSet> sets;
  SLUICE_CHECK_OK(client.list(kube::kReplicaSets, client.ns(), options, [&](kube::Node item) {
    sets.push_back(kube::decode_replica_set(item));
  }));
  SLUICE_TRY(const UndoTarget target,
             undo_target(sets, rollout.meta.uid, name, asked.options.to_revision));
  SLUICE_TRY(const std::string current, current_template(client, rollout, home));
  if (already_there(*target.set, current)) {
    env.out(fmt::format("skipped rollback (current template already matches revision {})\n",
                        target.revision));
    return {};
  }
  const auto wrapped = [&](Error error) {
    error.message = fmt::format("failed restoring revision {}: {}", target.revision, error.message);
    return fail(std::move(error));
  };
  auto restored = restored_template(*target.set);
  if (!restored) return wrapped(restored.error());
  const std::string patch = undo_patch(home.pointer, *restored);
  const auto done =
      client.demand(patch_request(client, home.type, home.name, "", kube::Verb::JsonPatch, patch));
  if (!done) return wrapped(done.error());
  env.out(fmt::format("rollout '{}' undo\n", name));
  return {};
}

Status update_images_once(Client& client, const TemplateHome& home, std::string body,
                          const std::vector<ImageArgument>& wanted) {
  if (!home.in_rollout) {
    SLUICE_TRY(body, client.get(home.type, home.name));
  }
  SLUICE_TRY(kube::Json object, kube::parse_json(body));
  for (const auto& item : wanted)
    SLUICE_CHECK_OK(set_image(object, home.pointer, item.container, item.image));
  SLUICE_TRY(auto done, client.demand(patch_request(client, home.type, home.name, "",
                                                    kube::Verb::Update, kube::dump(object))));
  (void)done;
  return {};
}

Status change_image(Environment& env, Client& client, const Invocation& asked) {
  std::vector<ImageArgument> wanted;
  for (std::size_t i = 1; i < asked.args.size(); ++i) {
    auto item = parse_image_argument(asked.args[i]);
    if (!item) return fail(ErrorCode::Invalid, "an image is given as CONTAINER=IMAGE");
    wanted.push_back(std::move(*item));
  }
  for (int attempt = 1;; ++attempt) {
    SLUICE_TRY(std::string body, client.get(api::kRollouts, asked.args[0]));
    SLUICE_TRY(const auto document, kube::Document::parse(body));
    SLUICE_TRY(const TemplateHome home, template_home(api::decode_rollout(document.root())));
    const Status done = update_images_once(client, home, std::move(body), wanted);
    if (!done) {
      if (done.error().code == ErrorCode::Conflict && attempt < kUpdateAttempts) continue;
      return done;
    }
    const std::string kind = to_lower(home.type.kind);
    env.out(fmt::format("{} \"{}\" image updated\n", kind, home.name));
    return {};
  }
}

}  // namespace

Status run_mutation(Environment& env, Client& client, const Invocation& asked) {
  if (asked.command == Command::Abort)
    return for_each_name(env, client, asked, abort_edit(), "aborted");
  if (asked.command == Command::RetryRollout)
    return for_each_name(env, client, asked, retry_edit(), "retried");
  if (asked.command == Command::Pause)
    return for_each_name(env, client, asked, pause_edit(), "paused");
  if (asked.command == Command::Restart) return restart(env, client, asked);
  if (asked.command == Command::Promote) return promote(env, client, asked);
  if (asked.command == Command::Undo) return undo(env, client, asked);
  if (asked.command == Command::SetImage) return change_image(env, client, asked);
  return fail(ErrorCode::Internal, "not a command that changes anything");
}

}  // namespace sluice::cli
