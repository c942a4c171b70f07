import pytest

from pychatbot_gui import app
from tests.engines import FakeEngine


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """What answers in this test's window."""
    fake = FakeEngine()
    monkeypatch.setattr(app, "_engine_maker", lambda *_: lambda: fake)
    return fake
