"""Opens files of untrusted folders: only regular files, since a pipe may block for ever and a device may never end."""

import errno
import io
import os
import stat
from pathlib import Path

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def open_file(path: Path) -> io.BufferedReader:
    """Opens a regular file, or a link to one, for reading; never waits.

    Raises:
        OSError: the file cannot be opened, or is not a regular file; ``strerror`` says why.
    """
    # Without O_NONBLOCK, to open a named pipe waits for a writer.
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        check(handle, path)
        return open(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read(path: Path) -> bytes:
    """Returns the content of a regular file; see `open_file`."""
    with open_file(path) as stream:
        return stream.read()


def check(file: int | Path, name: Path) -> None:
    """Checks that a path or an open file is a regular file.

    Args:
        file: path or file descriptor.
        name: path for the error.

    Raises:
        OSError: it does not exist or is not a regular file; ``strerror`` says why.
    """
    kind = stat.S_IFMT(os.stat(file).st_mode)
    if kind != stat.S_IFREG:
        number = errno.EISDIR if kind == stat.S_IFDIR else errno.EINVAL
        raise OSError(number, f"it is {_KINDS.get(kind, 'of another kind')}, not a regular file", str(name))
