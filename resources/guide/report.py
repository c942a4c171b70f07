"""The report of a build: what was measured on questions the guide never saw."""

import json
from pathlib import Path
from typing import Any

import corpus
import evaluate


def figures(
    intents: dict[str, corpus.Intent], chat: evaluate.Chat, facts: dict[str, str]
) -> dict[str, Any]:
    """Everything that is measured through the GGUF file itself."""
    result = evaluate.evaluate(intents, chat)
    beside = evaluate.evaluate(intents, chat, strange_context=True)
    usual = evaluate.evaluate(intents, chat.at(0.8))
    counts = [a for a in result.asked if a.kind == "in scope"]
    declines = [a for a in result.asked if a.kind == "out of scope"]
    follow_ups = [a for a in result.asked if a.kind == "follow-up"]
    questions = [q for i in intents.values() for q in i.questions]
    return {
        "intents": len(intents) - 1,
        "question_lines": len(questions),
        "questions": sum(len(corpus.expand(q)) for q in questions),
        "held_out": {
            "in_scope": {"asked": len(counts), "right": sum(a.right for a in counts)},
            "out_of_scope": {"asked": len(declines), "declined": sum(a.right for a in declines)},
            "follow_ups": {"asked": len(follow_ups), "right": sum(a.right for a in follow_ups)},
        },
        "in_scope": round(result.share("in scope"), 4),
        "out_of_scope_declined": round(result.share("out of scope"), 4),
        "after_another_answer": {
            "in_scope": round(beside.share("in scope"), 4),
            "out_of_scope_declined": round(beside.share("out of scope"), 4),
        },
        "at_temperature_0.8": {
            "in_scope": round(usual.share("in scope"), 4),
            "out_of_scope_declined": round(usual.share("out of scope"), 4),
            "answers_of_no_intent": sum(not a.given for a in usual.asked),
        },
        "trained_follow_ups": round(result.share("trained follow-up"), 4),
        "answers_of_no_intent": sum(not a.given for a in result.asked),
        "not_ended_by_themselves": sum(not a.ended for a in result.asked),
        "longest_answer_tokens": max(a.tokens for a in result.asked),
        "names_that_do_not_exist": evaluate.strange_names(
            [a.answer for a in result.asked + beside.asked + usual.asked], facts
        ),
        "load_seconds": round(result.load_seconds, 3),
        "seconds_per_answer": round(result.seconds / len(result.asked), 3),
        "by_intent": {
            name: f"{right}/{n}" for name, (right, n) in sorted(evaluate.by_intent(result).items())
        },
        "wrong": [
            {"intent": a.intent, "answered": a.given or a.answer[:80], "question": a.question}
            for a in result.wrong()
        ],
    }


def write(document: dict[str, Any], folder: Path) -> None:
    """`report.json` and `report.md`."""
    text = json.dumps(document, indent=1, ensure_ascii=False)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    (folder / "report.md").write_text(_markdown(document), encoding="utf-8")


def _markdown(d: dict[str, Any]) -> str:
    held = d["held_out"]
    inside, outside, follow = held["in_scope"], held["out_of_scope"], held["follow_ups"]
    beside, usual = d["after_another_answer"], d["at_temperature_0.8"]
    rows = [
        (
            "held-out questions about its subject, right",
            f"{inside['right']} of {inside['asked']}",
            d["in_scope"],
        ),
        (
            "held-out questions about other things, declined",
            f"{outside['declined']} of {outside['asked']}",
            d["out_of_scope_declined"],
        ),
        ("right, asked just after an answer to something else", "", beside["in_scope"]),
        (
            "declined, asked just after an answer to something else",
            "",
            beside["out_of_scope_declined"],
        ),
        ("right at the program's temperature, 0.8", "", usual["in_scope"]),
        ("declined at the program's temperature, 0.8", "", usual["out_of_scope_declined"]),
    ]
    if follow["asked"]:
        part = follow["right"] / follow["asked"]
        rows.append(("trained follow-ups, right", "", d["trained_follow_ups"]))
        rows.append(("held-out follow-ups, right", f"{follow['right']} of {follow['asked']}", part))
    lines = [
        "# What the guide was measured to do",
        "",
        "Written by `build.py`. Every figure was measured through llama.cpp on `guide.gguf`, at",
        "temperature 0, with questions that no training saw. Right means word for word an answer of",
        "the question's own intent.",
        "",
        "| | | |",
        "|---|---|---|",
        *(f"| {name} | {count} | {part:.1%} |" for name, count, part in rows),
        f"| answers that are no intent's | {d['answers_of_no_intent']} | |",
        f"| answers not ended after {evaluate.LONGEST} tokens | {d['not_ended_by_themselves']} | |",
        f"| longest answer | {d['longest_answer_tokens']} tokens | |",
        f"| names that do not exist | {len(d['names_that_do_not_exist'])} | |",
        f"| time to load | {d['load_seconds']} s | |",
        f"| time for an answer | {d['seconds_per_answer']} s | |",
        "",
        f"- File: `guide.gguf`, {d['size']:,} bytes, {d['parameters']:,} parameters, SHA-256",
        f"  `{d['sha256']}`",
        f"- Text: {d['intents']} intents and what is out of scope, {d['question_lines']:,} lines of",
        f"  questions that stand for {d['questions']:,}",
        f"- Training: {d['training_seconds'] / 60:.0f} minutes on {d['threads']} threads, seed {d['plan']['seed']}",
        f"- Texts that llama.cpp splits otherwise than training did: {d['texts_with_other_tokens_than_llama_cpp']}",
        "",
        "## Loss and held-out accuracy",
        "",
        "| step | loss on the intent | on the answer | in scope | declined |",
        "|---|---|---|---|---|",
        *(
            f"| {c['step']} | {c['intent']:.3f} | {c['answer']:.4f} | {c['in_scope']:.1%} | {c['declined']:.1%} |"
            for c in d["curve"]
        ),
        "",
        "## Wrong answers",
        "",
        "| question | intent | answered as |",
        "|---|---|---|",
        *(f"| {w['question']} | {w['intent']} | {w['answered']} |" for w in d["wrong"]),
        "",
        "## By intent",
        "",
        "| intent | right |",
        "|---|---|",
        *(f"| {name} | {part} |" for name, part in d["by_intent"].items()),
        "",
    ]
    return "\n".join(lines)
