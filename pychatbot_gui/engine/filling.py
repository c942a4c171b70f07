"""What the context holds for one answer: the prompt, then what is written. Knows no llama.cpp.

An answer that has filled the context goes on: what is oldest leaves, in one large step.
"""

from collections.abc import Iterator, Sequence

from pychatbot_gui.core.errors import TemplateError
from pychatbot_gui.engine.cache import Cache
from pychatbot_gui.engine.engine import (
    CancelToken,
    Event,
    Notice,
    Reading,
    Rendering,
    ReplyRequest,
)
from pychatbot_gui.engine.fitting import Fitted, PromptFitter
from pychatbot_gui.engine.recall import Recall


class Filling:
    """Fills the context for one request, and makes room in it as often as that is needed.

    `fitted`: the prompt as it now is. `reused`: so many tokens of the first one needed no reading.
    """

    def __init__(
        self,
        request: ReplyRequest,
        prompts: PromptFitter,
        recall: Recall,
        cache: Cache,
        token: CancelToken,
    ) -> None:
        self.fitted: Fitted
        self.reused = 0
        self._request = request
        self._prompts = prompts
        self._recall = recall
        self._cache = cache
        self._token = token

    def begin(self, answer: Sequence[int]) -> Iterator[Event]:
        """Read the prompt and what is begun of the answer.

        Raises `ContextOverflow`, `TemplateError`; `PychatbotError` where the library fails.
        """
        request = self._request
        self.fitted = fitted = self._prompts.fit(
            request.messages, request.sampling.max_tokens, answer, request.hidden_turns
        )
        stable = self._recall.stable(request, fitted.hidden)
        yield self._progress(0)
        # Of an answer that is continued less may be left than is in the cache.
        self.reused = self._recall.go_to(request, fitted.tokens, fitted.hidden, fitted.skipped > 0)
        for notice in self._recall.take_notice():
            yield Notice(request.id, notice)
        yield from self._read(stable)

    def make_room(self, answer: Sequence[int]) -> Iterator[Event]:
        """Have the cache hold less, then the answer so far, its last token evaluated.

        Where there is no room to be made the cache stays full. Raises `PychatbotError` where the
        library fails.
        """
        request = self._request
        yield Rendering(request.id)
        try:
            fitted = self._prompts.make_room(
                request.messages, request.sampling.max_tokens, answer, self.fitted
            )
        except TemplateError:  # it took the conversation, but does not take less of it
            fitted = None
        if fitted is None:
            yield self._progress(len(self.fitted.tokens))
            return
        self.fitted = fitted
        done = self._recall.go_to(request, fitted.tokens, fitted.hidden, makes_room=True)
        yield self._progress(done)
        yield from self._read()

    def _read(self, stable: int = 0) -> Iterator[Event]:
        for done in self._cache.read(self.fitted.tokens, stable):
            yield self._progress(done)
            if self._token.is_cancelled():
                return

    def _progress(self, done: int) -> Reading:
        fitted = self.fitted
        total = len(fitted.tokens)
        return Reading(self._request.id, done, total, fitted.dropped, fitted.skipped)
