from dataclasses import replace
from pathlib import Path

from pychatbot_gui.core.guide import GUIDE_N_CTX, for_model, guide_path, is_guide, last_or_guide
from pychatbot_gui.core.settings import default_settings
from pychatbot_gui.engine.engine import model_spec, sampling


def test_the_guide_works_with_the_settings_it_was_made_for() -> None:
    mine = replace(
        default_settings(), n_ctx=8192, chat_format="vicuna", temperature=1.5, mlock=True
    )
    used = for_model(str(guide_path()), mine)
    spec = model_spec(str(guide_path()), used)
    assert (spec.n_ctx, spec.chat_format, spec.mlock) == (GUIDE_N_CTX, "", False)
    assert spec.plain_weights
    assert sampling(used).temperature == 0


def test_other_models_work_with_the_persons_settings(tmp_path: Path) -> None:
    mine = replace(default_settings(), temperature=1.5)
    path = str(tmp_path / "guide.gguf")
    assert not is_guide(path) and not is_guide("")
    assert for_model(path, mine) == mine
    assert not model_spec(path, mine).plain_weights


def test_it_begins_with_the_last_model_or_the_guide(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    model.touch()
    assert last_or_guide(str(model)) == (str(model), False)
    assert last_or_guide("") == (str(guide_path()), False)
    for gone in (str(tmp_path / "gone.gguf"), str(model / "no folder"), "x" * 100_000, "a\0b"):
        assert last_or_guide(gone) == (str(guide_path()), True)
