#include "sim/checkers/checker.h"

namespace sluice::sim::check {

Checkers::Checkers(std::vector<std::unique_ptr<Checker>> list) : list_(std::move(list)) {
  for (auto& checker : list_) checker->attach(view, found);
}

void Checkers::changed(const Change& change, const Actor& actor, WallTime wall, MonoTime mono) {
  const Seen seen = view.apply(change, actor, wall, mono);
  for (auto& checker : list_) checker->changed(seen);
}

void Checkers::answered(const AuditEntry& entry, MonoTime mono) {
  for (auto& checker : list_) checker->answered(entry, mono);
}

void Checkers::sent(const Sent& sent) {
  for (auto& checker : list_) checker->sent(sent);
}

void Checkers::metric(const MetricAnswer& answer) {
  view.heard(answer);
  for (auto& checker : list_) checker->metric(answer);
}

void Checkers::instant(WallTime wall, MonoTime mono) {
  for (auto& checker : list_) checker->instant(wall, mono);
}

void Checkers::stuck(const std::string& what, WallTime wall) {
  for (auto& checker : list_) checker->stuck(what, wall);
}

void Checkers::rest(WallTime wall) {
  for (auto& checker : list_) checker->rest(wall);
}

void Checkers::end(const std::string& state, const std::set<std::string>& accepted, WallTime wall) {
  for (auto& checker : list_) checker->end(state, accepted, wall);
}

std::vector<std::unique_ptr<Checker>> all_checkers(const CheckerOptions& options) {
  std::vector<std::unique_ptr<Checker>> out;
  out.push_back(traffic_has_pods());
  out.push_back(weights_add_up());
  out.push_back(basic_canary_capacity());
  out.push_back(abort_is_final());
  out.push_back(active_service_is_proven());
  out.push_back(selector_stays());
  out.push_back(one_run_one_verdict());
  out.push_back(steps_in_order());
  out.push_back(pauses_last());
  out.push_back(revisions_grow());
  out.push_back(used_sets_live());
  out.push_back(one_leader_writes());
  out.push_back(only_ours());
  out.push_back(no_idle_writes(options.writes_max));
  out.push_back(missing_data_decides_nothing());
  out.push_back(steps_are_done());
  out.push_back(attempts_stand_alone());
  out.push_back(own_verdicts());
  out.push_back(same_end_state());
  out.push_back(refusals_pass());
  out.push_back(restarts_keep_deadlines());
  return out;
}

bool counted_write(const AuditEntry& entry) {
  if (entry.verb == "get" || entry.verb == "list" || entry.verb == "watch") return false;
  return entry.resource != "leases" && entry.resource != "events";
}

}  // namespace sluice::sim::check
