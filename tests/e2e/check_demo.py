#!/usr/bin/env python3
"""Checks the file that `sluice demo --json FILE` writes: check_demo.py FILE. Says what is wrong and exits 1."""
import json
import sys

DECLARED = {"canary-good": "promoted", "canary-bad": "rolled-back", "blue-green": "held-then-promoted"}
MEMBERS = ["name", "declared", "outcome", "seconds", "firstBadSampleToZeroSeconds", "failedVerdictToZeroSeconds",
           "userRequests", "failedUserRequests", "requestsToUnverifiedVersion", "steps"]


def problems(report):
    stories = {story["name"]: story for story in report.get("stories", [])}
    for name, outcome in DECLARED.items():
        story = stories.get(name)
        if story is None:
            yield f"story {name} is missing"
            continue
        for member in MEMBERS:
            if member not in story:
                yield f"{name}: member {member} is missing"
        if story["declared"] != outcome or story["outcome"] != outcome:
            yield f"{name}: declared {story['declared']}, ended as {story['outcome']} ({story.get('why')})"
        if not story["userRequests"]:
            yield f"{name}: nobody used the service"
        for step in story["steps"]:
            if step["requests"] < 200:
                yield f"{name}: only {step['requests']} requests at weight {step['askedWeight']}"
    if "canary-good" in stories and [s["askedWeight"] for s in stories["canary-good"]["steps"]] != [20, 50, 100]:
        yield "canary-good: the steps are not 20, 50, 100"
    for name in ("canary-good", "blue-green"):
        if stories.get(name, {}).get("failedUserRequests") != 0:
            yield f"{name}: users got errors"
    bad = stories.get("canary-bad", {})
    if bad.get("failedVerdictToZeroSeconds") is None or bad["failedVerdictToZeroSeconds"] > 2:
        yield f"canary-bad: {bad.get('failedVerdictToZeroSeconds')} s from the verdict to zero"
    if stories.get("blue-green", {}).get("requestsToUnverifiedVersion") != 0:
        yield "blue-green: users got a version that was not verified"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        found = list(problems(json.load(file)))
    for problem in found:
        print(problem)
    if not found:
        print("all three stories ended as declared")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
