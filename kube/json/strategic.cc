// Strategic merge, in the order in which the API server works: a map's own directive, $retainKeys,
// $setElementOrder, then member by member.
#include <fmt/core.h>

#include <algorithm>

#include "base/strings.h"
#include "kube/json/json.h"
#include "kube/json/patch.h"

namespace sluice::kube {

namespace {

constexpr std::string_view kDirective = "$patch";
constexpr std::string_view kRetainKeys = "$retainKeys";
constexpr std::string_view kDeletePrefix = "$deleteFromPrimitiveList/";
constexpr std::string_view kOrderPrefix = "$setElementOrder/";
constexpr std::string_view kSetKey = "=";  // a list of primitives that merges as a set

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

bool is_directive(std::string_view key) {
  return key == kDirective || key == kRetainKeys || starts_with(key, kDeletePrefix) ||
         starts_with(key, kOrderPrefix);
}

std::string child_path(std::string_view path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

template <class... Args>
tl::unexpected<Error> invalid(fmt::format_string<Args...> format, Args&&... args) {
  return fail(ErrorCode::Invalid, fmt::format(format, std::forward<Args>(args)...));
}

// Patch content that is new to the target: directives and nulls have nothing to act on there.
Json clean(const Json& value) {
  if (value.is_array()) {
    Json out = Json::array();
    for (const auto& element : value)
      if (!element.is_object() || !element.contains(kDirective)) out.push_back(clean(element));
    return out;
  }
  if (!value.is_object()) return value;
  Json out = Json::object();
  for (const auto& [key, member] : value.items())
    if (!member.is_null() && !is_directive(key)) out[key] = clean(member);
  return out;
}

class Merger {
 public:
  explicit Merger(const StrategicSchema& schema) : schema_(schema) {}

  Status merge_map(Json& target, const Json& given, const std::string& path) {
    if (const Json* directive = find(given, kDirective))
      return map_directive(target, given, *directive, path);
    Json patch = given;
    SLUICE_CHECK_OK(retain_keys(target, patch, path));
    SLUICE_CHECK_OK(ordered_lists(target, patch, path));
    for (const auto& [key, value] : patch.items()) {
      if (starts_with(key, kDeletePrefix)) {
        SLUICE_CHECK_OK(delete_primitives(target, key.substr(kDeletePrefix.size()), value, path));
      } else {
        SLUICE_CHECK_OK(merge_member(target, key, value, path));
      }
    }
    return {};
  }

 private:
  static Status map_directive(Json& target, const Json& given, const Json& directive,
                              const std::string& path) {
    if (directive == "replace") {
      Json rest = given;
      rest.erase(std::string(kDirective));
      target = clean(rest);
      return {};
    }
    if (directive == "delete") {
      target = Json::object();
      return {};
    }
    return invalid("unknown $patch directive {} at {}", dump(directive), quote(path));
  }

  static Status retain_keys(Json& target, Json& patch, const std::string& path) {
    const auto it = patch.find(kRetainKeys);
    if (it == patch.end()) return {};
    const Json retained = *it;
    patch.erase(it);
    if (!retained.is_array()) return invalid("$retainKeys at {} must be a list", quote(path));
    const auto kept = [&](const std::string& key) {
      return std::find(retained.begin(), retained.end(), Json(key)) != retained.end();
    };
    for (const auto& [key, value] : patch.items()) {
      if (!value.is_null() && !is_directive(key) && !kept(key))
        return invalid("$retainKeys at {} does not name {}, which the patch sets", quote(path),
                       quote(key));
    }
    for (auto member = target.begin(); member != target.end();)
      member = kept(member.key()) ? std::next(member) : target.erase(member);
    return {};
  }

  static Status delete_primitives(Json& target, const std::string& field, const Json& values,
                                  const std::string& path) {
    if (!values.is_array())
      return invalid("{}{} at {} must be a list", kDeletePrefix, field, quote(path));
    const auto list = target.find(field);
    if (list == target.end() || !list->is_array()) return {};
    Json rest = Json::array();
    for (const auto& element : *list)
      if (std::find(values.begin(), values.end(), element) == values.end()) rest.push_back(element);
    *list = std::move(rest);
    return {};
  }

  Status merge_member(Json& target, const std::string& key, const Json& value,
                      const std::string& path) {
    if (value.is_null()) {
      target.erase(key);
      return {};
    }
    const auto it = target.find(key);
    if (it == target.end()) {
      target[key] = clean(value);
      return {};
    }
    const std::string inner = child_path(path, key);
    if (it->is_object() && value.is_object()) return merge_map(*it, value, inner);
    if (it->is_array() && value.is_array()) return merge_list(*it, value, inner);
    *it = clean(value);
    return {};
  }

  Status merge_list(Json& target, const Json& patch, const std::string& path) {
    const std::string key = schema_.merge_key(path);
    if (key.empty()) {
      target = clean(patch);
      return {};
    }
    const Json before = target;
    SLUICE_CHECK_OK(key == kSetKey ? merge_set(target, patch)
                                   : merge_by_key(target, patch, key, path));
    target = in_order(target, patch, before, key);
    return {};
  }

  static Status merge_set(Json& target, const Json& patch) {
    Json merged = Json::array();
    const auto take = [&](const Json& from) {
      for (const auto& element : from)
        if (std::find(merged.begin(), merged.end(), element) == merged.end())
          merged.push_back(element);
    };
    take(target);
    take(patch);
    target = std::move(merged);
    return {};
  }

  static Json::iterator find_by_key(Json& list, const std::string& key, const Json& value) {
    return std::find_if(list.begin(), list.end(), [&](const Json& element) {
      const Json* own = find(element, key);
      return own != nullptr && *own == value;
    });
  }

  // List directives are elements of the patch: `$patch: delete` with a key, `$patch: replace`
  // without.
  static Status list_directives(Json& target, const Json& patch, const std::string& key,
                                const std::string& path, bool& replace) {
    for (const auto& element : patch) {
      if (!element.is_object()) return invalid("element of {} is not an object", quote(path));
      const Json* directive = find(element, kDirective);
      if (directive == nullptr) continue;
      if (*directive == "replace") {
        replace = true;
      } else if (*directive != "delete") {
        return invalid("unknown $patch directive {} in the list {}", dump(*directive), quote(path));
      } else {
        const Json* value = find(element, key);
        if (value == nullptr)
          return invalid("element of {} does not contain its merge key {}", quote(path),
                         quote(key));
        for (auto it = find_by_key(target, key, *value); it != target.end();
             it = find_by_key(target, key, *value))
          target.erase(it);
      }
    }
    return {};
  }

  Status merge_by_key(Json& target, const Json& patch, const std::string& key,
                      const std::string& path) {
    bool replace = false;
    SLUICE_CHECK_OK(list_directives(target, patch, key, path, replace));
    if (replace) {
      target = clean(patch);
      return {};
    }
    for (const auto& element : patch) {
      if (element.contains(kDirective)) continue;
      const Json* value = find(element, key);
      if (value == nullptr)
        return invalid("element of {} does not contain its merge key {}", quote(path), quote(key));
      const auto it = find_by_key(target, key, *value);
      if (it == target.end()) {
        target.push_back(clean(element));
      } else {
        SLUICE_CHECK_OK(merge_map(*it, element, path));
      }
    }
    return {};
  }

  // $setElementOrder: merge the list now and arrange it; the list is then done.
  Status ordered_lists(Json& target, Json& patch, const std::string& path) {
    std::vector<std::string> directives;
    for (const auto& [key, value] : patch.items())
      if (starts_with(key, kOrderPrefix)) directives.push_back(key);
    for (const auto& directive : directives) {
      const std::string field = directive.substr(kOrderPrefix.size());
      const Json order = patch[directive];
      patch.erase(directive);
      if (!order.is_array()) return invalid("{} at {} must be a list", directive, quote(path));
      const std::string list_path = child_path(path, field);
      const std::string key = schema_.merge_key(list_path);
      if (key.empty()) continue;  // an atomic list has the patch's own order
      const auto change = patch.find(field);
      const bool changed = change != patch.end() && change->is_array();
      if (change != patch.end() && !changed) continue;  // null or another type: an ordinary member
      const auto own = target.find(field);
      const Json before = own != target.end() && own->is_array() ? *own : Json::array();
      if (!changed && before.empty()) continue;
      Json merged = before;
      if (changed) {
        SLUICE_CHECK_OK(key == kSetKey ? merge_set(merged, *change)
                                       : merge_by_key(merged, *change, key, list_path));
        patch.erase(field);
      }
      target[field] = in_order(merged, order, before, key);
    }
    return {};
  }

  static std::size_t position(const Json& list, const Json& element, const std::string& key) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (key == kSetKey) {
        if (list[i] == element) return i;
        continue;
      }
      const Json* a = find(list[i], key);
      const Json* b = find(element, key);
      if (a != nullptr && b != nullptr && *a == *b) return i;
    }
    return list.size();
  }

  static void sort_by(std::vector<const Json*>& elements, const Json& order,
                      const std::string& key) {
    std::stable_sort(elements.begin(), elements.end(), [&](const Json* a, const Json* b) {
      return position(order, *a, key) < position(order, *b, key);
    });
  }

  // Elements that `order` names come in its order; the others keep the order they had before. Where
  // both meet, the old order decides, and an element that is new goes first.
  static Json in_order(const Json& merged, const Json& order, const Json& before,
                       const std::string& key) {
    std::vector<const Json*> named;
    std::vector<const Json*> others;
    for (const auto& element : merged)
      (position(order, element, key) < order.size() ? named : others).push_back(&element);
    sort_by(named, order, key);
    sort_by(others, before, key);
    Json out = Json::array();
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < others.size() || j < named.size()) {
      bool other_first = j >= named.size();
      if (i < others.size() && j < named.size()) {
        const std::size_t other_at = position(before, *others[i], key);
        const std::size_t named_at = position(before, *named[j], key);
        other_first = other_at < before.size() && named_at < before.size() && other_at < named_at;
      }
      out.push_back(other_first ? *others[i++] : *named[j++]);
    }
    return out;
  }

  const StrategicSchema& schema_;
};

}  // namespace

Status apply_strategic_patch(Json& target, const Json& patch, const StrategicSchema& schema) {
  if (!patch.is_object())
    return fail(ErrorCode::Invalid, "a strategic merge patch must be an object");
  Json result = target.is_object() ? target : Json::object();  // all or nothing
  SLUICE_CHECK_OK(Merger(schema).merge_map(result, patch, ""));
  target = std::move(result);
  return {};
}

}  // namespace sluice::kube
