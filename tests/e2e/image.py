"""The archive that script/image writes: what engines ask of it, and its programs run from it alone, as the deployed user in a
root of their own that cannot be written."""
import hashlib
import io
import json
import os
import re
import shutil
import stat
import subprocess
import tarfile
import urllib.error
import urllib.request

from harness.cases import Suite, check, same, wait_until
from harness.processes import Answer, Process, environment, free_port, run
from harness.programs import Kubectl, binary, root
from harness.rollouts import apply_crds

USER = 999
TAGS = ["v1", "v2", "v3", "v2-broken", "check"]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def say(answer):
    return answer.out + answer.err


class World:
    def __init__(self, suite):
        self.suite = suite
        self.directory = suite.scratch()
        os.chmod(self.directory, 0o755)  # the programs run as another user
        self.archive = os.path.join(self.directory, "image.tar")
        answer = self.write(self.archive)
        check(answer.code == 0, f"script/image: {answer}")
        with tarfile.open(self.archive) as archive:
            self.members = {member.name: member for member in archive.getmembers()}
            self.data = {name: archive.extractfile(member).read() for name, member in self.members.items() if member.isfile()}
        self.version = "v" + re.search(r"(\d+\.\d+\.\d+\S*)", say(run([binary(), "version"]))).group(1)
        self.manifest = json.loads(self.data["manifest.json"])
        self.root = os.path.join(self.directory, "root")
        self.sandbox = None
        kubectl = os.path.join(os.environ["SLUICE_CACHE"], "debian-kubectl", "usr", "bin", "kubectl")
        self.kubectl = kubectl if os.access(kubectl, os.X_OK) else shutil.which("kubectl")

    @staticmethod
    def write(out, mask=0o022, **changes):
        env = environment(**changes)
        try:
            done = subprocess.run([root("script", "image"), "--binary", binary(), out], env=env, cwd="/", timeout=120, text=True,
                                  capture_output=True, preexec_fn=lambda: os.umask(mask))
        except subprocess.TimeoutExpired:
            check(False, "script/image did not end in 120 s")
        return Answer(done.returncode, done.stdout, done.stderr)

    def config(self, tag):
        for entry in self.manifest:
            if tag in entry["RepoTags"]:
                return json.loads(self.data[entry["Config"]])
        check(False, f"no image {tag}")

    def layer(self):
        return tarfile.open(fileobj=io.BytesIO(self.data[self.manifest[0]["Layers"][0]]))


def archive(world):
    wanted = [f"sluice:{world.version}", f"sluice-controller:{world.version}"] + [f"sluice-demo-app:{tag}" for tag in TAGS]
    same(sorted(tag for entry in world.manifest for tag in entry["RepoTags"]), sorted(wanted), "tags")
    used = {"manifest.json"}
    for entry in world.manifest:
        same(set(entry), {"Config", "RepoTags", "Layers"}, "keys of a manifest entry")
        data = world.data[entry["Config"]]
        same(entry["Config"], sha256(data) + ".json", "name of a config")
        config = json.loads(data)
        machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
        same((config["os"], config["architecture"]), ("linux", machine), "platform")
        same(config["rootfs"], {"type": "layers", "diff_ids": ["sha256:" + sha256(world.data[layer]) for layer in entry["Layers"]]}, "rootfs")
        same(len([step for step in config["history"] if not step.get("empty_layer")]), len(entry["Layers"]), "layers told by the history")
        same(config["config"]["User"], f"{USER}:{USER}", "user")
        used |= {entry["Config"], *entry["Layers"]}
    same(set(world.data), used, "files of the archive")
    for name, member in world.members.items():
        check(member.isfile() or member.isdir(), f"{name} is neither file nor folder")
        same((member.uid, member.gid, member.mtime, member.uname, member.gname), (0, 0, 0, "", ""), f"{name}: owner and time")
    start = {f"sluice:{world.version}": ["/usr/bin/sluice"], f"sluice-controller:{world.version}": ["/usr/bin/sluice", "controller"]}
    for tag in wanted:
        config = world.config(tag)["config"]
        same(config["Entrypoint"], start.get(tag, ["/usr/bin/sluice", "demo-app"]), f"entrypoint of {tag}")
        name, _, version = tag.partition(":")
        same("APP_VERSION=" + version in config["Env"], name == "sluice-demo-app", f"{tag} has its version in the environment")


def layer(world):
    with world.layer() as tar:
        members = tar.getmembers()
    names = [member.name for member in members]
    same(len(names), len(set(names)), "names, each once")
    machine = [name for name in names for part in (os.environ["SLUICE_ROOT"], world.directory, os.path.expanduser("~"))
               if part.strip("/") and part.strip("/") in name]
    same(machine, [], "names that tell of this machine")
    for member in members:
        check(not member.name.startswith(("/", "./", "../")), f"{member.name} is no plain path")
        check(member.isfile() or member.isdir() or member.issym(), f"{member.name} is neither file, folder nor symlink")
        same((member.uid, member.gid, member.mtime), (0, 0, 0), f"{member.name}: owner and time")
        check(not member.mode & (stat.S_ISUID | stat.S_ISGID), f"{member.name} has a setuid or setgid bit")
        check(member.issym() or member.name == "tmp" or not member.mode & 0o022, f"{member.name} can be written by others")
        if member.issym():
            target = os.path.normpath(os.path.join(os.path.dirname(member.name), member.linkname))
            check(not member.linkname.startswith("/") and target in names, f"{member.name} points to {member.linkname}")
        if member.isfile():
            folder = os.path.dirname(member.name)
            while folder:
                check(folder in names, f"the folder {folder} is missing")
                folder = os.path.dirname(folder)
    modes = {member.name: member.mode for member in members}
    same((modes["tmp"], modes["usr/bin/sluice"], modes["etc/passwd"]), (0o1777, 0o755, 0o644), "modes")
    check("usr/share/zoneinfo/Europe/Berlin" in modes, "no time zones")
    same([name for name in names if name.split("/")[0] not in ("etc", "lib", "lib64", "tmp", "usr", "var")], [], "folders at the top")
    same([name for name in names if name.startswith("var/") and not "var/lib/dpkg/status.d/".startswith(name + "/") and
          not name.startswith("var/lib/dpkg/status.d/")], [], "below /var other things than the list of packages")
    programs = [member.name for member in members if member.isfile() and member.mode & 0o111]
    same(sorted(programs)[-1:] + [len(programs)], ["usr/bin/sluice", 2], "programs: sluice and the loader")


def packages(world):
    """F14: scanners find the version of every package that the layer has files of."""
    with world.layer() as tar:
        told = {}
        for member in tar.getmembers():
            if member.isfile() and member.name.startswith("var/lib/dpkg/status.d/"):
                fields = dict(re.findall(r"^(Package|Version|Status): (.*)$", tar.extractfile(member).read().decode(), re.M))
                same(fields["Package"], os.path.basename(member.name), "name of a package's file")
                same(fields["Status"], "install ok installed", fields["Package"])
                told[fields["Package"]] = fields["Version"]
    wanted = {"ca-certificates", "tzdata", "libc6", "libstdc++6", "libssl3", "libcurl4", "libcpprest2.10"}
    same(sorted(wanted - set(told)), [], "packages that the list lacks")
    check(all(told.values()), f"versions: {told}")
    linked = dict(re.findall(r"(\S+) => (/\S+) ", run(["ldd", binary()]).out))
    for library, path in linked.items():
        real = os.path.realpath(path)
        owner = run(["dpkg", "-S", real]).out or run(["dpkg", "-S", real.replace("/usr/lib/", "/lib/", 1)]).out
        check(owner.split(":")[0] in told, f"{library} is of {owner.strip() or 'no package'}, which is not in the list")


def deterministic(world):
    second = os.path.join(world.directory, "second.tar")
    answer = world.write(second, mask=0o077, TZ="Asia/Tokyo", LC_ALL="C.UTF-8", TMPDIR=world.directory, LD_LIBRARY_PATH="/nowhere")
    check(answer.code == 0, f"script/image: {answer}")
    with open(world.archive, "rb") as first, open(second, "rb") as other:
        same(sha256(other.read()), sha256(first.read()), "the same input, another user's settings")
    os.remove(second)


def bad_input(world):
    out = os.path.join(world.directory, "bad.tar")

    def image(*arguments):
        return run([root("script", "image"), *arguments], env=environment())
    for arguments, said in ((["--binary", "/nowhere/sluice", out], "/nowhere/sluice is missing: run script/build"),
                            (["--binary", "/bin/true", out], "does not tell its version"),
                            (["--wrong"], "unknown argument '--wrong'")):
        answer = image(*arguments)
        check(answer.code != 0 and said in answer.err, f"script/image {' '.join(arguments)}: {answer}")
    same([name for name in os.listdir(world.directory) if name.startswith("bad.tar")], [], "left behind")


def named_images(world):
    """Every image that deploy/ and examples/ name is in the archive."""
    tags = {tag for entry in world.manifest for tag in entry["RepoTags"]}
    seen = set()
    for top in ("deploy", "examples"):
        for folder, _, files in os.walk(root(top)):
            for name in files:
                with open(os.path.join(folder, name)) as stream:
                    found = re.findall(r"^\s*(?:- )?image:\s*(\S+)\s*$", stream.read(), re.M)
                same([image for image in found if image not in tags], [], f"{top}: {name} names what the archive lacks")
                seen |= set(found)
    check({f"sluice:{world.version}", "sluice-demo-app:v1"} <= seen, f"images named: {seen}")
    for name in ("README.md", "Dockerfile", "docs/install.md"):
        with open(root(name)) as stream:
            told = set(re.findall(r"\b(?<!kubectl-)(sluice(?:-controller|-demo-app)?:v[\w.-]*\w)", stream.read()))
        same(sorted(told - tags), [], f"{name} names what the archive lacks")


def dockerfile(world):
    """Same user, program and libraries as the archive."""
    with open(root("Dockerfile")) as stream:
        text = stream.read().replace("\\\n", " ")
    config = world.config(f"sluice:{world.version}")["config"]
    last = text[text.rindex("\nFROM "):]
    same(re.findall(r"^USER (.*)", text, re.M)[-1], config["User"], "USER")
    same(json.loads(re.findall(r"^ENTRYPOINT (.*)", last, re.M)[-1]), config["Entrypoint"], "ENTRYPOINT")
    same(re.findall(r"^COPY --from=build \S+ (\S+)", text, re.M), ["/usr/bin/sluice"], "COPY")
    if not shutil.which("objdump") or not shutil.which("dpkg"):
        world.suite.note("Dockerfile's packages not checked: no objdump or dpkg")
        return
    needed = re.findall(r"NEEDED\s+(\S+)", run(["objdump", "-p", binary()]).out)
    linked = dict(re.findall(r"(\S+) => (/\S+) ", run(["ldd", binary()]).out))
    owners = set()
    for library in needed:
        real = os.path.realpath(linked.get(library, "/nowhere"))
        answer = run(["dpkg", "-S", real])
        if answer.code != 0:
            answer = run(["dpkg", "-S", real.replace("/usr/lib/", "/lib/", 1)])
        owners |= {line.split(":")[0] for line in answer.out.splitlines()}
    check(len(owners) > 5, f"packages of {needed}: {owners}")
    always = {"libc6", "libgcc-s1", "libstdc++6"}
    same(sorted(owner for owner in owners - always if not re.search(rf"(?<![\w.+-]){re.escape(owner)}(?![\w.+-])", text)), [],
         "packages that the Dockerfile does not install")


class Sandbox:
    """The layer in an empty directory, and commands in it with nothing else: no home, no environment, nothing to write to."""

    def __init__(self, world):
        self.root = world.root
        self.suite = world.suite
        os.mkdir(self.root, 0o755)
        with world.layer() as tar:
            tar.extractall(self.root)
        os.chmod(os.path.join(self.root, "tmp"), 0o555)
        self.loader = "/lib64/" + os.listdir(os.path.join(self.root, "lib64"))[0]
        self.how, self.prefix = next(((how, prefix) for how, prefix in self._ways() if self._works(prefix)), (None, None))
        check(self.how, "neither chroot, nor a user namespace, nor the layer's own loader runs the program")
        world.suite.note(f"run by {self.how}")

    def _ways(self):
        if os.getuid() == 0:
            mount = ('mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && root=$1 && shift && '
                     f'exec chroot --userspec={USER}:{USER} --groups={USER} "$root" "$@"')
            yield "chroot", ["unshare", "--mount", "sh", "-c", mount, "sh", self.root]
        else:
            self._deny_writing()
        yield "user namespace", ["unshare", "--user", f"--map-user={USER}", f"--map-group={USER}", f"--root={self.root}", "--wd=/"]
        yield "loader", [self.root + self.loader, "--inhibit-cache", "--library-path", self._libraries()]

    def _libraries(self):
        return next(folder for folder, _, files in os.walk(os.path.join(self.root, "lib")) if "libc.so.6" in files)

    def _deny_writing(self):
        for folder, _, _ in os.walk(self.root):
            os.chmod(folder, 0o555)
        self.suite.defer(self._allow_writing)

    def _allow_writing(self):
        for folder, _, _ in os.walk(self.root):
            os.chmod(folder, 0o755)

    def _works(self, prefix):
        """Whether this machine allows it: the loader needs nothing else, so a layer that lacks something is not excused."""
        command = [prefix[0]] if "--library-path" in prefix else [*prefix, self.loader]
        try:
            return run([*command, "--version"], env=self.env()).code == 0
        except OSError:
            return False

    def command(self, arguments, prefix=None):
        prefix = prefix or self.prefix
        program = "/usr/bin/sluice"
        return [*prefix, self.root + program if "--library-path" in prefix else program, *arguments]

    @staticmethod
    def env(**changes):
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **changes}

    def run(self, *arguments, **changes):
        return run(self.command(arguments), env=self.env(**changes))

    def start(self, name, log, *arguments, **changes):
        return Process(self.suite, name, self.command(arguments), log, self.env(**changes))

    def place(self, name, text):
        """A file that a volume would bring; the path as the program sees it."""
        folder = os.path.join(self.root, "etc")
        mode = stat.S_IMODE(os.stat(folder).st_mode)
        os.chmod(folder, 0o755)
        path = os.path.join(folder, name)
        with open(path, "w") as stream:
            stream.write(text)
        os.chmod(path, 0o644)
        os.chmod(folder, mode)
        return path if self.how == "loader" else f"/etc/{name}"


def http(url):
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read().decode()
    except OSError:
        return None, {}, ""


def unpacked(world):
    world.sandbox = Sandbox(world)
    if world.sandbox.how == "loader":
        listed = run([*world.sandbox.prefix, "--list", world.root + "/usr/bin/sluice"]).out
        same([path for path in re.findall(r"=> (/\S+)", listed) if not path.startswith(world.root)], [], "libraries from outside of the layer")
    answer = world.sandbox.run("version")
    check(answer.code == 0 and world.version in answer.out, f"version: {answer}")
    answer = world.sandbox.run("controller", "--version")
    check(answer.code == 0 and world.version[1:] in answer.out, f"controller --version: {answer}")
    answer = world.sandbox.run("controller", "--help")
    check(answer.code == 0 and "--healthzPort" in answer.out, f"controller --help: {answer}")
    same(answer.err, "", "standard error of --help")


def read_only(world):
    """The state directory is asked for and cannot be made: the message says so and the program does not crash."""
    if world.sandbox.how == "loader":
        world.suite.note("no root of its own: writing not tried")
        return
    answer = world.sandbox.run("cluster", "up")
    check(0 < answer.code < 100 and answer.err.strip(), f"cluster up without a home: {answer}")
    same(os.listdir(os.path.join(world.root, "tmp")), [], "written to /tmp")


def demo_app(world):
    port = free_port()
    app = world.sandbox.start("demo-app", os.path.join(world.directory, "app.log"), "demo-app", "--listen", f"127.0.0.1:{port}",
                              APP_VERSION="v2", POD_NAME="pod-1")
    url = f"http://127.0.0.1:{port}"

    def ready():
        app.require_alive()
        return http(url + "/readyz")[0] == 200
    wait_until("the demo app is ready", ready, 15)
    status, headers, _ = http(url + "/")
    same((status, headers.get("X-Version"), headers.get("X-Pod")), (200, "v2", "pod-1"), "answer of /")
    check("http_requests_total" in http(url + "/metrics")[2], "no metrics")
    answer = world.sandbox.run("demo-app", "check", "--url", url)
    check(answer.code == 0 and "created, read and deleted" in answer.out, f"check: {answer}")
    seconds = app.terminate_and_time()
    check(app.popen.returncode == 0 and seconds < 10, f"SIGTERM: exit {app.popen.returncode} after {seconds:.1f} s")


CONFIG = """apiVersion: v1
kind: Config
current-context: c
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: "{server}"}}}}]
users: [{{name: u, user: {{token: t}}}}]
"""


def health_address(controller):
    def told():
        controller.require_alive()
        return re.search(r'"health":"(http[^"]+)"', controller.log(200))
    return wait_until("the log tells the health address", told, 20).group(1)


def unreachable(world):
    """A controller without its API server lives, is not ready, and stops when told to."""
    server = f"https://127.0.0.1:{free_port()}"
    log = os.path.join(world.directory, "unreachable.log")
    controller = world.sandbox.start("controller", log, "controller", "--logformat", "json", "--bind-address", "127.0.0.1",
                                     "--metricsPort", "0", "--healthzPort", "0", "--kubeconfig",
                                     world.sandbox.place("nowhere", CONFIG.format(server=server)))

    url = health_address(controller)
    same((http(url + "/healthz")[0], http(url + "/livez")[0], http(url + "/readyz")[0]), (200, 200, 503), "healthz, livez, readyz")
    seconds = controller.terminate_and_time()
    check(controller.popen.returncode == 0 and seconds < 6, f"SIGTERM: exit {controller.popen.returncode} after {seconds:.1f} s")


def without_cluster(world):
    answer = world.sandbox.run("controller")
    check(answer.code == 2 and "kubeconfig" in answer.err, f"controller outside of a cluster: {answer}")
    answer = world.sandbox.run("controller", "--kubeconfig", "/etc/absent")
    check(answer.code == 2 and "/etc/absent" in answer.err, f"a kubeconfig that is not there: {answer}")


def real_cluster(world):
    """From the image to a ready controller: TLS, CA and libraries are all in the layer."""
    if not world.kubectl:
        world.suite.note("no kubectl here: no controller against a cluster")
        return
    env = environment(XDG_STATE_HOME=os.path.join(world.directory, "state"))

    def cluster(*arguments):
        return run([binary(), "cluster", *arguments, "--name", "image"], env=env)
    world.suite.defer(lambda: cluster("down"))
    answer = cluster("up")
    check(answer.code == 0, f"cluster up: {answer}")
    admin = cluster("kubeconfig").out.strip()
    apply_crds(Kubectl(world.suite, world.kubectl, admin, world.directory))
    with open(admin) as stream:
        config = world.sandbox.place("cluster", stream.read())
    log = os.path.join(world.directory, "ready.log")
    controller = world.sandbox.start("controller", log, "controller", "--logformat", "json", "--bind-address", "127.0.0.1", "--metricsPort",
                                     "0", "--healthzPort", "0", "--kubeconfig", config, POD_NAMESPACE="default")
    url = health_address(controller)
    wait_until("the controller is ready", lambda: controller.require_alive() and http(url + "/readyz")[0] == 200, 60)
    controller.terminate_and_time()
    same(controller.popen.returncode, 0, "exit code after SIGTERM")


def tools(world):
    """Where a tool of the trade is installed, it takes every image."""
    if not shutil.which("skopeo"):
        world.suite.note("no skopeo here")
        return
    env = environment(HOME=world.directory, TMPDIR=world.directory)
    for tag in (tag for entry in world.manifest for tag in entry["RepoTags"]):
        source = f"docker-archive:{world.archive}:{tag}"
        answer = run(["skopeo", "inspect", "--config", source], env=env)
        check(answer.code == 0, f"skopeo inspect {tag}: {answer}")
        same(json.loads(answer.out)["config"]["User"], f"{USER}:{USER}", f"user of {tag}")
        answer = run(["skopeo", "--insecure-policy", "copy", "-q", source, f"oci:{world.directory}/oci:{tag.replace(':', '-')}"], env=env)
        check(answer.code == 0, f"skopeo copy {tag}: {answer}")
    world.suite.note("skopeo took it")


def main():
    with Suite("image") as suite:
        world = World(suite)
        for sentence, function in (
                ("the archive has what engines ask: manifest, digests, tags, user, entrypoint, and nothing else", archive),
                ("the layer has plain names, no setuid, nothing that others may write, no dangling link", layer),
                ("the layer lists the packages that its files are from", packages),
                ("the same input gives the same bytes", deterministic),
                ("bad input is named and leaves nothing behind", bad_input),
                ("deploy/ and examples/ name images of the archive", named_images),
                ("the Dockerfile makes the same image", dockerfile),
                ("unpacked into an empty root, the programs run as the deployed user", unpacked),
                ("nothing is written, and a command that must write says so", read_only),
                ("the demo app serves and passes its check", demo_app),
                ("a controller without its API server lives, is not ready and stops when told to", unreachable),
                ("a controller without any kubeconfig says so", without_cluster),
                ("the controller of the image gets ready against a cluster", real_cluster),
                ("tools that are installed take the archive", tools)):
            suite.case(sentence, function, world)


if __name__ == "__main__":
    main()
