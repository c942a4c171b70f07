"""Trains the guide: which intent a question has, and the words of every answer.

Two kinds of rows: many questions that end with the intent's control token, and fewer that go on
with the whole answer. Loss is taken on the intent and on the answer, not on the question's words.
"""

import copy
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import corpus
import tokenizer
import torch
import torch.nn.functional as F
from model import Guide, Shape
from teacher import Teacher
from torch import Tensor

IGNORED = -100
# Processors with a matrix unit multiply twice as fast in half precision, the others far slower.
HALF = bool(torch.cpu._is_amx_tile_supported())


@dataclass(frozen=True)
class Plan:
    """How long and how the training goes. `steps` of `questions` rows, `answers` in every so many."""

    steps: int = 3000
    questions: int = 128
    answers: int = 20
    answer_every: int = 2
    strangers: float = 0.5
    rate: float = 7e-4
    warm_up: int = 100
    bag_steps: int = 3500
    bag_rate: float = 4e-3
    decay: float = 0.1
    smoothing: float = 0.05
    average: float = 0.998
    advice: float = 0.6
    mixtures: float = 0.1
    out_of_scope: float = 0.25
    follow_ups: float = 0.06
    context: float = 0.15
    system: float = 0.06
    loose: float = 0.3
    seed: int = 1

    def as_dict(self) -> dict[str, float]:
        """For the report."""
        return asdict(self)


@dataclass(frozen=True)
class Row:
    """A training row: prompt, the intent's token, and the answer's tokens (none: not asked for)."""

    prompt: list[int]
    question: str
    advice: float  # how much the teacher's opinion counts, 0 to 1
    intent: int
    answer: list[int]


class Rows:
    """An endless supply of varied rows, the same for the same seed."""

    def __init__(
        self,
        intents: dict[str, corpus.Intent],
        varier: corpus.Varier,
        vocabulary: tokenizer.Vocabulary,
        plan: Plan,
    ) -> None:
        self._intents = intents
        self._varier = varier
        self._vocabulary = vocabulary
        self._plan = plan
        self._dice = random.Random(plan.seed)
        self._names = sorted(
            n for n, i in intents.items() if n != corpus.OUT_OF_SCOPE and i.questions
        )
        self._follow_ups = [
            (source, question, target)
            for source, intent in sorted(intents.items())
            for question, target in intent.follow_ups
        ]

    def rows(self, count: int, answered: bool, alone: bool = False) -> list[Row]:
        """`count` rows, with answers or without; `alone`: questions with nothing before them."""
        return [self._row(answered, alone) for _ in range(count)]

    def _row(self, answered: bool, alone: bool) -> Row:
        dice, plan = self._dice, self._plan
        roll = plan.follow_ups + dice.random() * (1 - plan.follow_ups) if alone else dice.random()
        before = ""
        advice = plan.advice
        if roll < plan.follow_ups and self._follow_ups:
            source, line, name = dice.choice(self._follow_ups)
            question = self._varier.vary(corpus.pick(line, dice), dice)
            before = self._answer(source)
            advice = 0.0
        elif roll < plan.follow_ups + plan.out_of_scope and corpus.OUT_OF_SCOPE in self._intents:
            name = corpus.OUT_OF_SCOPE
            if dice.random() < 0.4:
                question = self._varier.unrelated(dice)
            else:
                question = corpus.pick(dice.choice(self._intents[name].questions), dice)
            question = self._varier.vary(question, dice, foreign=True)
        else:
            name = dice.choice(self._names)
            line = dice.choice(self._intents[name].questions)
            question = self._varier.vary(corpus.pick(line, dice), dice)
            if not answered and dice.random() < plan.mixtures:
                question = self._mixed(question)
                advice = 1.0
        if answered and dice.random() < plan.strangers:
            # Whatever was asked, the answer follows from the intent's token alone.
            name = dice.choice([*self._names, corpus.OUT_OF_SCOPE])
        if not before and not alone and dice.random() < plan.context:
            before = self._answer(dice.choice(self._names + [corpus.OUT_OF_SCOPE] * 10))
        system = ""
        if not alone and dice.random() < plan.system:
            system = dice.choice(self._varier.systems)
        return self._encode(question, before, system, name, answered, advice)

    def _answer(self, name: str) -> str:
        return self._dice.choice(self._intents[name].answers) if name in self._intents else ""

    def _mixed(self, question: str) -> str:
        """Words of two questions: only the teacher has an opinion about such a thing."""
        other = corpus.pick(
            self._dice.choice(self._intents[self._dice.choice(self._names)].questions), self._dice
        )
        a, b = question.split(), self._varier.vary(other, self._dice).split()
        return " ".join(a[: self._dice.randint(1, len(a))] + b[self._dice.randrange(len(b)) :])

    def _encode(
        self, question: str, before: str, system: str, name: str, answered: bool, advice: float
    ) -> Row:
        vocabulary = self._vocabulary
        if self._dice.random() < self._plan.loose:
            words = vocabulary.encode_loosely(f" {question}", 0.15)
        else:
            words = vocabulary.encode(f" {question}")
        prompt = vocabulary.question(words, before, system)
        answer = []
        if answered:
            answer = [*vocabulary.encode(self._answer(name)), vocabulary.controls[tokenizer.END]]
        return Row(prompt, question, advice, vocabulary.intent(name), answer)


def questions(
    rows: Sequence[Row], teacher: Teacher, plan: Plan, first_intent: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Prompts (rows, longest), where each ends (rows,), and what is right (rows, intents)."""
    longest = _rounded(max(len(row.prompt) for row in rows), 4)
    inputs = torch.zeros(len(rows), longest, dtype=torch.long)
    for i, row in enumerate(rows):
        inputs[i, : len(row.prompt)] = torch.tensor(row.prompt)
    ends = torch.tensor([len(row.prompt) - 1 for row in rows])
    opinion = torch.from_numpy(teacher.probabilities([row.question for row in rows]))
    trust = torch.tensor([row.advice for row in rows])[:, None]
    intents = torch.tensor([row.intent - first_intent for row in rows])
    right = torch.nn.functional.one_hot(intents, opinion.shape[1]).float()
    right = (1 - plan.smoothing) * right + plan.smoothing / opinion.shape[1]
    return inputs, ends, trust * opinion + (1 - trust) * right


def answers(rows: Sequence[Row]) -> tuple[Tensor, Tensor]:
    """Inputs and targets, each (rows, longest); `IGNORED` where nothing is asked."""
    whole = [[*row.prompt, row.intent, *row.answer] for row in rows]
    longest = _rounded(max(map(len, whole)) - 1, 16)
    inputs = torch.zeros(len(rows), longest, dtype=torch.long)
    targets = torch.full((len(rows), longest), IGNORED)
    for i, (row, tokens) in enumerate(zip(rows, whole, strict=True)):
        line = torch.tensor(tokens)
        inputs[i, : len(tokens) - 1] = line[:-1]
        targets[i, len(row.prompt) : len(tokens) - 1] = line[len(row.prompt) + 1 :]
    return inputs, targets


def _rounded(length: int, step: int) -> int:
    """Few different lengths: the library prepares itself anew for each."""
    return -(-length // step) * step


def train(
    shape: Shape,
    plan: Plan,
    batches: Iterator[tuple[Tensor, ...]],
    first_intent: int,
    watch: Callable[[Guide, int], None],
    every: int = 250,
) -> tuple[Guide, list[dict[str, float]]]:
    """The averaged model and the loss curve. `watch` is called with it every so many steps.

    `batches`: first `plan.bag_steps` of `questions`, then `plan.steps` of them, some of which go on
    with `answers` (`tells`).
    """
    torch.manual_seed(plan.seed)
    guide = Guide(shape)
    if plan.bag_steps:
        _learn_words(guide, batches, plan, first_intent)
    watch(guide.eval(), 0)
    guide.train()
    average = copy.deepcopy(guide).eval()
    matrices = [p for p in guide.parameters() if p.dim() > 1]
    others = [p for p in guide.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": plan.decay}, {"params": others, "weight_decay": 0.0}],
        lr=plan.rate,
        betas=(0.9, 0.98),
        fused=True,
    )
    curve: list[dict[str, float]] = []
    began, sums = time.monotonic(), [0.0, 0.0]
    for step in range(1, plan.steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * _pace(step, plan)
        with torch.autocast("cpu", torch.bfloat16, enabled=HALF):
            decision, answer = _losses(guide, next(batches), first_intent)
        loss = decision + answer
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(guide.parameters(), 1.0)
        optimizer.step()
        _follow(average, guide, min(plan.average, step / (step + 20)))
        for i, part in enumerate((decision, answer * plan.answer_every)):
            sums[i] += part.item()
        if step % every == 0 or step == plan.steps:
            n = step - int(curve[-1]["step"] if curve else 0)
            seconds = time.monotonic() - began
            means = [round(s / n, 5) for s in sums]
            curve.append(
                {
                    "step": step,
                    "intent": means[0],
                    "answer": means[1],
                    "seconds": round(seconds, 1),
                }
            )
            sums = [0.0, 0.0]
            watch(average, step)
    return average, curve


def _learn_words(
    guide: Guide, batches: Iterator[tuple[Tensor, ...]], plan: Plan, first_intent: int
) -> None:
    """First the words alone, without order: quick, and a good place to begin from."""
    guide.begin_as_bag_of_words()
    tables = [guide.token_embd.weight, guide.output.weight]
    optimizer = torch.optim.AdamW(tables, lr=plan.bag_rate, weight_decay=0.01, fused=True)
    for step in range(plan.bag_steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.bag_rate * (1 - step / plan.bag_steps)
        inputs, ends, right = next(batches)
        scores = guide.bag(inputs, ends) @ guide.output.weight[first_intent:].T
        loss = F.cross_entropy(scores, right)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def pool(
    rows: Rows, teacher: Teacher, plan: Plan, first_intent: int, batches: int = 8
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Batches of questions of similar length, so that little is padded, in random order."""
    made = sorted(rows.rows(plan.questions * batches, False), key=lambda r: len(r.prompt))
    batched = [made[i : i + plan.questions] for i in range(0, len(made), plan.questions)]
    random.Random(len(made[0].prompt)).shuffle(batched)
    return [questions(batch, teacher, plan, first_intent) for batch in batched]


def tells(plan: Plan, step: int) -> bool:
    """Whether this step has answers too."""
    return step % plan.answer_every == 0


def _losses(guide: Guide, batch: tuple[Tensor, ...], first_intent: int) -> tuple[Tensor, Tensor]:
    inputs, ends, right, *told = batch
    scores = guide.output(guide.hidden(inputs, ends)).float()
    decision = -(right * F.log_softmax(scores, -1)[:, first_intent:]).sum(1).mean()
    if not told:
        return decision, torch.zeros(())
    inputs, targets = told
    scores = guide(inputs).float().flatten(0, 1)
    return decision, F.cross_entropy(scores, targets.flatten(), ignore_index=IGNORED)


def _pace(step: int, plan: Plan) -> float:
    if step < plan.warm_up:
        return step / plan.warm_up
    part = (step - plan.warm_up) / max(1, plan.steps - plan.warm_up)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * part))


@torch.no_grad()
def _follow(average: Guide, guide: Guide, share: float) -> None:
    torch._foreach_lerp_(list(average.parameters()), list(guide.parameters()), 1 - share)


@torch.no_grad()
def decide(guide: Guide, prompts: Sequence[list[int]], batch: int = 128) -> list[int]:
    """The likeliest next token of each prompt."""
    found = [0] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    for at in range(0, len(order), batch):
        chosen = order[at : at + batch]
        longest = max(len(prompts[i]) for i in chosen)
        inputs = torch.zeros(len(chosen), longest, dtype=torch.long)
        for row, i in enumerate(chosen):
            inputs[row, : len(prompts[i])] = torch.tensor(prompts[i])
        ends = torch.tensor([len(prompts[i]) - 1 for i in chosen])
        best = guide.output(guide.hidden(inputs, ends)).argmax(-1)
        for row, i in enumerate(chosen):
            found[i] = int(best[row])
    return found
