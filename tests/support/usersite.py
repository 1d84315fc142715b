"""A person's place for whole runs: an ordinary user, a home, the built programs, a daemon, and perhaps a Slurm cluster.

Used by the integration tests and by scripts/quickstart. As root a throw-away user is made and removed again; otherwise everything
runs as the caller.
"""
import json
import math
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile
import time


def wait_until(condition, timeout, what, step=0.1):
    """Polls until `condition()` is true and returns its value; the only way in which these tests wait."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(step)


def runner_megabytes(bin_dir):
    """What every store holds besides its jobs: a copy of ckpt-runner (a build with sanitizers is several times as large)."""
    return math.ceil((pathlib.Path(bin_dir) / "ckpt-runner").stat().st_size / 2**20)


class Site:
    def __init__(self, bin_dir, cluster=None, folder=None, env=None, config=""):
        """`cluster`: a running SlurmCluster, or None: jobs run on this machine. `config`: text of config.toml."""
        self.cluster = cluster
        self.root = pathlib.Path(folder or tempfile.mkdtemp(prefix="ckptd-site-", dir="/tmp"))
        self.root.mkdir(exist_ok=True)
        self.root.chmod(0o755)
        self.made_user = os.getuid() == 0
        self.user = f"ckptd-{os.getpid()}-{self.root.name[-6:].lower()}" if self.made_user else pwd.getpwuid(os.getuid()).pw_name
        if self.made_user:
            subprocess.run(["useradd", "--no-create-home", "--home-dir", str(self.root / "home"), "--shell", "/bin/bash", self.user],
                           check=True, capture_output=True)
        self.account = pwd.getpwnam(self.user)
        self.bin = self.root / "bin"
        shutil.copytree(bin_dir, self.bin)  # the clone may lie where an ordinary user cannot look
        for name in ("home", "home/.config", "home/.config/ckptd", "work", "run"):
            self._make(self.root / name)
        self.work = self.root / "work"
        self.state = self.root / "home" / "state"
        self.store = self.root / "home" / "store"
        (self.root / "home/.config/ckptd/config.toml").write_text(config)
        os.chmod(self.root / "home/.config/ckptd/config.toml", 0o644)
        self.env = {
            "HOME": str(self.root / "home"), "USER": self.user, "LOGNAME": self.user, "SHELL": "/bin/bash", "LANG": "C.UTF-8",
            "PATH": f"{self.bin}:/usr/local/bin:/usr/bin:/bin", "XDG_RUNTIME_DIR": str(self.root / "run"),
            "CKPTD_STATE_DIR": str(self.state), "CKPTD_STORE": str(self.store), "NO_COLOR": "1",
        }
        for name in ("CKPT_DMTCP_ROOT", "CKPT_CRIU"):
            if os.environ.get(name):
                self.env[name] = os.environ[name]
        self.env.update(cluster.env() if cluster else {"CKPTD_SCHEDULER": "local"})
        self.env.update(env or {})

    def _make(self, path):
        path.mkdir(mode=0o700, exist_ok=True)
        os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _as_user(self):
        if not self.made_user:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    def run(self, *argv, cwd=None, timeout=120, check=False, **more):
        """Runs a command as the user; returns CompletedProcess with text output."""
        env = {**self.env, **more.pop("env", {})}
        done = subprocess.run([str(word) for word in argv], env=env, cwd=cwd or self.work, timeout=timeout, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **self._as_user(), **more)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, argv))} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def popen(self, *argv, cwd=None, **more):
        env = {**self.env, **more.pop("env", {})}
        return subprocess.Popen([str(word) for word in argv], env=env, cwd=cwd or self.work, text=True,
                                stdin=subprocess.DEVNULL, **self._as_user(), **more)

    def ckpt(self, *words, check=True, **more):
        return self.run("ckpt", *words, check=check, **more)

    def json(self, *words, **more):
        return json.loads(self.ckpt(*words, "--json", **more).stdout)

    def job(self, job):
        return self.json("show", job)

    def wait_state(self, job, states, timeout):
        """Waits until the job is in one of the states and returns it as JSON."""
        states = [states] if isinstance(states, str) else states
        def there():
            seen = self.job(job)
            return seen if seen["state"] in states else None
        try:
            return wait_until(there, timeout, f"{job} in {states}", step=0.3)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.evidence(job)}") from None

    def evidence(self, job):
        """What a person would look at when a job does not do what it should."""
        parts = [self.ckpt("show", job, check=False).stdout, self.ckpt("events", job, check=False).stdout]
        for log in sorted(self.store.glob(f"jobs/*/attempts/*/runner.log"))[-4:]:
            parts.append(f"--- {log.relative_to(self.store)}\n{log.read_text(errors='replace')[-3000:]}")
        log = self.state / "ckptd.log"
        if log.exists():
            parts.append(f"--- ckptd.log\n{log.read_text(errors='replace')[-3000:]}")
        return "\n".join(parts)

    def daemon_pid(self):
        try:
            return json.loads((self.state / "endpoint.json").read_text())["pid"]
        except (OSError, ValueError):
            return None

    def program(self, name, text, mode=0o755):
        """A file in the work folder."""
        path = self.work / name
        new = path.with_name(name + ".new")
        new.write_text(text)
        os.chmod(new, mode)
        os.chown(new, self.account.pw_uid, self.account.pw_gid)
        os.rename(new, path)  # one that is being started is not written on: "Text file busy"
        return path

    def processes(self):
        """Live processes of the user: {pid: command line}. Only meaningful with a user of its own."""
        found = {}
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if entry.stat().st_uid != self.account.pw_uid:
                    continue
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
                if state not in "ZX":
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (OSError, IndexError):
                continue
        return found

    def close(self):
        """Ends what is left of the user's processes (a test that cares has looked before) and removes everything."""
        if self.made_user:
            def gone():
                for pid in self.processes():
                    try:
                        os.kill(pid, 9)
                    except ProcessLookupError:
                        pass
                return not self.processes()
            self.ckpt("daemon", "stop", check=False)
            wait_until(gone, 20, "the user's processes ended")
            subprocess.run(["userdel", self.user], check=False, capture_output=True)
        else:
            self.ckpt("daemon", "stop", check=False)
        shutil.rmtree(self.root, ignore_errors=True)
