"""The kubectl cases on a real kube-apiserver: they keep the embedded server honest."""
from harness.cases import Suite
from harness.control_plane import ControlPlane, assets_or_skip
from harness.kubectl_cases import run_all
from harness.kubelet import Kubelet
from harness.programs import Kubectl, kubectls


def main():
    with Suite("kubectl on a real kube-apiserver") as suite:
        assets, programs = assets_or_skip(), kubectls()
        directory = suite.scratch()
        plane = ControlPlane(suite, assets, directory)
        Kubelet(suite, plane.client("kubelet", "stand-in"))
        clients = [Kubectl(suite, program, plane.admin_config, directory) for program in programs]
        suite.note(f"kubectl {', '.join(one.version for one in clients)}")
        for number, kubectl in enumerate(clients):
            run_all(suite, kubectl, directory, number, embedded=False)


if __name__ == "__main__":
    main()
