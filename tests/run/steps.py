"""run.py as a module, and steps that are taken down instead of taken."""

import importlib.util
import io
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent


def load_run():
    spec = importlib.util.spec_from_file_location("run_py", REPOSITORY / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


run = load_run()


class FakeSteps(run.Steps):
    """Takes the steps down; making the environment makes its bare outline."""

    def __init__(self, log, lock=-1, out=None):
        super().__init__(log, lock, out or io.StringIO())
        self.venv = log.parent
        self.taken = []
        self.titles = []
        self.statuses = {}
        self.interrupted_at = ""
        self.stamp_seen = []

    def run(self, title, command, env=None):
        self.taken.append((command, env))
        self.titles.append(title)
        self.stamp_seen.append((self.venv / "setup.json").exists())
        if title == "Making the environment":
            python = run.venv_python(self.venv)
            python.parent.mkdir()
            python.symlink_to(sys.executable)
            home = Path(sys.executable).parent
            (self.venv / "pyvenv.cfg").write_text(f"home = {home}\nversion = 3\n")
        if title == self.interrupted_at:
            raise KeyboardInterrupt
        return self.statuses.get(title, 0)


def set_up(root, steps, tests=False):
    run.set_up(root, tests, steps)
    return steps
