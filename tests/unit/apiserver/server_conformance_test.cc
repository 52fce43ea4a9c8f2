// The conformance suite against the embedded server, in process.
#include "tests/conformance/apply.h"
#include "tests/conformance/custom.h"
#include "tests/conformance/lists.h"
#include "tests/conformance/objects.h"
#include "tests/unit/apiserver/server_fixture.h"

namespace sluice::conformance {
namespace {

class EmbeddedApi final : public Api {
 public:
  http::Response call(http::Request request) override { return world_.server.handle(request); }
  std::vector<Json> watch(const std::string& path, const std::string& accept) override {
    auto sink = std::make_shared<apiserver::testing_support::Recorder>();
    http::Request request;
    request.url = path;
    http::set_header(request.headers, "Accept", accept);
    EXPECT_TRUE(apiserver::ApiServer::is_watch(request)) << path;
    const apiserver::ApiServer::WatchOpened opened = world_.server.open_watch(request, sink);
    EXPECT_NE(opened.id, 0U) << opened.refusal.body;
    while (opened.id != 0 && !sink->ended) {
      world_.clock.advance(Seconds(1));
      (void)world_.server.tick();
    }
    return sink->events;
  }
  [[nodiscard]] bool embedded() const override { return true; }

 private:
  apiserver::testing_support::World world_;
};

INSTANTIATE_TEST_SUITE_P(Embedded, Conformance, testing::Values(ApiFactory([] {
                           return std::make_unique<EmbeddedApi>();
                         })),
                         [](const auto&) { return std::string("InProcess"); });

}  // namespace
}  // namespace sluice::conformance
