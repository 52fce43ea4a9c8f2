#include "apiserver/workloads/stages.h"

#include <vector>

#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::apiserver {

namespace {

const kube::Json* first_container(const kube::Json& pod) {
  const kube::Json* containers = kube::find_path(pod, "spec.containers");
  return containers != nullptr && containers->is_array() && !containers->empty()
             ? &containers->front()
             : nullptr;
}

std::vector<std::string> words_of(const kube::Json& container) {
  std::vector<std::string> words;
  for (const char* member : {"command", "args"}) {
    const kube::Json* list = kube::find(container, member);
    if (list == nullptr || !list->is_array()) continue;
    for (const auto& item : *list) {
      if (!item.is_string()) continue;
      std::string text = item.get<std::string>();
      for (char& c : text)
        if (c == ';' || c == '&' || c == '\n') c = ' ';
      for (auto& word : split(text, ' '))
        if (!word.empty()) words.push_back(std::move(word));
    }
  }
  return words;
}

void read_command(const kube::Json& container, PodScript& script) {
  const auto words = words_of(container);
  Millis total{0};
  bool ends = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto number =
        parse_int(i + 1 < words.size() ? std::string_view(words[i + 1]) : std::string_view());
    if ((words[i] == "sleep" || words[i] == "/bin/sleep") && number) {
      total += Seconds(number.value_or(0));
      ends = true;
    } else if (words[i] == "exit" && number) {
      script.exit_code = static_cast<int>(number.value_or(0));
      ends = true;
    } else if (words[i] == "false" || words[i] == "/bin/false") {
      script.exit_code = 1;
      ends = true;
    } else if (words[i] == "true" || words[i] == "/bin/true") {
      ends = true;
    }
  }
  if (ends) script.runs_for = total;
}

void read_probe(const kube::Json& container, PodScript& script) {
  const kube::Json* probe = kube::find(container, "readinessProbe");
  if (probe == nullptr) return;
  script.initial_delay = Seconds(kube::get_int(*probe, "initialDelaySeconds"));
  const kube::Json* command = kube::find_path(*probe, "exec.command");
  if (command == nullptr || !command->is_array()) return;
  for (const auto& item : *command)
    if (item.is_string() &&
        (item.get<std::string>() == "false" || item.get<std::string>() == "/bin/false"))
      script.never_ready = true;
}

}  // namespace

PodScript read_script(const kube::Json& pod) {
  PodScript script;
  script.restart_policy = kube::get_string(pod, "spec.restartPolicy", "Always");
  const kube::Json* container = first_container(pod);
  if (container == nullptr) return script;
  const std::string image = kube::get_string(*container, "image");
  script.image_error = image.find("does-not-exist") != std::string::npos ||
                       image.find("bad-image") != std::string::npos;
  read_command(*container, script);
  read_probe(*container, script);
  return script;
}

Millis stage_time(const kube::Json& pod, const std::string& annotation, Millis fallback) {
  const kube::Json* text = kube::find_path(pod, {"metadata", "annotations", annotation});
  if (text == nullptr || !text->is_string()) return fallback;
  const auto parsed = parse_go_duration(text->get<std::string>());
  return parsed ? std::chrono::duration_cast<Millis>(*parsed) : fallback;
}

}  // namespace sluice::apiserver
