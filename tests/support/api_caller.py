"""Calls to a site's API over its socket, each checked against openapi.yaml: path, status, and the body's schema."""
import http.client
import json
import pathlib
import re
import socket

import jsonschema
import yaml

DESCRIPTION = pathlib.Path(__file__).resolve().parents[2] / "openapi.yaml"


def description():
    return yaml.safe_load(DESCRIPTION.read_text())


class _Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("ckptd", timeout=90)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(90)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        kind = headers.get("Content-Type", "")
        self.json = json.loads(body) if "json" in kind and body else None


class Api:
    """`seen`: (method, path of openapi.yaml) of every call."""

    def __init__(self, site):
        self.site = site
        self.document = description()
        self.seen = set()

    def socket(self):
        return json.loads((self.site.state / "endpoint.json").read_text())["socket"]

    def call(self, method, target, body=None, headers=None):
        connection = _Connection(self.socket())
        data = json.dumps(body).encode() if body is not None else None
        connection.request(method, target, body=data, headers={"Content-Type": "application/json", **(headers or {})})
        reply = connection.getresponse()
        answer = Answer(reply.status, dict(reply.getheaders()), reply.read())
        connection.close()
        self._check(method, target.split("?")[0], answer)
        return answer

    def get(self, target, **headers):
        return self.call("GET", target, headers=headers)

    def _check(self, method, path, answer):
        for pattern, operations in self.document["paths"].items():
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path) and method.lower() in operations:
                break
        else:
            assert answer.status in (404, 405), f"{method} {path} is not in openapi.yaml, and was answered by {answer.status}"
            return
        self.seen.add((method, pattern))
        if answer.status == 304:
            return
        responses = operations[method.lower()]["responses"]
        response = responses.get(str(answer.status), responses["default"] if answer.status >= 400 else None)
        assert response, f"{method} {pattern}: {answer.status} is not in openapi.yaml"
        if "$ref" in response:
            response = self._resolve(response["$ref"])
        if "content" not in response:
            assert not answer.body, f"{method} {pattern}: a body where none is described"
            return
        kind = answer.headers["Content-Type"].split(";")[0]
        assert kind in response["content"], f"{method} {pattern}: {kind} is not described"
        schema = response["content"][kind]["schema"]
        if answer.json is not None:
            jsonschema.Draft202012Validator({**schema, "components": self.document["components"]}).validate(answer.json)

    def _resolve(self, reference):
        found = self.document
        for part in reference.lstrip("#/").split("/"):
            found = found[part]
        return found
