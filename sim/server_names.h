#pragma once
// The embedded API server and its workload controllers, under the names that the simulator uses.
#include "apiserver/api_server.h"
#include "apiserver/apply.h"
#include "apiserver/workloads.h"

namespace sluice::sim {

using apiserver::ApiServer;
using apiserver::apply_object;
using apiserver::AuditEntry;
using apiserver::Caller;
using apiserver::Change;
using apiserver::PodRuntime;
using apiserver::StageTimes;
using apiserver::WatchId;
using apiserver::WatchSink;
using apiserver::Workloads;
using kube::Json;

}  // namespace sluice::sim
