"""Data sets of the Hugging Face Hub by their address, ``hf://datasets/OWNER/NAME@COMMIT[/PATH]``.

The files of one commit are downloaded once into the cache, by the Hub's own client, and then read like any folder; no
code of a data set is run. The address must name a commit, since a branch can change between the cells of a run.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from harness import dependencies, hashing
from harness.errors import UserError
from harness.storage import cache_entry
from harness.storage.cache_dir import cache_root

SCHEME = "hf://"
_ADDRESS = re.compile(r"hf://datasets/([\w.-]+/[\w.-]+)(?:@([\w.-]+))?(?:/([^/].*?)/?)?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_OF_CLIENT = ".cache"  # what the client writes beside the files: the state of their download


def from_hub(address: str) -> Path:
    """Returns the path of a data set's files in the cache, and downloads them first unless they are there.

    Args:
        address: ``hf://datasets/OWNER/NAME@COMMIT``, and ``/PATH`` of a file or a folder in it if only that is meant.

    Raises:
        UserError: the address is malformed or names no commit, the package ``huggingface_hub`` is missing, or the files
            cannot be downloaded; if the connection failed, the same command resumes the download.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or ".." in PurePosixPath(address).parts:
        raise UserError(f"{address}: the address must be hf://datasets/OWNER/NAME@COMMIT, or that and /PATH.")
    repository, revision, part = match[1], match[2] or "main", match[3] or ""
    if not _COMMIT.fullmatch(revision):
        at = f"{_commit(address, repository, revision)}/{part}".rstrip("/")
        raise UserError(
            f"{address}: {revision} can change, so name its commit, which is at present: "
            f"hf://datasets/{repository}@{at}"
        )
    folder = cache_root() / "hugging-face" / hashing.of_json([repository, revision, part])[:32]
    name = repository.replace("/", "-")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with cache_entry.lock(folder):
            if not cache_entry.is_intact(folder, "data set"):
                partial = folder.with_name(f"{folder.name}.part")
                _download(address, repository, revision, part, partial)
                cache_entry.store(folder, lambda place: _move(partial, place / name))
    except OSError as error:
        raise cache_entry.unwritable(cache_root(), error) from error
    return folder / name / part


def _move(partial: Path, place: Path) -> None:
    partial.rename(place)


def _commit(address: str, repository: str, revision: str) -> str:
    """Returns the commit that a branch or a tag points to."""
    with _client(address):
        from huggingface_hub import HfApi

        return str(HfApi().dataset_info(repository, revision=revision).sha)


def _download(address: str, repository: str, commit: str, part: str, folder: Path) -> None:
    """Downloads the files of a commit into a folder, and the rest of them if it has some already."""
    with _client(address):
        from huggingface_hub import snapshot_download

        folder.mkdir(parents=True, exist_ok=True)  # of a data set without files
        patterns = [part, f"{part}/*"] if part else None
        snapshot_download(repository, repo_type="dataset", revision=commit, local_dir=folder, allow_patterns=patterns)
    shutil.rmtree(folder / _OF_CLIENT, ignore_errors=True)
    if not (folder / part).exists():
        raise UserError(f"{address}: the commit has no file or folder {part}.")


@contextmanager
def _client(address: str) -> Iterator[None]:
    """Turns the errors of the Hub's client into a `UserError`."""
    if missing := dependencies.missing_packages(["huggingface_hub"]):
        raise UserError(f"{dependencies.missing_sentence([address], missing)}.")
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        reason = "its owner grants access on request: ask for it on the page of the data set, and set HF_TOKEN"
        raise UserError(f"{address}: {reason}.") from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(f"{address}: there is no such data set, or it is private and HF_TOKEN is not set.") from error
    except errors.RevisionNotFoundError as error:
        raise UserError(f"{address}: the data set has no such commit, branch or tag.") from error
    except Exception as error:  # of the client's HTTP library, which is another one in each of its major versions
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UserError(
            f"{address} cannot be downloaded ({reason}); the same command resumes. Without a network, give a folder."
        ) from error
