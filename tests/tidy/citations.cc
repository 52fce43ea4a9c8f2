#include "tests/tidy/citations.h"

#include <regex>

namespace sluice::tidy {

namespace {

struct Comment {
  int line = 0;  // of its first line
  std::string text;
};

// Comments on neighbouring lines are one comment: citations wrap.
std::vector<Comment> comments_in(const std::string& text) {
  std::vector<Comment> out;
  bool open = false;
  int number = 0;
  const auto code = lines_of(code_of(text));
  for (const auto& line : lines_of(comments_of(text))) {
    ++number;
    const auto first = line.find_first_not_of(" /*\t");
    const bool empty = line.find_first_not_of(' ') == std::string::npos;
    const bool beside_code = code[number - 1].find_first_not_of(' ') != std::string::npos;
    if (empty || !open || beside_code) open = false;
    if (empty) continue;
    if (!open) out.push_back({number, ""});
    out.back().text += (first == std::string::npos ? "" : line.substr(first)) + " ";
    open = true;
  }
  return out;
}

bool has_words(const std::string& comment) {
  static const std::regex citation(R"([a-z-]+\.md|§ ?[0-9A-Z.]+|\b[A-Z]{1,4}-?[0-9]+[a-z]?\b)");
  static const std::regex words(R"([A-Za-z]{2,})");
  const std::string rest = std::regex_replace(comment, citation, "");
  return std::regex_search(rest, words);
}

bool only_a_citation(const std::string& comment) {
  static const std::regex any(R"([a-z-]+\.md|§|^\W*[A-Z]{1,4}-?[0-9]+\b)");
  return std::regex_search(comment, any) && !has_words(comment);
}

// Rules whose letters are so rare in prose that a bare one is a citation.
bool names_a_rule(const std::string& token, const std::string& path) {
  static const std::regex traffic(R"((SVC|NGX|GW|IST|ALB|AMB|APX|CTR|SMI|TRF|W)-[0-9]+)");
  static const std::regex steps(R"([CBP][0-9]{1,2})");
  return std::regex_match(token, traffic) ||
         (path.starts_with("controller/rollout/") && std::regex_match(token, steps));
}

// One piece of a comment after the other: a document's name, a section, a rule.
class Reading {
 public:
  Reading(const Source& source, const Anchors& anchors, const Comment& comment)
      : source_(source), anchors_(anchors), comment_(comment) {}

  std::vector<Finding> findings() {
    static const std::regex piece(
        R"(([A-Za-z0-9_-]+\.md)|§ ?([A-Z]?[0-9]+(?:\.[0-9]+)*)|\b([A-Z]{1,4}-?[0-9]+)\b)");
    const std::string& text = comment_.text;
    for (std::sregex_iterator it(text.begin(), text.end(), piece), end; it != end; ++it) {
      if ((*it)[1].matched) take_document((*it)[1]);
      if ((*it)[2].matched) take_section((*it)[2]);
      if ((*it)[3].matched) take_rule((*it)[3]);
    }
    if (only_a_citation(text)) add("a comment that is only a citation: say the rule in words");
    return std::move(findings_);
  }

 private:
  void add(std::string message) {
    findings_.push_back({source_.path, comment_.line, std::move(message)});
  }
  void take_document(const std::string& name) {
    const auto it = anchors_.documents.find(name);
    document_ = it == anchors_.documents.end() ? nullptr : &it->second;
    name_ = name;
  }
  void take_section(const std::string& section) {
    if (name_.empty()) return add("§" + section + " of which document? Write \"rollout.md §…\"");
    if (document_ && !document_->sections.contains(section)) add(name_ + " has no §" + section);
  }
  void take_rule(const std::string& rule) {
    if (document_ && document_->rules.contains(rule)) return;
    if (names_a_rule(rule, source_.path))
      add(rule + (document_ ? " is no rule of " + name_ : " of which document?"));
  }

  const Source& source_;
  const Anchors& anchors_;
  const Comment& comment_;
  const Anchors::Document* document_ = nullptr;
  std::string name_;
  std::vector<Finding> findings_;
};

Anchors::Document read_document(const std::string& text) {
  static const std::regex heading(R"(^#+ ([A-Z]?[0-9]+(?:\.[0-9]+)*)[. ].*)");
  static const std::regex rule(R"((?:\*\*|^\| *)([A-Z]{1,4}-?[0-9]+)\b)");
  Anchors::Document out;
  for (const auto& line : lines_of(text)) {
    std::smatch match;
    if (std::regex_match(line, match, heading)) out.sections.insert(match[1]);
    for (std::sregex_iterator it(line.begin(), line.end(), rule), end; it != end; ++it)
      out.rules.insert((*it)[1]);
  }
  return out;
}

}  // namespace

Anchors read_anchors(const std::vector<Source>& documents) {
  Anchors out;
  for (const auto& document : documents)
    out.documents[document.path.substr(document.path.rfind('/') + 1)] =
        read_document(document.text);
  return out;
}

std::vector<Finding> check_citations(const Source& source, const Anchors& anchors) {
  std::vector<Finding> out;
  for (const auto& comment : comments_in(source.text))
    for (auto& finding : Reading(source, anchors, comment).findings())
      out.push_back(std::move(finding));
  return out;
}

std::vector<Finding> check_document_names(const Source& source,
                                          const std::set<std::string>& known) {
  static const std::regex name(R"(([A-Za-z0-9_][A-Za-z0-9_-]*\.md)\b)");
  std::vector<Finding> out;
  int number = 0;
  for (const auto& line : lines_of(source.text)) {
    ++number;
    if (line.find(".md") == std::string::npos) continue;
    for (std::sregex_iterator it(line.begin(), line.end(), name), end; it != end; ++it)
      if (!known.contains((*it)[1]))
        out.push_back({source.path, number, it->str(1) + " is not here"});
  }
  return out;
}

}  // namespace sluice::tidy
