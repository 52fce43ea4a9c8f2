// What strangers wrote into objects, names and answers must not steer the terminal of whoever looks
// at it, nor forge a line of a view (F6).
#include <algorithm>
#include <filesystem>

#include "kube/json/yaml.h"
#include "tests/unit/cli/support.h"

namespace sluice::cli {
namespace {

using test::Json;
using test::Shell;
using testing::HasSubstr;
using testing::Not;

const std::string kHostile =
    "\x1b[2J\x1b[31mPWNED\x1b]0;title\a\xC2\x9B" "0m\u202Eevil\u2066\x7f\r\nFORGED\tline\n";

// Members that commands must recognise to show anything.
bool is_needed(const std::string& key, const std::string& value) {
  static const std::set<std::string> kKept = {
      "apiVersion", "kind", "namespace", "uid", "type", "status", "phase", "stableRS",
      "currentPodHash", "activeSelector", "previewSelector", "rollouts-pod-template-hash",
      "rollout.argoproj.io/revision", "observedGeneration", "rollout-type", "step-index"};
  return kKept.contains(key) || parse_rfc3339(value) || parse_int(value);
}

// Every other string of the object gets the payload behind it. Names too: this API server is hostile.
void poison(Json& value, const std::string& key) {
  if (value.is_string()) {
    if (!is_needed(key, value.get<std::string>()))
      value = value.get<std::string>() + kHostile;
    return;
  }
  if (!value.is_structured()) return;
  for (auto it = value.begin(); it != value.end(); ++it)
    poison(*it, value.is_object() ? it.key() : key);
}

void poison_object(Json& object) {
  const bool is_rollout = object["kind"] == "Rollout";
  const Json name = object["metadata"]["name"];
  poison(object, "");
  if (is_rollout) object["metadata"]["name"] = name;
}

// By its own list of bytes, so that a hole in printable() is none here.
bool steers_a_terminal(const std::string& text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F) return true;
  }
  for (int low = 0x80; low <= 0x9F; ++low)
    if (text.find("\xC2" + std::string(1, static_cast<char>(low))) != std::string::npos) return true;
  for (const char* mark : {"\u061C", "\u200E", "\u200F", "\u202A", "\u202B", "\u202C", "\u202D", "\u202E",
                           "\u2066", "\u2067", "\u2068", "\u2069", "\u2028", "\u2029", "\xFF", "\xFE"})
    if (text.find(mark) != std::string::npos) return true;
  return false;
}

std::string without_own_colours(std::string text) {
  for (const std::string own : {"\x1b[0m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[94m"})
    for (auto at = text.find(own); at != std::string::npos; at = text.find(own, at))
      text.erase(at, own.size());
  return text;
}

void expect_harmless(const std::string& shown, const std::string& what) {
  EXPECT_FALSE(steers_a_terminal(shown)) << what << "\n" << testing::PrintToString(shown);
  for (const auto& line : split(shown, '\n')) EXPECT_THAT(line, Not(testing::StartsWith("FORGED")));
}

std::vector<std::string> take_over_fixtures() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(SLUICE_SOURCE_DIR) +
                                                               "/tests/fixtures/takeover"))
    if (entry.path().extension() == ".json") out.push_back(entry.path().stem().string());
  std::sort(out.begin(), out.end());
  return out;
}

TEST(F6_Commands, no_object_steers_the_terminal_of_who_looks_at_it) {
  int poisoned = 0;
  for (const auto& fixture : take_over_fixtures()) {
    Shell shell;
    shell.server->objects = test::fixture(fixture);
    ASSERT_FALSE(shell.server->objects.empty()) << fixture;
    shell.ns = kube::get_string(shell.server->objects[0], "metadata.namespace");
    std::size_t lines = 0;
    for (const bool hostile : {false, true}) {
      if (hostile)
        for (auto& object : shell.server->objects) poison_object(object);
      shell.terminal = true;
      shell.run({"get", "rollout", "web"});
      expect_harmless(without_own_colours(shell.out), fixture);
      expect_harmless(shell.err, fixture);
      EXPECT_THAT(shell.out, HasSubstr("\x1b[")) << "our own colours are gone: " << fixture;
      if (hostile && shell.out.find("PWNED") != std::string::npos) ++poisoned;
      // The payload adds no line: where one that is said elsewhere is left out, there are fewer.
      const auto count = split(shell.out, '\n').size();
      if (!hostile) lines = count;
      EXPECT_LE(count, lines + 2) << fixture << "\n" << shell.out;
      shell.terminal = false;
      for (const std::vector<std::string>& command :
           {std::vector<std::string>{"get", "rollout", "web"},
            {"list", "rollouts", "-A"},
            {"status", "web", "--watch=false"},
            {"status", "web", "--timeout", "1s"},
            {"promote", "web"},
            {"abort", "web"},
            {"undo", "web"},
            {"get", "rollout", "web", "-o", "name"}}) {
        shell.run(command);
        expect_harmless(shell.out, fixture + ": " + join(command, " "));
        expect_harmless(shell.err, fixture + ": " + join(command, " "));
      }
    }
  }
  EXPECT_GT(poisoned, 20) << "the payload is not in what is shown: the test shows nothing";
}

TEST(F6_Commands, a_phase_is_one_line_of_status_whatever_its_message_says) {
  Shell shell;
  Json object = test::fixture("canary-nginx-paused")[0];
  shell.ns = kube::get_string(object, "metadata.namespace");
  object["status"]["phase"] = "Progressing";
  object["status"]["message"] = "more replicas\nHealthy";
  object["status"].erase("controllerPause");
  shell.server->objects = {object};
  EXPECT_EQ(shell.run({"status", "web", "--watch=false"}), 0);
  EXPECT_EQ(shell.out, "Progressing - more replicas Healthy\n");
  EXPECT_EQ(shell.run({"status", "web", "--timeout", "3s"}), 1);
  EXPECT_EQ(shell.out, "Progressing - more replicas Healthy\n");
  object["status"]["phase"] = "Degraded";
  object["status"]["message"] = "x\nHealthy\x1b[2J";
  shell.server->objects = {object};
  for (const char* watch : {"--watch", "--watch=false"}) {
    EXPECT_EQ(shell.run({"status", "web", watch}), 1);
    for (const auto& line : split(shell.out + shell.err, '\n'))
      EXPECT_THAT(line, Not(testing::StartsWith("Healthy")));
    EXPECT_THAT(shell.err, HasSubstr("x Healthy\\u001b[2J"));
  }
}

TEST(F6_Commands, json_and_yaml_keep_their_values_and_steer_nothing) {
  Shell shell;
  Json object = test::fixture("canary-nginx-paused")[0];
  shell.ns = kube::get_string(object, "metadata.namespace");
  poison_object(object);
  object["metadata"]["annotations"]["plain"] = "a\u2028b\u0085";
  object["metadata"]["annotations"]["key \u202E\x1b"] = "one\r\ntwo\x7f";
  shell.server->objects = {object};
  object["metadata"].erase("managedFields");
  for (const bool terminal : {false, true}) {
    shell.terminal = terminal;
    ASSERT_EQ(shell.run({"get", "rollout", "web", "-o", "json"}), 0) << shell.err;
    EXPECT_FALSE(steers_a_terminal(shell.out));
    EXPECT_EQ(test::parse(shell.out), object);
    ASSERT_EQ(shell.run({"get", "rollout", "web", "-o", "yaml"}), 0) << shell.err;
    EXPECT_FALSE(steers_a_terminal(shell.out));
    const auto read = kube::parse_yaml(shell.out);
    ASSERT_TRUE(read && read->size() == 1U) << shell.out;
    EXPECT_EQ(read->front(), object);
  }
}

TEST(F6_Commands, errors_of_servers_and_of_files_are_cleaned) {
  Shell shell;
  const std::string path = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web";
  for (const auto& body : {test::status_response(403, "Forbidden", kHostile).body,
                           "<html>" + kHostile + "\x9B" "31m\xFF\x1f"}) {
    shell.server->scripted["GET " + path] = {{403, {}, body}};
    shell.server->scripted["PATCH " + path] = {{403, {}, body}};
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"get", "rollout", "web"}, {"pause", "web"}, {"promote", "web"}}) {
      EXPECT_EQ(shell.run(command), 1);
      EXPECT_FALSE(steers_a_terminal(shell.err));
      EXPECT_EQ(shell.out, "");
    }
  }
  shell.server->down = true;
  shell.server->down_error.message = kHostile;
  EXPECT_EQ(shell.run({"list", "rollouts"}), 1);
  EXPECT_FALSE(steers_a_terminal(shell.err));
  EXPECT_THAT(shell.err, HasSubstr("PWNED"));
  // What the command line itself holds, and what a kubeconfig is refused with, go the same way.
  EXPECT_EQ(shell.run({"get", "rollout", "web", "--" + kHostile}), 1);
  EXPECT_FALSE(steers_a_terminal(shell.err));
  Environment env{shell.clock,
                  shell.rng,
                  shell.files,
                  [&](std::string_view t) { shell.out = t; },
                  [&](std::string_view t) { shell.err = t; },
                  true,
                  [](const GlobalOptions&) -> Result<Connection> {
                    return fail(ErrorCode::Invalid, "kubeconfig: context \"" + kHostile + "\"");
                  },
                  [](Transport&) {},
                  [] { return false; }};
  EXPECT_EQ(cli::run(env, "sluice", {"get", "rollout", "web"}), 1);
  EXPECT_FALSE(steers_a_terminal(shell.err));
  EXPECT_THAT(shell.err, HasSubstr("kubeconfig: context \"\\u001b[2J"));
}

// bash evaluates the words that are offered to it.
TEST(F6_Commands, completion_offers_only_names_that_a_server_would_take) {
  Shell shell;
  Json good = test::fixture("canary-basic-idle")[0];
  shell.ns = kube::get_string(good, "metadata.namespace");
  shell.server->objects = {good};
  for (const char* name : {"web$(touch x)", "web`id`", "web\nevil", "web\x1b[2J", "web evil"}) {
    good["metadata"]["name"] = name;
    shell.server->objects.push_back(good);
  }
  EXPECT_EQ(shell.run({"__complete", "get", "rollout", "we"}), 0);
  EXPECT_EQ(shell.out, "web\n:4\n");
}

}  // namespace
}  // namespace sluice::cli
