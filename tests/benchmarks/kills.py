"""Does the window outlive its model process? `kill -9` at every moment, then the next message."""

from collections.abc import Callable, Iterator

from tests.benchmarks.effort import Effort
from tests.benchmarks.figures import Figure
from tests.benchmarks.models import Models
from tests.benchmarks.program import Program, long_message

_LATER = 6  # frames of text


def measure(models: Models, effort: Effort) -> Iterator[Figure]:
    """How many of the kills the next message survives, for each moment."""
    moments: tuple[tuple[str, Callable[[Program, Models, float], None]], ...] = (
        ("while it is opened", _at_load),
        ("while it starts again", _at_restart),
        ("while it reads", _at_prompt),
        ("at the first token", _at_first_token),
        ("later in the answer", _later),
        ("while it is idle", _at_idle),
    )
    for name, kill in moments:
        answered, faults = 0, []
        with Program("--temperature", "0", "--max-tokens", "128") as program:
            program.open_and_wait(models.middle)
            for trial in range(effort.trials):
                fault = _trial(program, models, kill, (trial + 0.5) / effort.trials)
                answered += not fault
                faults += [fault] if fault else []
        note = f"{len(faults)} failed: {faults[0]}" if faults else ""
        yield Figure(
            f"kill -9 {name}, next message answered",
            answered,
            f"of {effort.trials}",
            goal=effort.trials,
            more_is_better=True,
            note=note,
        )


def _trial(
    program: Program, models: Models, kill: Callable[[Program, Models, float], None], share: float
) -> str:
    """Kill, then ask; returns what went wrong."""
    program.new_chat()
    try:
        kill(program, models, share)
        program.wait_until_idle(30)
        told = program.notice()
        answer = program.ask("And now?")
        if answer is not None and answer.reply_tokens and program.window.isVisible():
            return ""
        fault = f"not answered; told {told!r}, then {program.notice()!r}"
    except TimeoutError as error:
        fault = str(error)
    program.stop()
    program.open_and_wait(models.middle)
    return fault


def _at_load(program: Program, models: Models, share: float) -> None:
    _kill_while_busy(program, lambda: program.open(models.middle), share)


def _at_restart(program: Program, models: Models, share: float) -> None:
    program.kill_model()
    program.live(0.05)
    _kill_while_busy(program, lambda: program.send("Hello"), share)


def _kill_while_busy(program: Program, act: Callable[[], None], share: float) -> None:
    """Kill the model process that `act` starts up to 0.4 s later, earlier where it is ready."""
    seconds = 0.4 * share
    for _ in range(6):
        act()
        program.wait(lambda: program.model_process() is not None)
        program.live(seconds)
        if program.window.is_busy():
            program.kill_model()
            return
        seconds /= 2
    raise TimeoutError("it was ready too soon to be killed before")


def _at_prompt(program: Program, models: Models, share: float) -> None:
    program.send(long_message(1500))
    program.live(0.05 + share)
    program.kill_model()


def _at_first_token(program: Program, models: Models, share: float) -> None:
    _after_text(program, 1)


def _later(program: Program, models: Models, share: float) -> None:
    _after_text(program, _LATER)


def _at_idle(program: Program, models: Models, share: float) -> None:
    program.ask("Hello")
    program.live(share / 10)
    program.kill_model()
    program.live(share / 10)


def _after_text(program: Program, frames: int) -> None:
    """Kill in the slot that receives the text, before anything else can happen."""
    seen = 0

    def heard(_: str) -> None:
        nonlocal seen
        seen += 1
        if seen == frames:
            program.kill_model()

    program.engine.text_arrived.connect(heard)
    program.send("Hello")
    program.wait_until_idle(60)
    program.engine.text_arrived.disconnect(heard)
    if seen < frames:
        raise TimeoutError(f"the answer had only {seen} frames of text")
