"""What the system lacks, by the names of its packages, and who installs it."""

import sys

import pytest

from tests.run.steps import run

check_system = run.check_system  # `root` takes it away from the module


def nothing(name, path=None):
    return None


def everything(name):
    return f"/usr/bin/{name}"


ALL_LIBRARIES = {pair.split("=")[0] for pair in run.LIBRARIES.split()}
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="Debian's packages")


@on_linux
def test_nothing_is_missing_on_a_complete_system():
    assert run.missing_packages(True, ALL_LIBRARIES, everything, True) == []


@on_linux
def test_each_missing_part_has_its_package():
    libraries = ALL_LIBRARIES - {"libxcb-cursor.so.0", "libGL.so.1"}
    assert run.missing_packages(False, libraries, everything, True) == ["libgl1", "libxcb-cursor0"]
    assert run.missing_packages(False, ALL_LIBRARIES, nothing, True) == ["g++"]
    venv = "python{}.{}-venv".format(*sys.version_info)
    assert run.missing_packages(False, ALL_LIBRARIES, everything, False) == [venv]
    tests = run.missing_packages(True, ALL_LIBRARIES, nothing, True)
    assert tests == [
        "g++",
        "xvfb",
        "xauth",
        "xdotool",
        "xclip",
        "desktop-file-utils",
        "shared-mime-info",
    ]


@on_linux
def test_a_c_compiler_alone_is_not_enough():
    assert not run.has_compiler(lambda name: name in ("cc", "gcc"))
    assert run.has_compiler(lambda name: name in ("clang", "clang++"))


@on_linux
def test_where_libraries_cannot_be_listed_none_is_asked_for():
    assert run.missing_packages(False, None, everything, True) == []


@on_linux
def test_the_library_list_is_read():
    libraries = run.installed_libraries()
    assert libraries is None or any(name.startswith("libc.so") for name in libraries)


def test_who_cannot_install_gets_the_exact_command(steps):
    steps.statuses["Asking apt"] = 100
    with pytest.raises(run.SetupError) as caught:
        run.install_packages(["g++", "libglib2.0-0"], None, steps)
    assert (
        "sudo apt-get update && sudo apt-get install -y --no-install-recommends g++ libglib2.0-0"
        in str(caught.value)
    )
    assert steps.titles == ["Asking apt"]


def test_the_name_of_newer_systems_is_taken_where_apt_knows_it(steps):
    with pytest.raises(run.SetupError, match=r"libglib2\.0-0t64\n"):
        run.install_packages(["g++", "libglib2.0-0"], None, steps)


def test_the_packages_are_installed_even_when_a_source_is_out_of_reach(steps):
    steps.statuses["Updating the list of system packages"] = 100
    run.install_packages(["g++"], ["sudo", "-n"], steps)
    command = steps.taken[-1][0]
    assert command[:4] == ["sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive"]
    assert command[-1] == "g++"


def test_a_failing_apt_is_told_with_the_command(steps):
    steps.statuses["Installing system packages"] = 100
    steps._log.write_text("E: Unable to locate package g++\n")
    with pytest.raises(run.SetupError) as caught:
        run.install_packages(["g++"], [], steps)
    assert "E: Unable to locate package g++" in str(caught.value)
    assert "sudo apt-get install -y --no-install-recommends g++" in str(caught.value)


@on_linux
@pytest.mark.parametrize(
    ("missing", "sentence"),
    [("compiler", "dnf install gcc-c\\+\\+"), ("ensurepip", "venv and pip")],
)
def test_without_apt_what_is_missing_is_said(steps, monkeypatch, missing, sentence):
    monkeypatch.setattr(run.shutil, "which", nothing if missing == "compiler" else no_apt)
    monkeypatch.setattr(
        run.importlib.util, "find_spec", lambda name: None if missing == name else "found"
    )
    with pytest.raises(run.SetupError, match=sentence):
        check_system(False, steps)
    assert steps.titles == []


def no_apt(name, path=None):
    return None if name in ("apt-get", "dpkg", "ldconfig") else f"/usr/bin/{name}"


@on_linux
def test_without_apt_missing_libraries_are_named_and_do_not_stop(steps, monkeypatch):
    monkeypatch.setattr(run.shutil, "which", no_apt)
    monkeypatch.setattr(run, "installed_libraries", lambda: ALL_LIBRARIES - {"libGL.so.1"})
    check_system(False, steps)
    assert steps._out.getvalue().endswith("libGL.so.1\n")
