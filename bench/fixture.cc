#include "bench/fixture.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "api/rollout.h"
#include "kube/json/json.h"
#include "kube/json/node.h"
#include "kube/model/objects.h"
#include "kube/model/resources.h"

namespace sluice::bench {
namespace {

std::string read(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// Whatever the layout of its lists.
void collect(const kube::Json& value, kube::Json& out) {
  if (value.is_object() && value.contains("kind") && value.contains("metadata")) {
    if (value.contains("items"))
      collect(value["items"], out);
    else
      out.push_back(value);
  } else if (value.is_object() || value.is_array()) {
    for (const auto& item : value) collect(item, out);
  }
}

void add(Fixture& out, const kube::Json& item) {
  const std::string text = kube::dump(item), kind = kube::get_string(item, "kind"),
                    name = kube::get_string(item, "metadata.name");
  const auto parsed = kube::Document::parse(text);
  if (!parsed) return;
  out.first.emplace(kind, text);
  const kube::Node node = parsed->root();
  if (kind == "Rollout") {
    out.observed.rollout = std::make_shared<api::Rollout>(api::decode_rollout(node));
  } else if (kind == "ReplicaSet") {
    out.observed.replica_sets.push_back(
        std::make_shared<kube::ReplicaSet>(kube::decode_replica_set(node)));
  } else if (kind == "Service") {
    out.observed.services[name] = std::make_shared<kube::Service>(kube::decode_service(node));
  } else if (kind == "Ingress") {
    auto object = kube::decode_object(node);
    out.observed.objects[{kube::kIngresses, object.meta.key}] =
        std::make_shared<kube::Object>(std::move(object));
  } else if (kind == "AnalysisRun") {
    out.observed.analysis_runs.push_back(
        std::make_shared<api::AnalysisRun>(api::decode_analysis_run(node)));
  } else if (kind == "AnalysisTemplate") {
    out.observed.analysis_templates[name] =
        std::make_shared<api::AnalysisTemplate>(api::decode_analysis_template(node));
  }
}

}  // namespace

Fixture load(const std::string& name, const char* now) {
  std::string path = SLUICE_SOURCE_DIR "/tests/fixtures/takeover/";
  path += name + ".json";
  Fixture out;
  kube::Json items = kube::Json::array();
  if (const auto document = kube::parse_json(read(path))) collect(*document, items);
  for (const auto& item : items) add(out, item);
  if (!out.observed.rollout) {
    std::fprintf(stderr, "no Rollout in %s\n", path.c_str());
    std::exit(1);
  }
  out.now = *parse_rfc3339(now);
  return out;
}

}  // namespace sluice::bench
