"""Rebuilds the guide from its text: tokenizer, weights, GGUF, report. One command:

    pip install -e ".[guide]" && python resources/guide/build.py

It takes less than an hour on two processor cores and begins from a fixed seed.
"""

import argparse
import hashlib
import json
import random
import sys
import time
from dataclasses import replace
from pathlib import Path

import corpus
import evaluate
import export
import facts
import llama_cpp
import report
import tokenizer
import torch
import train
from model import Guide, Shape
from supply import Supply

HERE = Path(__file__).resolve().parent
GGUF = HERE / "guide.gguf"
VERSION = "1"


def main() -> None:
    """Do everything; ends with exit code 1 where the tokenizer differs from llama.cpp's."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    began = time.monotonic()
    if not arguments.keep_facts:
        facts.main()
    known = json.loads((HERE / "facts.json").read_text(encoding="utf-8"))
    intents = corpus.read_corpus(facts=known)
    varier = corpus.Varier(intents)
    vocabulary = tokenizer.train(intents, varier, HERE / "tokenizer.json")
    plan = replace(train.Plan(), steps=arguments.steps or train.Plan().steps)
    shape = Shape(n_vocab=vocabulary.size)
    supply = Supply(intents, plan, str(HERE / "tokenizer.json"))
    watched: list[dict[str, float]] = []

    def watch(guide: Guide, step: int) -> None:
        watched.append(_watch(guide, vocabulary, intents, step))
        print(f"{time.monotonic() - began:6.0f} s  {watched[-1]}", flush=True)

    guide, curve = train.train(shape, plan, iter(supply), vocabulary.first_intent, watch)
    supply.close()
    torch.save({k: v.half() for k, v in guide.state_dict().items()}, HERE / "guide.pt")
    export.export(guide, vocabulary, GGUF, VERSION)
    differing = compare_tokens(vocabulary, intents, varier)
    seconds = time.monotonic() - began
    chat = evaluate.Chat(GGUF)
    document = {
        "size": GGUF.stat().st_size,
        "sha256": hashlib.sha256(GGUF.read_bytes()).hexdigest(),
        "parameters": sum(p.numel() for p in guide.parameters()),
        "training_seconds": round(seconds),
        "threads": arguments.threads + 1,
        "texts_with_other_tokens_than_llama_cpp": differing,
        "shape": shape.as_dict(),
        "plan": plan.as_dict(),
        "curve": [
            c | {k: v for k, v in w.items() if k != "step"}
            for c, w in zip(curve, watched[1:], strict=True)
        ],
        **report.figures(intents, chat, known),
    }
    report.write(document, HERE)
    print((HERE / "report.md").read_text(encoding="utf-8")[:1500])
    if differing:
        sys.exit("The tokenizer and llama.cpp's do not agree: the guide would misread.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, help="fewer steps, to try something out")
    parser.add_argument(
        "--threads", type=int, default=1, help="processor threads beside the one that prepares (1)"
    )
    parser.add_argument(
        "--keep-facts", action="store_true", help="use facts.json as it is, without the program"
    )
    return parser.parse_args()


def _watch(
    guide: Guide,
    vocabulary: tokenizer.Vocabulary,
    intents: dict[str, corpus.Intent],
    step: int,
) -> dict[str, float]:
    """Part of the held-out questions whose intent is found, in and out of scope."""
    dice = random.Random(0)
    asked = [(i.name, corpus.pick(h, dice)) for i in intents.values() for h in i.held_out]
    prompts = [
        vocabulary.question(vocabulary.encode(f" {corpus.as_the_template_does(q)}"))
        for _, q in asked
    ]
    right: dict[bool, list[bool]] = {True: [], False: []}
    for (name, _), token in zip(asked, train.decide(guide, prompts), strict=True):
        right[name == corpus.OUT_OF_SCOPE].append(token == vocabulary.intent(name))
    return {
        "step": step,
        "in_scope": round(sum(right[False]) / max(1, len(right[False])), 4),
        "declined": round(sum(right[True]) / max(1, len(right[True])), 4),
    }


def compare_tokens(
    vocabulary: tokenizer.Vocabulary, intents: dict[str, corpus.Intent], varier: corpus.Varier
) -> int:
    """How many texts llama.cpp splits into other tokens than training did."""
    llama = llama_cpp.Llama(str(GGUF), vocab_only=True, verbose=False)
    dice = random.Random(0)
    texts = ["naïve  café 日本語\n\n\tx  ", "a   b \r\n c", "🙂 it's I'LL 12345 ½ _x_ ... !!", " "]
    for intent in intents.values():
        texts += intent.answers + varier.systems
        for line in intent.questions + intent.held_out:
            question = corpus.pick(line, dice)
            texts += [f" {question}", f" {varier.vary(question, dice)}"]
    return sum(
        vocabulary.encode(t) != llama.tokenize(t.encode(), add_bos=False, special=False)
        for t in texts
    )


if __name__ == "__main__":
    main()
