// Which addresses metrics may be asked at, in whatever form they come.
#include "net/address.h"

#include <gmock/gmock.h>

namespace sluice::net {
namespace {

using testing::HasSubstr;
using Texts = std::vector<std::string>;

std::string refusal(const AddressPolicy& policy, const char* address, bool strayed = false) {
  const auto parsed = parse_ip(address);
  EXPECT_TRUE(parsed) << address;
  return policy.refusal(*parsed, strayed);
}

TEST(F8_Addresses, link_local_ones_and_metadata_services_are_refused_in_every_form) {
  for (const char* address : {
           "169.254.169.254",
           "169.254.0.1",
           "169.254.170.2",
           "fe80::1",
           "febf:ffff::1",
           "fd00:ec2::254",
           "fd20:ce::254",
           "fd00:42::42",
           "100.100.100.200",
           "168.63.129.16",
           "192.0.0.192",
           "::ffff:169.254.169.254",
           "::ffff:a9fe:a9fe",
           "::169.254.169.254",
           "64:ff9b::169.254.169.254",
           "64:ff9b::a9fe:a9fe",
           "64:ff9b:1::a9fe:a9fe",
           "64:ff9b:1:a9fe:a9:fe00::",
           "::ffff:0:a9fe:a9fe",
           "2002:a9fe:a9fe::1",
       }) {
    const std::string why = refusal(AddressPolicy(), address);
    EXPECT_THAT(why, HasSubstr("--metric-allow-cidr=")) << address;
    EXPECT_THAT(why, HasSubstr(parse_ip(address)->text())) << address;
  }
}

TEST(F8_Addresses, ordinary_ones_are_not) {
  for (const char* address :
       {"10.0.0.1", "192.168.1.1", "172.16.0.1", "169.253.255.255", "169.255.0.0", "127.0.0.1",
        "::1", "8.8.8.8", "fd00:ec2::253", "fec0::1", "fe7f::1", "fd12::1", "2001:db8::1",
        "64:ff9b::10.0.0.1", "2002:a00:1::", "100.100.100.201"})
    EXPECT_EQ(refusal(AddressPolicy(), address), "") << address;
}

TEST(F8_Addresses, this_machine_is_refused_to_redirects_only) {
  for (const char* address : {"127.0.0.1", "127.255.0.9", "::1", "0.0.0.0", "::",
                              "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "::127.0.0.1"}) {
    ASSERT_TRUE(is_loopback(*parse_ip(address))) << address;
    EXPECT_EQ(refusal(AddressPolicy(), address, false), "") << address;
    EXPECT_THAT(refusal(AddressPolicy(), address, true), HasSubstr("which is this machine"))
        << address;
  }
  for (const char* address : {"10.0.0.1", "::2", "fd00::1", "64:ff9b::10.0.0.1", "128.0.0.1"})
    EXPECT_FALSE(is_loopback(*parse_ip(address))) << address;
}

TEST(F8_Addresses, flags_go_before_the_built_in_list_and_the_longer_block_counts) {
  const auto policy = AddressPolicy::make(
      {"10.0.0.0/8", " 192.168.7.7 ", "fd00::/8", "127.0.0.0/8"},
      {"10.1.0.0/16", "169.254.20.10", "10.9.9.9/8", "fd00:1::/32", "::ffff:192.168.7.7/128"});
  ASSERT_TRUE(policy) << policy.error().message;
  struct Case {
    const char* address;
    const char* why;  // nullptr: allowed
  };
  for (const auto& c : {
           Case{"10.2.0.1", "10.2.0.1 is excluded by --metric-deny-cidr=10.0.0.0/8"},
           Case{"10.1.2.3", nullptr},
           Case{"192.168.7.7", "192.168.7.7 is excluded by --metric-deny-cidr=192.168.7.7/32"},
           Case{"192.168.7.8", nullptr},
           Case{"169.254.20.10", nullptr},
           Case{"169.254.20.11", "link-local"},
           Case{"fd00:2::1", "fd00:2::1 is excluded by --metric-deny-cidr=fd00::/8"},
           Case{"fd00:1::1", nullptr},
           Case{"64:ff9b::10.2.0.1", "excluded by --metric-deny-cidr=10.0.0.0/8"},
           Case{"::ffff:10.2.0.1", "excluded by --metric-deny-cidr=10.0.0.0/8"},
           Case{"127.0.0.1", "excluded by --metric-deny-cidr=127.0.0.0/8"},
       }) {
    if (c.why == nullptr) {
      EXPECT_EQ(refusal(*policy, c.address), "") << c.address;
    } else {
      EXPECT_THAT(refusal(*policy, c.address), HasSubstr(c.why)) << c.address;
    }
  }
}

TEST(F8_Addresses, all_of_one_family_is_nothing_of_the_other) {
  const auto six = AddressPolicy::make({"::/0"}, {});
  EXPECT_EQ(refusal(*six, "10.0.0.1"), "");
  EXPECT_NE(refusal(*six, "2001:db8::1"), "");
  const auto open = AddressPolicy::make({}, {"0.0.0.0/0"});
  EXPECT_EQ(refusal(*open, "169.254.169.254"), "");
  EXPECT_EQ(refusal(*open, "127.0.0.1", true), "");
  EXPECT_NE(refusal(*open, "fe80::1"), "");
}

TEST(F8_Addresses, what_is_no_block_is_an_error_that_names_flag_and_entry) {
  for (const char* bad : {"10.0.0.0/33", "10.0.0.0/-1", "fd00::/129", "10.0.0/8", "localhost", "",
                          "10.0.0.1/", "10.0.0.1:80", "10.0.0.0/8 fd00::/8", "[fd00::1]",
                          "::ffff:10.0.0.0/8", "::ffff:10.0.0.0/95"}) {
    const auto deny = AddressPolicy::make({"10.0.0.0/8", bad}, {});
    ASSERT_FALSE(deny) << bad;
    EXPECT_EQ(deny.error().code, ErrorCode::Invalid);
    EXPECT_EQ(deny.error().message,
              "--metric-deny-cidr: \"" + std::string(bad) +
                  "\" is neither an address nor a block such as 10.0.0.0/8 or fd00::/8");
    const auto allow = AddressPolicy::make({}, {bad});
    ASSERT_FALSE(allow) << bad;
    EXPECT_THAT(allow.error().message, HasSubstr("--metric-allow-cidr: "));
  }
}

TEST(F8_Addresses, a_host_is_an_address_in_all_the_spellings_of_resolvers) {
  struct Case {
    const char *host, *address;
  };
  for (const auto& c : {
           Case{"169.254.169.254", "169.254.169.254"},
           Case{"2852039166", "169.254.169.254"},
           Case{"0xa9fea9fe", "169.254.169.254"},
           Case{"0xA9.254.43518", "169.254.169.254"},
           Case{"0251.0376.0251.0376", "169.254.169.254"},
           Case{"169.254.169.254.", "169.254.169.254"},
           Case{"127.1", "127.0.0.1"},
           Case{"0", "0.0.0.0"},
           Case{"fe80::1%25eth0", "fe80::1"},
           Case{"::1", "::1"},
       }) {
    const auto address = literal_ip(c.host);
    ASSERT_TRUE(address) << c.host;
    EXPECT_EQ(address->text(), c.address) << c.host;
  }
  for (const char* name : {"metrics.example", "web", "abc.def", "1.2.3.4.5", "", "."})
    EXPECT_FALSE(literal_ip(name)) << name;
}

}  // namespace
}  // namespace sluice::net
