#include <gmock/gmock.h>

#include "tests/unit/net/support.h"

namespace sluice::net {
namespace {

using test::FakeFiles;
using testing::HasSubstr;

constexpr const char* kBasic = R"(
apiVersion: v1
kind: Config
current-context: dev
clusters:
- name: dev
  cluster: {server: "https://dev:6443/", certificate-authority: pki/ca.crt, tls-server-name: api, proxy-url: "http://proxy:3128"}
- name: prod
  cluster: {server: "https://prod:6443", certificate-authority-data: Y2EtZGF0YQ==, certificate-authority: pki/absent.crt}
- name: open
  cluster: {server: "https://open", insecure-skip-tls-verify: true}
users:
- name: me
  user: {client-certificate-data: Y2VydA==, client-key: me.key, as: boss, as-groups: [a, b]}
- name: bot
  user: {token: secret}
- name: file
  user: {tokenFile: token}
- name: basic
  user: {username: u, password: p}
- name: plugin
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: ./bin/login
      args: [--now]
      env: [{name: A, value: b}]
      provideClusterInfo: true
contexts:
- name: dev
  context: {cluster: dev, user: me, namespace: shop}
- name: prod
  context: {cluster: prod, user: bot}
- name: plugin
  context: {cluster: prod, user: plugin}
- name: file
  context: {cluster: open, user: file}
- name: basic
  context: {cluster: open, user: basic}
)";

FakeFiles home_files() {
  FakeFiles files;
  files.environment["HOME"] = "/home/me";
  files.files = {{"/home/me/.kube/config", kBasic},
                 {"/home/me/.kube/pki/ca.crt", "ca-file"},
                 {"/home/me/.kube/me.key", "key-file"}};
  return files;
}

KubeConfig load(FakeFiles& files, const KubeConfigOverrides& overrides = {}) {
  auto config = load_kubeconfig(files, overrides);
  EXPECT_TRUE(config) << (config ? "" : config.error().message);
  return config ? *config : KubeConfig{};
}

std::string load_error(FakeFiles& files, const KubeConfigOverrides& overrides = {}) {
  auto config = load_kubeconfig(files, overrides);
  if (config) return "(loaded)";
  return config.error().message;
}

TEST(Kubeconfig, ReadsTheHomeFileAndItsCurrentContext) {
  FakeFiles files = home_files();
  const KubeConfig config = load(files);
  EXPECT_EQ(config.server, "https://dev:6443");
  EXPECT_EQ(config.ca_pem, "ca-file");
  EXPECT_EQ(config.tls_server_name, "api");
  EXPECT_EQ(config.proxy_url, "http://proxy:3128");
  EXPECT_EQ(config.client_cert_pem, "cert");
  EXPECT_EQ(config.client_key_pem, "key-file");
  EXPECT_EQ(config.namespace_, "shop");
  EXPECT_EQ(config.impersonate_user, "boss");
  EXPECT_EQ(config.impersonate_groups, (std::vector<std::string>{"a", "b"}));
}

TEST(Kubeconfig, InlineDataWinsOverTheFile) {
  FakeFiles files = home_files();
  const KubeConfig config = load(files, {.context = "prod"});
  EXPECT_EQ(config.ca_pem, "ca-data");
  EXPECT_EQ(config.token, "secret");
  EXPECT_EQ(config.namespace_, "");
}

TEST(Kubeconfig, RelativePathsBelongToTheirFile) {
  FakeFiles files = home_files();
  EXPECT_EQ(load(files, {.context = "file"}).token_file, "/home/me/.kube/token");
  const KubeConfig config = load(files, {.context = "plugin"});
  ASSERT_TRUE(config.exec);
  EXPECT_EQ(config.exec->command, "/home/me/.kube/./bin/login");
  EXPECT_EQ(config.exec->args, (std::vector<std::string>{"--now"}));
  EXPECT_EQ(config.exec->env, (std::vector<std::pair<std::string, std::string>>{{"A", "b"}}));
  EXPECT_TRUE(config.exec->provide_cluster_info);
}

TEST(Kubeconfig, ReadsBasicCredentialsAndInsecureClusters) {
  FakeFiles files = home_files();
  const KubeConfig config = load(files, {.context = "basic"});
  EXPECT_EQ(config.username, "u");
  EXPECT_EQ(config.password, "p");
  EXPECT_TRUE(config.insecure_skip_verify);
}

TEST(Kubeconfig, FirstFileOfTheListWinsAndAbsentOnesAreSkipped) {
  FakeFiles files = home_files();
  files.environment["KUBECONFIG"] = "/absent:/a:/b";
  files.files["/a"] =
      "{clusters: [{name: c, cluster: {server: 'https://a'}}], contexts: [{name: x, context: "
      "{cluster: c}}]}";
  files.files["/b"] =
      "{current-context: x, clusters: [{name: c, cluster: {server: 'https://b', tls-server-name: "
      "t}}, {name: d, cluster: {server: 'https://d'}}]}";
  const KubeConfig config = load(files);
  EXPECT_EQ(config.server, "https://a");
  EXPECT_EQ(config.tls_server_name, "");
  EXPECT_EQ(load(files, {.cluster = "d"}).server, "https://d");
}

TEST(Kubeconfig, FlagsWinOverFiles) {
  FakeFiles files = home_files();
  files.files["/ca"] = "flag-ca";
  const KubeConfig config = load(files, {.context = "file",
                                         .namespace_ = "other",
                                         .server = "https://flag:1",
                                         .token = "flag-token",
                                         .certificate_authority = "/ca",
                                         .tls_server_name = "n",
                                         .as_user = "root",
                                         .as_groups = {"g"}});
  EXPECT_EQ(config.server, "https://flag:1");
  EXPECT_EQ(config.namespace_, "other");
  EXPECT_EQ(config.token, "flag-token");
  EXPECT_EQ(config.token_file, "");
  EXPECT_EQ(config.ca_pem, "flag-ca");
  EXPECT_FALSE(config.insecure_skip_verify);
  EXPECT_EQ(config.tls_server_name, "n");
  EXPECT_EQ(config.impersonate_user, "root");
  EXPECT_EQ(config.impersonate_groups, (std::vector<std::string>{"g"}));
}

TEST(Kubeconfig, BasicCredentialsOfTheFlagsReplaceThoseOfTheFile) {
  FakeFiles files = home_files();
  for (const char* context : {"file", "plugin", "prod", "basic"}) {
    const KubeConfig config =
        load(files, {.context = context, .username = "flag", .password = "pw"});
    EXPECT_EQ(config.username + ":" + config.password, "flag:pw") << context;
    EXPECT_EQ(config.token + config.token_file, "") << context;
    EXPECT_FALSE(config.exec) << context;
  }
  EXPECT_EQ(load(files, {.context = "basic", .password = "new"}).password, "new");
  EXPECT_EQ(load(files, {.context = "basic", .username = "other"}).password, "");
  EXPECT_THAT(load_error(files, {.context = "prod", .password = "pw"}),
              HasSubstr("--password needs --username"));
  EXPECT_THAT(load_error(files, {.context = "prod", .token = "t", .username = "u"}),
              HasSubstr("exclude each other"));
}

TEST(Kubeconfig, TheProxyOfTheFlagsWins) {
  FakeFiles files = home_files();
  EXPECT_EQ(load(files, {.proxy_url = "http://flag:1"}).proxy_url, "http://flag:1");
}

TEST(Kubeconfig, TheInsecureFlagDropsTheCaOfTheFile) {
  FakeFiles files = home_files();
  const KubeConfig config = load(files, {.insecure_skip_tls_verify = true});
  EXPECT_TRUE(config.insecure_skip_verify);
  EXPECT_EQ(config.ca_pem, "");
}

TEST(Kubeconfig, AServerFlagAloneIsEnough) {
  FakeFiles files;
  EXPECT_EQ(load(files, {.server = "http://127.0.0.1:8001"}).server, "http://127.0.0.1:8001");
}

FakeFiles pod_files() {
  FakeFiles files;
  files.environment = {{"KUBERNETES_SERVICE_HOST", "10.96.0.1"},
                       {"KUBERNETES_SERVICE_PORT", "443"},
                       {"HOME", "/home/me"}};
  const std::string folder = "/var/run/secrets/kubernetes.io/serviceaccount/";
  files.files = {{folder + "token", "t\n"},
                 {folder + "ca.crt", "cluster-ca"},
                 {folder + "namespace", "ops\n"}};
  return files;
}

TEST(Kubeconfig, WithoutFilesTheServiceAccountIsUsed) {
  FakeFiles files = pod_files();
  const KubeConfig config = load(files);
  EXPECT_EQ(config.server, "https://10.96.0.1:443");
  EXPECT_EQ(config.token_file, "/var/run/secrets/kubernetes.io/serviceaccount/token");
  EXPECT_EQ(config.ca_pem, "cluster-ca");
  EXPECT_EQ(config.namespace_, "ops");
  files.environment["KUBERNETES_SERVICE_HOST"] = "fd00::1";
  EXPECT_EQ(load(files).server, "https://[fd00::1]:443");
}

TEST(Kubeconfig, AFileWinsOverTheServiceAccount) {
  FakeFiles files = pod_files();
  files.files["/home/me/.kube/config"] =
      "{current-context: x, clusters: [{name: c, cluster: {server: 'https://a'}}], contexts: "
      "[{name: x, context: {cluster: c}}]}";
  EXPECT_EQ(load(files).server, "https://a");
}

TEST(Kubeconfig, APodWithoutItsTokenIsAnError) {
  FakeFiles files = pod_files();
  files.files.erase("/var/run/secrets/kubernetes.io/serviceaccount/token");
  EXPECT_THAT(
      load_error(files),
      HasSubstr("in-cluster: /var/run/secrets/kubernetes.io/serviceaccount/token: cannot be read"));
}

TEST(Kubeconfig, NothingAtAllSaysWhatToSet) {
  FakeFiles files;
  EXPECT_THAT(load_error(files), HasSubstr("no API server is configured"));
}

TEST(Kubeconfig, AnExplicitFileMustExist) {
  FakeFiles files = pod_files();
  EXPECT_THAT(load_error(files, {.kubeconfig = "/nope"}),
              HasSubstr("kubeconfig /nope: cannot be read"));
}

TEST(Kubeconfig, AFileThatMayNotBeReadIsNotTakenForAbsent) {
  FakeFiles files = pod_files();
  files.forbidden["/home/me/.kube/config"] = "";
  EXPECT_THAT(load_error(files), HasSubstr("kubeconfig /home/me/.kube/config: cannot be read"));
}

TEST(Kubeconfig, ErrorsNameFileAndField) {
  struct Bad {
    const char *text, *field;
  };
  const std::string prefix =
      "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n";
  const Bad cases[] = {
      {"clusters: {}\n", "clusters: must be a list"},
      {"clusters: [{cluster: {}}]\n", "clusters[0].name: is missing"},
      {"clusters: [{name: c, cluster: [1]}]\n", "clusters[0].cluster: must be an object"},
      {"clusters: []\n", "there is no cluster \"c\""},
      {"clusters: [{name: c, cluster: {server: 5}}]\n", "clusters.c.server: must be a string"},
      {"clusters: [{name: c, cluster: {server: s, insecure-skip-tls-verify: 'yes'}}]\n",
       "clusters.c.insecure-skip-tls-verify: must be true or false"},
      {"clusters: [{name: c, cluster: {server: s, certificate-authority-data: '!!'}}]\n",
       "clusters.c.certificate-authority-data: is not base64"},
      {"clusters: [{name: c, cluster: {server: s, certificate-authority: ca}}]\n",
       "clusters.c.certificate-authority: cannot be read: /d/ca"},
      {"clusters: [{name: c, cluster: {server: s}}]\n", "there is no user \"u\""},
      {"clusters: [{name: c, cluster: {server: s}}]\nusers: [{name: u, user: {client-key-data: "
       "aw==}}]\n",
       "users.u: client-certificate and client-key"},
      {"clusters: [{name: c, cluster: {server: s}}]\nusers: [{name: u, user: {exec: {apiVersion: "
       "client.authentication.k8s.io/v1alpha1, command: x}}}]\n",
       "users.u.exec.apiVersion"},
      {"clusters: [{name: c, cluster: {server: s}}]\nusers: [{name: u, user: {exec: {apiVersion: "
       "client.authentication.k8s.io/v1}}}]\n",
       "users.u.exec.command: is missing"},
      {"clusters: [{name: c, cluster: {server: s}}]\nusers: [{name: u, user: {auth-provider: "
       "{name: gcp}}}]\n",
       "users.u.auth-provider"},
      {"clusters: [{name: c, cluster: {server: 'ftp://s'}}]\nusers: [{name: u, user: {}}]\n",
       "only http and https"},
      {"clusters: [{name: c, cluster: {server: s, insecure-skip-tls-verify: true, "
       "certificate-authority-data: aw==}}]\nusers: [{name: u, user: {}}]\n",
       "exclude each other"},
      {"kind: Pod\n", "kind: is \"Pod\""},
      {"clusters: [\n", "kubeconfig /d/config"},
  };
  for (const auto& c : cases) {
    FakeFiles files;
    files.environment["KUBECONFIG"] = "/d/config";
    files.files["/d/config"] = prefix + c.text;
    const std::string message = load_error(files);
    EXPECT_THAT(message, HasSubstr("/d/config")) << c.text;
    EXPECT_THAT(message, HasSubstr(c.field)) << c.text;
  }
}

TEST(Kubeconfig, AnErrorAboutTheServerDoesNotShowTheUserOfItsUrl) {
  FakeFiles files = home_files();
  const std::string message = load_error(files, {.server = "ftp://me:hush@s"});
  EXPECT_THAT(message, HasSubstr("ftp://***@s"));
  EXPECT_THAT(message, testing::Not(HasSubstr("hush")));
}

TEST(Kubeconfig, AnUnknownContextIsAnError) {
  FakeFiles files = home_files();
  EXPECT_THAT(load_error(files, {.context = "nope"}), HasSubstr("there is no context \"nope\""));
}

TEST(Kubeconfig, AnOidcIdTokenIsUsedAsItIs) {
  FakeFiles files;
  files.environment["KUBECONFIG"] = "/c";
  files.files["/c"] =
      "{current-context: x, contexts: [{name: x, context: {cluster: c, user: u}}], clusters: "
      "[{name: c, cluster: {server: 'https://a'}}],"
      " users: [{name: u, user: {auth-provider: {name: oidc, config: {id-token: abc}}}}]}";
  EXPECT_EQ(load(files).token, "abc");
}

}  // namespace
}  // namespace sluice::net
