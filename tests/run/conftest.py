import pytest

from tests.run.steps import FakeSteps, run


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project of two files, in a folder with a space and a percent sign, with nothing set up."""
    folder = tmp_path / "my 100% project"
    (folder / "configs").mkdir(parents=True)
    (folder / "pyproject.toml").write_text("[project]\n")
    (folder / "configs" / "constraints.txt").write_text("a==1\n")
    (folder / ".venv").mkdir()
    # What this machine has installed must not change what is tested.
    monkeypatch.setattr(run, "check_system", lambda tests, steps: None)
    return folder


@pytest.fixture
def steps(root):
    fake = FakeSteps(root / ".venv" / "setup.log")
    fake._log.write_text("")
    return fake
