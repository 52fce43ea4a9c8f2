#pragma once
// What a command needs from the process around it. cli.cc makes the real one, tests make their own.
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/rng.h"
#include "base/seams.h"
#include "base/strings.h"
#include "cli/invocation.h"
#include "cli/text.h"

namespace sluice::cli {

struct Connection {
  std::shared_ptr<Transport> transport;
  std::string server;      // for messages
  std::string namespace_;  // flag, else the context's, else "default"
};

// The edge: everything that a command prints passes here and is cleaned here, so that no command
// can forget it. JSON and YAML keep their values (see printable()).
class Output {
 public:
  template <class Sink>
  Output(Sink sink) : sink_(std::move(sink)) {}  // from a lambda, where an Environment is made

  void operator()(std::string_view text) const { sink_(printable(text)); }
  // A view with a Painter's colours in it.
  void painted(std::string_view view) const { sink_(terminal_text(view)); }
  // The same on an empty screen.
  void redraw(std::string_view view) const {
    sink_("\x1b[H\x1b[2J\x1b[0;0H" + terminal_text(view));
  }

 private:
  std::function<void(std::string_view)> sink_;
};

struct Environment {
  Clock& clock;
  Rng& rng;
  Files& files;
  Output out, err;
  bool out_is_terminal = false;
  // Errors: Invalid.
  std::function<Result<Connection>(const GlobalOptions&)> connect;
  // Called when a watch begins; from then on a signal makes interrupted() true.
  std::function<void(Transport&)> catch_signals;
  std::function<bool()> interrupted;
};

}  // namespace sluice::cli
