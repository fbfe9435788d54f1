"""Encoders are found without a network, verified, and split only if that does not change their output."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from harness.methods.neural import encoders
from harness.methods.neural.encoders import Encoder
from harness.methods.neural.text import payload_texts
from harness.methods.neural.towers import EncoderTop, SideNetwork, WholeEncoder

from harness import Payloads, UserError
from tests.conftest import Shell
from tests.tools import golden

ARGUMENTS = ("--method", "transformer", "--scenario", "iid", "--trials", 1)


@pytest.fixture
def own_shell(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "no-hub-cache"))
    return Shell(tmp_path, cache)


def test_the_verified_weights_are_found() -> None:
    assert (encoders.folder() / "tokenizer.json").is_file()


def test_other_weights_stop_the_run_in_one_sentence(own_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = own_shell.folder / "encoder"
    shutil.copytree(encoders.folder(), wrong)
    with (wrong / "model.safetensors").open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        stream.write(b"\x00")
    monkeypatch.setenv("HARNESS_MINILM", str(wrong))
    done = own_shell("run", *ARGUMENTS)
    assert done.returncode == 2
    assert "has SHA-256" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (own_shell.folder / "results").exists()
    monkeypatch.setenv("HARNESS_MINILM", str(own_shell.folder))
    assert "does not contain model.safetensors" in own_shell("run", *ARGUMENTS).stderr


def small_encoder(folder: Path, kind: str) -> Path:
    """A tiny encoder of another architecture, with random weights and MiniLM's tokenizer."""
    import transformers

    sizes = {"vocab_size": 30522, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}
    configs = {
        "bert": transformers.BertConfig(**sizes, intermediate_size=64),
        "roberta": transformers.RobertaConfig(**sizes, intermediate_size=64),
        "distilbert": transformers.DistilBertConfig(vocab_size=30522, dim=32, n_layers=3, n_heads=2, hidden_dim=64),
        "mpnet": transformers.MPNetConfig(**sizes, intermediate_size=64),
    }
    torch.manual_seed(0)
    transformers.AutoModel.from_config(configs[kind]).save_pretrained(folder)
    shutil.copy(encoders.folder() / "tokenizer.json", folder)
    return folder


PAYLOADS = Payloads.from_list([b"GET /?q=1 HTTP/1.1\r\nHost: a.example\r\n\r\n", b"", b"x" * 3000, b"id=1' or '1'='1"])


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
def test_the_upper_layers_over_the_cached_trunk_are_the_whole_encoder(kind: str, tmp_path: Path) -> None:
    name = str(small_encoder(tmp_path / kind, kind))
    context = golden.context(("a", "b"), tmp_path / "shared")
    top, whole = EncoderTop(0.0, name, 2).eval(), WholeEncoder(0.0, name).eval()
    split = top(*top.read(PAYLOADS, context).batch(np.arange(4)))
    assert torch.allclose(split, whole(*whole.read(PAYLOADS, context).batch(np.arange(4))), atol=2e-3)


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
def test_a_side_network_reads_the_embeddings_and_the_lower_third(kind: str, tmp_path: Path) -> None:
    name = str(small_encoder(tmp_path / kind, kind))
    context = golden.context(("a", "b"), tmp_path / "shared")
    activations = encoders.trunk_of_payloads(Encoder(name, 0), PAYLOADS, context)
    ids = encoders.tokens(Encoder(name, 0), payload_texts(PAYLOADS))
    model = encoders.load(name)
    for row in range(len(PAYLOADS)):
        part = slice(*ids.offsets[row : row + 2])
        with torch.inference_mode():
            states = model(torch.from_numpy(ids.values[part])[None], output_hidden_states=True).hidden_states
        expected = torch.cat([states[0], states[1]], dim=-1)[0]
        assert np.allclose(activations.values[part], expected, atol=2e-3)


def test_padding_and_other_payloads_do_not_change_a_side_network_s_vectors(tmp_path: Path) -> None:
    name = str(small_encoder(tmp_path / "bert", "bert"))
    context = golden.context(("a", "b"), tmp_path / "shared")
    tower = SideNetwork(0.0, name, size=16).eval()
    inputs = tower.read(PAYLOADS, context)
    together = tower(*inputs.batch(np.arange(4)))
    for row in range(4):
        assert torch.allclose(tower(*inputs.batch(np.array([row])))[0], together[row], atol=1e-5)


def test_an_encoder_whose_layers_are_no_chain_is_refused(tmp_path: Path) -> None:
    name = str(small_encoder(tmp_path / "mpnet", "mpnet"))  # its layers take a position bias
    with pytest.raises(UserError, match="train all of it with trained=whole"):
        encoders.trunk_of_payloads(Encoder(name, 1), PAYLOADS, golden.context(("a",), tmp_path / "shared"))


def test_an_encoder_that_is_not_on_this_machine_is_named_in_one_sentence() -> None:
    with pytest.raises(UserError, match="neither a folder nor in the Hugging Face cache"):
        encoders.folder("somebody/no-such-encoder")


def test_one_layer_more_than_there_are_is_refused(tmp_path: Path) -> None:
    name = str(small_encoder(tmp_path / "bert", "bert"))
    with pytest.raises(UserError, match="has 3 layers; 4 cannot be trained"):
        encoders.trunk_of_payloads(Encoder(name, 4), PAYLOADS, golden.context(("a",), tmp_path / "shared"))


@pytest.mark.slow
def test_the_run_works_without_a_network(own_shell: Shell) -> None:
    if subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode:
        pytest.skip("this machine lets no process leave the network (unshare --net)")
    done = subprocess.run(
        ["unshare", "--net", *own_shell.command("run", *ARGUMENTS)],
        capture_output=True,
        text=True,
        cwd=own_shell.folder,
        env=own_shell.environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
