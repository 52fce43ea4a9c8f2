// Merge patches (RFC 7386) and JSON patches (RFC 6902). Strategic ones are in strategic.cc.
#include "kube/json/patch.h"

#include <fmt/core.h>

#include "base/strings.h"
#include "kube/json/json.h"
#include "kube/json/json_pointer.h"

namespace sluice::kube {

namespace {

// A merge patch cannot set null: members that are null in the goal are the same as absent ones.
Json without_null_members(const Json& value) {
  if (!value.is_object()) return value;
  Json out = Json::object();
  for (const auto& [key, member] : value.items())
    if (!member.is_null()) out[key] = without_null_members(member);
  return out;
}

}  // namespace

Json merge_patch_diff(const Json& from, const Json& to) {
  if (!from.is_object() || !to.is_object()) return without_null_members(to);
  Json patch = Json::object();
  for (const auto& [key, old] : from.items()) {
    const Json* wanted = find(to, key);
    if (wanted == nullptr || (wanted->is_null() && !old.is_null())) patch[key] = nullptr;
  }
  for (const auto& [key, wanted] : to.items()) {
    if (wanted.is_null()) continue;
    const Json* old = find(from, key);
    if (old == nullptr) {
      patch[key] = without_null_members(wanted);
    } else if (old->is_object() && wanted.is_object()) {
      Json inner = merge_patch_diff(*old, wanted);
      if (!inner.empty()) patch[key] = std::move(inner);
    } else if (*old != wanted) {
      patch[key] = without_null_members(wanted);
    }
  }
  return patch;
}

void apply_merge_patch(Json& target, const Json& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = Json::object();
  for (const auto& [key, value] : patch.items()) {
    if (value.is_null()) {
      target.erase(key);
    } else {
      apply_merge_patch(target[key], value);
    }
  }
}

namespace {

using Tokens = std::vector<std::string>;

tl::unexpected<Error> missing(std::string_view op, std::string_view path) {
  return fail(ErrorCode::Invalid,
              fmt::format("{} operation does not apply: doc is missing path: {}", op, quote(path)));
}

// The value at the first `count` tokens; nullptr when a step is missing.
Json* walk(Json& document, const Tokens& tokens, std::size_t count) {
  Json* at = &document;
  for (std::size_t i = 0; i < count; ++i) {
    if (at->is_object()) {
      const auto it = at->find(tokens[i]);
      if (it == at->end()) return nullptr;
      at = &*it;
    } else if (at->is_array()) {
      const auto index = pointer_index(tokens[i]);
      if (!index || *index >= at->size()) return nullptr;
      at = &(*at)[*index];
    } else {
      return nullptr;
    }
  }
  return at;
}

struct Operation {
  std::string op, path;
  Tokens tokens, from;
  std::string from_path;
  const Json* value = nullptr;
};

Result<Operation> read_operation(const Json& json) {
  Operation out;
  const auto bad = [&](std::string_view why) {
    return fail(ErrorCode::Invalid,
                fmt::format("invalid JSON patch operation {}: {}", dump(json), why));
  };
  const Json* op = find(json, "op");
  const Json* path = find(json, "path");
  if (op == nullptr || !op->is_string()) return bad("`op` must be a string");
  if (path == nullptr || !path->is_string()) return bad("`path` must be a string");
  out.op = op->get<std::string>();
  out.path = path->get<std::string>();
  auto tokens = parse_json_pointer(out.path);
  if (!tokens) return bad("`path` is not a JSON pointer");
  out.tokens = std::move(*tokens);
  out.value = find(json, "value");
  if (out.op == "move" || out.op == "copy") {
    const Json* from = find(json, "from");
    if (from == nullptr || !from->is_string()) return bad("`from` must be a string");
    out.from_path = from->get<std::string>();
    auto from_tokens = parse_json_pointer(out.from_path);
    if (!from_tokens) return bad("`from` is not a JSON pointer");
    out.from = std::move(*from_tokens);
  } else if (out.op == "add" || out.op == "replace" || out.op == "test") {
    if (out.value == nullptr) return bad("`value` is missing");
  } else if (out.op != "remove") {
    return bad("`op` must be add, remove, replace, move, copy or test");
  }
  return out;
}

Status add_at(Json& document, const Tokens& tokens, Json value, const Operation& o) {
  if (tokens.empty()) {
    document = std::move(value);
    return {};
  }
  Json* parent = walk(document, tokens, tokens.size() - 1);
  if (parent == nullptr) return missing(o.op, o.path);
  if (parent->is_object()) {
    (*parent)[tokens.back()] = std::move(value);
    return {};
  }
  if (!parent->is_array()) return missing(o.op, o.path);
  if (tokens.back() == "-") {
    parent->push_back(std::move(value));
    return {};
  }
  const auto index = pointer_index(tokens.back());
  if (!index || *index > parent->size()) return missing(o.op, o.path);
  parent->insert(parent->begin() + static_cast<Json::difference_type>(*index), std::move(value));
  return {};
}

Status remove_at(Json& document, const Tokens& tokens, std::string_view path, std::string_view op) {
  if (tokens.empty()) {
    document = nullptr;
    return {};
  }
  if (walk(document, tokens, tokens.size()) == nullptr) return missing(op, path);
  Json* parent = walk(document, tokens, tokens.size() - 1);
  if (parent->is_object()) {
    parent->erase(tokens.back());
  } else {
    parent->erase(pointer_index(tokens.back()).value_or(0));
  }
  return {};
}

Status move_or_copy(Json& document, const Operation& o) {
  Json* source = walk(document, o.from, o.from.size());
  if (source == nullptr) return missing(o.op, o.from_path);
  Json value = *source;
  if (o.op == "move") {
    const bool into_itself = o.tokens.size() > o.from.size() &&
                             std::equal(o.from.begin(), o.from.end(), o.tokens.begin());
    if (into_itself)
      return fail(ErrorCode::Invalid,
                  fmt::format("move operation cannot put {} into itself", quote(o.from_path)));
    SLUICE_CHECK_OK(remove_at(document, o.from, o.from_path, o.op));
  }
  return add_at(document, o.tokens, std::move(value), o);
}

Status apply_operation(Json& document, const Operation& o) {
  if (o.op == "add") return add_at(document, o.tokens, *o.value, o);
  if (o.op == "remove") return remove_at(document, o.tokens, o.path, o.op);
  if (o.op == "move" || o.op == "copy") return move_or_copy(document, o);
  Json* at = walk(document, o.tokens, o.tokens.size());
  if (o.op == "replace") {
    if (at == nullptr) return missing(o.op, o.path);
    *at = *o.value;
    return {};
  }
  // A `test` for null also holds where nothing is: the API server's library reads it so.
  const bool holds = at == nullptr ? o.value->is_null() : *at == *o.value;
  if (!holds)
    return fail(ErrorCode::Invalid, fmt::format("testing value {} failed: test failed", o.path));
  return {};
}

}  // namespace

Status apply_json_patch(Json& target, const Json& operations) {
  if (!operations.is_array())
    return fail(ErrorCode::Invalid, "a JSON patch must be a list of operations");
  Json document = target;  // all or nothing
  for (const auto& json : operations) {
    SLUICE_TRY(const Operation operation, read_operation(json));
    SLUICE_CHECK_OK(apply_operation(document, operation));
  }
  target = std::move(document);
  return {};
}

}  // namespace sluice::kube
