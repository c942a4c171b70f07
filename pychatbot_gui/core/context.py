"""Which messages fit into the context: whole turns leave, oldest first, in one large step."""

from collections.abc import Callable

from pychatbot_gui.core.errors import ContextOverflow

# When the context is full, turns leave until the prompt takes at most this part of what it may
# take: the beginning of the prompt then stays the same for many turns, and the model need not
# read it again each time.
KEPT_PART = 0.6
# Turns that left come back where the prompt takes at most this part with one more of them. It is
# less than the other, or an edit that makes a message a little shorter would bring turns back.
BACK_PART = 0.55

Size = Callable[[int], int]
"""Tokens of the prompt without so many of its oldest turns; above the limit, any number above it."""


def prompt_limit(n_ctx: int, max_tokens: int) -> int:
    """Tokens a prompt may take: n_ctx less room for the answer, a quarter of n_ctx at most."""
    quarter = max(1, n_ctx // 4)
    return n_ctx - (min(max_tokens, quarter) if max_tokens > 0 else quarter)


def turns_to_drop(turns: int, limit: int, size: Size, hidden: int = 0) -> int | None:
    """How many of the oldest of `turns` turns must leave so that the prompt fits into `limit`.

    `hidden`: so many are out already. They stay out, so that the beginning of the prompt stays as
    it is, until all of them fit again, or there is much more room than there was. None where the
    last turn alone does not fit. `size` is called about log2(turns) times, and not for prompts
    much longer than the limit unless `hidden` is 0.
    """
    most = max(0, turns - 1)
    hidden = max(0, min(hidden, most))
    if size(hidden) > limit:
        return turns_in_one_step(hidden + 1, most, limit, size)
    if not hidden or size(hidden - 1) > limit:
        return hidden
    if _all_fit(hidden - 1, limit, size):
        return 0
    if size(hidden - 1) <= limit * BACK_PART:
        return turns_in_one_step(1, hidden - 1, limit, size)
    return hidden


def turns_in_one_step(low: int, most: int, limit: int, size: Size) -> int | None:
    """The fewest turns, at least `low` and at most `most`, without which a large part is free.

    `most` where that is not to be had; None where even that is more than `limit`.
    """
    if low > most or size(most) > limit:
        return None
    # From the end, where prompts are short.
    step, high = 1, most
    while high > low and size(max(low, most - step)) <= limit * KEPT_PART:
        high = max(low, most - step)
        step *= 2
    low = max(low, most - step + 1) if high > low else high
    while low < high:
        middle = (low + high) // 2
        if size(middle) <= limit * KEPT_PART:
            high = middle
        else:
            low = middle + 1
    return high


def too_long(size: int, limit: int, n_ctx: int, begun: bool = False) -> ContextOverflow:
    """The refusal of a message of `size` tokens, system prompt included, where `limit` fit.

    `begun`: of the question of an answer that was to go on.
    """
    what = "This message is too long for the model: it"
    if begun:
        what = "This answer cannot go on: its question"
    hint = "Set" if begun else "Shorten it, or set"
    return ContextOverflow(
        f"{what} takes about {size:,} tokens with the system prompt, and {limit:,} fit beside the "
        f"answer. {hint} a larger context length (now {n_ctx:,}) in the settings."
    )


def _all_fit(shown_from: int, limit: int, size: Size) -> bool:
    step = 1
    while shown_from > 0 and size(shown_from) <= limit:
        shown_from = max(0, shown_from - step)
        step *= 2
    return size(shown_from) <= limit
