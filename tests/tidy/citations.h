#pragma once
// Comments cite the specification by file and section or rule: "rollout.md §3.11", "traffic.md
// SVC-23". Each citation leads somewhere, and stands behind words that say the rule.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/tidy/source.h"

namespace sluice::tidy {

// What can be cited, by the name of a document ("rollout.md").
struct Anchors {
  struct Document {
    std::set<std::string> sections;  // "3.11", "A5"
    std::set<std::string> rules;     // "SVC-23", "C12"
  };
  std::map<std::string, Document> documents;
};

[[nodiscard]] Anchors read_anchors(const std::vector<Source>& documents);

// Findings: a document that is not there, a section or rule that the document has not, a § without
// a document, a comment that is nothing but a citation.
[[nodiscard]] std::vector<Finding> check_citations(const Source& source, const Anchors& anchors);

// Names of Markdown files in any text that are not in the tree.
[[nodiscard]] std::vector<Finding> check_document_names(const Source& source,
                                                        const std::set<std::string>& known);

}  // namespace sluice::tidy
