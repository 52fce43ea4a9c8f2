// One multi-call binary. Which program it is depends on the name it was called by, then on the
// first argument.
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "app/commands.h"
#include "cli/cli.h"
#include "cluster/cluster.h"
#include "demo/demo.h"

int main(int argc, char** argv) {
  std::signal(
      SIGPIPE,
      SIG_IGN);  // a client that goes away is an error of one connection, not of the process
  std::string_view name = argc > 0 ? argv[0] : "sluice";
  if (const auto slash = name.rfind('/'); slash != std::string_view::npos)
    name.remove_prefix(slash + 1);
  if (name.substr(0, 8) == "kubectl-") return sluice::cli::cli_main(argc, argv);
  // kubectl 1.26 and later asks this name for candidates (clients.md §1.13).
  if (name.substr(0, 17) == "kubectl_complete-") {
    std::string program = "kubectl-" + std::string(name.substr(17)), command = "__complete";
    std::vector<char*> words{program.data(), command.data()};
    words.insert(words.end(), argv + 1, argv + argc);
    return sluice::cli::cli_main(static_cast<int>(words.size()), words.data());
  }

  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "controller") return sluice::app::controller_main(argc - 1, argv + 1);
  if (command == "sim") return sluice::app::sim_main(argc - 1, argv + 1);
  if (command == "cluster") return sluice::cluster::cluster_main(argc - 1, argv + 1);
  if (command == "demo") return sluice::demo::demo_main(argc - 1, argv + 1);
  if (command == "demo-app") return sluice::demo::demo_app_main(argc - 1, argv + 1);
  return sluice::cli::cli_main(argc, argv);
}
