"""The client must run on Python 3.6, which is not here: its grammar, and what its library had."""
import ast
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3] / "client" / "python"
FILES = sorted([*ROOT.glob("ckptd/*.py"), *ROOT.glob("examples/*.py"), ROOT / "setup.py"])

# Newer than 3.6, by module.
TOO_NEW_MODULES = {"dataclasses", "contextvars", "importlib.metadata", "importlib.resources", "graphlib", "zoneinfo", "tomllib"}
TOO_NEW_NAMES = {
    "typing": {"Protocol", "Literal", "Final", "TypedDict", "Annotated", "ParamSpec", "Self", "NoReturn", "ForwardRef", "OrderedDict"},
    "functools": {"cached_property", "cache", "singledispatchmethod"},
    "contextlib": {"nullcontext", "AsyncExitStack", "chdir"},
    "shlex": {"join"},
}
TOO_NEW_ATTRIBUTES = {"fromisoformat", "removeprefix", "removesuffix", "isascii", "time_ns", "monotonic_ns", "get_running_loop", "is_relative_to",
                      "readlink", "unlink_missing", "cached_property", "waitstatus_to_exitcode"}
TOO_NEW_KEYWORDS = {"capture_output", "missing_ok", "dirs_exist_ok", "text"}


def names_used(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield "module", alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield "module", node.module
            for alias in node.names:
                yield "name", (node.module, alias.name)
        elif isinstance(node, ast.Attribute):
            yield "attribute", node.attr
        elif isinstance(node, ast.Call):
            for keyword in node.keywords:
                yield "keyword", keyword.arg


def too_new(source):
    """What of it Python 3.6 does not have; raises SyntaxError for what it cannot parse."""
    tree = ast.parse(source, feature_version=(3, 6))
    found = []
    for kind, what in names_used(tree):
        if kind == "module" and (what in TOO_NEW_MODULES or what == "__future__"):
            found.append(what)
        elif kind == "name" and what[1] in TOO_NEW_NAMES.get(what[0], ()):
            found.append(".".join(what))
        elif kind == "attribute" and what in TOO_NEW_ATTRIBUTES:
            found.append(what)
        elif kind == "keyword" and what in TOO_NEW_KEYWORDS:
            found.append(what)
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_is_of_python_3_6_and_short(file):
    source = file.read_text(encoding="utf-8")
    assert too_new(source) == []
    assert len(source.splitlines()) < 400
    foreign = {what.split(".")[0] for kind, what in names_used(ast.parse(source)) if kind == "module"} - set(sys.stdlib_module_names)
    assert foreign <= ({"ckptd"} if file.parent.name == "examples" else {"setuptools"} if file.name == "setup.py" else set())


@pytest.mark.parametrize("source", [
    "from dataclasses import dataclass", "import dataclasses", "from __future__ import annotations", "from typing import Literal",
    "import subprocess; subprocess.run([], capture_output=True)", "import datetime; datetime.datetime.fromisoformat('')"])
def test_the_check_finds_what_is_too_new(source):
    assert too_new(source)


@pytest.mark.parametrize("source", ["if (n := 1): pass", "def f(a, /): pass", "f'{x=}' if (y := 2) else 0"])
def test_the_check_finds_newer_grammar(source):
    with pytest.raises(SyntaxError):
        too_new(source)


def test_every_module_is_typed():
    """Each function that others call says what it takes and gives."""
    for file in ROOT.glob("ckptd/*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                arguments = [a for a in node.args.args + node.args.kwonlyargs if a.arg not in ("self", "cls")]
                assert node.returns is not None, (file.name, node.name)
                assert all(a.annotation is not None for a in arguments), (file.name, node.name)
    assert (ROOT / "ckptd/py.typed").exists()


def test_one_version():
    versions = {re.search(r'version(?:__)?\s*=\s*"([\d.]+)"', (ROOT / name).read_text()).group(1)
                for name in ("pyproject.toml", "setup.py", "ckptd/__init__.py")}
    assert len(versions) == 1
