#pragma once
// Who we are to the API server at this moment: token files are re-read, credential plugins run on a
// side thread.
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/seams.h"
#include "net/exec_plugin.h"
#include "net/net.h"

namespace sluice::net {

class Credentials {
 public:
  enum class State { Ready, Waiting, Failed };

  // `wake` is called from the side thread when a plugin has ended.
  Credentials(const KubeConfig& config, Files& files, Clock& clock, Telemetry& telemetry,
              std::function<void()> wake);

  // Waiting: a plugin is running and there is no valid credential meanwhile. Starts one when it is
  // time.
  [[nodiscard]] State state();
  [[nodiscard]] const Error& error() const { return error_; }  // while Failed
  // The server answered 401: look again at once. True when that may give another credential.
  [[nodiscard]] bool refused();

  // Authorization and Impersonate headers.
  [[nodiscard]] http::Headers headers();
  [[nodiscard]] const std::string& client_cert_pem() const;
  [[nodiscard]] const std::string& client_key_pem() const;

 private:
  // What the side thread leaves behind.
  struct Outcome {
    std::mutex mutex;
    std::optional<Result<ExecCredential>> result;
  };

  bool read_token_file();
  void start_plugin();
  void take_outcome();
  [[nodiscard]] bool expired(Millis ahead) const;

  KubeConfig config_;
  Files& files_;
  Clock& clock_;
  Telemetry& telemetry_;
  std::function<void()> wake_;
  std::string file_token_;
  std::optional<MonoTime> file_read_at_;
  std::optional<ExecCredential> exec_;
  bool exec_refused_ = false;  // the server did not take it: run the plugin again
  std::optional<MonoTime> exec_started_at_;
  bool running_ = false;
  std::optional<MonoTime> retry_at_;  // after a failed run
  Error error_;
  std::shared_ptr<Outcome> outcome_;
  std::jthread thread_;  // last: ends before what it uses goes away
};

}  // namespace sluice::net
