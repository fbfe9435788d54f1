"""What a source leaves out, counted by reason."""

from collections.abc import Iterable

LeftOut = tuple[str, int, str]  # the reason, how often it was met, and the first place


class SourceTally:
    """Counts what is left out; the first place of each reason is kept, so that it can be looked up."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._first: dict[str, str] = {}

    def skip(self, reason: str, where: str, count: int = 1) -> None:
        """Counts something that is left out.

        Args:
            reason: why; the same words wherever it is the same reason.
            where: the file, and the place in it.
            count: of how many things at once.
        """
        self._counts[reason] = self._counts.get(reason, 0) + count
        self._first.setdefault(reason, where)

    def left_out(self) -> tuple[LeftOut, ...]:
        """Returns every reason with its count and its first place, the most frequent one first."""
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return tuple((reason, count, self._first[reason]) for reason, count in ordered)


def sentence(left_out: Iterable[LeftOut]) -> str:
    """Returns one line that names every reason with its count."""
    return "; ".join(f"{reason}: {count}" for reason, count, _ in left_out)
