#pragma once
// Random JSON documents for property tests.
#include <rapidcheck.h>

#include <string>

#include "kube/json/json.h"

namespace sluice::kube::given {

inline std::string random_text() {
  static const char* const kPieces[] = {
      "a",  "b",   "web", "true", "1",  "0x1f", " ",  "\n", "\"", "\\", ":",
      "#",  "- ",  "~",   "é",    "日", "\t",   "'",  "{",  "]",  "/",  "\x01",
      "no", "1e3", ".",   "null", "😀", "x: y", "\n", "%",  "&",  "*",  "|"};
  std::string out;
  const int pieces = *rc::gen::inRange(0, 5);
  for (int i = 0; i < pieces; ++i)
    out += kPieces[*rc::gen::inRange<std::size_t>(0, std::size(kPieces))];
  return out;
}

// `null_members`: whether objects may have members that are null.
inline Json random_json(int depth, bool null_members) {
  switch (*rc::gen::inRange(0, depth > 0 ? 9 : 6)) {
    case 0:
      return Json(*rc::gen::arbitrary<bool>());
    case 1:
      return Json(*rc::gen::arbitrary<std::int64_t>());
    case 2:
      return Json(*rc::gen::inRange(-1000, 1000) / 8.0);
    case 3:
      return null_members ? Json(nullptr) : Json("none");
    case 4:
    case 5:
      return Json(random_text());
    case 6: {
      Json out = Json::array();
      const int size = *rc::gen::inRange(0, 4);
      for (int i = 0; i < size; ++i) out.push_back(random_json(depth - 1, null_members));
      return out;
    }
    default:
      break;
  }
  Json out = Json::object();
  const int size = *rc::gen::inRange(0, 5);
  for (int i = 0; i < size; ++i) {
    // Few names, so that two documents share some.
    const std::string key =
        *rc::gen::inRange(0, 3) == 0 ? random_text() : std::string(1, *rc::gen::inRange('a', 'e'));
    out[key] = random_json(depth - 1, null_members);
  }
  return out;
}

}  // namespace sluice::kube::given
