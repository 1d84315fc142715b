"""Text, times and durations between Python and the API's JSON."""
import base64
import datetime
import os
import re
from typing import Any, Dict, List, Optional, Union

from .errors import Usage

Duration = Union[int, float, str, datetime.timedelta]
Text = Union[str, bytes, "os.PathLike[Any]"]

NO_LIMIT = 365 * 86400.0  # seconds; what the daemon takes for "no limit"

_UNITS = (("d", 86400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001))
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)$")


def encode_text(value: Text) -> Union[str, Dict[str, str]]:
    """A string of JSON; {"base64": …} where the bytes are no UTF-8."""
    raw = os.fsencode(value)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode("ascii")}


def decode_text(value: Any) -> str:
    """The other way; bytes that are no UTF-8 become surrogates, as everywhere in Python (os.fsdecode)."""
    if isinstance(value, dict) and "base64" in value:
        return os.fsdecode(base64.b64decode(value["base64"]))
    return "" if value is None else str(value)


def decode_texts(values: Any) -> List[str]:
    return [decode_text(value) for value in values or []]


def parse_time(text: Optional[str]) -> Optional[datetime.datetime]:
    """RFC 3339 → an aware datetime in UTC; None stays None."""
    if text is None:
        return None
    found = _TIME.match(text)
    if not found:
        raise ValueError("{!r} is not an RFC 3339 time".format(text))
    fields = [int(found.group(i)) for i in range(1, 7)]
    micro = int(((found.group(7) or "") + "000000")[:6])
    time = datetime.datetime(*fields, microsecond=micro, tzinfo=datetime.timezone.utc)  # type: ignore[misc, arg-type]
    zone = found.group(8)
    if zone not in "Zz":
        ahead = datetime.timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
        time = time - ahead if zone[0] == "+" else time + ahead
    return time


def format_time(time: datetime.datetime) -> str:
    """An aware datetime → RFC 3339 in UTC, to the millisecond."""
    utc = time.astimezone(datetime.timezone.utc)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + "{:03d}Z".format(utc.microsecond // 1000)


def _bad(text: str, why: str) -> Usage:
    return Usage("bad_duration", "{!r} is not a duration: {}".format(text, why),
                 "Write it like 90s, 30m, 1h30m, 24:00:00 or 1-12 (days-hours), or give a number of seconds.")


def _with_units(text: str) -> float:
    total, left, position = 0.0, list(_UNITS), 0
    for found in re.finditer(r"(\d+)([a-z]+)", text):
        names = [name for name, _ in left]
        if found.start() != position or found.group(2) not in names:
            raise _bad(text, "units are d h m s ms, each once, the largest first")
        at = names.index(found.group(2))
        total += int(found.group(1)) * left[at][1]
        left, position = left[at + 1:], found.end()
    if position != len(text):
        raise _bad(text, "units are d h m s ms")
    return total


def _like_slurm(text: str) -> float:
    found = re.match(r"(?:(\d+)-)?(\d+)(?::(\d\d?))?(?::(\d\d?))?$", text)
    if not found or (found.group(1) is None and found.group(4) is None):
        raise _bad(text, "two numbers are minutes to Slurm and hours to others")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    if minutes > 59 or seconds > 59:
        raise _bad(text, "minutes and seconds end at 59")
    return ((days * 24.0 + hours) * 60 + minutes) * 60 + seconds


def seconds(value: Duration) -> float:
    """A duration in seconds: a number is seconds; text is 90s, 30m, 1h30m, 24:00:00, 1-12; or a timedelta. `Usage` else."""
    if isinstance(value, datetime.timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise Usage("bad_duration", "{!r} is not a duration".format(value))
    if not isinstance(value, str):
        if not 0 <= value < 100 * 366 * 86400.0:
            raise _bad(str(value), "it is negative or too long")
        return float(value)
    text = value.strip()
    if re.match(r"\d+$", text):
        raise _bad(text, "a bare number in text is minutes to Slurm and seconds to DMTCP")
    if re.match(r"\d+[a-z]", text):
        return _with_units(text)
    return _like_slurm(text)


def time_limit(value: Duration) -> float:
    """As `seconds`; text may also be what sbatch's --time takes: "30" and "30:00" are minutes, "UNLIMITED" is no limit."""
    if isinstance(value, str):
        if value.strip().lower() in ("unlimited", "infinite", "-1"):
            return NO_LIMIT
        found = re.match(r"(\d+)(?::(\d\d?))?$", value.strip())
        if found:
            return int(found.group(1)) * 60.0 + int(found.group(2) or 0) or NO_LIMIT
    return seconds(value) or NO_LIMIT


def seconds_or(value: Duration, words: List[str]) -> Union[float, str]:
    """A duration, or one of the words ("auto", "off")."""
    return value if isinstance(value, str) and value in words else seconds(value)
