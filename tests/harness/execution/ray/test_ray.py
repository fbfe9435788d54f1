"""Cells on a Ray cluster: real nodes on loopback addresses, each with processes, a folder and a cache of its own."""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import Shell, results_of

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install -e '.[ray]'"
)
FAST = ("run", "--method", "majority,nearest-neighbor,tfidf-logreg", "--trials", 2, "--scenario", "random,long-tail")
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}

PLUGIN = """
import os, time
from pathlib import Path
import numpy as np
import psutil
from harness import Method, Predictor, register_method

MARKS = Path({marks!r})

class Even(Predictor):
    def __init__(self, classes): self.classes = classes
    def predict_proba(self, payloads): return np.full((len(payloads), self.classes), 1 / self.classes)

def register(name, act):
    @register_method(name, version=1, summary=name)
    class Sample(Method):
        def fit(self, train, validation, params, context):
            mark = MARKS / f"{{name}}-{{os.environ.get('NODE', 'here')}}-{{os.getpid()}}"
            mark.touch()
            act()
            return Even(len(context.classes))

def kill_worker_of_ray():
    worker = psutil.Process().parent().parent()
    if worker.name().startswith("ray::"):
        worker.kill()
        time.sleep(60)

register("even", lambda: None)
register("slow", lambda: time.sleep(3 if "NODE" in os.environ else 0))  # long enough to kill its node
register("sleeps", lambda: time.sleep(600))
register("exits", lambda: os._exit(3))
register("takes-ray-along", kill_worker_of_ray)
"""


class Node:
    """The processes of one node; ``hidden`` is a folder that they cannot see."""

    def __init__(self, number: int, port: int, head: bool = False, hidden: Path | None = None) -> None:
        self.address = f"127.0.0.{number}"
        self.folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # paths of sockets are short
        self.cache = self.folder / "cache"
        command = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--disable-usage-stats"]
        command += ["--node-ip-address", self.address, "--num-cpus", "1", "--object-store-memory", "100000000"]
        command += ["--temp-dir", str(self.folder)]
        command += (
            ["--head", "--port", str(port), "--include-dashboard", "false"]
            if head
            else ["--address", f"127.0.0.2:{port}"]
        )
        if hidden is not None:
            command = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(hidden), *command]
        self._output = self.folder / "output"
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **TOKEN, "HARNESS_CACHE": str(self.cache), "NODE": self.address},
                start_new_session=True,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def has_joined(self) -> bool:
        return b"Ray runtime started" in self._output.read_bytes()

    def processes(self) -> list[psutil.Process]:
        """Everything of this node, cells included."""
        return of_session(self._process.pid)

    def kill(self, workers_first: bool = False) -> None:
        every = self.processes()
        if workers_first:
            for process in every:
                if process.name().startswith("ray::slow"):  # Ray names a worker after its cell
                    process.kill()
            time.sleep(0.5)
        for process in every:
            if process.is_running():
                process.kill()
        self._process.wait()

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def of_session(leader: int) -> list[psutil.Process]:
    processes = []
    for process in psutil.process_iter():
        try:
            if process.pid and os.getsid(process.pid) == leader:
                processes.append(process)
        except ProcessLookupError:
            continue
    return processes


class Cluster:
    """Three nodes of one CPU each, at 127.0.0.2 to 127.0.0.4, and more on request."""

    def __init__(self, hidden: Path | None) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.2", 0))
            self._port = probe.getsockname()[1]
        self.nodes = [Node(2, self._port, head=True)]
        wait_for(self._answers)
        self.hidden = self.add(hidden)
        self.add()
        wait_for(lambda: all(node.has_joined() for node in self.nodes))

    def add(self, hidden: Path | None = None) -> Node:
        """Starts another node, which joins some seconds later."""
        self.nodes.append(Node(2 + len(self.nodes), self._port, hidden=hidden))
        return self.nodes[-1]

    @property
    def options(self) -> tuple[str, ...]:
        return ("--executor", "ray", "--ray-address", f"127.0.0.2:{self._port}")

    def stop(self) -> None:
        for node in reversed(self.nodes):
            node.stop()

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.2", self._port), timeout=1).close()
        except OSError:
            return False
        return True


def wait_for(holds, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def can_hide() -> bool:
    return (
        shutil.which("unshare") is not None
        and not subprocess.run(
            ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True
        ).returncode
    )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.getbasetemp() if can_hide() else None)
    yield cluster
    cluster.stop()


class RayShell(Shell):
    """A shell that knows the cluster's token and the methods of `PLUGIN`."""

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, **TOKEN, "RAY_TMPDIR": str(self.marks.resolve())}

    @property
    def marks(self) -> Path:
        return Path(self.folder, "marks")

    @property
    def plugin(self) -> tuple[str, str]:
        return ("--plugin", str(self.folder / "plugged.py"))


@pytest.fixture
def shell(tmp_path: Path, cache: Path) -> Iterator[RayShell]:
    """Its marks lie where every node can leave one."""
    shell = RayShell(tmp_path, cache)
    with tempfile.TemporaryDirectory(prefix="marks-", dir="/tmp") as marks:
        shell.marks.symlink_to(marks)
        (tmp_path / "plugged.py").write_text(PLUGIN.format(marks=marks), encoding="utf-8")
        yield shell


def marked(shell: RayShell, name: str) -> list[str]:
    return sorted(path.name for path in shell.marks.glob(f"{name}-*"))


@needs_ray
def test_ray_started_for_the_run_gives_the_local_records_and_leaves_nothing(
    shell: RayShell, mapped: tuple[str, ...]
) -> None:
    run_of_three = (*FAST[:-1], "random", *mapped, "--save-models")
    local = shell(*run_of_three, "--results", "local")
    assert local.returncode == 0, local.stderr
    run = shell.start(*run_of_three, "--executor", "ray", "--workers", 2, "--results", "ray")
    output = run.communicate(timeout=300)[0]
    assert run.returncode == 0, output
    assert results_of(shell.folder / "ray") == results_of(shell.folder / "local")
    assert len(results_of(shell.folder / "ray")) == 3
    files = [{f.relative_to(root): f.read_bytes() for f in root.glob("*/*/*.model/*")} for root in
            (shell.folder / "ray", shell.folder / "local")]  # fmt: skip
    assert files[0] == files[1]
    assert len({path.parent for path in files[0]}) == 3
    assert re.search(r"^Ray nodes \(CPUs\): \S+ \(2\); 2 in all$", output, re.M)
    assert len(re.findall("(?i)ray", output.partition("[1/3]")[2].partition("Records:")[0])) == 0, output


@needs_ray
@pytest.mark.slow
def test_three_nodes_give_the_local_records(shell: RayShell, mapped: tuple[str, ...], cluster: Cluster) -> None:
    for name, options in {"one": ("--workers", 1), "two": ("--workers", 2), "ray": cluster.options}.items():
        done = shell(*FAST, *mapped, *options, "--results", name)
        assert done.returncode == 0, done.stdout + done.stderr
    one, two, ray = (results_of(shell.folder / name) for name in ("one", "two", "ray"))
    assert one == two == ray
    assert len(ray) == 6


@needs_ray
@pytest.mark.slow
def test_plugins_and_the_corpus_reach_a_node_that_has_neither(
    shell: RayShell, mapped: tuple[str, ...], cluster: Cluster
) -> None:
    if not can_hide():
        pytest.skip("hiding a folder from a process is not permitted here")
    arguments = ("run", *shell.plugin, "--method", "even,slow", *mapped, "--seeds", 2, "--scenario", "random")
    done = shell(*arguments, *cluster.options, "--results", "ray")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len({mark.split("-")[1] for mark in marked(shell, "slow")}) > 1
    shipped = sorted(path.name for path in cluster.hidden.cache.glob("shipped/*/*.*"))  # without __pycache__
    assert shipped == ["plugged.py", "requests.jsonl"]
    assert shell(*arguments, "--results", "local").returncode == 0
    assert results_of(shell.folder / "ray") == results_of(shell.folder / "local")


CLASSIFIER = """#!/usr/bin/env python3
import base64, json, sys
words = open(sys.argv[1]).read().split()
for line in sys.stdin:
    request = json.loads(line)
    payload = base64.b64decode(request["payload"]).decode("latin-1").lower()
    label = "sql-injection" if any(word in payload for word in words) else "path-traversal"
    print(json.dumps({"id": request["id"], "label": label}))
"""

MODULE = """
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
def make(): return make_pipeline(HashingVectorizer(encoding="latin-1", n_features=256), LogisticRegression())
"""


@needs_ray
@pytest.mark.slow
def test_a_user_s_classifiers_reach_a_node_that_has_neither(
    shell: RayShell, mapped: tuple[str, ...], cluster: Cluster
) -> None:
    if not can_hide():
        pytest.skip("hiding a folder from a process is not permitted here")
    for name, text in {"sent.py": CLASSIFIER, "words.txt": "union select\n", "sent_model.py": MODULE}.items():
        (shell.folder / name).write_text(text, encoding="utf-8")
    (shell.folder / "sent.py").chmod(0o755)
    methods = "exec:./sent.py words.txt,sklearn:sent_model:make"
    arguments = ("run", "--method", methods, *mapped, "--seeds", 3, "--scenario", "random")
    done = shell(*arguments, *cluster.options, "--results", "ray")
    assert done.returncode == 0, done.stdout + done.stderr
    shipped = {path.name for path in cluster.hidden.cache.glob("shipped/*/*")}
    assert shipped & {"sent.py", "words.txt", "sent_model.py"}
    assert shell(*arguments, "--results", "local").returncode == 0
    assert results_of(shell.folder / "ray") == results_of(shell.folder / "local")


@needs_ray
@pytest.mark.slow
def test_a_crashed_cell_fails_once(shell: RayShell, mapped: tuple[str, ...], cluster: Cluster) -> None:
    done = shell("run", *shell.plugin, "--method", "exits,takes-ray-along,even", *mapped, "--scenario", "random",
                 "--trials", 1, *cluster.options)  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "failed: exits on random, seed 0: the process ended with exit code 3" in done.stdout
    killed = "the Ray worker that ran the cell was killed; its node is alive"
    assert f"failed: takes-ray-along on random, seed 0: {killed}" in done.stdout
    assert "runs again" not in done.stdout
    assert [len(marked(shell, name)) for name in ("exits", "takes-ray-along", "even")] == [1, 1, 1]


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_ends_leaves_no_cell_behind(
    shell: RayShell, mapped: tuple[str, ...], cluster: Cluster, number: signal.Signals
) -> None:
    run = shell.start("run", *shell.plugin, "--method", "sleeps", *mapped, "--seeds", 3, "--scenario", "random",
                      *cluster.options)  # fmt: skip
    wait_for(lambda: marked(shell, "sleeps"))
    cells = [psutil.Process(int(mark.rpartition("-")[2])) for mark in marked(shell, "sleeps")]
    run.send_signal(number)
    output = run.communicate(timeout=60)[0]
    if number != signal.SIGKILL:
        assert run.returncode == 130, output
        assert "Interrupted; finished cells are kept" in output
        assert "Traceback" not in output
    wait_for(lambda: not any(cell.is_running() for cell in cells), 20)


@needs_ray
@pytest.mark.parametrize("workers_first", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_cells_of_a_killed_node_run_elsewhere(
    shell: RayShell, mapped: tuple[str, ...], cluster: Cluster, workers_first: bool
) -> None:
    victim = cluster.add()
    wait_for(victim.has_joined)
    arguments = ("run", *shell.plugin, "--method", "slow", *mapped, "--seeds", 4, "--scenario", "random")
    run = shell.start(*arguments, *cluster.options, "--workers", 4, "--results", "ray")
    wait_for(lambda: any(victim.address in mark for mark in marked(shell, "slow")))
    victim.kill(workers_first)
    output = run.communicate(timeout=120)[0]
    assert run.returncode == 0, output
    assert f"lost the node {victim.address}; slow on random, seed " in output
    assert shell(*arguments, "--results", "local").returncode == 0
    assert results_of(shell.folder / "ray") == results_of(shell.folder / "local")


@needs_ray
@pytest.mark.parametrize("address", ["127.0.0.2:1", "auto", "nowhere.invalid:6379", "ray://127.0.0.2:1"])
def test_an_address_without_a_cluster_is_one_sentence(shell: RayShell, mapped: tuple[str, ...], address: str) -> None:
    began = time.monotonic()
    done = subprocess.run(
        shell.command("run", "--method", "majority", *mapped, "--executor", "ray", "--ray-address", address),
        capture_output=True, text=True, cwd=shell.folder, env={**shell.environment, "RAY_ADDRESS": "127.0.0.2:1"},
    )  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(f"harness: --ray-address {address}: ")
    assert done.stderr.count("\n") == 1
    assert time.monotonic() - began < 20


@needs_ray
def test_another_server_at_the_address_is_one_sentence(shell: RayShell, mapped: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.2", 0)) as server:
        address = f"127.0.0.2:{server.getsockname()[1]}"
        threading.Thread(
            target=lambda: server.accept()[0].sendall(b"220 welcome to another service"), daemon=True
        ).start()
        done = shell("run", "--method", "majority", *mapped, "--executor", "ray", "--ray-address", address)
    assert done.returncode == 2
    assert f"--ray-address {address}: no Ray cluster answers there" in done.stderr


@needs_ray
@pytest.mark.slow
def test_a_wrong_token_is_one_sentence(shell: RayShell, mapped: tuple[str, ...], cluster: Cluster) -> None:
    done = subprocess.run(
        shell.command("run", "--method", "majority", *mapped, *cluster.options),
        capture_output=True, text=True, cwd=shell.folder, env={**shell.environment, "RAY_AUTH_TOKEN": "f" * 64},
    )  # fmt: skip
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]  # Ray's own lines before it cannot be kept off
    assert last.startswith("harness: --ray-address 127.0.0.2")
    assert "its token (RAY_AUTH_MODE=token, RAY_AUTH_TOKEN)" in last


@needs_ray
@pytest.mark.slow
def test_more_memory_than_any_node_has_is_one_sentence(
    shell: RayShell, mapped: tuple[str, ...], cluster: Cluster
) -> None:
    done = shell("run", "--method", "majority", *mapped, *cluster.options, "--memory", 100_000)
    assert done.returncode == 2
    assert "--memory 100000: no node of the Ray cluster has this much memory" in done.stderr


def test_without_ray_the_executor_is_one_sentence(shell: RayShell, mapped: tuple[str, ...]) -> None:
    program = "import sys; sys.modules['ray'] = None; from harness.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "run", "--method", "majority", *mapped, "--executor", "ray"],
        capture_output=True, text=True, cwd=shell.folder, env=shell.environment,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == ("harness: --executor ray needs ray; install it with: pip install 'shortcut-harness[ray]'.\n")


def test_an_unknown_executor_is_one_sentence(shell: RayShell) -> None:
    done = shell("run", "--executor", "dask")
    assert done.returncode == 2
    assert done.stderr == "harness: --executor dask is unknown; known: local, ray\n"
