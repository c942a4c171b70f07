"""Prepares the training's batches in a process of its own, so that the second core has work too.

What it gives depends on the seed alone, not on which process is faster.
"""

import multiprocessing
import queue
from collections.abc import Iterator
from typing import Any

import corpus
import numpy as np
import tokenizer
import torch
import train
from teacher import Teacher

_AHEAD = 64  # batches that may wait
_PATIENCE = 600.0  # seconds; the teacher needs some before the first batch


class Supply:
    """Batches of `train.Plan` in order: those of the words, then those of the training."""

    def __init__(self, intents: dict[str, corpus.Intent], plan: train.Plan, words: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._queue: Any = context.Queue(_AHEAD)
        self._process = context.Process(target=_work, args=(self._queue, intents, plan, words))
        self._process.daemon = True
        self._process.start()

    def __iter__(self) -> Iterator[tuple[torch.Tensor, ...]]:
        while True:
            try:
                arrays = self._queue.get(timeout=_PATIENCE)
            except queue.Empty:
                raise RuntimeError("the process that prepares the batches gave none") from None
            yield tuple(map(torch.from_numpy, arrays))

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()


def _work(batches: Any, intents: dict[str, corpus.Intent], plan: train.Plan, words: str) -> None:
    torch.set_num_threads(1)
    varier = corpus.Varier(intents)
    vocabulary = tokenizer.load(intents, words)
    teacher = Teacher(intents, varier, plan.seed)
    rows = train.Rows(intents, varier, vocabulary, plan)

    def put(*tensors: torch.Tensor) -> None:
        batches.put([np.ascontiguousarray(t.numpy()) for t in tensors])

    first = vocabulary.first_intent
    for _ in range(plan.bag_steps):
        put(*train.questions(rows.rows(plan.questions, False, alone=True), teacher, plan, first))
    pool: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
    for step in range(1, plan.steps + 1):
        if not pool:
            pool = train.pool(rows, teacher, plan, first)
        told = train.answers(rows.rows(plan.answers, True)) if train.tells(plan, step) else ()
        put(*pool.pop(), *told)
