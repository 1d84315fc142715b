"""One walk over write calls that fail: cases that each have a daemon, a store and a job of their own, one fault, and what must hold."""
import ctypes
import json
import mmap
import os
import pathlib
import re
import shutil
import struct
import subprocess
import threading

from killwalk import OVER, Case, Daemon, LocalWalk, expected
from usersite import wait_until

STEPS, STATUS, PAUSE = 40, 0, 0.1
CONTROL = struct.Struct("=IiIIIIQI512s")  # as in tests/support/programs/fault_shim.cpp
NAME_AT = struct.calcsize("=IiIIIIQI")


class Hash128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


def hash_of(content):
    """XXH3-128 as manifests have it."""
    function = ctypes.CDLL("libxxhash.so.0").XXH3_128bits
    function.restype, function.argtypes = Hash128, [ctypes.c_char_p, ctypes.c_size_t]
    found = function(content, len(content))
    return f"{found.high:016x}{found.low:016x}"


def raw_content(path, form):
    if form == "raw":
        return path.read_bytes()
    return subprocess.run(["zstd", "-dcq", f"{path}.zst"], check=True, stdout=subprocess.PIPE).stdout


class Control:
    """The page that all shims of a case share."""

    def __init__(self, file, account):
        self.file = file
        file.write_bytes(bytes(4096))
        os.chown(file, account.pw_uid, account.pw_gid)
        with open(file, "r+b") as opened:
            self.page = mmap.mmap(opened.fileno(), 4096)

    def log(self):
        CONTROL.pack_into(self.page, 0, 0, 0, 0, 0, 0, 0, 0, 1, b"")

    def arm(self, name, nth, error_number, milliseconds):
        CONTROL.pack_into(self.page, 0, 0, error_number, nth, milliseconds, 0, 0, 0, 0, name.encode())
        struct.pack_into("=I", self.page, 0, 1)

    def disarm(self):
        struct.pack_into("=I", self.page, 0, 0)

    def failed(self):
        return CONTROL.unpack_from(self.page, 0)[5]


class Watch(threading.Thread):
    """Remembers every seal that is ever seen, and what it sealed."""

    def __init__(self, case):
        super().__init__(daemon=True)
        self.case, self.over, self.seen, self.changed = case, threading.Event(), {}, []
        self.start()

    def run(self):
        while not self.over.wait(0.3):
            self.look()

    def look(self):
        for file in (self.case.folder / "store/jobs").glob("*/generations/*/manifest.json"):
            try:
                manifest = json.loads(file.read_text())
            except OSError:
                continue  # removed meanwhile
            content = sorted((image["path"], image["raw_hash"], image["raw_bytes"]) for image in manifest["images"])
            if self.seen.setdefault(file.parent.name, content) != content:
                self.changed.append(file.parent.name)

    def stop(self):
        self.over.set()
        self.join()
        self.look()


class FaultCase(Case):
    arguments = (STEPS, STATUS, PAUSE, 1)

    def __init__(self, walk, name):
        super().__init__(walk, name, {})
        self.control = Control(self.folder / "faults", walk.site.account)
        self.kill = {"LD_PRELOAD": str(walk.shim), "CKPT_FAULT_CONTROL": str(self.folder / "faults"), "CKPT_FAULT_PREFIX": str(self.folder)}
        self.watch = None

    def drive(self, states, timeout=90):
        """What a person does: waits, and when the job is parked, reads why and restarts it."""
        def there():
            seen = self.show()
            if seen and seen["state"] == "parked" and "parked" not in states:
                assert seen["reason"], f"{self.name}: parked without a reason"
                self.parked.append(seen["reason"])
                assert len(self.parked) <= 3, f"{self.name}: parked again and again: {self.parked}"
                self.ckpt("restart", self.job)
                return None
            return seen if seen and (seen["state"] in states or seen["state"] in OVER) else None
        return wait_until(there, timeout, f"{self.name}: {self.job} in {states}", step=0.3)

    def live_through(self):
        self.parked = []
        self.daemon = Daemon(self)
        self.watch = Watch(self)
        self.submit()
        self.drive(["running"])
        self.checkpoint()
        self.await_packed()
        if self.show_until()["state"] not in OVER:
            self.until(lambda: ["stop", "--no-wait", self.job], ["parked"])
            self.until(lambda: ["restart", self.job, *self.back()], ["queued", "running"])
        return self.drive(OVER)

    def show_until(self):
        return wait_until(self.show, 30, f"{self.name}: the daemon answers", step=0.3)

    def check(self, ended):
        self.watch.stop()
        self.control.disarm()
        assert (ended["state"], ended["exit_code"]) == ("completed", STATUS), self.evidence()
        for file, content in expected(STEPS).items():
            assert (self.folder / "cwd" / file).read_text() == content, f"{file}\n{self.evidence()}"
        self.check_never_twice()
        self.check_left_overs()
        self.check_seals()
        crashed = [status for status in self.daemon.deaths if status < 0]
        assert not crashed, f"{self.name}: the daemon crashed: {self.daemon.deaths}\n{self.evidence()}"
        if self.daemon.deaths:
            said = (self.folder / "ckptd.out").read_text() + "".join(f.read_text() for f in (self.folder / "state").glob("ckptd.log*"))
            assert re.search(r"error|cannot|could not", said), f"{self.name}: the daemon ended without a word: {self.daemon.deaths}\n{said}"

    def check_seals(self):
        assert not self.watch.changed, f"{self.name}: a sealed generation changed: {self.watch.changed}\n{self.evidence()}"
        folder = self.folder / "store/jobs" / self.job / "generations"
        for name, content in self.watch.seen.items():
            if (folder / name / "removed.json").exists():
                assert json.loads((folder / name / "removed.json").read_text())["reason"]
                continue
            assert (folder / name / "manifest.json").exists(), f"{self.name}: the seal of {name} is gone\n{self.evidence()}"
            manifest = json.loads((folder / name / "manifest.json").read_text())
            for file in manifest["images"] + [saved["stored"] for saved in manifest["saved"]]:
                found = raw_content(folder.parents[0] / file["path"], file["form"])
                assert (len(found), hash_of(found)) == (file["raw_bytes"], file["raw_hash"]), f"{self.name}: {name}: {file}\n{self.evidence()}"

    def close(self):
        self.control.disarm()
        if self.watch:
            self.watch.over.set()
        super().close()


class FaultWalk(LocalWalk):
    """`shim`: fault_shim.so. The runner is started through a script that preloads it: the daemon passes no such thing on."""

    PATIENCE = '\nstore_patience = "2s"\n'

    def __init__(self, bin_dir, engine, env, shim):
        super().__init__(bin_dir, engine, env)
        config = self.site.root / "home/.config/ckptd/config.toml"
        config.write_text(config.read_text().rstrip() + self.PATIENCE)
        self.shim = self.site.root / "fault_shim.so"
        shutil.copy(shim, self.shim)
        os.chmod(self.shim, 0o755)
        real = self.site.root / "real"
        real.mkdir(mode=0o755)
        os.chmod(real, 0o755)
        shutil.move(self.site.bin / "ckpt-runner", real / "ckpt-runner")
        script = self.site.bin / "ckpt-runner"
        script.write_text(f"""#!/bin/sh
case=${{3%/store/jobs/*}}
if [ "$1" = run ] && [ -e "$case/faults" ]; then
  export LD_PRELOAD={self.shim} CKPT_FAULT_CONTROL="$case/faults" CKPT_FAULT_PREFIX="$case"
fi
exec {real}/ckpt-runner "$@"
""")
        os.chmod(script, 0o755)
        self.submit_options += ["--keep-after-success", "2"]

    def case(self, name, **_):
        return FaultCase(self, name)


def calls_of(case):
    """{name of a call: how often} of an undisturbed case whose control was told to log."""
    counts = {}
    for name in pathlib.Path(f"{case.folder}/faults.log").read_text().splitlines():
        counts[name] = counts.get(name, 0) + 1
    return counts
