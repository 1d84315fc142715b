"""A second ordinary user of the machine, who would like to know, or to do, what is not theirs."""
import json
import os
import pathlib
import pwd
import subprocess
import sys

# Runs as the stranger: tries everything of a list and prints what worked, as JSON. Nothing here should.
TRIES = r"""
import json, os, socket, sys
got = []
def attempt(what, act):
    try:
        value = act()
    except OSError:
        return
    got.append([what, repr(value)[:200]])
def connect(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        s.connect(path)
        s.sendall(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return s.recv(100)
def write(path):
    with open(path, "a") as f:
        return f.name
for path in json.load(sys.stdin):
    attempt("list " + path, lambda: os.listdir(path))
    attempt("read " + path, lambda: open(path, "rb").read(100))
    attempt("write " + path, lambda: write(path))
    attempt("make in " + path, lambda: os.mkdir(path + "/of-a-stranger"))
    attempt("look at " + path + "/", lambda: os.stat(path + "/."))
    attempt("connect " + path, lambda: connect(path))
print(json.dumps(got))
"""


class Stranger:
    def __init__(self):
        self.user = f"ckptd-{os.getpid()}-b"
        subprocess.run(["useradd", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/sh", self.user],
                       check=True, capture_output=True)
        self.uid = pwd.getpwnam(self.user).pw_uid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["userdel", self.user], check=False, capture_output=True)

    def run(self, *argv, stdin="", timeout=60, env=None):
        return subprocess.run([str(word) for word in argv], user=self.uid, group=self.uid, extra_groups=[], input=stdin, text=True,
                              cwd="/", env={"PATH": "/usr/bin:/bin", **(env or {})}, capture_output=True, timeout=timeout)

    def python(self, text, *argv, stdin=""):
        done = self.run("/usr/bin/python3", "-c", text, *argv, stdin=stdin)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout

    def what_works(self, paths):
        """Which of listing, reading, writing, making, looking inside and connecting works at one of these paths."""
        return json.loads(self.python(TRIES, stdin=json.dumps([str(path) for path in paths])))

    def make(self, path, kind):
        """Sits on a name: `folder` (open to all), `link` (to a folder of the stranger's), `file`."""
        path = pathlib.Path(path)
        self.python("""
import os, sys
path, kind = sys.argv[1:]
if kind == "link":
    os.mkdir(path + ".trap", 0o777); os.chmod(path + ".trap", 0o777); os.symlink(path + ".trap", path)
elif kind == "folder":
    os.mkdir(path); os.chmod(path, 0o777)
else:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o666)); os.chmod(path, 0o666)
""", str(path), kind)

    def unmake(self, path):
        """As root: what make() left, and what the victim may have put into it."""
        for name in (str(path), str(path) + ".trap"):
            subprocess.run(["rm", "-rf", "--", name], check=True)


def exposed(root, uid):
    """Below `root` (itself included): what the user owns and others could read, write or enter. Links are names, not files."""
    found = []
    for folder, _, files in os.walk(root):
        for path in [folder, *(os.path.join(folder, name) for name in files)]:
            try:
                info = os.lstat(path)
            except FileNotFoundError:
                continue
            if info.st_uid == uid and not os.path.islink(path) and info.st_mode & 0o077:
                found.append(f"{oct(info.st_mode & 0o7777)} {path}")
    return found


if __name__ == "__main__":
    print("\n".join(exposed(sys.argv[1], int(sys.argv[2]))))
