"""Requests to the daemon: over its Unix socket, or over 127.0.0.1 with the token. One connection a request, as it wants it."""
import binascii
import http.client
import json
import os
import socket
import time
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple
from urllib.parse import quote, urlencode

from . import _endpoint
from ._endpoint import Endpoint
from ._paths import Paths
from .errors import Failed, NoDaemon, from_problem

Query = Sequence[Tuple[str, str]]
Response = NamedTuple("Response", [("status", int), ("headers", Dict[str, str]), ("body", bytes)])

_CONNECT = 5.0  # seconds
_ANSWER = 90.0  # beyond what the daemon was asked to wait
_GRACE = 5.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_PASSING = ("no_daemon", "daemon_silent", "daemon_stopping")  # a daemon that is restarted
_BROKEN = (OSError, http.client.HTTPException)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_CONNECT)
        self.sock.connect(self._path)
        self.sock.settimeout(self.timeout)


def segment(text: str) -> str:
    """For a path: everything but unreserved characters is escaped."""
    return quote(os.fsencode(text), safe="")


def new_key() -> str:
    """An Idempotency-Key of 128 random bits."""
    return binascii.hexlify(os.urandom(16)).decode("ascii")


class Transport:
    """Sends requests to the daemon of `paths`, starts it where it may, and looks for it again when it went away.

    Every request is safe to repeat: GET, PUT-like PATCH and DELETE by their nature, POST by its Idempotency-Key. Holds no connection
    between requests; any thread may use it. `retry_for`: seconds.
    """

    def __init__(self, paths: Paths, env: Mapping[str, str], autostart: bool, retry_for: float) -> None:
        self.paths = paths
        self.retry_for = retry_for
        self._env = dict(env)
        self._autostart = autostart
        self._met = False  # once it has answered, its absence is taken for a restart
        self._gone = None  # type: Optional[float]  # since when it is, by the monotonic clock; None: it was there

    def endpoint(self) -> Endpoint:
        """Where the daemon is; starts it. Errors: `NoDaemon`, `Refused`."""
        try:
            found = _endpoint.read_endpoint(self.paths.state_dir)
        except NoDaemon as error:
            if error.code != "no_daemon" or not self._may_start():
                raise
            _endpoint.start(self.paths, self._env)
            found = _endpoint.read_endpoint(self.paths.state_dir)
        _endpoint.check_socket_folder(found.socket)
        return found

    def _may_start(self) -> bool:
        """Not at once where one has just been there: somebody restarts it, and two that start it get into each other's way."""
        if not self._autostart or not self._met:
            return self._autostart
        return self._gone is not None and time.monotonic() - self._gone > min(_GRACE, self.retry_for / 2)

    def json(self, method: str, path: str, query: Query = (), body: Any = None, wait: float = 0) -> Tuple[int, Any]:
        """(HTTP status, the answer's JSON); None for no body."""
        response = self.call(method, path, query, body, wait)
        if response.status == 204 or not response.body:
            return response.status, None
        try:
            return response.status, json.loads(response.body.decode("utf-8"))
        except ValueError:
            raise Failed("bad_reply", "the daemon's answer to {} {} is no JSON".format(method, path),
                         "Client and daemon may differ in version: type `ckpt daemon restart`.") from None

    def call(self, method: str, path: str, query: Query = (), body: Any = None, wait: float = 0) -> Response:
        """One request, repeated while the daemon is away, for `retry_for` at most. Errors: those of the daemon by class, `NoDaemon`."""
        target = path + ("?" + urlencode(list(query), quote_via=quote) if query else "")
        headers = {"Connection": "close"}
        data = None
        if method == "POST":
            headers["Idempotency-Key"] = new_key()
        if body is not None or method in ("POST", "PATCH"):
            data = json.dumps({} if body is None else body).encode("ascii")
            headers["Content-Type"] = "application/json"
        begun = None  # type: Optional[float]  # of looking for it: a long poll that breaks late has all the patience
        pause = _SHORTEST_PAUSE
        again = False
        while True:
            try:
                response = self._once(method, target, headers, data, wait)
                self._met, self._gone = True, None
                if again and method == "DELETE" and response.status == 404:
                    return Response(204, {}, b"")  # the first try had done it
                if response.status >= 400:
                    raise from_problem(response.status, response.body)
                return response
            except NoDaemon as error:
                now = time.monotonic()
                begun = now if begun is None else begun
                self._gone = now if self._gone is None else self._gone
                left = begun + (self.retry_for if self._met else 0) - now
                if error.code not in _PASSING or left <= 0:
                    raise
            again = True
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _once(self, method: str, target: str, headers: Dict[str, str], data: Optional[bytes], wait: float) -> Response:
        where = self.endpoint()
        failures = []  # type: List[str]
        for connection, more in self._ways(where, _ANSWER + wait):
            try:
                connection.request(method, target, body=data, headers=dict(headers, **more))
                answer = connection.getresponse()
                return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
            except _BROKEN as error:
                failures.append("{}: {}".format(type(error).__name__, error))
            finally:
                connection.close()
        if not _endpoint.runs(where):
            if self._may_start():
                _endpoint.start(self.paths, self._env)
                self._met = True
            raise _endpoint.none(self.paths.state_dir)
        raise NoDaemon("daemon_silent", "the daemon (pid {}) does not answer on {} ({})".format(
            where.pid, where.socket, "; ".join(failures)),
            "Type `ckpt daemon status`; its log is named by `ckpt paths`.", outcome="unknown")

    @staticmethod
    def _ways(where: Endpoint, timeout: float) -> Any:
        """The socket; then TCP, since a logout can delete the socket's folder while the daemon lives on."""
        yield UnixConnection(where.socket, timeout), {}
        if where.tcp and _endpoint.we_listen_on(where.tcp):
            try:
                token = _endpoint.read_token(where.token_file)
            except OSError:
                return
            host, _, port = where.tcp.rpartition(":")
            yield http.client.HTTPConnection(host, int(port), timeout=timeout), {"Authorization": "Bearer " + token}
