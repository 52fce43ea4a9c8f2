"""The conformance suite (tests/conformance/) against a real kube-apiserver over HTTPS."""
import os
import re

from harness.cases import Suite, check, skip
from harness.control_plane import ControlPlane, assets_or_skip
from harness.processes import environment, run
from harness.programs import binary


def against_real(suite, program, plane):
    answer = run([program, "--gtest_filter=Real/*", "--gtest_color=no"],
                 env=environment(SLUICE_CONFORMANCE_KUBECONFIG=plane.admin_config), seconds=600)
    print(answer.out[-20000:] + answer.err[-5000:])
    counts = dict((name, int(number)) for name, number in re.findall(r"^\[ +(PASSED|FAILED|SKIPPED) +\] (\d+) tests?", answer.out, re.M))
    suite.note(f"{counts.get('PASSED', 0)} passed, {counts.get('FAILED', 0)} failed, {counts.get('SKIPPED', 0)} hold on the embedded server only")
    check(counts.get("PASSED", 0) > 0, "no test ran")
    check(answer.code == 0, "differences: " + ", ".join(sorted(set(re.findall(r"^\[ +FAILED +\] (Real/\S+?)[,\s]", answer.out, re.M)))))


def main():
    with Suite("conformance on a real kube-apiserver") as suite:
        assets = assets_or_skip()
        program = os.path.join(os.path.dirname(os.path.realpath(binary())), "tests", "unit_cluster")
        if not os.access(program, os.X_OK):
            skip(f"{program} is not built")
        plane = ControlPlane(suite, assets, suite.scratch())
        suite.case("the suite holds on the real server", against_real, suite, program, plane)


if __name__ == "__main__":
    main()
