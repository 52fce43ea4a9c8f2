#include "net/credentials.h"

#include <algorithm>

#include "base/hash.h"
#include "base/strings.h"

namespace sluice::net {
namespace {

constexpr Millis kTokenFileEvery{60'000};
constexpr Millis kTokenFileAfter401{
    1'000};  // a wrong token must not make us read the disk for each answer
constexpr Millis kPluginTimeout{60'000};
constexpr Millis kPluginRetry{5'000};
constexpr Millis kPluginAhead{30'000};  // start the next run this long before the credential ends

}  // namespace

Credentials::Credentials(const KubeConfig& config, Files& files, Clock& clock, Telemetry& telemetry,
                         std::function<void()> wake)
    : config_(config),
      files_(files),
      clock_(clock),
      telemetry_(telemetry),
      wake_(std::move(wake)),
      outcome_(std::make_shared<Outcome>()) {
  if (!config_.token_file.empty()) read_token_file();
}

// True when the token is another one than before.
bool Credentials::read_token_file() {
  file_read_at_ = clock_.mono_now();
  auto text = files_.read(config_.token_file);
  if (!text) {
    telemetry_.log(LogLevel::Warn, "token file cannot be read, the last token stays in use",
                   {{"file", config_.token_file}, {"error", text.error().message}});
    return false;
  }
  std::string token(trim(*text));
  // A file caught while it is rewritten: without a token every request would be anonymous, and one
  // with control characters cannot be sent.
  const bool sendable = !token.empty() && std::all_of(token.begin(), token.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
  });
  if (!sendable) {
    telemetry_.log(LogLevel::Warn, "token file holds no token, the last token stays in use",
                   {{"file", config_.token_file}});
    return false;
  }
  if (token == file_token_) return false;
  file_token_ = std::move(token);
  return true;
}

bool Credentials::expired(Millis ahead) const {
  return exec_ && exec_->expires && clock_.wall_now() + ahead >= *exec_->expires;
}

void Credentials::start_plugin() {
  if (running_ || (retry_at_ && clock_.mono_now() < *retry_at_)) return;
  running_ = true;
  exec_started_at_ = clock_.mono_now();
  thread_ =
      std::jthread([config = config_, outcome = outcome_, wake = wake_](std::stop_token stop) {
        auto result = run_exec_plugin(config, kPluginTimeout, stop);
        {
          const std::lock_guard lock(outcome->mutex);
          outcome->result = std::move(result);
        }
        if (!stop.stop_requested()) wake();
      });
}

void Credentials::take_outcome() {
  const std::lock_guard lock(outcome_->mutex);
  if (!outcome_->result) return;
  running_ = false;
  auto& result = *outcome_->result;
  if (result && result->expires && clock_.wall_now() >= *result->expires) {
    // Not to be asked again at once: it would say the same, in an endless loop of processes.
    result = fail(ErrorCode::Unavailable, "credential plugin " + config_.exec->command +
                                              ": its credential has expired already (at " +
                                              format_rfc3339(*result->expires) + ")");
  }
  if (result) {
    exec_ = std::move(*result);
    exec_refused_ = false;
    retry_at_.reset();
  } else {
    error_ = result.error();
    retry_at_ = clock_.mono_now() + kPluginRetry;
    telemetry_.log(LogLevel::Warn, "credential plugin failed", {{"error", error_.message}});
  }
  outcome_->result.reset();
}

Credentials::State Credentials::state() {
  if (!config_.token_file.empty() && clock_.mono_now() - *file_read_at_ >= kTokenFileEvery)
    read_token_file();
  if (!config_.exec) return State::Ready;
  take_outcome();
  const bool usable = exec_ && !exec_refused_ && !expired(Millis(0));
  const bool rested = !exec_started_at_ || clock_.mono_now() - *exec_started_at_ >= kPluginRetry;
  if (!usable || (expired(kPluginAhead) && rested)) start_plugin();
  if (usable) return State::Ready;
  return running_ ? State::Waiting : State::Failed;
}

bool Credentials::refused() {
  if (!config_.token_file.empty()) {
    if (file_read_at_ && clock_.mono_now() - *file_read_at_ < kTokenFileAfter401) return false;
    return read_token_file();
  }
  if (!config_.exec) return false;
  // Requests that were sent before the newest run began say nothing about its outcome; one run a
  // second is enough.
  if (exec_started_at_ && clock_.mono_now() - *exec_started_at_ < kTokenFileAfter401 && !running_)
    return false;
  exec_refused_ = true;
  return true;
}

http::Headers Credentials::headers() {
  http::Headers out;
  if (exec_ && !exec_->token.empty()) {
    out.emplace_back("Authorization", "Bearer " + exec_->token);
  } else if (!file_token_.empty()) {
    out.emplace_back("Authorization", "Bearer " + file_token_);
  } else if (!config_.token.empty()) {
    out.emplace_back("Authorization", "Bearer " + config_.token);
  } else if (!config_.username.empty()) {
    out.emplace_back("Authorization",
                     "Basic " + base64_encode(config_.username + ":" + config_.password));
  }
  if (!config_.impersonate_user.empty())
    out.emplace_back("Impersonate-User", config_.impersonate_user);
  for (const auto& group : config_.impersonate_groups) out.emplace_back("Impersonate-Group", group);
  return out;
}

const std::string& Credentials::client_cert_pem() const {
  return exec_ && !exec_->client_cert_pem.empty() ? exec_->client_cert_pem
                                                  : config_.client_cert_pem;
}

const std::string& Credentials::client_key_pem() const {
  return exec_ && !exec_->client_key_pem.empty() ? exec_->client_key_pem : config_.client_key_pem;
}

}  // namespace sluice::net
