"""Saved predictors: a folder with the files of the method, and a manifest of their hashes that the harness writes."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness import hashing
from harness.errors import UserError
from harness.method import Context, Method, MethodInfo, Precision, Predictor
from harness.storage import bounded
from harness.storage.shared_steps import Arrays, SharedSteps

MANIFEST = "manifest.json"
_MAX_MANIFEST_BYTES = 2**20


class Manifest(BaseModel):
    """The manifest of a saved predictor: hashes of its files, and the context that `Method.load` gets."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    key: str = Field(description="key of the record; empty outside of a run")
    method: str
    version: int
    classes: list[str]
    seed: int = Field(description="seed of the context")
    device: str
    precision: Precision
    files: dict[str, str] = Field(description="SHA-256 (hex) by path relative to the folder")
    digest: str = Field(default="", description="SHA-256 (hex) of all other fields")

    def with_digest(self) -> "Manifest":
        """Returns a copy of the manifest with its digest computed."""
        return self.model_copy(update={"digest": hashing.of_json(self.model_dump(exclude={"digest"}))})


def loadable(info: MethodInfo) -> bool:
    """Whether a method overrides `Method.load`, so that its predictors can be saved."""
    return type(info.factory()).load is not Method.load


def save(predictor: Predictor, info: MethodInfo, context: Context, folder: Path, key: str = "") -> None:
    """Saves a predictor and its manifest in a folder, and flushes all files to disk; on an error the folder is deleted.

    Args:
        predictor: predictor that ``fit`` returned.
        info: registration of its method.
        context: context with which it was trained.
        folder: folder to create; may exist if it is empty.
        key: key of the record.

    Raises:
        UserError: the predictor cannot be saved, wrote no file, or wrote a file with the manifest's name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        predictor.save(folder)
        files = _files(folder)
        if not files or MANIFEST in files:
            problem = f"wrote a file {MANIFEST}, a name that the harness uses" if files else "wrote no file"
            raise UserError(f"the method {info.name}: save {problem}; it must write its own files.")
        manifest = Manifest(
            key=key,
            method=info.name,
            version=info.version,
            classes=[c.name for c in context.classes],
            seed=context.seed,
            device=context.device,
            precision=context.precision,
            files=files,
        )
        (folder / MANIFEST).write_text(manifest.with_digest().model_dump_json(indent=1) + "\n", encoding="utf-8")
        for name in (*files, MANIFEST):
            (folder / name).chmod(0o644)  # like records; some libraries write files that only their owner can read
            _sync(folder / name)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def restore(
    folder: Path,
    info: MethodInfo,
    key: str | None = None,
    shared: Callable[[str, str, Callable[[], Arrays]], Arrays] | None = None,
) -> tuple[Predictor, Manifest]:
    """Checks the files of a saved predictor against its manifest and loads it.

    Args:
        folder: folder that `save` wrote.
        info: registration of the method that saved it.
        key: key of the record that it must belong to; None for any.
        shared: see `Context`; by default the cache of shared steps.

    Returns:
        The predictor and its manifest.

    Raises:
        UserError: a file is missing or was changed, or another method or another version of this one saved it.
    """
    manifest = _read_manifest(folder, key)
    saved, here = (f"version {one.version} of {name}" for one, name in ((manifest, manifest.method), (info, info.name)))
    if saved != here:
        raise UserError(f"{folder} was saved by {saved}, but this is {here}; run the cell again with --save-models.")
    context = Context.of(
        manifest.classes,
        seed=manifest.seed,
        device=manifest.device,
        precision=manifest.precision,
        shared=shared or SharedSteps(),
    )
    try:
        return info.factory().load(folder, context), manifest
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"the method {info.name} cannot load its predictor from {folder} ({type(error).__name__}: {error})."
        ) from error


def _read_manifest(folder: Path, key: str | None) -> Manifest:
    """Reads the manifest and checks it against its own digest, the files of the folder and the key."""
    path = folder / MANIFEST
    try:
        manifest = Manifest.model_validate_json(bounded.read(path, _MAX_MANIFEST_BYTES))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).") from error
    except bounded.TooLarge as error:
        raise UserError(f"{path} {error}, which is too much for a manifest.") from error
    except ValidationError as error:
        raise UserError(f"{path} is not a complete manifest ({error.errors()[0]['msg']}).") from error
    if manifest != manifest.with_digest():
        raise UserError(f"{path} was changed after it was saved; {_AGAIN}")
    hashes = _files(folder)
    hashes.pop(MANIFEST)
    for name in sorted({*manifest.files, *hashes}):
        if hashes.get(name) != manifest.files.get(name):
            what = "is missing" if name not in hashes else "was changed or truncated after it was saved"
            what = what if name in manifest.files else "does not belong to the saved model"
            raise UserError(f"{folder / name} {what}; {_AGAIN}")
    if key not in (None, manifest.key):
        raise UserError(f"{folder} contains the model of another record ({manifest.key[:16]}); {_AGAIN}")
    return manifest


_AGAIN = "delete the folder and run the cell again with --save-models."


def _files(folder: Path) -> dict[str, str]:
    """Returns the SHA-256 of every file by its relative path, sorted by path."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashing.of_file(path) for path in paths}


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
