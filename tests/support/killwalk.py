"""One walk over kill points: cases that each have a daemon, a store and a job of their own, and what must hold when the job is over."""
import hashlib
import itertools
import json
import os
import pathlib
import re
import shutil
import tempfile
import threading
import time

from beats import BEATING, Beats
from slurm_cluster import SlurmCluster
from usersite import Site, wait_until

# Short waits everywhere: what counts here is the order of effects, not how patient we are with a cluster. (act_repeat: StartTime is asked
# for two seconds ahead; asked again sooner it never comes.)
CONFIG = """
[poll]
journal = "200ms"
lease = "500ms"
pending = "500ms"
running = "1s"
[notify]
command = "cat > /dev/null"
[limits]
lease = "3s"
absence = "2s"
submit_patience = "3s"
submit_retry = "500ms"
act_repeat = "4s"
"""
STEPS, PAUSE, STATUS = 70, 0.1, 0
OVER = ("completed", "failed", "cancelled")
KILLED = 137
numbers = itertools.count(1)


def expected(steps=STEPS):
    """{file: content} that the undisturbed program leaves."""
    state, out, appended = b"start", [], []
    for step in range(steps):
        state = hashlib.sha256(state).digest()
        out.append(f"{step} {state.hex()[:12]}\n")
        appended.append(f"{step} {state.hex()[12:24]}\n")
    return {"out": "".join(out), "appended.log": "".join(appended), "place.bin": f"{steps - 1:08d} {state.hex()}\n"}


class Daemon(threading.Thread):
    """ckptd, started again whenever it dies."""

    def __init__(self, case):
        super().__init__(daemon=True)
        self.case, self.over, self.deaths = case, threading.Event(), []
        self.process = None
        self.start()

    def run(self):
        with open(self.case.folder / "ckptd.out", "a") as log:
            while not self.over.is_set():
                self.process = self.case.site.popen("ckptd", "--foreground", env={**self.case.env, **self.case.kill}, cwd=self.case.folder,
                                                    stdout=log, stderr=log, start_new_session=True)
                status = self.process.wait()
                if not self.over.is_set():
                    self.deaths.append(status)
                    self.over.wait(0.1 if status == KILLED else 1)

    def stop(self):
        self.over.set()
        while self.is_alive():
            if self.process and self.process.poll() is None:  # it may not have begun yet
                self.process.terminate()
            self.join(0.2)


class Case:
    """`kill`: environment of daemon and runner; nothing else has it."""

    arguments = (STEPS, STATUS, PAUSE, 1)  # of the program

    def __init__(self, walk, name, kill):
        self.walk, self.site, self.kill, self.name = walk, walk.site, kill, name
        self.slurm_name = f"w{next(numbers)}"
        self.folder = walk.site.root / "walk" / re.sub(r"[^A-Za-z0-9_.-]", "_", name)
        self.env = {"CKPTD_STATE_DIR": str(self.folder / "state"), "CKPTD_STORE": str(self.folder / "store"), "CKPTD_AUTOSTART": "0",
                    **walk.env}
        for path in (self.folder, self.folder / "cwd"):
            self.site._make(path)
        self.program = walk.program
        self.submit_options = walk.submit_options
        self.daemon = None
        self.job = None

    # --- what the person at the keyboard does, again and again while the daemon is away
    def ckpt(self, *words, timeout=30):
        return self.site.run("ckpt", *words, env=self.env, cwd=self.folder / "cwd", timeout=timeout)

    def show(self):
        done = self.ckpt("show", self.job, "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def submit(self):
        def accepted():
            listed = self.ckpt("ls", "--all", "--json")
            if listed.returncode == 0:
                items = json.loads(listed.stdout)["items"]
                assert len(items) <= 1, f"submitted twice: {items}"
                if items:
                    return items[0]["id"]
                self.ckpt("submit", "-J", self.slurm_name, *self.submit_options, "--", self.program, *self.arguments)
            return None
        self.job = wait_until(accepted, 30, f"{self.name}: the job is accepted")

    def state_is(self, states, timeout):
        def there():
            seen = self.show()
            return seen if seen and (seen["state"] in states or seen["state"] in OVER) else None
        return wait_until(there, timeout, f"{self.name}: {self.job} in {states}", step=0.25)

    def until(self, words, states, timeout=120):
        """Gives the command until the job is in one of the states (or over). `words`: () → list, asked anew each time."""
        def done():
            seen = self.show()
            if seen and (seen["state"] in states or seen["state"] in OVER):
                return seen
            if seen:
                answer = self.ckpt(*words())
                said[:] = [f"{answer.returncode} {answer.stderr.strip()}"]
            return None
        said = []
        try:
            return wait_until(done, timeout, f"{self.name}: {' '.join(words())}", step=0.5)
        except AssertionError as late:
            raise AssertionError(f"{late}; last answer: {said}\n{self.evidence()}") from None

    def live_through(self):
        """The whole life of a job: checkpoint by order, stop, restart, and to its end. Returns it as JSON."""
        self.daemon = Daemon(self)
        self.submit()
        self.state_is(["running"], 60)
        if self.walk.ends == "cancelled":
            return self.until(lambda: ["cancel", "--no-wait", self.job], ["cancelled"])
        if self.walk.cluster:
            self.kill_program()  # the runner asks Slurm for the requeue
        self.checkpoint()
        wait_until(lambda: Beats(self.folder / "cwd/beats.log").lines, 60, f"{self.name}: a beat")
        self.await_packed()
        self.until(lambda: ["stop", "--no-wait", self.job], ["parked"])
        self.until(lambda: ["restart", self.job, *self.back()], ["queued", "running"])
        return self.state_is(OVER, 90)

    def checkpoint(self):
        """By order, given until it is taken or the job is over."""
        def taken():
            return self.ckpt("checkpoint", "--no-wait", self.job).returncode == 0 or (self.show() or {}).get("state") in OVER
        wait_until(taken, 60, f"{self.name}: a checkpoint is ordered", step=0.5)

    def await_packed(self):
        try:
            wait_until(self.packed, 4, "a generation is packed")
        except AssertionError:
            pass  # the runner may be dead just now

    def packed(self):
        """Generations that have been compressed by now; to go back to one, it has to be unpacked. Newest last."""
        found = []
        for path in (self.folder / "store/jobs" / self.job).glob("generations/*/manifest.json"):
            try:
                if '"zstd"' in path.read_text() and not (path.parent / "removed.json").exists():
                    found.append(path.parent.name)
            except FileNotFoundError:
                pass  # removed just now
        return sorted(found, key=lambda id: int(id[1:]))

    def back(self):
        """Options of a restart from a packed generation, where there is one. (Retention removes the older ones any time.)"""
        packed = self.packed()
        return ["--generation", packed[-1]] if packed else []

    def kill_program(self):
        """Its SIGKILL from outside, and then the wait for the next attempt."""
        file = self.folder / "cwd/beats.log"
        before = len(Beats(file).incarnations())
        def again():
            if len(Beats(file).incarnations()) > before:
                return True
            if len(Beats(file).incarnations()) == before:
                for pid, line in self.processes().items():
                    if line.split()[1:2] == [str(self.program)]:
                        os.kill(pid, 9)
            return False
        wait_until(again, 180, f"{self.name}: the next attempt", step=2)

    # --- what must hold
    def check(self, ended):
        if self.walk.ends == "cancelled":
            assert ended["state"] == "cancelled", self.evidence()
            self.check_never_twice()
            self.check_left_overs()
            return
        assert (ended["state"], ended["exit_code"]) == ("completed", STATUS), self.evidence()
        for file, content in expected().items():
            assert (self.folder / "cwd" / file).read_text() == content, f"{file}\n{self.evidence()}"
        self.check_never_twice()
        self.check_left_overs()
        self.check_agreement()

    def check_never_twice(self):
        beats = Beats(self.folder / "cwd/beats.log")
        assert not beats.overlaps(), f"{beats.overlaps()}\n{self.evidence()}"

    def processes(self):
        """Live processes of this case, by what stands in their environment; without the daemon."""
        found = {}
        for pid, line in self.site.processes().items():
            try:
                mine = str(self.folder).encode() + b"/" in pathlib.Path(f"/proc/{pid}/environ").read_bytes()
            except OSError:
                continue
            if mine and pid != self.daemon.process.pid:
                found[pid] = line
        return found

    def check_left_overs(self):
        try:
            wait_until(lambda: not self.processes(), 15, "no process is left")
        except AssertionError:
            raise AssertionError(f"{self.name}: left, beside {self.daemon.process.pid}: {self.processes()}\n{self.evidence()}") from None
        if self.walk.cluster:
            def none():
                return not self.site.run("squeue", "-h", "-n", self.slurm_name).stdout.strip()
            wait_until(none, 30, f"{self.name}: no Slurm job is left")

    def check_agreement(self):
        """Rows and folders say the same, and no file is there that nobody knows."""
        folder = self.folder / "store/jobs" / self.job
        def agree():
            shown = self.ckpt("gens", self.job, "--json")
            if shown.returncode != 0:
                return False  # the daemon dies just now
            rows = {row["id"]: row["state"] for row in json.loads(shown.stdout)["items"]}
            sealed = {path.parent.name for path in folder.glob("generations/*/manifest.json") if not (path.parent / "removed.json").exists()}
            return {id for id, state in rows.items() if state == "sealed"} == sealed
        try:  # the daemon's last look comes half a minute after the end
            wait_until(agree, 50, "registry and store agree", step=0.5)
        except AssertionError:
            raise AssertionError(f"{self.name}: registry and store do not agree\n{self.evidence()}") from None
        known = set()
        for manifest in folder.glob("generations/*/manifest.json"):
            known.update(image["path"] for image in json.loads(manifest.read_text())["images"])
        images = [str(path.relative_to(folder)) for path in folder.glob("attempts/*/images/**/*") if path.is_file()]
        strangers = [path for path in images if path not in known and path.removesuffix(".zst") not in known]
        assert not strangers, f"{self.name}: images that no generation lists: {strangers}\n{self.evidence()}"
        self.check_temporary_files()

    def check_temporary_files(self):
        """What a death between temporary and final name leaves is swept away by the next daemon, once it is old enough."""
        def left():
            return [str(path.relative_to(self.folder)) for part in ("store", "state", "cwd") for path in (self.folder / part).rglob("*.tmp")
                    if path.name != "criu.kdat.tmp"]  # CRIU's own cache of what the kernel can
        if left():
            wait_until(lambda: time.time() - self.newest_change(left()) > 12, 30, "they are old")
            self.daemon.stop()
            self.daemon = Daemon(self)
        try:
            wait_until(lambda: not left(), 60, "they are gone", step=0.5)
        except AssertionError:
            raise AssertionError(f"{self.name}: temporary files: {left()}\n{self.evidence()}") from None
        self.daemon.stop()

    def newest_change(self, files):
        return max(((self.folder / file).stat().st_mtime for file in files if (self.folder / file).exists()), default=0)

    def evidence(self):
        parts = [self.name, f"daemon died with {self.daemon.deaths}", self.ckpt("show", self.job or "j-1").stdout,
                 self.ckpt("events", self.job or "j-1").stdout]
        for log in [self.folder / "ckptd.out", *sorted(self.folder.glob("store/jobs/*/attempts/*/runner.log"))]:
            if log.exists():
                parts.append(f"--- {log.relative_to(self.folder)}\n{log.read_text(errors='replace')[-2500:]}")
        return "\n".join(parts)

    def close(self):
        if self.daemon:
            self.daemon.stop()


class LocalWalk:
    """Cases on this machine, without Slurm. `ends`: "completed" or "cancelled"."""

    env = {"CKPTD_SCHEDULER": "local"}
    cluster = None
    time_limit = "6s"

    def __init__(self, bin_dir, engine, env, ends="completed"):
        self.ends = ends
        self.site = Site(bin_dir, cluster=self.cluster, env=env, config=CONFIG)
        self.site._make(self.site.root / "walk")
        self.program = self.site.program("beating.py", BEATING)
        # Two allocations, a checkpoint every other second, all of what a generation can hold.
        self.submit_options = ["--engine", engine, "--time", self.time_limit, "--every", "2s", "--keep", "2", "--output", "out",
                               "--append-files", "appended.log", "--ckpt-files", "place.bin"]

    def case(self, name, **kill):
        return Case(self, name, {key: str(value) for key, value in kill.items()})

    def close(self):
        self.site.close()


class SlurmWalk(LocalWalk):
    """Cases under a throw-away Slurm."""

    env = {"CKPTD_SCHEDULER": "slurm"}
    time_limit = "0:02:00"
    # Where Slurm is asked, and what is written down around it; the rest needs no Slurm.
    POINTS = ("slurm.", "submit.", "requeue.", "start_now.", "act.", "end.")

    def __init__(self, bin_dir, engine, env):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="ckptd-walk-", dir="/tmp"))
        folder.chmod(0o755)
        self.cluster = SlurmCluster(folder, nodes=2, cpus=64, kill_wait=5).start()
        try:
            super().__init__(bin_dir, engine, env)
        except BaseException:
            self.close()
            raise

    def close(self):
        if hasattr(self, "site"):
            super().close()
        self.cluster.stop()
        shutil.rmtree(self.cluster.dir, ignore_errors=True)


def passes_of(folder):
    """{(program, point): most passes in one process} from the lists that CKPT_KILL_LIST=folder/list.%p left."""
    most = {}
    for file in folder.glob("list.*"):
        program = file.name.split(".")[1]
        counts = {}
        for name in file.read_text().split():
            counts[name] = counts.get(name, 0) + 1
        for name, count in counts.items():
            most[program, name] = max(most.get((program, name), 0), count)
    return most
