"""Strings that end an answer, found in a stream."""

from collections.abc import Sequence


class StopText:
    """Lets a stream of text through up to the first stop string.

    Holds back only what could be the beginning of one; without stop strings it holds nothing.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self.found = False
        self._stops = [s for s in stops if s]
        self._held = ""

    def feed(self, piece: str) -> str:
        """The part of what came so far that may be shown now."""
        if not self._stops or self.found:
            return "" if self.found else piece
        self._held += piece
        ends = [i for i in (self._held.find(s) for s in self._stops) if i >= 0]
        if ends:
            self.found = True
            shown, self._held = self._held[: min(ends)], ""
            return shown
        keep = max(
            (
                n
                for s in self._stops
                for n in range(1, min(len(s), len(self._held) + 1))
                if self._held.endswith(s[:n])
            ),
            default=0,
        )
        cut = len(self._held) - keep
        shown, self._held = self._held[:cut], self._held[cut:]
        return shown

    def rest(self) -> str:
        """What is still held when the stream has ended."""
        rest, self._held = self._held, ""
        return rest
