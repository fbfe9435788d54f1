"""Counts what is left out of a source, by reason."""

from collections.abc import Iterable

LeftOut = tuple[str, int, str]  # the reason, its count, and the first place


class SourceTally:
    """Counts what is left out by reason, with the first place of each reason as an example.

    Attributes:
        notes: sentences about the source as a whole, for the notes of its corpus.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._counts: dict[str, int] = {}
        self._first: dict[str, str] = {}

    def skip(self, reason: str, where: str, count: int = 1) -> None:
        """Counts something that is left out.

        Args:
            reason: why, in the same words for the same reason.
            where: the file, and the place in it.
            count: number of things that are left out.
        """
        self._counts[reason] = self._counts.get(reason, 0) + count
        self._first.setdefault(reason, where)

    def left_out(self) -> tuple[LeftOut, ...]:
        """Returns every reason with its count and its first place, the most frequent reason first."""
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return tuple((reason, count, self._first[reason]) for reason, count in ordered)


def describe(left_out: Iterable[LeftOut]) -> str:
    """Returns one line with every reason and its count."""
    return "; ".join(f"{reason}: {count}" for reason, count, _ in left_out)
