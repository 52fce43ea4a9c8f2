#include "cluster/pod_logs.h"

#include <algorithm>
#include <fstream>

#include "base/strings.h"

namespace sluice::cluster {

namespace {

std::optional<std::int64_t> log_number(const http::Target& target, const char* name) {
  const std::string* text = target.param(name);
  if (text == nullptr) return std::nullopt;
  const auto value = parse_int(*text);
  return value && *value >= 0 ? value : std::nullopt;
}

bool log_flag(const http::Target& target, const char* name) {
  const std::string* text = target.param(name);
  return text != nullptr && (*text == "true" || *text == "1");
}

}  // namespace

std::optional<LogRequest> parse_log_request(const http::Request& request) {
  if (request.method != "GET") return std::nullopt;
  const http::Target target = http::parse_target(request.url);
  const auto& s = target.segments;
  if (s.size() != 7 || s[0] != "api" || s[1] != "v1" || s[2] != "namespaces" || s[4] != "pods" ||
      s[6] != "log")
    return std::nullopt;
  LogRequest out;
  out.ns = s[3];
  out.pod = s[5];
  out.follow = log_flag(target, "follow");
  out.previous = log_flag(target, "previous");
  out.tail_lines = log_number(target, "tailLines");
  out.limit_bytes = log_number(target, "limitBytes");
  return out;
}

std::string pod_log_path(const std::string& directory, std::string_view ns, std::string_view pod) {
  return directory + "/" + std::string(ns) + "_" + std::string(pod) + ".log";
}

std::string_view log_excerpt(std::string_view text, const LogRequest& request) {
  if (request.tail_lines) {
    std::size_t from = text.size();
    for (std::int64_t lines = *request.tail_lines; lines > 0 && from > 0; --lines) {
      // The newline that ends the line before is not part of it.
      const std::size_t end = from == text.size() && text.back() != '\n' ? from : from - 1;
      const std::size_t newline = end == 0 ? std::string_view::npos : text.rfind('\n', end - 1);
      from = newline == std::string_view::npos ? 0 : newline + 1;
    }
    text.remove_prefix(from);
  }
  if (request.limit_bytes)
    text = text.substr(0, static_cast<std::size_t>(std::min<std::int64_t>(
                              *request.limit_bytes, static_cast<std::int64_t>(text.size()))));
  return text;
}

std::optional<std::string> read_log(const std::string& file, std::size_t offset) {
  constexpr std::size_t kMax = std::size_t{16} << 20U;
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in) return std::nullopt;
  const auto size = static_cast<std::size_t>(in.tellg());
  if (offset >= size) return std::string();
  const std::size_t from = std::max(offset, size - std::min(size, kMax));
  std::string out(size - from, '\0');
  in.seekg(static_cast<std::streamoff>(from));
  in.read(out.data(), static_cast<std::streamsize>(out.size()));
  out.resize(static_cast<std::size_t>(in.gcount()));
  return out;
}

bool LogFollower::poll() {
  const auto fresh = read_log(file_, offset_);
  if (!fresh || fresh->empty()) return true;
  offset_ += fresh->size();
  return responder_->write(*fresh);
}

}  // namespace sluice::cluster
