#include "controller/rollout/draft.h"

#include <algorithm>

#include "api/keys.h"
#include "api/resources.h"
#include "base/assert.h"
#include "controller/rollout/conditions.h"
#include "kube/json/json.h"
#include "kube/json/patch.h"
#include "kube/model/resources.h"

namespace sluice::rollout {
namespace {

kube::Json to_patch(const SetChange& change) {
  kube::Json out = kube::Json::object();
  if (change.replicas) out["spec"]["replicas"] = *change.replicas;
  if (change.min_ready_seconds) out["spec"]["minReadySeconds"] = *change.min_ready_seconds;
  for (const auto& [key, value] : change.annotations) {
    if (value) {
      out["metadata"]["annotations"][key] = *value;
    } else {
      out["metadata"]["annotations"][key] = nullptr;
    }
  }
  return out;
}

void apply(kube::ReplicaSet& set, const SetChange& change) {
  if (change.replicas) set.replicas = *change.replicas;
  if (change.min_ready_seconds) set.min_ready_seconds = *change.min_ready_seconds;
  for (const auto& [key, value] : change.annotations) {
    if (value) {
      set.meta.annotations[key] = *value;
    } else {
      set.meta.annotations.erase(key);
    }
  }
}

// The size that a write of a ReplicaSet asks for; "" when it asks for none.
std::string size_in(const kube::Write& write) {
  const auto body = kube::parse_json(write.body);
  const auto* size = body ? kube::find_path(*body, "spec.replicas") : nullptr;
  return size ? kube::dump(*size) : std::string();
}

std::string_view event_of(std::string_view purpose) {
  if (purpose == traffic::kSetWeights) return "TrafficRoutingError";
  if (purpose == "CreateReplicaSet") return "ReplicaSetCreateError";
  return "ReconciliationError";
}

std::string text_of(const Observed::Refusal& refusal) {
  if (refusal.write.purpose != "CreateReplicaSet") return refusal.error.message;
  return progressing_create_error(refusal.write.key.name, refusal.error.message).message;
}

bool sizes(const kube::Write& write) {
  const auto body = kube::parse_json(write.body);
  return !body || kube::find_path(*body, "spec.replicas") != nullptr;
}

bool same_object(const kube::Write& write, const kube::ResourceType& type,
                 const kube::ObjectKey& key) {
  return write.type == type && write.key == key && write.subresource.empty();
}

}  // namespace

void compose_merge_patch(kube::Json& first, const kube::Json& second) {
  if (!first.is_object() || !second.is_object()) {
    first = second;
    return;
  }
  for (const auto& [key, value] : second.items()) {
    auto it = first.find(key);
    if (it != first.end() && it->is_object() && value.is_object()) {
      compose_merge_patch(*it, value);
    } else {
      first[key] = value;
    }
  }
}

std::string event_text(const Block& block) {
  return (block.reason == "ReconciliationError" ? "Reconciliation failed with error: " : "") +
         block.text;
}

bool same_intent(const kube::Write& a, const kube::Write& b) {
  if (a.purpose != b.purpose || !(a.type == b.type) || !(a.key == b.key) ||
      a.subresource != b.subresource)
    return false;
  // Other bodies hold the time of day, which does not make them another wish.
  if (a.purpose == "ScaleReplicaSet") return size_in(a) == size_in(b);
  const bool exact = a.purpose == traffic::kSetWeights || a.purpose == "SwitchService";
  return !exact || a.body == b.body;
}

std::string hash_of(const kube::ReplicaSet& set) {
  return get_or(set.meta.labels, api::kPodTemplateHashLabel);
}

std::optional<std::int64_t> revision_of(const kube::Meta& meta) {
  const auto* text = find_or_null(meta.annotations, api::kRevisionAnnotation);
  return text ? parse_int(*text) : std::nullopt;
}

std::optional<std::string> deadline_of(const kube::ReplicaSet& set) {
  const auto* text = find_or_null(set.meta.annotations, api::kScaleDownDeadlineAnnotation);
  if (!text || text->empty()) return std::nullopt;
  return *text;
}

std::optional<Pods> pods_or_none(const kube::ReplicaSet* set) {
  if (!set) return std::nullopt;
  return pods_of(*set);
}

Draft::Draft(World& world_in, const Options& options_in, WallTime now_in)
    : world(world_in),
      options(options_in),
      now(now_in),
      stored(world_in.rollout.status),
      next(stored),
      wake_at(world_in.retry_at),
      blocks(world_in.blocks) {}

std::string Draft::new_hash() const {
  return new_rs ? hash_of(*new_rs) : std::string();
}
std::string Draft::stable_hash() const {
  return stable_rs ? hash_of(*stable_rs) : std::string();
}

bool Draft::rollback() const {
  if (!new_rs || !stable_rs) return false;
  return hash_of(*new_rs) == stored.stable_rs ||
         new_rs->meta.created_at < stable_rs->meta.created_at;
}

bool Draft::fast_rollback() const {
  if (!rollback()) return false;
  return hash_of(*new_rs) == stored.stable_rs || (spec().blue_green && new_rs_was_delayed);
}

void Draft::event(std::string_view reason, std::string message, bool warning, bool with_status) {
  controller::EventIntent out;
  out.regarding_type = api::kRollouts;
  out.regarding = world.rollout.meta.key;
  out.regarding_uid = world.rollout.meta.uid;
  out.warning = warning;
  out.reason = std::string(reason);
  out.message = std::move(message);
  items.push_back({std::move(out), with_status});
}

void Draft::why(Why reason, std::string detail) {
  trace.push_back({reason, std::move(detail)});
}

void Draft::wake(std::optional<WallTime> at) {
  if (at && (!wake_at || *at < *wake_at)) wake_at = at;
}

void Draft::fail(Why reason, std::string detail, Seconds retry) {
  why(reason, std::move(detail));
  wake(now + retry);
  end = PassEnd::Failed;
}

void Draft::block(std::string_view reason, std::string text) {
  const bool known = std::any_of(blocks.begin(), blocks.end(),
                                 [&](const Block& other) { return other.text == text; });
  if (!known) blocks.push_back({std::string(reason), std::move(text)});
}

bool Draft::held(const kube::Write& write) {
  for (const auto& refusal : world.observed->refusals) {
    if (!same_intent(refusal.write, write)) continue;
    // Said by the whole plan: its later passes see the world as if this had gone well, or are not
    // concerned any more.
    block(event_of(write.purpose), text_of(refusal));
    world.blocks = blocks;
    if (now >= refusal.retry_at) return false;
    world.retry_at = std::min(world.retry_at.value_or(refusal.retry_at), refusal.retry_at);
    wake(refusal.retry_at);
    return true;
  }
  return false;
}

bool Draft::size_held(const kube::ReplicaSet& set) const {
  const auto& refusals = world.observed->refusals;
  return std::any_of(refusals.begin(), refusals.end(), [&](const auto& refusal) {
    return refusal.write.purpose == "ScaleReplicaSet" && refusal.write.key == set.meta.key &&
           now < refusal.retry_at;
  });
}

bool Draft::already_written(const kube::ResourceType& type, const kube::ObjectKey& key) const {
  return std::any_of(items.begin(), items.end(), [&](const Item& item) {
    const auto* write = std::get_if<kube::Write>(&item.intent);
    return write && same_object(*write, type, key);
  });
}

kube::Write Draft::write_for(const kube::ResourceType& type, const kube::Meta& meta,
                             kube::Verb verb, std::string_view purpose) const {
  kube::Write out;
  out.type = type;
  out.key = meta.key;
  out.verb = verb;
  out.uid = meta.uid;
  out.resource_version = meta.resource_version;
  out.purpose = std::string(purpose);
  return out;
}

bool Draft::write(kube::Write write) {
  if (!running() || held(write)) return false;
  if (already_written(write.type, write.key)) {
    end = PassEnd::NeedsWorld;
    return false;
  }
  items.push_back({std::move(write), false});
  ++effects;
  return true;
}

// The set is created by this very plan: it is created as it shall be, with two exceptions. Where
// pods had to go first (no room to surge), new ones come after them. And over a running update the
// weight of the version before has to be taken back first: were this process to die, the new pods
// could be ready before that, and would get the other's share.
bool Draft::change_created(kube::ReplicaSet& set, const SetChange& change) {
  const auto writes_set = [](const Item& item) {
    const auto* write = std::get_if<kube::Write>(&item.intent);
    return write && write->type == kube::kReplicaSets;
  };
  const auto& recorded = world.observed->rollout->status;
  const bool from_rest =
      recorded.stable_rs.empty() || recorded.stable_rs == recorded.current_pod_hash;
  const bool first = std::count_if(items.begin(), items.end(), writes_set) == 1;
  if (change.replicas && (!from_rest || !first)) {
    end = PassEnd::NeedsWorld;
    return false;
  }
  const auto found = std::find_if(items.begin(), items.end(), [&](const Item& item) {
    return writes_set(item) && std::get<kube::Write>(item.intent).key == set.meta.key;
  });
  SLUICE_ASSERT(found != items.end(), set.meta.key.text());
  auto& create = std::get<kube::Write>(found->intent);
  auto body = kube::parse_json(create.body);
  SLUICE_ASSERT(body, create.body);
  kube::apply_merge_patch(*body, to_patch(change));
  create.body = kube::dump(*body);
  ++effects;
  apply(set, change);
  return true;
}

bool Draft::change_set(kube::ReplicaSet& set, const SetChange& change, std::string_view purpose) {
  if (!running() || change.empty() || set.meta.key.name == world.missing_set) return false;
  if (set.meta.uid.empty()) return change_created(set, change);
  const kube::Json patch = to_patch(change);
  auto write = write_for(kube::kReplicaSets, set.meta, kube::Verb::MergePatch, purpose);
  write.body = kube::dump(patch);
  if (held(write)) return false;
  ++effects;
  auto pending = std::find_if(items.begin(), items.end(), [&](const Item& item) {
    const auto* other = std::get_if<kube::Write>(&item.intent);
    return other && same_object(*other, kube::kReplicaSets, set.meta.key);
  });
  if (pending == items.end()) {
    items.push_back({std::move(write), false});
    apply(set, change);
    return true;
  }
  // Metadata may travel with a change of size, wherever that stands; two sizes cannot share a
  // write.
  auto& earlier = std::get<kube::Write>(pending->intent);
  auto combined = kube::parse_json(earlier.body);
  const bool earlier_sizes = sizes(earlier);
  if (earlier.verb != kube::Verb::MergePatch || !combined || (earlier_sizes && change.replicas)) {
    end = PassEnd::NeedsWorld;
    return false;
  }
  compose_merge_patch(*combined, patch);
  apply(set, change);
  if (earlier_sizes) {
    earlier.body = kube::dump(*combined);
    return true;
  }
  write.body = kube::dump(*combined);
  items.erase(pending);
  items.push_back({std::move(write), false});
  return true;
}

}  // namespace sluice::rollout
