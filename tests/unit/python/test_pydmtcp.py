"""pyDMTCP's flags: what they mean here, and that the page about them has them all."""
import pathlib
import re

import pytest

import ckptd
from ckptd import pydmtcp

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs" / "coming-from.md"


def meant(*words):
    return pydmtcp.wishes(pydmtcp.parser().parse_args(["--start", "x", *words]))


@pytest.mark.parametrize("words, wishes", [
    ("", {}), ("--compress True --overwrite True --rollback 1", {"compress": "zstd", "keep": 1}), ("--compress 0", {"compress": "none"}),
    ("--overwrite False", {"keep": 2}), ("--overwrite True --rollback 3", {"keep": 3}), ("--overwrite False --rollback 1", {"keep": 2}),
    ("--rollback 4 --interval 30", {"keep": 4, "every": 30.0})])
def test_wishes(words, wishes):
    assert meant(*words.split()) == wishes


@pytest.mark.parametrize("words", ["--rollback 0", "--interval x", "--compress maybe", "--comp True", "--stop 1"])
def test_what_is_not_understood(words, capsys):
    with pytest.raises(SystemExit) as end:
        meant(*words.split())
    assert end.value.code == 2 and capsys.readouterr().err


def test_a_program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lulesh2.0").write_text("")
    assert pydmtcp.program("lulesh2.0 -i 50", []) == ["lulesh2.0", "-i", "50"], "not executable: one on PATH is meant"
    (tmp_path / "lulesh2.0").chmod(0o755)
    assert pydmtcp.program("lulesh2.0 -i '5 0'", ["-s", "200"]) == ["./lulesh2.0", "-i", "5 0", "-s", "200"]
    assert pydmtcp.program("sleep 3", []) == ["sleep", "3"]
    with pytest.raises(ckptd.Usage):
        pydmtcp.program(" ", [])


def test_every_flag_has_its_row():
    section = PAGE.read_text().split("## From pyDMTCP", 1)[1].split("\n## ", 1)[0]
    rows = set(re.findall(r"^\| `(--\w+)", section, re.M))
    flags = {word for action in pydmtcp.parser()._actions for word in action.option_strings} - {"-h", "--help", "--sbatch-arg"}
    assert rows == flags


def test_options_for_slurm():
    given = pydmtcp.parser().parse_args(["--restart", "7", "--move", "n3", "--nodes", "2", "--sbatch-arg=--mem=1G"])
    assert pydmtcp._options(given) == ["--nodes=2", "--nodelist=n3", "--mem=1G"]
