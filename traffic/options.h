#pragma once

namespace sluice::traffic {

// Flags of the controller that a router reads.
struct Options {
  // Rollouts may put annotations on an Ingress that are the ingress controller's own code.
  bool allow_ingress_snippets = false;
};

}  // namespace sluice::traffic
