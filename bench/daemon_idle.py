#!/usr/bin/python3
"""What the daemon costs when nothing happens: memory and CPU with no job, and with many running ones.

    bench/daemon_idle.py BIN [--jobs 1000] [--seconds 60]

BIN holds ckptd, ckpt and ckpt-runner (build/release/bin). Slurm is the scripted one of the tests. The jobs are submitted through the
API; claims, journals and leases are what runners would have written, and the leases are renewed every 15 s as runners do. All
settings are the defaults. CPU is that of the daemon alone; Slurm's clients are counted as calls. As root a throw-away user is made and
removed again.
"""
import argparse
import http.client
import json
import os
import pathlib
import shutil
import socket
import sys
import tempfile
import threading
import time
import zlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "support"))

from usersite import Site, wait_until  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
RENEW_EVERY = 15  # seconds; a quarter of the default lease


class FakeSlurm:
    """tests/fakes/slurm-bin where the site's user can reach it, and with its folder named: the daemon hands on few variables."""

    def __init__(self, site):
        self.folder = site.root / "slurm"
        shutil.copytree(HERE.parent / "tests/fakes/slurm-bin", self.folder / "real")
        (self.folder / "bin").mkdir()
        self.data = self.folder / "data"
        site._make(self.data)
        for tool in ("sbatch", "squeue", "sacct", "scancel", "scontrol"):
            path = self.folder / "bin" / tool
            path.write_text(f"#!/bin/sh\nFAKE_SLURM_DIR={self.data} exec {self.folder}/real/{tool} \"$@\"\n")
            path.chmod(0o755)
        site.env["PATH"] = f"{self.folder}/bin:{site.env['PATH']}"
        site.env["CKPTD_SCHEDULER"] = "slurm"
        self.site = site

    def state(self):
        path = self.data / "state.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def calls(self):
        path = self.data / "calls.jsonl"
        return [json.loads(line)["argv"][0] for line in path.read_text().splitlines()] if path.exists() else []

    def let_all_run(self):
        state = self.state()
        now = int(time.time())
        for job in state["jobs"]:
            job.update(State="RUNNING", Reason="None", StartTime=str(now), EndTime=str(now + 86400), BatchHost="n1")
        new = self.data / "state.json.bench"
        new.write_text(json.dumps(state))
        os.chown(new, self.site.account.pw_uid, self.site.account.pw_gid)
        new.rename(self.data / "state.json")


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


def post(path, address, body):
    connection = Connection(path)
    connection.request("POST", address, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status < 300, (answer.status, text)
    return json.loads(text)


def now_text():
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())


class Runner:
    """What a runner leaves in the job folder while its program runs."""

    boot_id = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()

    def __init__(self, site, folder, scheduler_job_id, token):
        self.site, self.attempt = site, folder / "attempts/1"
        self.renewals = 0
        for name in ("", "images", "orders"):
            site._make(self.attempt / name)
        self.journal([{"kind": "claimed", "reason": "n1"},
                      {"kind": "starting", "engine": {"name": "dmtcp", "version": "4.2.0"}},
                      {"kind": "program_started", "engine": {"name": "dmtcp", "version": "4.2.0"}}])
        self.renew()
        self.write(folder / "attempts/1.claim", json.dumps({
            "at": now_text(), "attempt": 1, "boot_id": self.boot_id, "host": "n1", "pid": 4000, "restart_count": 0,
            "scheduler_job_id": scheduler_job_id, "start_ticks": 1, "token": token}))

    def write(self, path, text):
        new = path.with_name(path.name + ".new")
        new.write_text(text)
        new.chmod(0o644)
        new.rename(path)

    def journal(self, events):
        lines = ""
        for number, event in enumerate(events, 1):
            text = json.dumps({"at": now_text(), **event}, separators=(",", ":"), sort_keys=True)
            lines += f"{number} {len(text)} {zlib.crc32(f'{number} {text}'.encode()):08x} {text}\n"
        self.write(self.attempt / "journal.jsonl", lines)

    def renew(self):
        self.renewals += 1
        self.write(self.attempt / "lease", json.dumps(
            {"at": now_text(), "boot_id": self.boot_id, "pid": 4000, "renewals": self.renewals}))


class Renewals(threading.Thread):
    def __init__(self, runners):
        super().__init__(daemon=True)
        self.runners, self.stop = runners, threading.Event()

    def run(self):
        while not self.stop.is_set():
            for runner in self.runners:
                runner.renew()
                if self.stop.wait(RENEW_EVERY / len(self.runners)):
                    return


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pid):
    lines = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return {key: int(lines[key].split()[0]) * 1024 / 1e6 for key in ("VmRSS", "VmHWM", "RssAnon")}


def watch(site, slurm, jobs, seconds):
    pid = site.daemon_pid()
    calls, cpu, start = len(slurm.calls()), cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)  # not a wait for something: the length of the measurement
    took = time.monotonic() - start
    shown = memory(pid)
    begun = time.monotonic()
    site.ckpt("ls", "--all")
    print(f"{jobs:5} running jobs: RSS {shown['VmRSS']:.1f} MB (anonymous {shown['RssAnon']:.1f}, peak {shown['VmHWM']:.1f}), "
          f"CPU {100 * (cpu_seconds(pid) - cpu) / took:.2f} % of one core, {len(slurm.calls()) - calls} Slurm calls in {took:.0f} s; "
          f"`ckpt ls --all` {1000 * (time.monotonic() - begun):.0f} ms", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bin")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--folder", default="/var/tmp")
    options = parser.parse_args()
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}", flush=True)
    with Site(options.bin, folder=tempfile.mkdtemp(prefix="ckptd-bench-", dir=options.folder)) as site:
        slurm = FakeSlurm(site)
        site.ckpt("daemon", "start")
        watch(site, slurm, 0, options.seconds)
        endpoint = json.loads((site.state / "endpoint.json").read_text())
        begun = time.monotonic()
        for number in range(options.jobs):
            post(endpoint["socket"], "/v1/jobs", {"argv": ["/bin/sleep", "100000"], "cwd": str(site.work), "name": f"job-{number}",
                                                  "time_limit_seconds": 86400, "env": {"PATH": "/usr/bin:/bin"}})
        wait_until(lambda: len(slurm.state().get("jobs", [])) == options.jobs, 600, "every job submitted", step=1)
        print(f"submitted {options.jobs} in {time.monotonic() - begun:.0f} s", flush=True)
        slurm.let_all_run()
        by_token = {job["Comment"].rsplit("ckpt:", 1)[1]: job["JobArrayID"] for job in slurm.state()["jobs"]}
        runners = []
        for folder in sorted((site.store / "jobs").iterdir()):
            token = next((folder / "submissions").iterdir()).name
            runners.append(Runner(site, folder, by_token[token], token))
        renewals = Renewals(runners)
        renewals.start()
        wait_until(lambda: site.json("daemon", "status")["jobs"].get("running") == options.jobs, 300, "every job running", step=1)
        time.sleep(RENEW_EVERY)  # what came of the start is over
        watch(site, slurm, options.jobs, options.seconds)
        renewals.stop.set()
        renewals.join()


if __name__ == "__main__":
    main()
