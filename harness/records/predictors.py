"""Saved predictors: a folder with the files of the method, and a manifest of their hashes that the harness writes.

The hashes have no key: they show that the files are those that were saved together, not who saved them. What a method
reads from the folder, it has to check as well (`harness.records.predictor_files`).
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from harness import hashing
from harness.errors import UserError
from harness.method import PLUGIN, Context, Method, MethodInfo, Precision, Predictor
from harness.records.schema import Record
from harness.safe_text import printable
from harness.storage import bounded
from harness.storage.shared_steps import Arrays, SharedSteps

MANIFEST = "manifest.json"
_MAX_MANIFEST_BYTES = 2**20
_MAX_CLASSES = 4096  # tables of a method may have a row or a column per class
Shared = Callable[[str, str, Callable[[], Arrays]], Arrays]


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) != len(names):
        raise ValueError("two classes have the same name")
    return names


class Manifest(BaseModel):
    """The manifest of a saved predictor: hashes of its files, and the context that `Method.load` gets."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    key: str = Field(description="key of the record; empty outside of a run")
    method: str
    version: int
    classes: Annotated[list[str], Field(min_length=1, max_length=_MAX_CLASSES), AfterValidator(_distinct)]
    seed: int = Field(description="seed of the context")
    device: str = Field(pattern="^(cpu|cuda|mps)$", description="where it was trained, as in `Context`")
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
    folder: Path, info: MethodInfo, key: str | None = None, shared: Shared | None = None
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
        UserError: a file is missing or was changed, another method or another version of this one saved it, or the
            method cannot load it.
    """
    manifest = _read_manifest(folder, info, key)
    return _load(folder, info, manifest, shared), manifest


def restore_of_record(
    record: Record, folder: Path, info: MethodInfo, shared: Shared | None = None
) -> tuple[Predictor, Manifest]:
    """Loads the saved predictor of a record: as `restore`, and compares it with what the record says.

    Args:
        record: the record, of a cell that is done.
        folder, info, shared: see `restore`.

    Raises:
        UserError: as `restore`; or the predictor has other classes, another precision or device than the record,
            or the files behind the method's name (such as an encoder) are not those of the record.
    """
    manifest = _read_manifest(folder, info, record.key)
    _check_record(folder, manifest, info, record)
    return _load(folder, info, manifest, shared), manifest


def _read_manifest(folder: Path, info: MethodInfo, key: str | None) -> Manifest:
    """Reads the manifest and checks it against its own digest, the files of the folder, the method and the key."""
    path = folder / MANIFEST
    hashes = _files(folder)
    try:
        manifest = Manifest.model_validate_json(bounded.read(path, _MAX_MANIFEST_BYTES))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).") from error
    except bounded.TooLarge as error:
        raise UserError(f"{path} {error}, which is too much for a manifest.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UserError(f"{path} is not a complete manifest ({printable(where)}: {first['msg']}).") from error
    if manifest != manifest.with_digest():
        raise UserError(f"{path} was changed after it was saved; {_AGAIN}")
    hashes.pop(MANIFEST)
    for name in sorted({*manifest.files, *hashes}):
        if hashes.get(name) != manifest.files.get(name):
            what = "is missing" if name not in hashes else "was changed or truncated after it was saved"
            what = what if name in manifest.files else "does not belong to the saved model"
            raise UserError(f"{printable(str(folder / name))} {what}; {_AGAIN}")
    if key not in (None, manifest.key):
        raise UserError(f"{folder} contains the model of another record ({printable(manifest.key[:16])}); {_AGAIN}")
    saved, here = (f"version {one.version} of {name}" for one, name in ((manifest, manifest.method), (info, info.name)))
    if saved != here:
        raise UserError(
            f"{folder} was saved by {printable(saved)}, but this is {here}; run the cell again with --save-models."
        )
    return manifest


def _check_record(folder: Path, manifest: Manifest, info: MethodInfo, record: Record) -> None:
    cell, classes = record.cell, record.result.classes if record.result else None
    pairs = {
        "classes": (manifest.classes, classes),
        "precision": (manifest.precision, cell.precision),
        "device": (manifest.device, cell.device),
    }
    for name, (saved, recorded) in pairs.items():
        if saved != recorded:
            raise UserError(f"{folder / MANIFEST}: {name} differs from that of the record; {_AGAIN}")
    plugin = str((info.adapter or {}).get(PLUGIN, ""))
    if plugin != cell.plugin:
        what = f"the plug-in {printable(info.plugin)} changed since" if plugin and cell.plugin else _OTHER_ORIGIN
        raise UserError(f"{printable(info.name)}: {what} the record was made; run the cell again with --save-models.")
    if hashing.of_json(info.adapter) != hashing.of_json(cell.adapter):
        raise UserError(
            f"{folder} belongs to a record of {printable(info.name)} with other files behind this name (such as the "
            "encoder's); restore these, or run the cell again with --save-models."
        )


def _load(folder: Path, info: MethodInfo, manifest: Manifest, shared: Shared | None) -> Predictor:
    """Calls `Method.load` with the context of the manifest; any error of it becomes a `UserError`.

    A predictor that was trained on a GPU predicts on the processor, which every machine has.
    """
    context = Context.of(
        manifest.classes,
        seed=manifest.seed,
        precision=manifest.precision,
        shared=shared or SharedSteps(),
    )
    try:
        return info.factory().load(folder, context)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"the method {info.name} cannot load its predictor from {folder} "
            f"({type(error).__name__}: {printable(str(error))})."
        ) from error


_OTHER_ORIGIN = "its method is not from the same plug-in as when"
_AGAIN = "delete the folder and run the cell again with --save-models."


def _files(folder: Path) -> dict[str, str]:
    """Returns the SHA-256 of every file by its relative path, sorted by path.

    Raises:
        UserError: an entry is neither a file nor a folder: a link may lead out of the folder, and a pipe never ends.
    """
    paths = []
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise UserError(f"{printable(str(path))} is a link or a special file; a saved model has only plain files.")
        if path.is_file():
            paths.append(path)
    return {path.relative_to(folder).as_posix(): hashing.of_file(path) for path in paths}


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
