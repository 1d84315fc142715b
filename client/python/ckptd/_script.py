"""A batch script, submitted by `ckpt sbatch`: what reads #SBATCH lines, SBATCH_* variables and the script itself is there and only there."""
import json
import logging
import os
import subprocess
from typing import Any, Dict, List, Mapping, Optional, Sequence

from . import _endpoint, policy
from ._submit import Argument
from ._values import Duration, Text, decode_text, time_limit
from .errors import CkptError, Failed, NotFound, Usage, from_problem

log = logging.getLogger("ckptd")


def _for_sbatch(limit: float) -> str:
    """Seconds as sbatch's --time has them, rounded up."""
    whole = int(-(-limit // 1))
    return "{}-{:02d}:{:02d}:{:02d}".format(whole // 86400, whole // 3600 % 24, whole // 60 % 60, whole % 60)


def _wish(name: str, value: Any) -> str:
    """A wish as policy.to_json has it → the value of `ckpt`'s option."""
    if name.endswith("_seconds") and not isinstance(value, str):
        return "{}ms".format(int(round(value * 1000)))
    return str(decode_text(value)) if isinstance(value, dict) else str(value)


def wish_options(wishes: Mapping[str, Any]) -> List[str]:
    """every="30m", tags={"a": "b"} → --every=1800000ms --tag=a=b"""
    words = []  # type: List[str]
    for name, value in policy.to_json(wishes).items():
        option = "--" + name.replace("_seconds", "").replace("_", "-")
        if name == "tags":
            words += ["--tag={}={}".format(*pair) for pair in value.items()]
        elif isinstance(value, list):
            words += [option + "=" + _wish(name, one) for one in value]
        else:
            words.append(option + "=" + _wish(name, value))
    return words


def _where(script: Text, cwd: Optional[Text]) -> str:
    """sbatch looks for it below --chdir; a person who named a file here means that one."""
    path = os.fsdecode(script)
    if not path:
        raise NotFound("no_such_script", "unable to open the batch script ''", 'Name an existing file: script="job.sh".')
    if cwd is not None and os.path.exists(path):
        return os.path.abspath(path)
    return path


def words(script: Text, args: Sequence[Argument], name: Optional[str], time: Optional[Duration], sbatch_args: Sequence[Text],
          env: Optional[Mapping[str, Any]], cwd: Optional[Text], output: Optional[Text], error: Optional[Text], modules: Sequence[str],
          setup: Optional[str], engine: str, app: Mapping[str, Optional[str]], wishes: Mapping[str, Any]) -> List[bytes]:
    """The arguments of `ckpt sbatch`."""
    if isinstance(args, (str, bytes)):
        raise Usage("usage", "args is one text", 'Write a list: args=["input.dat"].')
    if isinstance(sbatch_args, (str, bytes)):
        raise Usage("usage", "sbatch_args is one text", 'Write a list: sbatch_args=["--partition=long", "--mem=4G"].')
    limit = None if time is None else _for_sbatch(time_limit(time))
    given = []  # type: List[Text]
    for option, value in (("job-name", name), ("time", limit), ("chdir", None if cwd is None else os.path.abspath(os.fsdecode(cwd))),
                          ("output", output), ("error", error), ("setup", setup), ("engine", engine if engine != "auto" else None),
                          ("ckpt-signal", app.get("signal")), ("ckpt-command", app.get("command")),
                          ("restart-command", app.get("restart_command"))):
        if value is not None:
            given.append("--{}={}".format(option, os.fsdecode(value)))
    given += ["--module=" + one for one in ([modules] if isinstance(modules, str) else modules)]
    given += ["--env={}={}".format(*pair) for pair in (env or {}).items()]
    given += wish_options(wishes)
    given += list(sbatch_args)
    given += ["--", _where(script, cwd)]
    given += [str(one) if isinstance(one, (int, float)) else one for one in args]
    return [os.fsencode(one) for one in given]


def submit(arguments: Sequence[bytes], cluster: Optional[str], env: Mapping[str, str]) -> Dict[str, Any]:
    """Runs `ckpt sbatch`; the job as the API has it. Errors: as `ckpt` tells them."""
    program = _endpoint.ckpt_program(env)
    begin = [os.fsencode(program)] + ([b"--cluster", os.fsencode(cluster)] if cluster else []) + [b"sbatch", b"--json"]
    try:
        done = subprocess.run(begin + list(arguments), env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
    except OSError as error:
        raise Failed("ckpt_not_run", "{} did not run: {}".format(program, error)) from error
    told = done.stderr.decode("utf-8", "replace").strip()
    try:
        answer = json.loads(done.stdout.decode("utf-8"))  # type: Dict[str, Any]
    except ValueError:
        raise Failed("bad_reply", "`ckpt sbatch` ended with {}: {}".format(done.returncode, told)) from None
    if "id" in answer:  # with --wait among the options the status is the script's, and no error
        for line in told.splitlines():  # its remarks on the script, and one line that tells the job's id
            log.log(logging.INFO if answer["id"] in line else logging.WARNING, "%s", line)
        return answer
    raise _error(answer)


def _error(problem: Dict[str, Any]) -> CkptError:
    return from_problem(int(problem.get("status", 0)), json.dumps(problem).encode("ascii"))
