"""What `docs/cluster.md` tells to save works as it stands there."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, Shell, results_of


def block(language: str, start: str) -> str:
    text = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    (content,) = (b for b in re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S) if b.startswith(start))
    return str(content)


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
def test_the_cluster_file_is_one() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(yaml.safe_load(block("yaml", "cluster_name"))))


def test_the_slurm_script_runs_all_cells_in_parts(shell: Shell, mapped: tuple[str, ...]) -> None:
    script = shell.folder / "harness.sbatch"
    script.write_text(block("sh", "#!/bin/bash"), encoding="utf-8")
    arguments = ("--method", "majority", *mapped, "--scenario", "random", "--seeds", "6")
    for part in ("1", "2"):
        environment = {
            **shell.environment,
            "HOME": str(shell.folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "SLURM_CPUS_PER_TASK": "1",
            "SLURM_ARRAY_TASK_ID": part,
            "SLURM_ARRAY_TASK_COUNT": "2",
        }
        done = subprocess.run(
            ["bash", str(script), *arguments], capture_output=True, text=True, cwd=shell.folder, env=environment
        )
        assert done.returncode == 0, done.stdout + done.stderr
    # The script fixes the precision, since nodes may differ in the fastest one.
    assert shell("run", *arguments, "--precision", "float32", "--results", "whole").returncode == 0
    assert results_of(shell.folder / "harness-results") == results_of(shell.folder / "whole")
    assert len(results_of(shell.folder / "whole")) == 6
