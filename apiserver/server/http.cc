// One request: address, verb, operation, answer, audit line.
#include "apiserver/server/http.h"

#include <algorithm>

#include "apiserver/server/core.h"
#include "apiserver/server/discovery.h"
#include "apiserver/server/list.h"
#include "apiserver/server/protobuf.h"
#include "base/strings.h"
#include "kube/json/json.h"
#include "kube/json/yaml.h"

namespace sluice::apiserver::server {
namespace {

std::string param(const http::Target& target, const char* name) {
  const std::string* found = target.param(name);
  return found == nullptr ? "" : *found;
}

std::string header(const http::Request& request, const char* name) {
  const std::string* found = http::find_header(request.headers, name);
  return found == nullptr ? "" : *found;
}

std::string media_type(const std::string& content_type) {
  return to_lower(trim(std::string_view(content_type).substr(0, content_type.find(';'))));
}

Outcome<Json> parse_body(const http::Request& request, bool required_body) {
  if (trim(request.body).empty()) {
    if (!required_body) return Json();
    return refuse(bad_request("the request body is empty"));
  }
  const std::string type = media_type(header(request, "Content-Type"));
  if (type == "application/cbor") return refuse(unsupported_media_type(type));
  if (type == "application/vnd.kubernetes.protobuf") {
    Json decoded = decode_protobuf(request.body);
    if (!decoded.is_null()) return decoded;
    Failure failure = unsupported_media_type(type);
    failure.message +=
        "; of protobuf this cluster reads the built-in kinds it serves: write the object to a file and "
        "use kubectl apply -f";
    return refuse(std::move(failure));
  }
  if (type == "application/yaml" || type == "application/apply-patch+yaml") {
    Result<std::vector<Json>> documents = kube::parse_yaml(request.body);
    if (!documents) return refuse(bad_request("error decoding YAML: " + documents.error().message));
    return documents->empty() ? Json() : std::move(documents->front());
  }
  Result<Json> parsed = kube::parse_json(request.body);
  if (!parsed)
    return refuse(
        bad_request("couldn't get version/kind; json parse error: " + parsed.error().message));
  return std::move(*parsed);
}

// "kubectl/v1.20.2 (linux/amd64)" -> "kubectl", when no fieldManager is given.
std::string manager_of(const http::Target& target, const Caller& caller,
                       const http::Request& request) {
  std::string manager = param(target, "fieldManager");
  if (!manager.empty()) return manager;
  const std::string agent =
      caller.user_agent.empty() ? header(request, "User-Agent") : caller.user_agent;
  manager = agent.substr(0, agent.find('/'));
  return manager.empty() ? "unknown" : manager;
}

std::string verb_of(const http::Request& request, const Route& route) {
  if (request.method == "POST") return "create";
  if (request.method == "PUT") return "update";
  if (request.method == "PATCH") return "patch";
  if (request.method == "DELETE") return route.name.empty() ? "deletecollection" : "delete";
  if (request.method == "GET" || request.method == "HEAD")
    return route.name.empty() ? "list" : "get";
  return "";
}

}  // namespace

class Requests {
 public:
  Requests(Core& core, const http::Request& request, const Caller& caller)
      : core_(core),
        request_(request),
        caller_(caller),
        target_(http::parse_target(path_and_query(request.url))),
        route_(parse_route(target_)) {}

  http::Response run() {
    if (!target_.segments.empty() && target_.segments[0] == "openapi") return openapi();
    if (!route_.resource_request)
      return discovery(core_.registry_, core_.options_.minor, target_, request_);
    const std::uint64_t before = core_.store_.version();
    verb_ = verb_of(request_, route_);
    http::Response response = answer();
    for (const std::string& warning : context_.warnings)
      response.headers.emplace_back("Warning", "299 - " + quote(warning));
    AuditEntry audit = audit_entry(core_.clock_.wall_now(), caller_, route_, verb_);
    if (audit.user_agent.empty()) audit.user_agent = header(request_, "User-Agent");
    if (verb_ == "create" && audit.name.empty()) audit.name = context_.key.name;
    audit.code = response.status;
    audit.changed = core_.store_.version() != before;
    for (const auto& listener : core_.audit_listeners) listener(audit);
    return response;
  }

 private:
  http::Response openapi() {
    if (request_.method != "GET" && request_.method != "HEAD")
      return failure_response(method_not_allowed());
    const DefPtr crds = core_.registry_.find("apiextensions.k8s.io", "customresourcedefinitions");
    return core_.openapi_.answer(core_.registry_, core_.list_all(*crds, ""), target_, request_);
  }

  http::Response answer() {
    const DefPtr def = core_.registry_.find(route_.group, route_.resource);
    const Version* version = def ? def->version(route_.version) : nullptr;
    if (version == nullptr || !version->served) return failure_response(no_such_path());
    if (def->namespaced ? (!route_.name.empty() || verb_ == "create") && route_.ns.empty()
                        : !route_.ns.empty())
      return failure_response(def->namespaced && verb_ == "create" ? method_not_allowed()
                                                                   : no_such_path());
    context_.def = def;
    context_.version = version;
    context_.key = {def->namespaced ? route_.ns : "", route_.name};
    context_.subresource = route_.subresource;
    context_.manager = manager_of(target_, caller_, request_);
    format_ = choose_format(header(request_, "Accept"), param(target_, "includeObject"));
    if (format_.kind == OutputFormat::Kind::NotAcceptable)
      return failure_response(not_acceptable());
    if (auto failure = read_options()) return failure_response(*failure);
    if (def->virtual_kind) return virtual_kind();
    if (!route_.subresource.empty()) return subresource();
    return verb();
  }

  std::optional<Failure> read_options() {
    for (const auto& [key, value] : target_.query) {
      if (key != "dryRun" || value.empty()) continue;
      if (value != "All")
        return invalid({"meta.k8s.io", "", "Options"}, "",
                       {unsupported_value("dryRun", quote(value), {"All"})});
      context_.dry_run = true;
    }
    const std::string validation = param(target_, "fieldValidation");
    if (validation == "Strict")
      context_.strictness = Strictness::Strict;
    else if (validation.empty() || validation == "Warn")
      context_.strictness = Strictness::Warn;
    else if (validation != "Ignore")
      return invalid({"meta.k8s.io", "", "CreateOptions"}, "",
                     {unsupported_value("fieldValidation", quote(validation),
                                        {"", "Ignore", "Strict", "Warn"})});
    context_.force = is_true(param(target_, "force"));
    if (context_.manager.size() > 128)
      return invalid(
          {"meta.k8s.io", "", "PatchOptions"}, "",
          {{"FieldValueTooLong", "Too long: may not be longer than 128", "fieldManager"}});
    return std::nullopt;
  }

  http::Response verb() {
    if (verb_ == "get") return get();
    if (verb_ == "list") return list();
    if (verb_ == "create")
      return route_.name.empty() ? create() : failure_response(method_not_allowed());
    if (verb_ == "deletecollection") return remove_collection();
    if (verb_ == "delete") return remove();
    if (route_.name.empty() || verb_.empty()) return failure_response(method_not_allowed());
    return write();
  }

  http::Response get() {
    const ObjectPtr object = core_.find(*context_.def, context_.key);
    if (!object) return failure_response(not_found(context_.subject(), context_.key.name));
    return object_response(200, *object);
  }

  http::Response list() {
    Outcome<ListAnswer> answer = Lists(core_).list(*context_.def, route_.ns, target_);
    if (!answer) return failure_response(answer.error());
    Json metadata = {{"resourceVersion", std::to_string(answer->version)}};
    if (!answer->continue_token.empty()) metadata["continue"] = answer->continue_token;
    if (answer->remaining) metadata["remainingItemCount"] = *answer->remaining;
    return list_response(*answer, std::move(metadata));
  }

  http::Response list_response(const ListAnswer& answer, Json metadata) {
    const ResourceDef& def = *context_.def;
    if (format_.kind == OutputFormat::Kind::Whole && same_on_wire(def, route_.version)) {
      // The common case without copying a single object.
      std::string body =
          fmt::format("{{\"apiVersion\":\"{}\",\"items\":[", def.api_version(route_.version));
      bool first = true;
      for (const ObjectPtr& item : answer.items) {
        if (!first) body += ',';
        first = false;
        body += kube::dump(*item);
      }
      body +=
          fmt::format("],\"kind\":\"{}\",\"metadata\":{}}}\n", def.list_kind, kube::dump(metadata));
      return json_text(200, std::move(body));
    }
    std::vector<Json> shown;
    for (const ObjectPtr& item : answer.items) shown.push_back(present(def, route_.version, *item));
    if (format_.kind == OutputFormat::Kind::Table) {
      std::vector<const Json*> rows;
      for (const Json& item : shown) rows.push_back(&item);
      Json table = make_table(def, *context_.version, rows, format_, true, core_.clock_.wall_now());
      table["metadata"] = std::move(metadata);
      return json(200, table);
    }
    Json out = {{"apiVersion", def.api_version(route_.version)},
                {"kind", def.list_kind},
                {"metadata", std::move(metadata)},
                {"items", Json::array()}};
    const bool partial = format_.kind == OutputFormat::Kind::Metadata;
    if (partial) {
      out["apiVersion"] = "meta.k8s.io/" + format_.meta_version;
      out["kind"] = "PartialObjectMetadataList";
    }
    for (Json& item : shown)
      out["items"].push_back(partial ? metadata_only(item, format_.meta_version) : std::move(item));
    return json(200, out);
  }

  http::Response create() {
    Outcome<Json> body = parse_body(request_, true);
    if (!body) return failure_response(body.error());
    Outcome<ObjectPtr> created = core_.create(context_, std::move(*body));
    if (!created) return failure_response(created.error());
    return object_response(201, **created);
  }

  // PUT and PATCH of the object or of its status.
  http::Response write() {
    const bool patching = verb_ == "patch";
    PatchType type = PatchType::Merge;
    if (patching) {
      if (auto failure = patch_type(type)) return failure_response(*failure);
    }
    Outcome<Json> body = parse_body(request_, true);
    if (!body) return failure_response(body.error());
    Outcome<ObjectPtr> written =
        patching ? core_.patch(context_, type, *body) : core_.update(context_, std::move(*body));
    if (!written) return failure_response(written.error());
    return object_response(context_.created ? 201 : 200, **written);
  }

  std::optional<Failure> patch_type(PatchType& type) {
    const std::string media = media_type(header(request_, "Content-Type"));
    if (media == "application/merge-patch+json")
      type = PatchType::Merge;
    else if (media == "application/json-patch+json")
      type = PatchType::Operations;
    else if (media == "application/strategic-merge-patch+json")
      type = PatchType::Strategic;
    else if (media == "application/apply-patch+yaml")
      type = PatchType::Apply;
    else
      return unsupported_media_type(media);
    const Subject options{"meta.k8s.io", "", "PatchOptions"};
    if (type == PatchType::Apply && param(target_, "fieldManager").empty())
      return invalid(options, "", {required("fieldManager", "is required for apply patch")});
    if (type != PatchType::Apply && target_.param("force") != nullptr)
      return invalid(options, "",
                     {field_forbidden("force", "may not be specified for non-apply patch")});
    return std::nullopt;
  }

  http::Response remove() {
    Outcome<Json> body = parse_body(request_, false);
    if (!body) return failure_response(body.error());
    Outcome<DeleteOptions> options = parse_delete_options(&*body, &target_);
    if (!options) return failure_response(options.error());
    context_.dry_run = context_.dry_run || options->dry_run;
    options->dry_run = context_.dry_run;
    if (context_.def->bucket == "batch/jobs" && options->propagation.empty())
      context_.warnings.push_back(
          "child pods are preserved by default when jobs are deleted; set "
          "propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress "
          "this warning");
    Outcome<Core::Removal> removed = core_.remove(context_, *options);
    if (!removed) return failure_response(removed.error());
    if (!removed->gone) return object_response(200, *removed->object);
    return json(200, success_status(context_.subject(), context_.key.name,
                                    kube::get_string(*removed->object, "metadata.uid")));
  }

  http::Response remove_collection() {
    Outcome<Json> body = parse_body(request_, false);
    if (!body) return failure_response(body.error());
    Outcome<DeleteOptions> options = parse_delete_options(&*body, &target_);
    if (!options) return failure_response(options.error());
    if (context_.def->namespaced && route_.ns.empty())
      return failure_response(method_not_allowed());
    Outcome<ListAnswer> found = Lists(core_).list(*context_.def, route_.ns, target_);
    if (!found) return failure_response(found.error());
    options->dry_run = options->dry_run || context_.dry_run;
    for (const ObjectPtr& object : found->items) {
      WriteContext each = context_;
      each.key = key_of(*context_.def, *object);
      each.dry_run = options->dry_run;
      Outcome<Core::Removal> removed = core_.remove(each, *options);
      if (!removed && removed.error().reason != "NotFound")
        return failure_response(removed.error());
    }
    found->version = core_.store_.version();
    return list_response(*found, {{"resourceVersion", std::to_string(found->version)}});
  }

  http::Response subresource() {
    const std::string& name = route_.subresource;
    if (name == "status" && context_.version->status)
      return verb_ == "get"                          ? get()
             : verb_ == "update" || verb_ == "patch" ? write()
                                                     : failure_response(method_not_allowed());
    if (name == "scale" && context_.version->scale) return scale();
    const auto& extra = context_.def->extra_subresources;
    if (std::find(extra.begin(), extra.end(), name) == extra.end())
      return failure_response(no_such_path());
    if (name == "finalize")
      return verb_ == "update" ? write() : failure_response(method_not_allowed());
    if (name == "eviction" || name == "binding") return action(name);
    return without_kubelet(name);
  }

  // What a kubelet would do. There is none, so the answers say what can be done instead.
  http::Response without_kubelet(const std::string& name) {
    const ObjectPtr pod = core_.find(*context_.def, context_.key);
    if (!pod) return failure_response(not_found(context_.subject(), context_.key.name));
    if (name == "log" && param(target_, "previous") == "true")
      return failure_response(
          bad_request("previous terminated container in pod \"" + context_.key.name +
                      "\" not found: this cluster keeps one log per pod, without --previous"));
    if (name == "log")
      return failure_response(
          bad_request("pod \"" + context_.key.name +
                      "\" has no output: only pods that this cluster runs as processes (image "
                      "sluice-demo-app) have; the others are moved through their stages by a clock"));
    if (name == "portforward") {
      const std::string ip = kube::get_string(*pod, "status.podIP");
      return failure_response(not_implemented(
          ip.rfind("127.", 0) == 0
              ? "this cluster forwards no ports, and need not: the pod is a process of this machine "
                "and can be called at its own address, " +
                    ip
              : "this cluster forwards no ports, and nothing listens in this pod: only pods that it "
                "runs as processes (image sluice-demo-app) can be called"));
    }
    return failure_response(not_implemented(
        "this cluster does not implement " + context_.subject().qualified() + "/" + name +
        ": its pods are no containers that commands could run in"));
  }

  http::Response action(const std::string& name) {
    if (verb_ != "create") return failure_response(method_not_allowed());
    Outcome<Json> body = parse_body(request_, true);
    if (!body) return failure_response(body.error());
    Outcome<Json> done =
        name == "eviction" ? core_.evict(context_, *body) : core_.bind(context_, *body);
    return done ? json(201, *done) : failure_response(done.error());
  }

  http::Response scale() {
    if (verb_ == "get") {
      Outcome<Json> scale = core_.read_scale(context_);
      return scale ? json(200, *scale) : failure_response(scale.error());
    }
    if (verb_ != "update" && verb_ != "patch") return failure_response(method_not_allowed());
    PatchType type = PatchType::Merge;
    if (verb_ == "patch") {
      if (auto failure = patch_type(type)) return failure_response(*failure);
    }
    Outcome<Json> body = parse_body(request_, true);
    if (!body) return failure_response(body.error());
    const bool patching = verb_ == "patch";
    Outcome<Json> scale = core_.write_scale(context_, [&](Json before) -> Outcome<Json> {
      if (!patching) return std::move(*body);
      return patched(std::move(before), type, *body, native_type("Scale"));
    });
    return scale ? json(200, *scale) : failure_response(scale.error());
  }

  http::Response virtual_kind() {
    if (verb_ != "create") return failure_response(method_not_allowed());
    Outcome<Json> body = parse_body(request_, true);
    if (!body) return failure_response(body.error());
    if (context_.def->resource == "bindings") {
      context_.key.name = kube::get_string(*body, "metadata.name");
      context_.def = core_.registry_.find("", "pods");
      context_.version = &context_.def->stored();
      Outcome<Json> done = core_.bind(context_, *body);
      return done ? json(201, *done) : failure_response(done.error());
    }
    Json review = std::move(*body);
    review["apiVersion"] = context_.def->api_version(route_.version);
    review["kind"] = context_.def->kind;
    review["status"] = review_status();
    return json(201, review);
  }

  // Who asks, and what they may do: everybody with a token may do everything.
  [[nodiscard]] Json review_status() const {
    const Json all = Json::array({"*"});
    if (context_.def->resource == "selfsubjectreviews")
      return {{"userInfo",
               {{"username", caller_.user},
                {"groups", {"system:masters", "system:authenticated"}}}}};
    if (context_.def->resource == "selfsubjectrulesreviews")
      return {{"resourceRules",
               Json::array({{{"verbs", all}, {"apiGroups", all}, {"resources", all}}})},
              {"nonResourceRules", Json::array({{{"verbs", all}, {"nonResourceURLs", all}}})},
              {"incomplete", false}};
    return {{"allowed", true}, {"reason", "every caller of this cluster is an administrator"}};
  }

  http::Response object_response(int status, const Json& stored) {
    if (format_.kind == OutputFormat::Kind::Whole && same_on_wire(*context_.def, route_.version))
      return json_text(status, kube::dump(stored) + "\n");
    const Json shown = present(*context_.def, route_.version, stored);
    if (format_.kind == OutputFormat::Kind::Metadata)
      return json(status, metadata_only(shown, format_.meta_version));
    if (format_.kind == OutputFormat::Kind::Table) {
      Json table = make_table(*context_.def, *context_.version, {&shown}, format_, true,
                              core_.clock_.wall_now());
      table["metadata"]["resourceVersion"] = kube::get_string(stored, "metadata.resourceVersion");
      return json(status, table);
    }
    return json(status, shown);
  }

  static http::Response json(int status, const Json& body) {
    return json_text(status, kube::dump(body) + "\n");
  }
  static http::Response json_text(int status, std::string body) {
    http::Response out;
    out.status = status;
    out.body = std::move(body);
    http::set_header(out.headers, "Content-Type", "application/json");
    return out;
  }

  Core& core_;
  const http::Request& request_;
  const Caller& caller_;
  http::Target target_;
  Route route_;
  WriteContext context_;
  OutputFormat format_;
  std::string verb_;
};

http::Response Core::handle(const http::Request& request, const Caller& caller) {
  return Requests(*this, request, caller).run();
}

}  // namespace sluice::apiserver::server
