#include "controller/loop/event_queue.h"

#include <algorithm>
#include <vector>

namespace sluice::loop {

namespace {

// The first name behind `last`, round the end, of which `wanted` holds.
template <class Wanted>
const std::string* next_in_turn(const std::set<std::string>& names, const std::string& last,
                                const Wanted& wanted) {
  const auto start = names.upper_bound(last);
  for (auto it = start; it != names.end(); ++it)
    if (wanted(*it)) return &*it;
  for (auto it = names.begin(); it != start; ++it)
    if (wanted(*it)) return &*it;
  return nullptr;
}

using Ranks = std::set<std::pair<std::size_t, std::string>>;

void rank(Ranks& ranking, const std::string& name, std::size_t& noted, std::size_t number) {
  if (noted == number) return;
  if (noted > 0) ranking.erase({noted, name});
  if (number > 0) ranking.emplace(number, name);
  noted = number;
}

// Who has the most; of equals the one who wants a place.
const std::string& has_most(const Ranks& ranking, const std::string& for_whom) {
  const auto& [number, name] = *ranking.rbegin();
  const auto wants = ranking.find({number, for_whom});
  return wants == ranking.end() ? name : wants->second;
}

}  // namespace

EventQueue::Object EventQueue::object_of(const controller::EventIntent& about) {
  return {about.regarding.namespace_,
          std::string(about.regarding_type.kind) + "/" + about.regarding.name};
}

std::optional<EventQueue::Place> EventQueue::find(const Object& object) {
  const auto one = namespaces_.find(object.namespace_);
  if (one == namespaces_.end()) return std::nullopt;
  const auto line = one->second.lines.find(object.name);
  if (line == one->second.lines.end()) return std::nullopt;
  return Place{one, line};
}

std::optional<EventQueue::Notice> EventQueue::push(Notice notice) {
  const Object object = object_of(notice.about);
  if (const auto place = find(object);
      place && place->second->second.notices.size() >= limits_.per_object)
    return notice;
  const auto one = namespaces_.try_emplace(object.namespace_).first;
  const auto line = one->second.lines.try_emplace(object.name).first;
  line->second.notices.push_back(std::move(notice));
  ++one->second.held;
  ++held_;
  settle({one, line});
  if (held_ > limits_.places) return make_room(object);
  return std::nullopt;
}

// One of those that wait, of which there is at least the new one.
EventQueue::Notice EventQueue::make_room(const Object& for_whom) {
  const auto one = namespaces_.find(has_most(ranking_, for_whom.namespace_));
  const bool own = one->first == for_whom.namespace_;
  const auto line =
      one->second.lines.find(has_most(one->second.ranking, own ? for_whom.name : std::string()));
  Notice gone = std::move(line->second.notices.back());
  line->second.notices.pop_back();
  --one->second.held;
  --held_;
  settle({one, line});
  return gone;
}

EventQueue::Notice* EventQueue::last(const Object& object) {
  const auto place = find(object);
  if (!place) return nullptr;
  Line& line = place->second->second;
  return line.on_its_way && line.notices.size() == 1 ? nullptr : &line.notices.back();
}

bool EventQueue::may_send(const Namespace& one) const {
  const std::size_t share = std::max<std::size_t>(1, (limits_.in_flight - in_flight_) / 2);
  return one.in_flight < share;
}

const EventQueue::Notice* EventQueue::take(MonoTime now) {
  while (!resting_.empty() && resting_.begin()->first <= now)
    end_rest(namespaces_.find(resting_.begin()->second));
  if (in_flight_ >= limits_.in_flight) return nullptr;
  const std::string* whose = next_in_turn(
      ready_, last_, [&](const std::string& name) { return may_send(namespaces_.at(name)); });
  if (!whose) return nullptr;
  last_ = *whose;
  const auto one = namespaces_.find(last_);
  Namespace& space = one->second;
  space.last = *next_in_turn(space.ready, space.last, [](const std::string&) { return true; });
  const auto line = space.lines.find(space.last);
  line->second.on_its_way = true;
  ++space.in_flight;
  ++in_flight_;
  settle({one, line});
  return &line->second.notices.front();
}

EventQueue::Notice* EventQueue::on_its_way(const Object& object) {
  const auto place = find(object);
  if (!place || !place->second->second.on_its_way) return nullptr;
  return &place->second->second.notices.front();
}

void EventQueue::done(const Object& object) {
  const auto place = find(object);
  if (!place || !place->second->second.on_its_way) return;
  pop_first(*place);
}

void EventQueue::pop_first(const Place& place) {
  const auto& [one, line] = place;
  line->second.notices.pop_front();
  line->second.on_its_way = false;
  line->second.cleared = false;
  --one->second.in_flight;
  --in_flight_;
  --one->second.held;
  --held_;
  settle(place);
}

bool EventQueue::again(const Object& object, MonoTime when) {
  const auto place = find(object);
  if (!place || !place->second->second.on_its_way) return false;
  const auto& [one, line] = *place;
  if (line->second.cleared) {
    pop_first(*place);
    return false;
  }
  line->second.on_its_way = false;
  --one->second.in_flight;
  --in_flight_;
  const MonoTime until = std::max(when, one->second.rests_until.value_or(when));
  end_rest(one);
  one->second.rests_until = until;
  resting_.emplace(until, one->first);
  settle(*place);
  return true;
}

void EventQueue::settle(const Place& place) {
  const auto& [one, line] = place;
  Namespace& space = one->second;
  const bool sent = line->second.on_its_way;
  const std::size_t waiting = line->second.notices.size() - (sent ? 1 : 0);
  rank(space.ranking, line->first, line->second.ranked, waiting);
  rank(ranking_, one->first, space.ranked, space.held - space.in_flight);
  if (waiting > 0 && !sent) {
    space.ready.insert(line->first);
  } else {
    space.ready.erase(line->first);
  }
  if (line->second.notices.empty()) space.lines.erase(line);
  if (!space.lines.empty()) {
    refresh(one);
    return;
  }
  end_rest(one);
  ready_.erase(one->first);
  namespaces_.erase(one);
}

void EventQueue::refresh(Namespaces::iterator it) {
  if (it->second.ready.empty() || it->second.rests_until) {
    ready_.erase(it->first);
  } else {
    ready_.insert(it->first);
  }
}

void EventQueue::end_rest(Namespaces::iterator it) {
  Namespace& space = it->second;
  if (!space.rests_until) return;
  resting_.erase({*space.rests_until, it->first});
  space.rests_until.reset();
  refresh(it);
}

void EventQueue::end_rests() {
  while (!resting_.empty()) end_rest(namespaces_.find(resting_.begin()->second));
}

void EventQueue::clear() {
  end_rests();
  std::vector<Object> all;
  for (const auto& [name, space] : namespaces_)
    for (const auto& [line, notices] : space.lines) all.push_back({name, line});
  for (const Object& object : all) {
    const auto place = find(object);
    Line& line = place->second->second;
    const std::size_t kept = line.on_its_way ? 1 : 0, gone = line.notices.size() - kept;
    line.notices.erase(std::next(line.notices.begin(), static_cast<std::ptrdiff_t>(kept)),
                       line.notices.end());
    line.cleared = line.on_its_way;
    place->first->second.held -= gone;
    held_ -= gone;
    settle(*place);
  }
}

MonoTime EventQueue::next_time() const {
  return resting_.empty() ? MonoTime::max() : resting_.begin()->first;
}

}  // namespace sluice::loop
