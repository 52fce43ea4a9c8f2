#pragma once
// Kubernetes Events that wait to be sent: whose turn it is, and who has to go when there is no
// room.
//
// Events of one object are sent one after another, in the order in which they came; one that has to
// be tried again keeps its place. Different objects go side by side: namespaces in turn, and within
// a namespace its objects in turn.
//
// Whoever provokes Events may do so without end, so the places are shared. When all are taken, the
// namespace that holds the most gives one back, and of its Events the newest one of the object that
// holds the most. So nobody's Events make room for those of a namespace that holds more, however
// many namespaces hoard. Of what is on its way a namespace may hold half of what is free, and one
// in any case: a server that lets the Events of one namespace wait holds up no other's.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/time.h"
#include "controller/plan.h"
#include "kube/model/meta.h"

namespace sluice::loop {

class EventQueue {
 public:
  struct Notice {
    controller::EventIntent about;
    kube::ObjectKey event;   // the Event that is created, or counted up
    int count = 1;           // more: it is there already, and is counted up
    WallTime at{};           // of the last time
    std::uint64_t told = 0;  // of what is told once: what it was
    int tries = 0;           // without an answer that settles it
  };
  struct Object {
    std::string namespace_, name;  // the latter with the kind
    auto operator<=>(const Object&) const = default;
  };
  struct Limits {
    std::size_t places = 5000, per_object = 100;  // those on their way included
    std::size_t in_flight = 12;
  };
  EventQueue() = default;
  explicit EventQueue(Limits limits) : limits_(limits) {}

  [[nodiscard]] static Object object_of(const controller::EventIntent& about);

  // Behind all others of its object. Returns what had to go: perhaps the new one itself.
  [[nodiscard]] std::optional<Notice> push(Notice notice);
  // The last one in the line of this object, if it is not on its way; valid until the next call.
  [[nodiscard]] Notice* last(const Object& object);

  // The next one to be sent, or nullptr. It keeps its place until done() or again().
  [[nodiscard]] const Notice* take(MonoTime now);
  // The one of this object that is on its way.
  [[nodiscard]] Notice* on_its_way(const Object& object);
  void done(const Object& object);
  // It is sent once more, before the later ones of its object; its namespace sends nothing until
  // then. False, and the same as done(), when clear() was called meanwhile.
  bool again(const Object& object, MonoTime when);

  // Nothing of what waits is sent any more. What is on its way is still waited for.
  void clear();
  // No namespace waits any longer for what again() said.
  void end_rests();

  [[nodiscard]] bool empty() const { return held_ == 0; }
  // Nothing is on its way, and nothing could be sent now.
  [[nodiscard]] bool settled() const { return in_flight_ == 0 && ready_.empty(); }
  [[nodiscard]] std::size_t size() const { return held_; }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  // When take() may have one though nothing is answered or pushed before.
  [[nodiscard]] MonoTime next_time() const;

 private:
  // Who has how many that wait, the most last; found again by the number that was noted.
  using Ranking = std::set<std::pair<std::size_t, std::string>>;
  struct Line {
    std::deque<Notice> notices;
    bool on_its_way = false;  // the first one
    bool cleared = false;
    std::size_t ranked = 0;
  };
  struct Namespace {
    std::map<std::string, Line> lines;  // none is empty
    std::set<std::string> ready;        // lines of which nothing is on its way
    Ranking ranking;                    // of lines
    std::string last;                   // whose turn it was
    std::size_t held = 0, in_flight = 0, ranked = 0;
    std::optional<MonoTime> rests_until;
  };
  using Namespaces = std::map<std::string, Namespace>;
  using Place = std::pair<Namespaces::iterator, std::map<std::string, Line>::iterator>;

  [[nodiscard]] std::optional<Place> find(const Object& object);
  [[nodiscard]] Notice make_room(const Object& for_whom);
  [[nodiscard]] bool may_send(const Namespace& one) const;
  void pop_first(const Place& place);
  // After each change of a line: all that follows from it.
  void settle(const Place& place);
  void refresh(Namespaces::iterator it);  // whether it is in ready_
  void end_rest(Namespaces::iterator it);

  Limits limits_;
  Namespaces namespaces_;
  std::set<std::string> ready_;                         // namespaces that have one to send
  Ranking ranking_;                                     // of namespaces
  std::set<std::pair<MonoTime, std::string>> resting_;  // by when their rest ends
  std::string last_;                                    // whose turn it was
  std::size_t held_ = 0, in_flight_ = 0;
};

}  // namespace sluice::loop
