"""A scripted Slurm: the five clients as one program, driven by $FAKE_SLURM_DIR/state.json, which a test rewrites.

state.json (every key may be absent):
  cluster, kill_wait, version   what `scontrol show config` tells
  next_id                       of the next sbatch (1)
  jobs      [{"JobArrayID": "7", "State": "RUNNING", ...}]   fields as squeue names them; others are filled in
  many      N                   as many running jobs more, for load
  nodes     {"n1": ["draining", "bad disk"]}             state and reason; for sinfo
  old_jobs  [{"JobID": "3", "State": "COMPLETED", ...}]      what sacct alone remembers; absent: accounting is disabled
  faults    {"sbatch": "down" | "timed_out" | "done_timed_out" | "hang" | "done_hang" | "garbage" | "refused: WORDS"}
            per client, or per scontrol word ("scontrol requeue"); "accounting_down" for sacct
Each call is appended to $FAKE_SLURM_DIR/calls.jsonl: {"argv": [...], "env": {...SLURM/SBATCH/SQUEUE variables, TZ}}.
The messages are those of 22.05.8 (tests/data/slurm/).
"""
import fcntl
import json
import os
import sys
import time

CONNECT = "Unable to contact slurm controller (connect failure)"
TIMED_OUT = "Socket timed out on send/recv operation"
DEFAULTS = {"State": "RUNNING", "Reason": "None", "RestartCnt": "0", "EligibleTime": "1795246384",
            "StartTime": "1795246384", "EndTime": "1795249984", "TimeLimit": "1:00:00", "BatchHost": "n1",
            "PreemptTime": "N/A", "exit_code": "0", "Partition": "debug", "Requeue": "1", "Name": "job",
            "Comment": "(null)", "Dependency": "(null)"}
OVER = {"COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "PREEMPTED", "NODE_FAIL", "OUT_OF_MEMORY"}
FOLDER = os.environ["FAKE_SLURM_DIR"]


def die(tool, message, status=1, plain=False):
    sys.stderr.write((message if plain else f"{tool}: error: {message}") + "\n")
    sys.exit(status)


def record_call():
    names = ("SLURM", "SBATCH", "SQUEUE", "SACCT", "SCANCEL", "TZ", "MARK")
    env = {k: v for k, v in os.environ.items() if k.startswith(names)}
    line = json.dumps({"argv": [os.path.basename(sys.argv[0])] + sys.argv[1:], "env": env}) + "\n"
    with open(f"{FOLDER}/calls.jsonl", "a") as calls:
        calls.write(line)


class State:
    """state.json under a lock, from reading to writing."""

    def __enter__(self):
        self.lock = open(f"{FOLDER}/lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        path = f"{FOLDER}/state.json"
        self.data = json.load(open(path)) if os.path.exists(path) else {}
        self.before = json.dumps(self.data)
        return self.data

    def __exit__(self, *_):
        if json.dumps(self.data) != self.before:
            with open(f"{FOLDER}/state.json.new", "w") as new:
                json.dump(self.data, new)
            os.rename(f"{FOLDER}/state.json.new", f"{FOLDER}/state.json")
        self.lock.close()


def fault_of(tool, words):
    with State() as data:
        faults = data.get("faults", {})
        return faults.get(f"{tool} {words[0]}" if words else tool, faults.get(tool, ""))


def fail_before(tool, fault, down, late):
    """Ends the client when the fault says that nothing is done."""
    if fault == "down":
        die(tool, down, plain=tool in ("squeue", "scontrol"))
    if fault == "timed_out":
        die(tool, late, plain=tool in ("squeue", "scontrol"))
    if fault == "hang":
        time.sleep(600)
    if fault == "garbage":
        print("welcome to the cluster\n<html>")
        sys.exit(0)
    if fault.startswith("refused: "):
        die(tool, fault[9:])


def fail_after(tool, fault, late):
    if fault == "done_timed_out":
        die(tool, late, plain=tool in ("squeue", "scontrol"))
    if fault == "done_hang":
        time.sleep(600)


def find(data, job_id):
    return next((job for job in data.get("jobs", []) if job["JobArrayID"] == job_id), None)


def option(words, name):
    values = [word[len(name) + 1:] for word in words if word.startswith(name + "=")]
    return values[-1] if values else None


def sbatch(words):
    if "--version" in words:
        print("slurm-wlm 22.05.8")
        return
    fault = fault_of("sbatch", [])
    failed = "Batch job submission failed: "
    fail_before("sbatch", fault, failed + CONNECT, failed + TIMED_OUT)
    with State() as data:
        number = data.get("next_id", 1)
        data["next_id"] = number + 1
        job = dict(DEFAULTS, JobArrayID=str(number), State="PENDING", Reason="Priority", StartTime="N/A",
                   BatchHost="n/a", Comment=option(words, "--comment"), Name=option(words, "--job-name"))
        data.setdefault("jobs", []).append(job)
    fail_after("sbatch", fault, failed + TIMED_OUT)
    print(f"{number};{option(words, '--clusters')}" if option(words, "--clusters") else number)


def squeue(words):
    fault = fault_of("squeue", [])
    load = "slurm_load_jobs error: "
    fail_before("squeue", fault, load + CONNECT, load + TIMED_OUT)
    with State() as data:
        jobs = [dict(DEFAULTS, **job) for job in data.get("jobs", [])]
        many = data.get("many", 0)
    jobs += [dict(DEFAULTS, JobArrayID=str(100000 + i), Comment=f"ckpt:{i:032x}") for i in range(many)]
    wanted = option(words, "--jobs")
    if wanted is not None:
        ids = wanted.split(",")
        jobs = [job for job in jobs if job["JobArrayID"] in ids]
        if not jobs and len(ids) == 1:
            die("squeue", load + "Invalid job id specified", plain=True)
    if "-o" in words:  # the excluded nodes
        for job in jobs:
            print(job.get("ExcNodes", ""))
        return
    fields = [part.split(":", 1) for part in words[words.index("-O") + 1].split(",")]
    for job in jobs:
        print("".join(str(job[name]) + end for name, end in fields))


def sacct(words):
    fault = fault_of("sacct", [])
    if fault == "accounting_down":
        die("sacct", "Problem talking to the database: Connection refused")
    fail_before("sacct", fault, CONNECT, TIMED_OUT)
    with State() as data:
        if "old_jobs" not in data:
            die("sacct", "Slurm accounting storage is disabled", plain=True)
        ids = option(words, "--jobs").split(",")
        defaults = {"Reason": "None", "ExitCode": "0:0", "Eligible": "1795246384", "Start": "1795246384",
                    "End": "1795249984", "NodeList": "n1", "Partition": "debug", "JobName": "job", "Comment": ""}
        names = option(words, "--format").split(",")
        for job in data["old_jobs"]:
            if job["JobID"] in ids:
                print(option(words, "--delimiter").join(str(dict(defaults, **job)[name]) for name in names))


def sinfo(words):
    fault = fault_of("sinfo", [])
    load = "slurm_load_partitions: "
    fail_before("sinfo", fault, load + CONNECT, load + TIMED_OUT)
    with State() as data:
        nodes = data.get("nodes", {})
    form = words[words.index("-o") + 1]
    for name in option(words, "--nodes").split(","):
        state, reason = nodes.get(name, ["mixed", "none"])
        for _partition in range(2):
            print(form.replace("%N", name).replace("%T", state).replace("%E", reason))


def scancel(words):
    fault = fault_of("scancel", [])
    kill = f"Kill job error on job id {words[-1]}: "
    fail_before("scancel", fault, kill + CONNECT, kill + TIMED_OUT)
    with State() as data:
        job = find(data, words[-1])
        if "--batch" in words:
            if job is None or job["State"] in OVER:
                die("scancel", kill + "Invalid job id specified")
            if job["State"] == "PENDING":
                die("scancel", kill + "Job can not be altered now, try again later", 228)
            job["Rung"] = job.get("Rung", 0) + 1
        elif job is not None and job["State"] not in OVER:
            job["State"] = "CANCELLED"
    fail_after("scancel", fault, kill + TIMED_OUT)


def scontrol_act(words, job, job_id):
    over = job is not None and job["State"] in OVER
    if job is None:
        die("scontrol", f"Invalid job id specified for job {job_id}", plain=True)
    if words[0] == "requeue":
        if str(job.get("Requeue", "1")) == "0":
            die("scontrol", f"Requested operation is presently disabled for job {job_id}", plain=True)
        if job["State"] == "PENDING":
            die("scontrol", f"Job is pending execution for job {job_id}", plain=True)
        job.update(State="PENDING", Reason="BeginTime", RestartCnt=str(int(job.get("RestartCnt", 0)) + 1))
    elif over:
        die("scontrol", f"Job has already finished for job {job_id}\nslurm_suspend error: Job has already finished",
            plain=True)
    elif words[0] == "uhold":
        job["Reason"] = "JobHeldUser"
    elif words[0] == "release":
        job["Reason"] = "Priority"
    elif words[2].startswith("StartTime="):
        if job["State"] != "PENDING":
            die("scontrol", f"Job is no longer pending execution for job {job_id}", plain=True)
        job["Reason"] = "Priority"
    elif words[2].startswith("dependency="):
        if job["State"] != "PENDING":
            die("scontrol", f"Job is no longer pending execution for job {job_id}", plain=True)
        job["Dependency"] = words[2].split("=", 1)[1]
    else:
        job["ExcNodes"] = words[2].split("=", 1)[1]


def scontrol(words):
    fault = fault_of("scontrol", words)
    if words[0] == "ping":
        up = fault not in ("down", "timed_out")
        print(f"Slurmctld(primary) at vm is {'UP' if up else 'DOWN'}")
        sys.exit(0 if up else 1)
    if words[0] == "show":
        load = "slurm_load_ctl_conf error: "
        fail_before("scontrol", fault, load + CONNECT, load + TIMED_OUT)
        with State() as data:
            print(f"Configuration data as of 2026-11-21T07:33:05\nClusterName             = "
                  f"{data.get('cluster', 'fake')}\nKillWait                = {data.get('kill_wait', 30)} sec\n"
                  f"SLURM_VERSION           = 22.05.8")
        return
    job_id = words[1].split("=")[-1]
    message = f"Unexpected message received for job {job_id}"  # scontrol's words in both cases
    fail_before("scontrol", fault, message, message)
    with State() as data:
        scontrol_act(words, find(data, job_id), job_id)
    fail_after("scontrol", fault, message)


def main():
    record_call()
    tools = {"sbatch": sbatch, "squeue": squeue, "sacct": sacct, "scancel": scancel, "scontrol": scontrol,
             "sinfo": sinfo}
    tools[os.path.basename(sys.argv[0])](sys.argv[1:])
