"""How much is measured, and what is said meanwhile."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """`runs`: repeated runs whose median counts; `trials`: stops and kills of each kind.

    `quick`: a rough look, with the small models.
    """

    runs: int = 5
    trials: int = 10
    speed_tokens: int = 256
    stacks: bool = False
    quick: bool = False

    def say(self, text: str) -> None:
        """One line on standard error."""
        print(text, file=sys.stderr, flush=True)


QUICK = Effort(runs=2, trials=3, speed_tokens=96, quick=True)
