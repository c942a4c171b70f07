"""Which messages fit into the context: whole turns leave, oldest first, in one large step."""

from collections.abc import Callable, Sequence

from pychatbot_gui.core.chat import Message, turn_starts, without_oldest_turns
from pychatbot_gui.core.errors import ContextOverflow

# When the context is full, turns leave until the prompt takes at most this part of what it may
# take: the beginning of the prompt then stays the same for many turns, and the model need not
# read it again each time.
KEPT_PART = 0.6


def prompt_limit(n_ctx: int, max_tokens: int) -> int:
    """Tokens a prompt may take: n_ctx less room for the answer, a quarter of n_ctx at most."""
    quarter = max(1, n_ctx // 4)
    return n_ctx - (min(max_tokens, quarter) if max_tokens > 0 else quarter)


def turns_to_drop(
    messages: Sequence[Message], limit: int, count: Callable[[Sequence[Message]], int]
) -> int | None:
    """How many of the oldest turns must leave so that the prompt fits into `limit` tokens.

    `count` gives the tokens of a prompt; it is called about log2(turns) times. 0 where everything
    fits; None where the last turn alone does not.
    """
    if count(messages) <= limit:
        return 0
    most = len(turn_starts(messages)) - 1
    if most < 1 or count(without_oldest_turns(messages, most)) > limit:
        return None
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        if count(without_oldest_turns(messages, middle)) <= limit * KEPT_PART:
            high = middle
        else:
            low = middle + 1
    return low


def too_long(size: int, limit: int, n_ctx: int, begun: bool = False) -> ContextOverflow:
    """The refusal of a message of `size` tokens, system prompt included, where `limit` fit.

    `begun`: of an answer that was to go on.
    """
    what = "This answer cannot go on" if begun else "This message is too long for the model"
    whole = "its question and the system prompt" if begun else "the system prompt"
    hint = "Set" if begun else "Shorten it, or set"
    return ContextOverflow(
        f"{what}: it takes about {size:,} tokens with {whole}, and {limit:,} fit beside the "
        f"{'rest of it' if begun else 'answer'}. {hint} a larger context length (now {n_ctx:,}) in "
        "the settings."
    )
