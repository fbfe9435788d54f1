"""Files on their way to machines that lack them."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.benchmark import BenchmarkRef
from harness.errors import UserError
from harness.execution.ray import file_transfer
from tests.harness.execution.tasks import run_task


class Post:
    """Stores pieces and counts how often they are read."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.reads = 0

    def put(self, piece: bytes) -> int:
        self.pieces.append(piece)
        return len(self.pieces) - 1

    def get(self, number: int) -> bytes:
        self.reads += 1
        return self.pieces[number]


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    path = tmp_path / "my-requests.jsonl"
    path.write_bytes(bytes(range(256)) * 40)
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_file_arrives_in_pieces_whole_and_under_its_name(
    sent: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_transfer, "PIECE", 1000)
    post, content = Post(), sent.read_bytes()
    parcel = file_transfer.pack_file(sent, post.put)
    assert max(map(len, post.pieces)) == 1000
    sent.unlink()
    arrived = file_transfer.unpack_file(parcel, post.get)
    assert arrived.is_relative_to(own_cache)
    assert arrived.name == sent.name
    assert arrived.read_bytes() == content
    assert file_transfer.unpack_file(parcel, post.get) == arrived
    assert post.reads == len(post.pieces)  # the second time nothing was sent
    assert [path.name for path in arrived.parent.iterdir()] == [sent.name]


def test_the_same_path_serves_where_it_holds_the_same_bytes(sent: Path) -> None:
    post = Post()
    parcel = file_transfer.pack_file(sent, post.put)
    assert file_transfer.unpack_file(parcel, post.get) == sent
    sent.write_bytes(b"another file under this name")
    assert file_transfer.unpack_file(parcel, post.get).read_bytes() == post.pieces[0]


def test_a_damaged_copy_is_replaced(sent: Path) -> None:
    post = Post()
    parcel = file_transfer.pack_file(sent, post.put)
    sent.unlink()
    arrived = file_transfer.unpack_file(parcel, post.get)
    arrived.write_bytes(b"cut")
    assert file_transfer.unpack_file(parcel, post.get).read_bytes() == post.pieces[0]


def test_an_empty_file_arrives(tmp_path: Path) -> None:
    empty = tmp_path / "empty.py"
    empty.touch()
    parcel = file_transfer.pack_file(empty, Post().put)
    empty.unlink()
    assert file_transfer.unpack_file(parcel, Post().get).read_bytes() == b""


def test_a_task_names_what_has_arrived(sent: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "method.py"
    plugin.write_text("", encoding="utf-8")
    ref = BenchmarkRef("files", str(sent), {"payload": "raw"}, {"kind": ("a",)})
    other = tmp_path / "other.jsonl"
    other.write_text("{}\n", encoding="utf-8")
    ref = replace(ref, target=BenchmarkRef("files", str(other), {"payload": "p"}), text=BenchmarkRef("t", "folder"))
    task = run_task(benchmark=ref, plugins=(str(plugin),))
    post = Post()
    plugins, source, target = (file_transfer.pack_file(path, post.put) for path in (plugin, sent, other))
    cargo = file_transfer.RunFiles((plugins,), source, target)
    sent.unlink()
    other.unlink()
    here = file_transfer.localize(task, cargo, post.get)
    assert here.plugins == (str(plugin),)
    assert here.benchmark.argument is not None
    assert Path(here.benchmark.argument).name == sent.name
    assert (here.benchmark.mapping, here.benchmark.where) == (ref.mapping, ref.where)
    assert here.benchmark.target is not None
    assert Path(str(here.benchmark.target.argument)).read_bytes() == b"{}\n"
    assert here.benchmark.target.mapping == {"payload": "p"}
    assert here.benchmark.text == ref.text


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.py cannot be sent to other machines \(No such file"):
        file_transfer.pack_file(tmp_path / "gone.py", Post().put)
