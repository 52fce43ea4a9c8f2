#include "apiserver/server/list.h"

#include "base/hash.h"
#include "base/strings.h"
#include "kube/json/json.h"

namespace sluice::apiserver::server {
namespace {

std::string text(const http::Target& target, const char* name) {
  const std::string* found = target.param(name);
  return found == nullptr ? "" : *found;
}

std::string make_token(std::uint64_t version, const kube::ObjectKey& last) {
  const Json token = {
      {"v", "meta.k8s.io/v1"}, {"rv", version}, {"ns", last.namespace_}, {"start", last.name}};
  return base64_encode(kube::dump(token));
}

Failure future_version(std::uint64_t asked, std::uint64_t current) {
  Failure f;
  f.code = 504;
  f.reason = "Timeout";
  f.message = fmt::format("Timeout: Too large resource version: {}, current: {}", asked, current);
  f.retry_after = 1;
  f.causes.push_back({"ResourceVersionTooLarge", "Too large resource version", ""});
  return f;
}

}  // namespace

Outcome<Lists::Question> Lists::parse_continue(Question question, const std::string& token) const {
  std::string plain;
  const bool decoded = base64_decode(token, plain);
  const Result<Json> parsed =
      decoded ? kube::parse_json(plain) : Result<Json>(fail(ErrorCode::Decode, "not base64"));
  if (!parsed || !parsed->is_object())
    return refuse(bad_request("continue key is not valid: illegal base64 data"));
  question.continued = true;
  question.past = true;
  question.version = static_cast<std::uint64_t>(kube::get_int(*parsed, "rv"));
  question.after = {kube::get_string(*parsed, "ns"), kube::get_string(*parsed, "start")};
  return question;
}

Outcome<Lists::Question> Lists::parse(const ResourceDef& def, const http::Target& target) const {
  Question out;
  Outcome<Filter> filter =
      Filter::parse(def, text(target, "labelSelector"), text(target, "fieldSelector"));
  if (!filter) return refuse(filter.error());
  out.filter = std::move(*filter);
  out.limit = parse_int(text(target, "limit")).value_or(0);
  const std::string version = text(target, "resourceVersion"),
                    match = text(target, "resourceVersionMatch");
  const std::string token = text(target, "continue");
  const Subject options{"meta.k8s.io", "", "ListOptions"};
  if (!match.empty() && !token.empty())
    return refuse(
        invalid(options, "",
                {field_forbidden("resourceVersionMatch",
                                 "resourceVersionMatch is forbidden when continue is provided")}));
  if (!match.empty() && version.empty())
    return refuse(invalid(
        options, "",
        {field_forbidden("resourceVersionMatch",
                         "resourceVersionMatch is forbidden unless resourceVersion is provided")}));
  if (!match.empty() && match != "Exact" && match != "NotOlderThan")
    return refuse(invalid(
        options, "",
        {unsupported_value("resourceVersionMatch", quote(match), {"Exact", "NotOlderThan", ""})}));
  if (match == "Exact" && version == "0")
    return refuse(
        invalid(options, "",
                {field_forbidden(
                    "resourceVersionMatch",
                    "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"")}));
  if (!token.empty()) {
    if (!version.empty() && version != "0")
      return refuse(bad_request("specifying resource version is not allowed when using continue"));
    return parse_continue(std::move(out), token);
  }
  if (version.empty() || version == "0") return out;
  const std::optional<std::int64_t> number = parse_int(version);
  if (!number || *number < 0)
    return refuse(invalid(
        options, "",
        {invalid_value("resourceVersion", quote(version),
                       "strconv.ParseUint: parsing " + quote(version) + ": invalid syntax")}));
  out.version = static_cast<std::uint64_t>(*number);
  if (out.version > core_.store_.version())
    return refuse(future_version(out.version, core_.store_.version()));
  out.past = match == "Exact" || (match.empty() && out.limit > 0);
  return out;
}

Outcome<ListAnswer> Lists::list(const ResourceDef& def, const std::string& ns,
                                const http::Target& target) const {
  Outcome<Question> question = parse(def, target);
  if (!question) return refuse(question.error());
  ListAnswer answer;
  answer.version = question->past ? question->version : core_.store_.version();
  std::vector<ObjectPtr> all;
  const auto wanted = [&](const kube::ObjectKey& key, const ObjectPtr& object) {
    return (ns.empty() || key.namespace_ == ns) &&
           (!question->continued || key > question->after) && question->filter.matches(*object);
  };
  std::vector<kube::ObjectKey> keys;
  if (question->past) {
    Outcome<std::map<kube::ObjectKey, ObjectPtr>> state =
        core_.store_.at(def.bucket, question->version);
    if (!state) {
      if (question->continued)
        state.error().message =
            "The provided continue parameter is too old to display a consistent list result. You "
            "can start a new list without the continue parameter.";
      return refuse(state.error());
    }
    for (const auto& [key, object] : *state)
      if (wanted(key, object)) {
        keys.push_back(key);
        all.push_back(object);
      }
  } else if (const Bucket* bucket = core_.store_.find_bucket(def.bucket); bucket != nullptr) {
    for (const auto& [key, item] : bucket->items) {
      const ObjectPtr object = core_.view(def, item);
      if (wanted(key, object)) {
        keys.push_back(key);
        all.push_back(object);
      }
    }
  }
  if (question->limit > 0 && static_cast<std::int64_t>(all.size()) > question->limit) {
    const auto limit = static_cast<std::size_t>(question->limit);
    if (question->filter.everything())
      answer.remaining = static_cast<std::int64_t>(all.size() - limit);
    answer.continue_token = make_token(answer.version, keys[limit - 1]);
    all.resize(limit);
  }
  answer.items = std::move(all);
  return answer;
}

}  // namespace sluice::apiserver::server
