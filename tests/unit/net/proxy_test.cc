#include "net/proxy.h"

#include <gtest/gtest.h>

#include "tests/unit/net/support.h"

namespace sluice::net {
namespace {

struct Case {
  const char* no_proxy;
  const char* url;
  const char* proxy;
};

TEST(Proxy, NoProxyIsReadAsGoReadsIt) {
  const Case cases[] = {
      {"", "http://web.shop.svc/x", "http://p:1"},
      {"", "https://web.shop.svc/x", "http://s:2"},
      {"*", "http://web.shop.svc/", ""},
      {"web.shop.svc", "http://web.shop.svc/", ""},
      {"shop.svc", "http://web.shop.svc/", ""},
      {"shop.svc", "http://shop.svc/", ""},
      {"shop.svc", "http://bishop.svc/", "http://p:1"},
      {".shop.svc", "http://web.shop.svc/", ""},
      {".shop.svc", "http://shop.svc/", "http://p:1"},
      {"*.shop.svc", "http://web.shop.svc/", ""},
      {"*.shop.svc", "http://shop.svc/", "http://p:1"},
      {" a.example , WEB.Shop.svc ", "http://web.SHOP.svc/", ""},
      {"web.shop.svc:8080", "http://web.shop.svc:8080/", ""},
      {"web.shop.svc:8080", "http://web.shop.svc/", "http://p:1"},
      {"web.shop.svc:80", "http://web.shop.svc/", ""},
      {"web.shop.svc:443", "https://web.shop.svc/", ""},
      {"10.0.0.0/8", "http://10.1.2.3/", ""},
      {"10.0.0.0/8", "http://11.1.2.3/", "http://p:1"},
      {"10.1.2.0/23", "http://10.1.3.255/", ""},
      {"10.1.2.0/23", "http://10.1.4.0/", "http://p:1"},
      {"10.0.0.0/33", "http://10.0.0.1/", "http://p:1"},
      {"10.1.2.3", "http://10.1.2.3:9/", ""},
      {"10.1.2.3:8", "http://10.1.2.3:9/", "http://p:1"},
      {"fd00::/8", "http://[fd12::1]/", ""},
      {"fd00::/8", "http://[fe80::1]/", "http://p:1"},
      {"[fd12::1]:80", "http://[fd12::1]/", ""},
      {"fd12::1", "http://[fd12::1]:81/", ""},
      {":80,,", "http://web/", "http://p:1"},
      {"web:abc", "http://web/", "http://p:1"},
      {"", "http://localhost/", ""},
      {"", "http://LOCALHOST:8080/", ""},
      {"", "http://127.0.0.1/", ""},
      {"", "https://127.200.3.4:6443/", ""},
      {"", "http://[::1]/", ""},
      {"", "http://[::ffff:127.0.0.1]/", ""},
      {"", "http://128.0.0.1/", "http://p:1"},
      {"", "http://localhost.example/", "http://p:1"},
  };
  for (const auto& c : cases) {
    const ProxyRules rules("p:1", "http://s:2", c.no_proxy);
    const auto target = parse_url(c.url);
    ASSERT_TRUE(target) << c.url;
    EXPECT_EQ(rules.proxy_for(*target), c.proxy) << "NO_PROXY=" << c.no_proxy << " url=" << c.url;
  }
}

TEST(Proxy, UpperCaseVariablesWinOverLowerCaseOnes) {
  test::FakeFiles files;
  files.environment = {{"http_proxy", "low:1"}, {"HTTP_PROXY", "up:2"}, {"https_proxy", "low:3"}};
  const auto rules = ProxyRules::from_environment(files);
  EXPECT_EQ(rules.proxy_for(*parse_url("http://a/")), "http://up:2");
  EXPECT_EQ(rules.proxy_for(*parse_url("https://a/")), "http://low:3");
}

TEST(Proxy, WithoutVariablesNothingIsProxied) {
  EXPECT_EQ(ProxyRules().proxy_for(*parse_url("http://a/")), "");
}

TEST(ParseUrl, SplitsAndFillsInDefaults) {
  struct Split {
    const char *url, *scheme, *host;
    int port;
    const char* rest;
  };
  const Split cases[] = {
      {"http://Web", "http", "web", 80, "/"},
      {"HTTPS://a.b:8443/x?y=1#frag", "https", "a.b", 8443, "/x?y=1"},
      {"http://a?q", "http", "a", 80, "/?q"},
      {"http://[::1]:80/x", "http", "::1", 80, "/x"},
  };
  for (const auto& c : cases) {
    const auto got = parse_url(c.url);
    ASSERT_TRUE(got) << c.url;
    EXPECT_EQ(got->scheme, c.scheme);
    EXPECT_EQ(got->host, c.host);
    EXPECT_EQ(got->port, c.port);
    EXPECT_EQ(got->rest, c.rest);
  }
}

TEST(ParseUrl, RefusesWhatIsNotAPlainWebAddress) {
  for (const char* url :
       {"", "web", "ftp://a/", "file:///etc/passwd", "http://", "http:///x", "http://a:0/",
        "http://a:70000/", "http://a:x/", "http://a%2eb/", "http://%31.2.3.4/", "http://[::%31]/",
        "http://a\\b/", "http://user@a:x/", "http://a/\r\nHost: b", "http://a b/"}) {
    const auto got = parse_url(url);
    ASSERT_FALSE(got) << url;
    EXPECT_EQ(got.error().code, ErrorCode::Invalid);
    EXPECT_THAT(got.error().message, testing::Not(testing::HasSubstr("user")));
  }
}

TEST(ParseUrl, UserInfoIsKeptApart) {
  const auto got = parse_url("http://us%40er:p:w%2F@A:81/x@y");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->user_info, "us@er:p:w/");
  EXPECT_EQ(got->origin(), "http://a:81");
  EXPECT_EQ(got->rest, "/x@y");
  EXPECT_FALSE(parse_url("http://a/")->user_info);
}

}  // namespace
}  // namespace sluice::net
