"""What is installed: the pins, the ranges, and what lies in the wheel and in the source package."""

import importlib.metadata
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.version import Version

import pychatbot_gui

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REPOSITORY = Path(__file__).resolve().parent.parent
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
CONSTRAINTS = (REPOSITORY / "configs" / "constraints.txt").read_text(encoding="utf-8")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pins():
    lines = (line.partition("#")[0].strip() for line in CONSTRAINTS.splitlines())
    return [Requirement(line) for line in lines if line]


def environment(python, system):
    """What the markers are judged by on another Python and system."""
    return {
        **default_environment(),
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": system,
    }


def pins_for(python, system="linux"):
    """The version pinned for each package on one Python and system; fails where two apply."""
    found = {}
    for pin in pins():
        if pin.marker is None or pin.marker.evaluate(environment(python, system)):
            name = canonical(pin.name)
            assert name not in found, f"{name} is pinned twice for Python {python} on {system}"
            (specifier,) = pin.specifier
            found[name] = Version(specifier.version)
    return found


def requirements(*extras):
    lines = list(PROJECT["project"]["dependencies"])
    for extra in extras:
        lines += PROJECT["project"]["optional-dependencies"][extra]
    return [Requirement(line) for line in lines + PROJECT["build-system"]["requires"]]


def is_deadly(python, pyside):
    """PySide6 from 6.12 on aborts on Python 3.10 and 3.11 after some thousand calls."""
    return Version(python) < Version("3.12") and pyside >= Version("6.12")


def test_the_deadly_pair_is_told_from_the_sound_ones():
    assert is_deadly("3.10", Version("6.12.0"))
    assert is_deadly("3.11", Version("6.12.1"))
    assert not is_deadly("3.11", Version("6.11.3"))
    assert not is_deadly("3.12", Version("6.12.0"))


@pytest.mark.parametrize("name", ["PySide6-Essentials", "shiboken6"])
def test_the_installed_pair_of_python_and_pyside_is_sound(name):
    python = "{}.{}".format(*sys.version_info)
    assert not is_deadly(python, Version(importlib.metadata.version(name)))


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", ["pyside6-essentials", "shiboken6"])
def test_the_pinned_pair_of_python_and_pyside_is_sound(python, name):
    assert not is_deadly(python, pins_for(python)[name])


@pytest.mark.parametrize("version", ["6.12", "6.12.0", "6.12.1", "6.13", "7.0"])
def test_the_range_leaves_out_the_deadly_versions(version):
    (pyside,) = [r for r in requirements() if canonical(r.name) == "pyside6-essentials"]
    assert version not in pyside.specifier
    assert "6.11.3" in pyside.specifier


def test_every_pin_is_one_exact_version():
    assert pins()
    for pin in pins():
        (specifier,) = pin.specifier
        assert specifier.operator == "==", pin
        assert "*" not in specifier.version, pin
        assert pin.url is None, pin


def test_the_pins_name_no_address_and_no_option():
    for line in CONSTRAINTS.splitlines():
        assert "://" not in line
        assert not line.startswith("-")


@pytest.mark.parametrize("system", ["linux", "win32", "darwin"])
@pytest.mark.parametrize("python", PYTHONS)
def test_every_requirement_has_a_pin_inside_its_range(python, system):
    found = pins_for(python, system)
    for requirement in requirements("test"):
        if requirement.marker and not requirement.marker.evaluate(environment(python, system)):
            continue
        assert found[canonical(requirement.name)] in requirement.specifier, requirement


def needed_by(name, extras, seen):
    """Add the names of all that an installed package needs to `seen`."""
    for line in importlib.metadata.requires(name) or []:
        requirement = Requirement(line)
        applies = requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in ["", *extras]
        )
        if applies and canonical(requirement.name) not in seen:
            seen.add(canonical(requirement.name))
            needed_by(requirement.name, requirement.extras, seen)


def test_everything_that_is_needed_underneath_is_pinned_too():
    needed = set()
    for requirement in requirements("test"):
        if requirement.marker is None or requirement.marker.evaluate():
            needed.add(canonical(requirement.name))
            needed_by(requirement.name, requirement.extras, needed)
    assert "shiboken6" in needed
    assert needed - set(pins_for("{}.{}".format(*sys.version_info), sys.platform)) == set()


def test_jinja_is_no_older_than_the_repair_of_its_sandbox():
    (jinja,) = [r for r in requirements() if canonical(r.name) == "jinja2"]
    assert "3.1.5" not in jinja.specifier


def build(kind, source, target):
    """Build a package without the network, with the hatchling that is installed."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", target],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (package,) = target.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return package


def names_in(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return sorted(archive.namelist())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build("wheel", REPOSITORY, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_the_package_and_its_folders(wheel):
    names = names_in(wheel)
    for name in (
        "pychatbot_gui/__init__.py",
        "pychatbot_gui/__main__.py",
        "pychatbot_gui/configs/model_parameters.json",
        "pychatbot_gui/resources/pychatbot.desktop",
        "pychatbot_gui/resources/pychatbot-mime.xml",
        "pychatbot_gui/resources/icons/pychatbot.svg",
        "pychatbot_gui/resources/icons/pychatbot-256.png",
    ):
        assert name in names
    tops = {name.split("/")[0] for name in names}
    assert tops == {"pychatbot_gui", f"pychatbot-{pychatbot_gui.__version__}.dist-info"}


def test_the_wheel_holds_every_shipped_file(wheel):
    shipped = {
        f"pychatbot_gui/{path.relative_to(REPOSITORY).as_posix()}"
        for folder in ("configs", "resources")
        for path in (REPOSITORY / folder).rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    guide = "pychatbot_gui/resources/guide/"
    for_developers = {
        name
        for name in shipped
        if name == "pychatbot_gui/resources/screenshot.png"
        or (name.startswith(guide) and name.endswith((".py", ".txt", ".lst")))
    }
    assert f"{guide}guide.gguf" in names_in(wheel)
    assert for_developers
    assert shipped & set(names_in(wheel)) == shipped - for_developers


def test_the_wheel_starts_as_a_window_program(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/entry_points.txt")]
        entries = archive.read(name).decode()
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        metadata = archive.read(name).decode()
    assert "[gui_scripts]\npychatbot-gui = pychatbot_gui.__main__:main" in entries
    assert f"\nVersion: {pychatbot_gui.__version__}\n" in metadata
    assert "\nRequires-Python: >=3.10\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata


def test_the_source_package_builds_the_same_wheel(wheel, tmp_path):
    archive = build("sdist", REPOSITORY, tmp_path)
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extractall(tmp_path, filter="data")
        else:
            tar.extractall(tmp_path)
    source = tmp_path / archive.name.removesuffix(".tar.gz")
    assert (source / "run.py").is_file()
    assert (source / "configs" / "constraints.txt").is_file()
    target = tmp_path / "again"
    target.mkdir()
    assert names_in(build("wheel", source, target)) == names_in(wheel)
