"""Which engines this machine has, as pytest parameters: those that are missing are skipped, saying so."""
import os
import shutil

import pytest


def engine_parameters():
    """(engine, environment that leads to it); CKPT_DMTCP_ROOTS may name several DMTCP installations, separated by colons."""
    parameters = [pytest.param("app", {}, id="app")]
    criu = os.environ.get("CKPT_CRIU") or shutil.which("criu")
    marks = [] if criu else [pytest.mark.skip(reason="criu: none that works on this machine")]
    parameters.append(pytest.param("criu", {"CKPT_CRIU": criu or ""}, id="criu", marks=marks))
    roots = (os.environ.get("CKPT_DMTCP_ROOTS") or os.environ.get("CKPT_DMTCP_ROOT") or "").split(":")
    if roots == [""]:
        launch = shutil.which("dmtcp_launch")
        roots = [os.path.dirname(os.path.dirname(launch))] if launch else []
    for root in roots:
        parameters.append(pytest.param("dmtcp", {"CKPT_DMTCP_ROOT": root}, id=os.path.basename(root)))
    if not roots:
        reason = "dmtcp: none on PATH nor in CKPT_DMTCP_ROOT"
        parameters.append(pytest.param("dmtcp", {}, id="dmtcp", marks=[pytest.mark.skip(reason=reason)]))
    return parameters


def engine_fixture_parameters():
    """The same for a fixture, where each parameter is one value: (engine, environment)."""
    return [pytest.param(tuple(p.values), id=p.id, marks=p.marks) for p in engine_parameters()]
