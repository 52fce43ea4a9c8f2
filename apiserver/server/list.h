#pragma once
// Lists: selectors, consistent chunks, versions of the past.
#include <string>

#include "apiserver/server/core.h"
#include "base/http.h"

namespace sluice::apiserver::server {

struct ListAnswer {
  std::vector<ObjectPtr> items;  // stored form
  std::uint64_t version = 0;
  std::string continue_token;
  std::optional<std::int64_t> remaining;
};

class Lists {
 public:
  explicit Lists(const Core& core) : core_(core) {}
  [[nodiscard]] Outcome<ListAnswer> list(const ResourceDef& def, const std::string& ns,
                                         const http::Target& target) const;

 private:
  struct Question {
    Filter filter;
    std::int64_t limit = 0;
    std::uint64_t version = 0;
    bool past = false;  // exactly `version`, not the newest
    bool continued = false;
    kube::ObjectKey after;
  };
  [[nodiscard]] Outcome<Question> parse(const ResourceDef& def, const http::Target& target) const;
  [[nodiscard]] Outcome<Question> parse_continue(Question question, const std::string& token) const;

  const Core& core_;
};

}  // namespace sluice::apiserver::server
