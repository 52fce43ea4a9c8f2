#include "net/door.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <map>
#include <string_view>
#include <tuple>

#include "net/door_connection.h"

namespace sluice::net {
namespace {

constexpr int kBacklog = 4096;
constexpr Millis kNoDescriptorPause{100};
// A crowd that comes again and again does not get all our time, and leaves to others the time that
// they need to say what they want: under TLS a few turns.
constexpr Millis kCrowdPause{1}, kCrowdPauseTls{5};
constexpr Millis kFarewell{500};  // for answers that are on their way when the door is closed
constexpr Millis kWaitersTick{250};

MonoTime mono_now() {
  return MonoTime(std::chrono::floor<Micros>(std::chrono::steady_clock::now().time_since_epoch()));
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

// Whether the system's queue of those who have not said anything may be full and still take more.
bool has_syn_cookies() {
  const int fd = ::open("/proc/sys/net/ipv4/tcp_syncookies", O_RDONLY | O_CLOEXEC);
  char setting = '0';
  const bool read = fd >= 0 && ::read(fd, &setting, 1) == 1;
  if (fd >= 0) ::close(fd);
  return read && setting != '0';
}

int open_listener(const addrinfo& address, Millis silence, std::string& why) {
  const int fd = ::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1, seconds = static_cast<int>(std::chrono::ceil<Seconds>(silence).count());
  // Who has not said anything yet waits in the system, and costs no descriptor.
  if (has_syn_cookies())
    ::setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
  if (fd >= 0 && ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      ::bind(fd, address.ai_addr, address.ai_addrlen) == 0 && ::listen(fd, kBacklog) == 0)
    return fd;
  why = std::strerror(errno);
  if (fd >= 0) ::close(fd);
  return -1;
}

int port_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

struct Remote {
  std::string text;  // with the port
  std::string key;   // what counts as one stranger: an address, of IPv6 its network
};

Remote remote_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  const std::string port = ":" + std::to_string(port_of(address));
  if (address.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text,
                sizeof text);
    return {text + port, text};
  }
  const auto& ip = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&ip)) {
    ::inet_ntop(AF_INET, ip.s6_addr + 12, text, sizeof text);
    return {text + port, text};
  }
  ::inet_ntop(AF_INET6, &ip, text, sizeof text);
  return {"[" + std::string(text) + "]" + port,
          std::string(reinterpret_cast<const char*>(ip.s6_addr), 8)};
}

// A descriptor kept back, so that a connection can be taken from the queue and sent away even when
// there is none left; else it would be announced for ever.
class SpareDescriptor {
 public:
  SpareDescriptor() { open(); }
  ~SpareDescriptor() { give_up(); }
  SpareDescriptor(const SpareDescriptor&) = delete;
  SpareDescriptor& operator=(const SpareDescriptor&) = delete;
  void give_up() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void open() {
    if (fd_ < 0) fd_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  }

 private:
  int fd_ = -1;
};

using Connection = std::shared_ptr<DoorConnection>;
using Stage = DoorConnection::Stage;

// What the door's thread works on.
class Loop {
 public:
  Loop(int listener, const ServerOptions& options, std::shared_ptr<TlsIdentity> identity,
       std::shared_ptr<Letterbox> box, Door::Handler handler)
      : listener_(listener),
        limits_(options.limits),
        identity_(std::move(identity)),
        box_(std::move(box)),
        handler_(std::move(handler)),
        connections_max_(std::max(1, connections_within(limits_.connections, descriptor_limit()))),
        around_{options, box_, [this] { return ++last_ticket_; },
                [this](const DoorConnection& one) { answered(one); }} {}

  void run(const std::function<bool()>& closing) {
    while (!closing()) turn(MonoTime::max());
    around_.closing = true;
    const MonoTime end = mono_now() + kFarewell;
    while (mono_now() < end && drop_all_but_answers()) turn(end);
    for (const auto& one : connections_) one->close();
    sweep();
  }

 private:
  // Waits for something to happen, at most until `end`, and does what it asks for.
  void turn(MonoTime end) {
    const MonoTime before = mono_now();
    std::vector<pollfd> waiting = {{box_->fd(), POLLIN, 0}};
    const bool listening = !around_.closing && before >= accept_again_;
    waiting.push_back({listening ? listener_ : -1, POLLIN, 0});
    for (const auto& one : connections_) waiting.push_back({one->fd(), one->wanted_events(), 0});
    ::poll(waiting.data(), waiting.size(), timeout(before, end));
    const MonoTime now = mono_now();
    for (auto& letter : box_->take()) deliver(std::move(letter), now);
    for (std::size_t i = 2; i < waiting.size(); ++i) {  // the order is theirs until sweep()
      const Connection one = connections_[i - 2];
      if (waiting[i].revents != 0 && !one->closed()) one->on_events(waiting[i].revents, now);
      take_in(one);
    }
    if (waiting[1].revents != 0) accept(now);
    for (const auto& one : connections_) {
      if (!one->closed() && one->deadline() && *one->deadline() <= now) one->on_deadline(now);
    }
    serve_waiting(now);
    sweep();
  }

  [[nodiscard]] int timeout(MonoTime now, MonoTime end) const {
    MonoTime next = std::min(end, now + Seconds(1));
    if (now < accept_again_) next = std::min(next, accept_again_);
    if (!waiting_.empty()) next = std::min(next, now + kWaitersTick);
    for (const auto& one : connections_)
      if (one->deadline()) next = std::min(next, *one->deadline());
    return static_cast<int>(
        std::max<std::int64_t>(0, std::chrono::ceil<Millis>(next - now).count()));
  }

  void deliver(Letterbox::Letter letter, MonoTime now) {
    const auto found = answering_.find(letter.ticket);
    if (found != answering_.end()) {
      const Connection one = found->second;
      one->on_letter(std::move(letter), now);
      take_in(one);
    } else if (letter.answer && letter.answer->over) {
      letter.answer->over(false);
    }
  }

  // A request that has just become whole stands in line.
  void take_in(const Connection& one) {
    if (one->stage() != Stage::Waiting || one->ticket() == 0) return;
    if (std::find(waiting_.begin(), waiting_.end(), one) == waiting_.end())
      waiting_.push_back(one);
  }

  [[nodiscard]] bool full() const {
    return limits_.answers > 0 && answering_.size() >= static_cast<std::size_t>(limits_.answers);
  }
  [[nodiscard]] bool full_for(const std::string& remote) const {
    if (limits_.answers_per_remote == 0) return false;
    const auto found = answers_of_.find(remote);
    return found != answers_of_.end() && found->second >= limits_.answers_per_remote;
  }

  void serve_waiting(MonoTime now) {
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      const Connection one = *it;
      if (one->stage() == Stage::Waiting && (full() || full_for(one->remote_key())))
        give_up_slow(one->remote_key(), now);
      if (one->stage() == Stage::Waiting && (full() || full_for(one->remote_key()))) {
        ++it;
        continue;
      }
      it = waiting_.erase(it);
      if (one->stage() != Stage::Waiting) continue;
      answering_[one->ticket()] = one;
      ++answers_of_[one->remote_key()];
      const auto reply = std::make_shared<Reply>(box_, one->ticket());
      handler_(one->begin_answer(now), reply);
    }
  }

  // Somebody waits: who takes an answer slowly makes way.
  void give_up_slow(const std::string& remote, MonoTime now) {
    const bool anybody = full() && !full_for(remote);
    const auto slow = answering_;
    for (const auto& [ticket, one] : slow) {
      if (one->slow(now) && (anybody || one->remote_key() == remote)) return one->give_up();
    }
  }

  void answered(const DoorConnection& one) {
    if (answering_.erase(one.ticket()) == 0) return;
    const auto found = answers_of_.find(one.remote_key());
    if (found != answers_of_.end() && --found->second <= 0) answers_of_.erase(found);
  }

  void accept(MonoTime now) {
    // Few at a time, so that those who are inside have their turn too.
    const int most =
        std::max(1, std::min({connections_max_, per_remote_max(), limits_.unserved}) / 4);
    evicted_ = false;
    for (int turn = 0; turn < most; ++turn) {
      sockaddr_storage address{};
      socklen_t size = sizeof address;
      const int fd = ::accept4(listener_, reinterpret_cast<sockaddr*>(&address), &size,
                               SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd >= 0) {
        admit(fd, remote_of(address), now);
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        if (!make_room([](const DoorConnection&) { return true; }, now)) {
          turn_one_away();
          accept_again_ = now + kNoDescriptorPause;
          return;
        }
      } else if (errno != EINTR && errno != ECONNABORTED) {
        break;
      }
    }
    if (evicted_) accept_again_ = now + (identity_ ? kCrowdPauseTls : kCrowdPause);
  }

  void turn_one_away() {
    spare_.give_up();
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) ::close(fd);
    spare_.open();
  }

  void admit(int fd, Remote remote, MonoTime now) {
    const auto same = [&](const DoorConnection& one) { return one.remote_key() == remote.key; };
    const auto any = [](const DoorConnection&) { return true; };
    const auto unserved = [](const DoorConnection& one) { return !one.served(); };
    if ((count(same) >= per_remote_max() && !make_room(same, now)) ||
        (count(unserved) >= limits_.unserved && !make_room(unserved, now)) ||
        (count(any) >= connections_max_ && !make_room(any, now))) {
      ::close(fd);
      return;
    }
    const int on = 1, idle = 60, interval = 15, probes = 4;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // A client that vanished without a word does not keep its watch, and our descriptor, for ever.
    ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    const auto one = std::make_shared<DoorConnection>(
        fd, identity_, std::move(remote.text), std::move(remote.key), around_, now);
    connections_.push_back(one);
    // Its first words are there: heard now, a whole request cannot be pushed out unheard.
    one->on_events(POLLIN, now);
    take_in(one);
  }

  template <class Which>
  int count(const Which& which) const {
    return static_cast<int>(
        std::count_if(connections_.begin(), connections_.end(),
                      [&](const Connection& one) { return !one->closed() && which(*one); }));
  }

  [[nodiscard]] int per_remote_max() const {
    return limits_.per_remote > 0 ? limits_.per_remote : connections_max_;
  }

  // Gives up the one that is easiest to spare: of those alike, one of the address that holds most.
  // False when all are at work.
  template <class Which>
  bool make_room(const Which& which, MonoTime now) {
    std::map<std::string_view, int> held;
    for (const auto& one : connections_)
      if (!one->closed()) ++held[one->remote_key()];
    DoorConnection* victim = nullptr;
    std::tuple<int, int, MonoTime> least;
    for (const auto& one : connections_) {
      const auto spare = one->spare(now);
      if (!spare || !which(*one)) continue;
      const std::tuple worth(spare->rank, -held[one->remote_key()], spare->since);
      if (victim != nullptr && least <= worth) continue;
      victim = one.get();
      least = worth;
    }
    if (victim != nullptr) victim->give_up();
    evicted_ = true;
    return victim != nullptr;
  }

  // False when nothing is on its way any more.
  bool drop_all_but_answers() {
    for (const auto& one : connections_) {
      const auto stage = one->stage();
      if (stage != Stage::Answering && stage != Stage::Refusing) one->close();
    }
    sweep();
    return !connections_.empty();
  }

  void sweep() {
    std::erase_if(connections_, [](const Connection& one) { return one->closed(); });
  }

  const int listener_;
  const ServerLimits limits_;
  const std::shared_ptr<TlsIdentity> identity_;
  const std::shared_ptr<Letterbox> box_;
  const Door::Handler handler_;
  const int connections_max_;
  Letterbox::Ticket last_ticket_ = 0;
  DoorConnection::Surroundings around_;
  std::vector<Connection> connections_;
  std::deque<Connection> waiting_;
  std::map<Letterbox::Ticket, Connection> answering_;
  std::map<std::string, int> answers_of_;
  MonoTime accept_again_{};
  bool evicted_ = false;  // somebody had to go, or was sent away
  SpareDescriptor spare_;
};

}  // namespace

Letterbox::Letterbox() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
Letterbox::~Letterbox() {
  if (fd_ >= 0) ::close(fd_);
}

void Letterbox::put(Letter letter) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      letters_.push_back(std::move(letter));
      if (letters_.size() == 1) wake();
      return;
    }
  }
  if (letter.answer && letter.answer->over) letter.answer->over(false);
}

std::vector<Letterbox::Letter> Letterbox::take() {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  static_cast<void>(!::read(fd_, &count, sizeof count));
  return std::exchange(letters_, {});
}

void Letterbox::wake() {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(fd_, &one, sizeof one));
}

void Letterbox::close() {
  std::vector<Letter> left;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    left.swap(letters_);
  }
  for (const auto& letter : left)
    if (letter.answer && letter.answer->over) letter.answer->over(false);
}

Reply::~Reply() {
  if (sent_) return;
  Letterbox::Letter nobody;
  nobody.ticket = ticket_;
  box_->put(std::move(nobody));
}

void Reply::send(Answer answer) {
  sent_ = true;
  Letterbox::Letter letter;
  letter.ticket = ticket_;
  letter.answer = std::move(answer);
  box_->put(std::move(letter));
}

Result<std::unique_ptr<Door>> Door::open(const ServerOptions& options) {
  std::unique_ptr<Door> door(new Door());
  door->options_ = options;
  const std::string where = options.address + ":" + std::to_string(options.port);
  if (options.port < 0 || options.port > 65535)
    return fail(ErrorCode::Invalid,
                "cannot listen on " + where + ": a port is a number from 0 to 65535");
  if (!options.cert_pem.empty()) {
    SLUICE_TRY(door->identity_, TlsIdentity::make(options.cert_pem, options.key_pem));
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(options.address.c_str(), std::to_string(options.port).c_str(),
                                  &hints, &found);
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
  std::string why = error == 0 ? "no such address" : ::gai_strerror(error);
  for (auto* one = found; one != nullptr && door->listener_ < 0; one = one->ai_next)
    door->listener_ = open_listener(*one, options.limits.head, why);
  if (door->listener_ < 0)
    return fail(ErrorCode::Unavailable, "cannot listen on " + where + ": " + why);
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(door->listener_, reinterpret_cast<sockaddr*>(&bound), &size) == 0)
    door->port_ = port_of(bound);
  return door;
}

Door::~Door() {
  close();
}

void Door::start(Handler handler) {
  thread_ = std::thread([this, handler = std::move(handler)] {
    // Signals are for the program's own threads; a write to a dead socket is an error code here.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    Loop loop(listener_, options_, identity_, box_, handler);
    loop.run([this] { return closing_.load(); });
  });
}

void Door::close() {
  closing_ = true;
  box_->wake();
  if (thread_.joinable()) thread_.join();
  box_->close();
  if (listener_ >= 0) ::close(listener_);
  listener_ = -1;
}

}  // namespace sluice::net
