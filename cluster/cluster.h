#pragma once
// `sluice cluster up|down|kubeconfig`: the embedded cluster as a process.

namespace sluice::cluster {

int cluster_main(int argc, char** argv);

}  // namespace sluice::cluster
