from collections.abc import Iterator
from pathlib import Path

import pytest

from pychatbot_gui.engine.engine import Engine
from pychatbot_gui.engine.llama import LlamaEngine
from pychatbot_gui.engine.model_process import ModelProcess


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ModelProcess]:
    engine = ModelProcess(tmp_path / "model.log")
    yield engine
    engine.close()


@pytest.fixture(params=["own process", "same process"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Both ways to run a model: they pass the same tests."""
    made: Engine
    if request.param == "own process":
        made = ModelProcess(tmp_path / "model.log")
    else:
        made = LlamaEngine()
    yield made
    made.close()
