#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "api/keys.h"
#include "cli/rollout_view.h"
#include "cli/summary.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kTemplateNameAnnotation = "experiment.argoproj.io/template-name";

struct Tag {
  std::string text;
  Colour colour = Colour::None;
};

std::vector<Tag> tags_of(const Roles& roles) {
  std::vector<Tag> out;
  if (roles.canary) out.push_back({"canary", Colour::Yellow});
  if (roles.stable) out.push_back({"stable", Colour::Green});
  if (roles.active) out.push_back({"active", Colour::Green});
  if (roles.preview) out.push_back({"preview", Colour::BrightBlue});
  if (roles.ping) out.push_back({"ping", Colour::BrightBlue});
  if (roles.pong) out.push_back({"pong", Colour::BrightBlue});
  return out;
}

using Images = std::map<std::string, std::vector<Tag>>;

void add_image(Images& images, const std::string& image, const std::vector<Tag>& tags) {
  const auto [it, fresh] = images.try_emplace(image, tags);
  if (fresh) return;
  auto& merged = it->second;
  for (const auto& tag : tags)
    if (std::none_of(merged.begin(), merged.end(),
                     [&](const Tag& t) { return t.text == tag.text; }))
      merged.push_back(tag);
  std::sort(merged.begin(), merged.end(),
            [](const Tag& a, const Tag& b) { return a.text < b.text; });
}

Images running_images(const Objects& objects) {
  Images out;
  const auto owned_by_experiment = [&](const SetInfo& set) {
    return std::any_of(objects.experiments.begin(), objects.experiments.end(),
                       [&](const ExperimentInfo& experiment) {
                         return is_owned_by(experiment.meta, objects.rollout.meta.uid) &&
                                is_owned_by(set.meta, experiment.meta.uid);
                       });
  };
  for (const auto& set : objects.sets) {
    if (set.set.status_replicas <= 0) continue;
    std::vector<Tag> tags;
    if (is_owned_by(set.meta, objects.rollout.meta.uid)) {
      tags = tags_of(roles_of(objects.rollout, set));
    } else if (owned_by_experiment(set)) {
      tags = {{"Σ:" + get_or(set.meta.annotations, kTemplateNameAnnotation), Colour::BrightBlue}};
    } else {
      continue;
    }
    for (const auto& image : set.images) add_image(out, image, tags);
  }
  return out;
}

std::string image_text(const std::string& image, const std::vector<Tag>& tags,
                       const Painter& paint) {
  if (tags.empty()) return image;
  std::string list;
  for (const auto& tag : tags) list += (list.empty() ? "" : ", ") + paint(tag.colour, tag.text);
  return fmt::format("{} ({})", image, list);
}

std::int64_t actual_weight(const Objects& objects, const Summary& summary) {
  const auto& status = objects.rollout.status;
  if (!summary.at_step) return summary.max_weight;
  if (status.available_replicas <= 0) return 0;
  if (objects.rollout.spec.canary->traffic_routing)
    return status.canary.weights ? status.canary.weights->canary.weight : summary.set_weight;
  for (const auto& set : objects.sets) {
    if (is_owned_by(set.meta, objects.rollout.meta.uid) && roles_of(objects.rollout, set).canary)
      return std::int64_t{set.set.available_replicas} * summary.max_weight /
             status.available_replicas;
  }
  return 0;
}

std::string strategy_lines(const Objects& objects, const Summary& summary) {
  if (summary.strategy == StrategyKind::BlueGreen) return header_line("Strategy:", "BlueGreen");
  if (summary.strategy == StrategyKind::None) return header_line("Strategy:", "");
  return header_line("Strategy:", "Canary") + header_line("  Step:", summary.step) +
         header_line("  SetWeight:", std::to_string(summary.set_weight)) +
         header_line("  ActualWeight:", std::to_string(actual_weight(objects, summary)));
}

}  // namespace

std::string header_line(std::string_view key, std::string_view value) {
  std::string line = fmt::format("{:<17}{}", key, cell_text(value));
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line + "\n";
}

Roles roles_of(const api::Rollout& rollout, const SetInfo& set) {
  Roles out;
  const auto& status = rollout.status;
  const std::string hash = get_or(set.meta.labels, api::kPodTemplateHashLabel);
  if (hash.empty()) return out;
  out.stable = hash == status.stable_rs;
  if (rollout.spec.canary) {
    out.canary = !out.stable && hash == status.current_pod_hash;
    const std::string& stable_side = status.canary.stable_ping_pong;
    if (rollout.spec.canary->ping_pong && (stable_side == "ping" || stable_side == "pong") &&
        (out.stable || out.canary)) {
      out.ping = out.stable == (stable_side == "ping");
      out.pong = !out.ping;
    }
  } else if (rollout.spec.blue_green) {
    out.active = hash == status.blue_green.active_selector;
    out.preview = !out.active && hash == status.blue_green.preview_selector;
  }
  return out;
}

std::string header_text(const Objects& objects, WallTime now, const Painter& paint) {
  const auto& rollout = objects.rollout;
  const Summary summary = summarise(rollout, now);
  const Icon icon = rollout_icon(summary.phase.phase);
  std::string out = header_line("Name:", rollout.meta.key.name) +
                    header_line("Namespace:", rollout.meta.key.namespace_) +
                    header_line("Status:", fmt::format("{} {}", paint(icon.colour, icon.sign),
                                                       summary.phase.phase));
  if (!summary.phase.message.empty()) out += header_line("Message:", summary.phase.message);
  out += strategy_lines(objects, summary);
  std::string_view key = "Images:";
  for (const auto& [image, tags] : running_images(objects)) {
    out += header_line(key, image_text(image, tags, paint));
    key = "";
  }
  const auto& status = rollout.status;
  return out + header_line("Replicas:", "") +
         header_line("  Desired:", std::to_string(rollout.spec.replicas_or_default())) +
         header_line("  Current:", std::to_string(status.replicas)) +
         header_line("  Updated:", std::to_string(status.updated_replicas)) +
         header_line("  Ready:", std::to_string(status.ready_replicas)) +
         header_line("  Available:", std::to_string(status.available_replicas));
}

std::string rollout_text(const Objects& objects, WallTime now, const Painter& paint) {
  return header_text(objects, now, paint) + "\n" + tree_text(objects, now, paint) +
         outlook_text(objects, now) + findings_text(objects, now, paint);
}

}  // namespace sluice::cli
