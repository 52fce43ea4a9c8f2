#pragma once
// What this release implements of the API and what it refuses. One table: unsupported()
// (api/validate.h) answers from it, docs/reference/support.md is written from it, and a test walks
// the CRD schemas against it.
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/validate.h"

namespace sluice::api {

enum class SupportScope {
  Rollout,
  Analysis
};  // Analysis: AnalysisTemplate, ClusterAnalysisTemplate, AnalysisRun

struct SupportEntry {
  SupportScope scope = SupportScope::Rollout;
  // Path in the schema: members by dots, list elements as "[]". A trailing ".*" stands for
  // everything below; a refused path always does.
  std::string_view path;
  std::string_view remedy;  // "" = implemented

  [[nodiscard]] bool refused() const { return !remedy.empty(); }
};

[[nodiscard]] std::span<const SupportEntry> support_table();
// The entry that decides about a path of the schema; nullptr when the table does not know it.
[[nodiscard]] const SupportEntry* find_support(SupportScope scope, std::string_view path);

// A kind of our API group that this release does not reconcile; nullopt for the others.
[[nodiscard]] std::optional<Unsupported> unsupported_kind(std::string_view kind);

// The text of docs/reference/support.md.
[[nodiscard]] std::string support_markdown();

}  // namespace sluice::api
