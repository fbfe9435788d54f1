"""Large files load without their payloads in memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

MEGABYTE = 2**20
# Loads a file; prints the number of rows, the sampled peak of private memory, and the peak with mapped memory (MB).
PROGRAM = """
import json, sys, threading, time
from harness import BenchmarkRef, registry
from harness.execution.budget import peak_megabytes

def private():
    with open("/proc/self/status") as stream:
        return next(int(line.split()[1]) for line in stream if line.startswith("RssAnon")) // 1024

def watch():
    while True:
        peaks.append(private())
        time.sleep(0.005)

registry.discover()
import pyarrow.compute
peaks = []
threading.Thread(target=watch, daemon=True).start()
ref = BenchmarkRef("files", sys.argv[1], {"payload": "raw", "label": "kind", "group": "g"})
corpus = registry.open_benchmark(ref).load()
peaks.append(private())
# The peak of getrusage would be that of the process before exec too, which is a copy of the tests' process.
print(json.dumps([len(corpus), max(peaks), int(peak_megabytes())]))
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="private memory is read from /proc")


def load(path: Path, megabytes: int, payload: int, environment: dict[str, str]) -> tuple[int, int, int]:
    """Writes a JSONL file of the given size and payload length, and loads it in a process of its own."""
    filler = "".join(chr(33 + i * i % 90) for i in range(payload)).replace('"', "q").replace("\\", "b")
    rows = megabytes * MEGABYTE // (payload + 50)
    with path.open("w", encoding="utf-8") as stream:
        for i in range(rows):
            stream.write(
                json.dumps({"raw": f"GET /{i} HTTP/1.1 {filler}", "kind": "abc"[i % 3], "g": f"g{i // 9}"}) + "\n"
            )
    assert path.stat().st_size > 0.95 * megabytes * MEGABYTE
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, env=environment, check=True
    )
    path.unlink()
    count, private, everything = json.loads(process.stdout)
    assert count == rows
    return count, private, everything


def test_memory_grows_by_a_fraction_of_the_file(tmp_path: Path, shell) -> None:  # type: ignore[no-untyped-def]
    _, small, _ = load(tmp_path / "small.jsonl", 10, 1000, shell.environment)
    _, large, _ = load(tmp_path / "large.jsonl", 90, 1000, shell.environment)
    assert large - small < 0.6 * 80


@pytest.mark.slow
def test_two_gigabytes_load_in_one_of_private_memory(tmp_path: Path, shell) -> None:  # type: ignore[no-untyped-def]
    _, private, everything = load(tmp_path / "huge.jsonl", 2048, 1000, shell.environment)
    assert private < 1024
    assert everything < 3072  # with the pages of the payloads' file, which the kernel may drop at any time
