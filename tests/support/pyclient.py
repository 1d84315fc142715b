"""Runs Python as a person at a site would, with the client of this tree."""
import json
import pathlib
import shutil

PACKAGE = pathlib.Path(__file__).resolve().parents[2] / "client" / "python"
PYTHON = "/usr/bin/python3"

# What a snippet finds: the client, and `tell`, whose argument becomes the result of `Python.run`.
PRELUDE = """
import json, sys, time
import ckptd
from ckptd import Client
_told = []
def tell(value):
    _told.append(value)
def error_of(call, *args, **more):
    try:
        call(*args, **more)
    except ckptd.CkptError as error:
        return [type(error).__name__, error.code, error.status]
    return None
"""
END = """
print("\\n" + json.dumps(_told[-1] if _told else None), flush=True)
"""


class Python:
    """`site`: a usersite.Site. The package is copied to where its user can read it."""

    def __init__(self, site):
        self.site = site
        self.folder = site.root / "python"
        if not self.folder.exists():
            shutil.copytree(PACKAGE, self.folder, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
        self.env = {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, code, timeout=120, env=None, cwd=None):
        """The value that the snippet told; fails with what it printed otherwise."""
        done = self.site.run(PYTHON, "-c", PRELUDE + code + END, env={**self.env, **(env or {})}, timeout=timeout, cwd=cwd)
        assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"
        return json.loads(done.stdout.rstrip("\n").rsplit("\n", 1)[-1])

    def start(self, code, **more):
        """The same, not waited for."""
        return self.site.popen(PYTHON, "-u", "-c", PRELUDE + code, env=self.env, **more)

    def module(self, *words, check=True, **more):
        return self.site.run(PYTHON, "-m", *words, env={**self.env, **more.pop("env", {})}, check=check, **more)
