#pragma once
// What a command needs from the process around it. cli.cc makes the real one, tests make their own.
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/rng.h"
#include "base/seams.h"
#include "cli/invocation.h"

namespace sluice::cli {

struct Connection {
  std::shared_ptr<Transport> transport;
  std::string server;      // for messages
  std::string namespace_;  // flag, else the context's, else "default"
};

struct Environment {
  Clock& clock;
  Rng& rng;
  Files& files;
  std::function<void(std::string_view)> out, err;
  bool out_is_terminal = false;
  // Errors: Invalid.
  std::function<Result<Connection>(const GlobalOptions&)> connect;
  // Called when a watch begins; from then on a signal makes interrupted() true.
  std::function<void(Transport&)> catch_signals;
  std::function<bool()> interrupted;
};

}  // namespace sluice::cli
