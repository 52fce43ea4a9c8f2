#include "telemetry/telemetry.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <mutex>
#include <set>

#include "base/strings.h"
#include "telemetry/log_line.h"
#include "telemetry/metrics.h"

namespace sluice::telemetry {
namespace {

#if defined(__aarch64__)
constexpr std::string_view kArchitecture = "arm64";
#else
constexpr std::string_view kArchitecture = "amd64";
#endif

LogLevel parse_level(const std::string& text) {
  const std::string level = to_lower(text);
  if (level == "debug" || level == "trace") return LogLevel::Debug;
  if (level == "warn" || level == "warning") return LogLevel::Warn;
  if (level == "error" || level == "fatal" || level == "panic") return LogLevel::Error;
  return LogLevel::Info;
}

// The sink only moves finished lines; no line may wait in memory when the process is killed.
std::shared_ptr<spdlog::logger> make_logger(const std::string& file, std::string& problem) {
  std::shared_ptr<spdlog::sinks::sink> sink;
  if (!file.empty()) {
    try {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file, false);
    } catch (const std::exception& error) {
      problem = error.what();
    }
  }
  if (!sink) sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("sluice", std::move(sink));
  logger->set_pattern("%v");
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::trace);
  return logger;
}

class ProcessTelemetryImpl final : public ProcessTelemetry {
 public:
  ProcessTelemetryImpl(Options options, Clock& clock)
      : clock_(clock),
        json_(options.log_format == "json"),
        level_(parse_level(options.log_level)),
        metrics_(clock) {
    std::string problem;
    logger_ = make_logger(options.log_file, problem);
    if (!problem.empty())
      log(LogLevel::Error, "log file cannot be opened, logging to stderr",
          {{"file", options.log_file}, {"error", problem}});
    // The label names are the reference's, for the sake of dashboards that group by them.
    gauge("build_info",
          {{"version", SLUICE_VERSION},
           {"goversion", "g++ " __VERSION__},
           {"goarch", kArchitecture},
           {"commit", SLUICE_GIT_COMMIT}},
          1);
    gauge("argo_rollouts_controller_info", {{"version", SLUICE_VERSION}}, 1);
  }

  void log(LogLevel level, std::string_view message, std::vector<LogField> fields) override {
    if (level < level_) return;
    const WallTime now = clock_.wall_now();
    const std::string line =
        json_ ? json_line(now, level, message, fields) : text_line(now, level, message, fields);
    logger_->log(spdlog::level::info, "{}", line);
  }

  void count(std::string_view metric, Labels labels, double by) override {
    record(MetricType::Counter, metric, labels, by);
  }
  void gauge(std::string_view metric, Labels labels, double value) override {
    record(MetricType::Gauge, metric, labels, value);
  }
  void observe(std::string_view metric, Labels labels, double value) override {
    record(MetricType::Histogram, metric, labels, value);
  }
  void forget(std::string_view object_namespace, std::string_view object_name) override {
    metrics_.forget(object_namespace, object_name);
  }
  std::string metrics_text() override { return metrics_.text(); }

 private:
  // A wrong use is our own mistake: said once per metric, and never a reason to stop.
  void record(MetricType type, std::string_view metric, Labels labels, double value) {
    if (metrics_.record(type, metric, labels, value)) return;
    {
      const std::lock_guard lock(mutex_);
      if (!complained_.emplace(metric).second) return;
    }
    log(LogLevel::Error,
        metrics_.full() ? "too many metric series: new ones are left out"
                        : "metric used in a way that does not fit it",
        {{"metric", std::string(metric)}});
  }

  Clock& clock_;
  bool json_;
  LogLevel level_;
  Metrics metrics_;
  std::shared_ptr<spdlog::logger> logger_;
  std::mutex mutex_;
  std::set<std::string, std::less<>> complained_;
};

}  // namespace

std::unique_ptr<ProcessTelemetry> make(Options options, Clock& clock) {
  return std::make_unique<ProcessTelemetryImpl>(std::move(options), clock);
}

}  // namespace sluice::telemetry
