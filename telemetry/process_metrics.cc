#include "telemetry/process_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace sluice::telemetry {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily one(const char* name, const char* help, MetricType type, double value) {
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  prometheus::ClientMetric metric;
  if (type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family.metric.push_back(std::move(metric));
  return family;
}

// Fields of /proc/self/stat after the command name, which may hold blanks and brackets. Field 3 has
// index 0.
std::vector<double> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const auto close = line.rfind(')');
  std::vector<double> out;
  if (close == std::string::npos) return out;
  std::istringstream rest(line.substr(close + 1));
  std::string word;
  rest >> word;  // the state, a letter
  out.push_back(0);
  double value = 0;
  while (rest >> value) out.push_back(value);
  return out;
}

double boot_time() {
  std::ifstream file("/proc/stat");
  std::string word;
  while (file >> word) {
    double value = 0;
    if (word == "btime" && file >> value) return value;
  }
  return 0;
}

int open_descriptors() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return -1;
  int count = 0;
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.') ++count;
  }
  ::closedir(folder);
  return count - 1;  // without the folder itself
}

}  // namespace

std::vector<MetricFamily> process_metrics() {
  std::vector<MetricFamily> out;
  const auto stat = stat_fields();
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  // Numbers of fields as in proc(5), less 3.
  constexpr std::size_t kUserTime = 11, kSystemTime = 12, kStartTime = 19, kVirtualBytes = 20,
                        kResidentPages = 21;
  if (stat.size() > kResidentPages && ticks > 0) {
    out.push_back(one("process_cpu_seconds_total", "CPU seconds used.", MetricType::Counter,
                      (stat[kUserTime] + stat[kSystemTime]) / ticks));
    out.push_back(one("process_resident_memory_bytes", "Resident memory.", MetricType::Gauge,
                      stat[kResidentPages] * page));
    if (const double boot = boot_time(); boot > 0)
      out.push_back(one("process_start_time_seconds", "Start, seconds since the Unix epoch.",
                        MetricType::Gauge, boot + stat[kStartTime] / ticks));
    out.push_back(one("process_virtual_memory_bytes", "Virtual memory.", MetricType::Gauge,
                      stat[kVirtualBytes]));
  }
  if (const int open = open_descriptors(); open >= 0)
    out.push_back(one("process_open_fds", "Open file descriptors.", MetricType::Gauge, open));
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    out.push_back(one("process_max_fds", "The most file descriptors that may be open.",
                      MetricType::Gauge, static_cast<double>(limit.rlim_cur)));
  return out;
}

}  // namespace sluice::telemetry
