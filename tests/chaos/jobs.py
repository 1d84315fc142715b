"""The jobs of a campaign: a dozen kinds of programs, what each must leave behind, and what its record must show."""
import hashlib
import itertools
import json
import pathlib
import re
import shutil
import subprocess
import time

from beats import BEATING, Beats

PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
OVER = ("completed", "failed", "cancelled", "parked")
PAUSE = 0.1


class Kind:
    """`argv` behind the folder of programs, with {steps} {status} {pause}; `files` that must be those of an undisturbed run."""

    def __init__(self, name, argv, status=0, files=(), options=(), processes=1):
        self.name, self.argv, self.status = name, argv.split(), status
        self.files, self.options, self.processes = files, list(options), processes

    def words(self, steps, pause):
        return [word.format(steps=steps, status=self.status, pause=pause) for word in self.argv]


BEATING_FILES = ("appended.log", "place.bin")
BEATING_OPTIONS = ("--append-files", "appended.log", "--ckpt-files", "place.bin")
KINDS = [
    Kind("python", "beating.py {steps} {status} {pause} 1", 0, BEATING_FILES, BEATING_OPTIONS),
    Kind("python7", "beating.py {steps} {status} {pause} 8", 7, BEATING_FILES, BEATING_OPTIONS),
    Kind("threads", "threads {steps} {status} {pause} 16"),
    Kind("threads5", "threads {steps} {status} {pause} 4", 5),
    Kind("tree", "tree.py {steps} {status} {pause}", 0, processes=4),
    Kind("tree7", "tree.py {steps} {status} {pause}", 7, processes=4),
    Kind("pipeline", "pipeline.sh {steps} {status} {pause}", 7, ("result.txt", *BEATING_FILES), BEATING_OPTIONS, processes=4),
    Kind("pipeline0", "pipeline.sh {steps} {status} {pause}", 0, ("result.txt", *BEATING_FILES), BEATING_OPTIONS, processes=4),
    Kind("big", "beating.py {steps} {status} {pause} 96", 0, BEATING_FILES, BEATING_OPTIONS),
    Kind("bigthreads", "threads {steps} {status} {pause} 128"),
    Kind("fast", "fast.py {steps} {status} {pause}", 0, ("fast.txt",)),
    Kind("fast7", "fast.py {steps} {status} {pause}", 7, ("fast.txt",)),
]
numbers = itertools.count(1)


def install(site, build):
    """The programs, where the user can run them. `build`: a folder of ours for what is compiled."""
    subprocess.run(["g++", "-std=c++20", "-O2", "-pthread", "-o", build / "threads", PROGRAMS / "threads.cpp"], check=True)
    for file in [*PROGRAMS.iterdir(), build / "threads"]:
        if file.suffix not in (".c", ".cpp") and file.is_file():
            shutil.copy(file, site.work / file.name)
            (site.work / file.name).chmod(0o755)
    site.program("beating.py", BEATING)


class Job:
    """One job on its way. `sacrifice`: it is there to be cancelled, and must end so."""

    def __init__(self, site, kind, engine, steps, sacrifice=False, minutes=1):
        self.site, self.kind, self.engine, self.steps, self.minutes = site, kind, engine, steps, minutes
        self.sacrifice = sacrifice
        self.cancelled = False
        self.retired = False  # found right after its end, and removed
        self.name = f"{kind.name}-{next(numbers)}"
        self.folder = site.work / self.name
        site._make(self.folder)
        self.id = None
        self.bad = {}  # generation → when we damaged it
        self.faults = []  # (time, text)
        self.ended = None
        self.problems = []
        self.submitted_at = time.time()

    def submit(self):
        """True once the daemon has it; it may be away just now."""
        if self.id is None:
            listed = self.site.ckpt("ls", "--all", "--json", check=False)
            known = [item for item in json.loads(listed.stdout)["items"] if item["name"] == self.name] if listed.returncode == 0 else []
            if known:
                self.id = known[0]["id"]
            elif listed.returncode == 0:
                argv = self.kind.words(self.steps, PAUSE)
                done = self.site.ckpt("submit", "-J", self.name, "--time", f"0:0{self.minutes}:00", "--every", "4s", "--keep", "2", "--engine", self.engine,
                                      "-c", "1", "--output", "out", "--error", "err", *self.kind.options, "--", self.site.work / argv[0],
                                      *argv[1:], cwd=self.folder, check=False)
                found = re.search(r"j-\d+", done.stdout + done.stderr)
                self.id = found.group() if found and done.returncode == 0 else None
        return self.id is not None

    def store(self):
        return self.site.store / "jobs" / self.id

    def beats(self):
        return Beats(self.folder / "beats.log")

    def show(self):
        """As JSON, or nothing while the daemon is away."""
        done = self.site.ckpt("show", self.id, "--json", check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def note(self, text):
        self.faults.append((time.time(), text))

    def manifests(self):
        """{generation: manifest} of what is sealed and not tombstoned now."""
        found = {}
        for path in self.store().glob("generations/*/manifest.json"):
            try:
                if not (path.parent / "removed.json").exists():
                    found[path.parent.name] = json.loads(path.read_text())
            except (OSError, ValueError):
                continue
        return found


class References:
    """What undisturbed runs leave: made once for each program and length."""

    def __init__(self, site, folder):
        self.site, self.folder, self.known = site, folder, {}

    def of(self, job):
        """{file: hash}; "out" is standard output."""
        key = job.kind.name, job.steps
        if key not in self.known:
            place = self.folder / f"reference-{job.kind.name}-{job.steps}"
            place.mkdir()
            argv = job.kind.words(job.steps, 0)
            with open(place / "out", "wb") as out:
                done = subprocess.run([self.site.work / argv[0], *argv[1:]], cwd=place, stdout=out, timeout=120)
            assert done.returncode == job.kind.status, f"the reference of {job.kind.name} ended with {done.returncode}"
            self.known[key] = {file: digest(place / file) for file in ("out", *job.kind.files)}
        return self.known[key]


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else "no such file"
