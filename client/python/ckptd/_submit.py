"""What is sent to make a job."""
import os
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from . import policy
from ._values import Duration, Text, encode_text, time_limit
from .errors import NotFound, Usage

Argument = Union[Text, int, float]


def _argument(value: Argument) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, (str, bytes, os.PathLike)):
        raise Usage("usage", "{!r} cannot be an argument of a program".format(value), "Give texts, paths or numbers.")
    return encode_text(value)


def arguments(argv: Union[str, Sequence[Argument]]) -> List[Any]:
    """A list is taken as it is; one text is a shell command."""
    if isinstance(argv, str):
        return ["/bin/sh", "-c", encode_text(argv)]
    words = [_argument(word) for word in argv]
    if not words or not words[0]:
        raise Usage("usage", "there is no program to run", 'Write client.submit(["./simulate", "input.dat"]).')
    return words


def folder(cwd: Optional[Text], env: Mapping[str, str]) -> str:
    """`cwd`, else the current one, by the name that people know it by ($PWD) where that is the same."""
    if cwd is not None:
        path = os.path.abspath(os.fsdecode(cwd))
        if not os.path.isdir(path):
            raise NotFound("no_such_folder", "there is no folder " + path, "Name an existing one as cwd.")
        return path
    real, logical = os.getcwd(), env.get("PWD", "")
    try:
        same = logical.startswith("/") and os.path.samefile(logical, real)
    except OSError:
        same = False
    return logical if same else real


def _umask() -> str:
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            return next(line.split()[1] for line in file if line.startswith("Umask:"))
    except (OSError, StopIteration):  # a kernel before 4.7: asking sets it for a moment, for all threads
        mask = os.umask(0o077)
        os.umask(mask)
        return "{:04o}".format(mask)


def _environment(env: Mapping[str, str], body: Dict[str, Any]) -> None:
    body["env"], odd = {}, []
    for name, value in env.items():
        known = encode_text(name)
        if isinstance(known, str):
            body["env"][known] = encode_text(value)
        else:
            odd.append({"name": known, "value": encode_text(value)})
    if odd:
        body["env_odd_names"] = odd


def request(base: Mapping[str, str], argv: Union[str, Sequence[Argument]], name: Optional[str], time: Optional[Duration],
            sbatch_args: Sequence[Text], env: Optional[Mapping[str, Any]], cwd: Optional[Text], output: Optional[Text],
            error: Optional[Text], modules: Sequence[str], setup: Optional[str], engine: str, app: Mapping[str, Optional[str]],
            wishes: Mapping[str, Any]) -> Dict[str, Any]:
    """The body of submitJob. `base`: the environment that `env` is laid over."""
    place = folder(cwd, base)
    body = {"argv": arguments(argv), "cwd": encode_text(place), "umask": _umask(), "engine": engine}  # type: Dict[str, Any]
    merged = dict(base, PWD=place)
    merged.update({str(key): str(value) for key, value in (env or {}).items()})
    _environment(merged, body)
    limit = time if time is not None else base.get("SBATCH_TIMELIMIT") or None
    if limit is not None:
        body["time_limit_seconds"] = time_limit(limit)
    if isinstance(sbatch_args, (str, bytes)):
        raise Usage("usage", "sbatch_args is one text", 'Write a list: sbatch_args=["--partition=long", "--mem=4G"].')
    if sbatch_args:
        body["sbatch_args"] = [encode_text(one) for one in sbatch_args]
    for key, value in (("name", name), ("setup", setup), ("stdout_path", output), ("stderr_path", error)):
        if value is not None:
            body[key] = encode_text(value)
    if modules:
        body["modules"] = [modules] if isinstance(modules, str) else [encode_text(one) for one in modules]
    chosen = {key: encode_text(value) for key, value in app.items() if value}
    if chosen:
        body["app"] = chosen
    changed = policy.to_json(wishes)
    if changed:
        body["policy"] = changed
    return body
