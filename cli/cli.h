#pragma once
// The kubectl plugin and the client commands of `sluice` (clients.md §1).

namespace sluice::cli {

// argv[0] is the program's name, argv[1] the command. Returns the exit code.
int cli_main(int argc, char** argv);

}  // namespace sluice::cli
