#include "tests/tidy/include_rules.h"

#include <algorithm>
#include <cctype>
#include <sstream>

namespace sluice::tidy {

namespace {

// Longest matching prefix wins. Rows from the ground up; each names what it may include besides
// itself.
const std::vector<std::pair<std::string, std::set<std::string>>>& layers() {
  static const std::set<std::string> pure = {"base", "kube", "api"};
  static const std::vector<std::pair<std::string, std::set<std::string>>> table = {
      {"base/", {}},
      {"kube/model/", {"base", "kube/json"}},
      {"kube/json/", {"base"}},
      {"kube/request/", {"base", "kube/model", "kube/json"}},
      {"kube/watch/", {"base", "kube/json", "kube/request"}},
      {"kube/cache/", {"base", "kube/model", "kube/json"}},
      {"kube/schema/", {"base", "kube/model", "kube/json"}},
      {"api/", {"base", "kube"}},
      {"analysis/", pure},
      {"traffic/", pure},
      {"controller/rollout/", {"base", "kube", "api", "analysis", "traffic", "controller/plan.h"}},
      {"controller/analysisrun/", {"base", "kube", "api", "analysis", "controller/plan.h"}},
      {"controller/loop/", {"base", "kube", "api", "analysis", "traffic", "controller"}},
      {"controller/plan", {"base", "kube"}},
      {"net/", {"base", "kube"}},
      {"telemetry/", {"base"}},
      {"apiserver/", {"base", "kube"}},
      {"sim/", {"base", "kube", "api", "controller", "apiserver"}},
      {"cluster/", {"base", "kube", "apiserver", "net", "telemetry"}},
      {"cli/", {"base", "kube", "api", "analysis", "controller", "net", "telemetry"}},
      {"demo/", {"base", "kube", "cluster", "net"}},
      {"app/",
       {"base", "kube", "api", "controller", "cluster", "net", "telemetry", "sim", "cli", "demo"}},
      {"bench/", {"kube", "api", "controller", "telemetry"}},
  };
  return table;
}

// One library, one door.
const std::vector<std::pair<std::string, std::vector<std::string>>>& doors() {
  static const std::vector<std::pair<std::string, std::vector<std::string>>> table = {
      {"curl/", {"net/"}},
      {"cpprest/", {"net/"}},
      {"pplx/", {"net/"}},
      {"boost/", {"net/"}},
      {"openssl/", {"net/"}},
      {"simdjson.h", {"kube/json/"}},
      {"zstd.h", {"kube/cache/"}},
      {"zdict.h", {"kube/cache/"}},
      {"nlohmann/json.hpp", {"kube/json/", "tools/"}},
      {"nlohmann/json_fwd.hpp", {"kube/json/"}},
      {"yaml-cpp/", {"kube/json/"}},
      {"spdlog/", {"telemetry/"}},
      {"prometheus/", {"telemetry/"}},
      {"re2/", {"analysis/", "traffic/"}},
      {"CLI/", {"app/", "cli/", "cluster/", "demo/"}},
  };
  return table;
}

bool starts_with(const std::string& text, const std::string& prefix) {
  return text.rfind(prefix, 0) == 0;
}

bool pure(const std::string& file) {
  static const std::vector<std::string> folders = {"base/",
                                                   "kube/",
                                                   "api/",
                                                   "analysis/",
                                                   "traffic/",
                                                   "controller/rollout/",
                                                   "controller/analysisrun/",
                                                   "controller/plan"};
  return std::any_of(folders.begin(), folders.end(),
                     [&](const auto& f) { return starts_with(file, f); });
}

const char* const kWhere = ": see docs/architecture.md#rules";

// "traffic/nginx/nginx.h" is a router's; "traffic/router.h" is everybody's.
std::string check_router(const std::string& file, const std::string& included) {
  const std::string folder = included.substr(0, included.rfind('/') + 1);
  if (!starts_with(folder, "traffic/") || folder == "traffic/") return "";
  if (file == "traffic/routers.cc" || starts_with(file, folder)) return "";
  return "only traffic/routers.cc may include " + included + ": ask the row (traffic/router.h)" +
         kWhere;
}

// "analysis/providers/web.h" is a provider's; what they share, and Jobs, are everybody's.
std::string check_provider(const std::string& file, const std::string& included) {
  static const std::vector<std::string> shared = {"sample.h", "jsonpath.h", "jsonpath_nodes.h",
                                                  "job.h"};
  const std::string folder = "analysis/providers/";
  if (!starts_with(included, folder) || starts_with(file, "tests/")) return "";
  const std::string name = included.substr(folder.size());
  if (std::find(shared.begin(), shared.end(), name) != shared.end()) return "";
  const std::string own = folder + name.substr(0, name.rfind('.'));
  if (file == "analysis/provider_table.cc" || starts_with(file, own)) return "";
  return "only analysis/provider_table.cc may include " + included +
         ": ask the row (analysis/provider.h)" + kWhere;
}

std::string check_own(const std::string& file, const std::string& included) {
  for (const auto& [prefix, allowed] : layers()) {
    if (!starts_with(file, prefix)) continue;
    const std::string folder = prefix.back() == '/' ? prefix.substr(0, prefix.size() - 1) : prefix;
    if (starts_with(included, folder)) return "";
    for (const auto& target : allowed)
      if (included == target || starts_with(included, target + "/")) return "";
    return folder + "/ may not include " + included + kWhere;
  }
  return "";
}

std::string check_library(const std::string& file, const std::string& included) {
  for (const auto& [library, folders] : doors()) {
    if (!starts_with(included, library)) continue;
    for (const auto& folder : folders)
      if (starts_with(file, folder)) return "";
    return included + " may be included only in " + folders.front() + kWhere;
  }
  return "";
}

std::string check_pure(const std::string& file, const std::string& line) {
  if (!pure(file)) return "";
  static const std::vector<std::pair<std::string, std::string>> banned = {
      {"#include <thread>", "threads"},
      {"#include <mutex>", "locks"},
      {"#include <atomic>", "atomics"},
      {"#include <future>", "futures"},
      {"#include <fstream>", "files"},
      {"#include <filesystem>", "files"},
      {"#include <random>", "std randomness (use base/rng.h)"},
      {"#include <regex>", "std::regex (use RE2)"},
      {"#include <unistd.h>", "the operating system"},
      {"#include <fcntl.h>", "files"},
      {"#include <sys/", "the operating system"},
      {"#include <netinet/", "sockets"},
      {"#include <arpa/", "sockets"},
      {"#include <netdb.h>", "sockets"},
      {"#include <cstdio>", "files and output"},
      {"#include <iostream>", "output"},
      {"std::time(", "a clock (now is an argument)"},
      {"time(nullptr)", "a clock (now is an argument)"},
      {"fopen(", "files"},
      {"fmt::print", "output"},
      {"std::rand", "std randomness (use base/rng.h)"},
      {"_clock::now", "a clock (now is an argument)"},
      {"getenv(", "the environment"},
      {"std::cout", "output"},
      {"std::cerr", "output"},
      {"printf(stderr", "output"},
  };
  for (const auto& [text, what] : banned)
    if (line.find(text) != std::string::npos) return "pure code may not use " + what + kWhere;
  return "";
}

// The edge of the table that an include goes over: "folder -> target"; "" for one within a folder.
std::string edge(const std::string& file, const std::string& included) {
  for (const auto& [prefix, allowed] : layers()) {
    if (!starts_with(file, prefix)) continue;
    const std::string folder = prefix.back() == '/' ? prefix.substr(0, prefix.size() - 1) : prefix;
    if (starts_with(included, folder)) return "";
    for (const auto& target : allowed)
      if (included == target || starts_with(included, target + "/"))
        return folder + " -> " + target;
    return "";
  }
  return "";
}

// A program started elsewhere would inherit what we have open.
std::string check_children(const std::string& file, const std::string& line) {
  if (file == "net/process.cc") return "";
  for (const char* call : {"execv", "execl", "posix_spawn", "popen(", "std::system("})
    if (line.find(call) != std::string::npos)
      return "programs are started by net::start_process only: see net/README.md";
  return "";
}

}  // namespace

std::string router_named_in(const std::string& file, const std::string& text) {
  static const std::vector<std::string> folders = {"controller/", "analysis/", "kube/", "view/",
                                                   "cli/"};
  const auto inside = [&](const std::string& folder) { return starts_with(file, folder); };
  if (std::none_of(folders.begin(), folders.end(), inside)) return "";
  std::string lower(text.size(), ' ');
  std::transform(text.begin(), text.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const char* name :
       {"nginx", "ingress", "istio", "virtualservice", "destinationrule", "trafficsplit",
        "ambassador", "appmesh", "traefik", "apisix", "httproute", "httpproxy"})
    if (lower.find(name) != std::string::npos) return name;
  // Short names are words only where no letter stands beside them.
  const auto letter = [&](std::size_t at) {
    return at < lower.size() && std::isalpha(static_cast<unsigned char>(lower[at])) != 0;
  };
  for (const std::string name : {"alb", "smi"})
    for (auto at = lower.find(name); at != std::string::npos; at = lower.find(name, at + 1))
      if ((at == 0 || !letter(at - 1)) && !letter(at + name.size())) return name;
  return "";
}

std::string provider_named_in(const std::string& file, const std::string& text) {
  static const std::vector<std::string> folders = {"controller/", "analysis/", "kube/", "view/",
                                                   "cli/"};
  const auto inside = [&](const std::string& folder) { return starts_with(file, folder); };
  if (std::none_of(folders.begin(), folders.end(), inside)) return "";
  if (starts_with(file, "analysis/providers/") || file == "analysis/provider_table.cc") return "";
  std::string code;  // in lower case, without comments
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    const std::string line = text.substr(begin, end - begin);
    for (const char c : line.substr(0, line.find("//")))
      code += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    begin = end;
  }
  for (const char* name : {"prometheus", "datadog", "newrelic", "wavefront", "kayenta",
                           "cloudwatch", "graphite", "influxdb", "skywalking"})
    if (code.find(name) != std::string::npos) return name;
  // "web" and "job" are words of other things too; "" and "+" are no providers.
  static const std::string comparison = "provider_kind == \"";
  for (auto at = code.find(comparison); at != std::string::npos; at = code.find(comparison, at + 1))
    if (std::isalpha(static_cast<unsigned char>(code[at + comparison.size()])) != 0)
      return comparison;
  return "";
}

std::set<std::string> unused_edges(const std::vector<Source>& sources) {
  std::set<std::string> out;
  for (const auto& [prefix, allowed] : layers()) {
    const std::string folder = prefix.back() == '/' ? prefix.substr(0, prefix.size() - 1) : prefix;
    for (const auto& target : allowed) out.insert(folder + " -> " + target);
  }
  for (const auto& source : sources) {
    for (const auto& line : lines_of(source.text)) {
      if (!starts_with(line, "#include \"")) continue;
      out.erase(edge(source.path, line.substr(10, line.find('"', 10) - 10)));
    }
  }
  return out;
}

std::vector<Finding> check_file(const std::string& file, const std::string& text) {
  std::vector<Finding> findings;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const auto add = [&](std::string message) {
      if (!message.empty()) findings.push_back({file, number, std::move(message)});
    };
    add(check_pure(file, line));
    add(check_children(file, line));
    if (!starts_with(line, "#include ")) continue;
    const auto open = line.find_first_of("<\"");
    const auto close = line.find_first_of(">\"", open + 1);
    if (open == std::string::npos || close == std::string::npos) continue;
    const std::string included = line.substr(open + 1, close - open - 1);
    add(check_library(file, included));
    if (line[open] != '"') continue;
    add(check_own(file, included));
    add(check_router(file, included));
    add(check_provider(file, included));
  }
  return findings;
}

}  // namespace sluice::tidy
