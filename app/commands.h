#pragma once
// The commands that live here. argv[0] is the command's own name. They return the process's exit
// code.

namespace sluice::app {

int controller_main(int argc, char** argv);
int sim_main(int argc, char** argv);

}  // namespace sluice::app
