// One multi-call binary. Which program it is depends on the name it was called by, then on the
// first argument.
#include <csignal>
#include <cstdio>
#include <string_view>

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

  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "controller") return sluice::app::controller_main(argc - 1, argv + 1);
  if (command == "sim") return sluice::app::sim_main(argc - 1, argv + 1);
  if (command == "cluster") return sluice::cluster::cluster_main(argc - 1, argv + 1);
  if (command == "demo") return sluice::demo::demo_main(argc - 1, argv + 1);
  if (command == "demo-app") return sluice::demo::demo_app_main(argc - 1, argv + 1);
  return sluice::cli::cli_main(argc, argv);
}
