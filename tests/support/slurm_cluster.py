#!/usr/bin/python3
"""A throw-away Slurm cluster on loopback, from Debian's packages; everything lives below one folder.

    slurm_cluster.py start DIR [--nodes 2] [--cpus 4] [--user USER] [--cred-expire 5] [--kill-wait 5] [--grace-time 0]
                               [--no-preempt] [--wall-clock T] [--private-tmp [--keep PATH]…] [--accounting] [--set KEY=VALUE]…
    slurm_cluster.py stop|status|restart-controller|stop-controller DIR
    slurm_cluster.py crash|node|stop-slurmd DIR n1        (the node dies / comes back / only its slurmd dies, jobs live on)

As root any ordinary user can submit jobs (munged runs as munge, slurmctld as slurm, slurmd as root); as anybody else, or
with --user, all daemons run as that user, for that user's jobs only. Each node has its own PID, mount and UTS namespace,
so `hostname` differs and killing the namespace's init is a true node crash; the network is the machine's (option `network`: their
own, and a node can be cut off). Without the right to make namespaces the nodes are plain slurmd processes, and the cluster says so.
With --accounting a slurmdbd and its mariadbd belong to it, and `sacct` knows what the controller has forgotten.
Clients need SLURM_CONF=DIR/etc/slurm.conf. Every process is known by pid and start time (DIR/pids.json), so that `stop`
works from another process and never ends a stranger.
"""
import argparse
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from cluster_accounting import Accounting
from cluster_conf import slurm_conf
from cluster_network import Network
from cluster_node import node_init
from cluster_processes import ClusterError, alive, all_pids, children, identity, send, stat_of, tail, wait_until

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
PATH = os.environ.get("PATH", "/usr/bin:/bin") + ":" + SBIN
HERE = os.path.abspath(__file__)
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable

# --- the cluster --------------------------------------------------------------------------------------------------------
DEFAULTS = {"nodes": 2, "cpus": 4, "user": None, "cred_expire": 5, "kill_wait": 5, "grace_time": 0, "preempt": True,
            "wall_clock": "INFINITE", "private_tmp": False, "keep": [], "settings": {}, "namespaces": True, "accounting": False,
            "network": False}


class SlurmCluster:
    """`with SlurmCluster(folder, nodes=2) as cluster:` starts it and stops it. Options as in DEFAULTS."""

    def __init__(self, folder: str | Path, **options):
        unknown = set(options) - set(DEFAULTS)
        if unknown:
            raise TypeError(f"unknown options: {sorted(unknown)}")
        self.dir = Path(folder).resolve()
        self.options = {**DEFAULTS, **options}
        self.conf = self.dir / "etc" / "slurm.conf"
        self.pids: dict[str, dict] = {}
        self.popen_: list[subprocess.Popen] = []
        self.accounting = Accounting(self) if self.options["accounting"] else None
        self.network = Network(self.node_names) if self.options["network"] else None  # only while this object lives

    @classmethod
    def open(cls, folder: str | Path) -> "SlurmCluster":
        """The cluster that somebody started in that folder (running or not)."""
        saved = Path(folder) / "cluster.json"
        if not saved.exists():
            raise ClusterError(f"no cluster in {folder}")
        cluster = cls(folder, **json.loads(saved.read_text()))
        pids = cluster.dir / "pids.json"
        cluster.pids = json.loads(pids.read_text()) if pids.exists() else {}
        return cluster

    def __enter__(self) -> "SlurmCluster":
        return self.start()

    def __exit__(self, *_) -> None:
        self.stop()

    @property
    def node_names(self) -> list[str]:
        return [f"n{i}" for i in range(1, self.options["nodes"] + 1)]

    def env(self) -> dict[str, str]:
        """What a client needs in its environment."""
        return {"SLURM_CONF": str(self.conf)}

    def run(self, *command: str, timeout: float = 60, **more) -> subprocess.CompletedProcess:
        """One client command; never raises for its exit status."""
        return subprocess.run(command, env={**os.environ, **self.env()}, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=timeout, **more)

    # --- starting
    def start(self, timeout: float = 60) -> "SlurmCluster":
        needed = ("munged", "slurmctld", "slurmd", "sinfo", "setpriv", *(Accounting.PROGRAMS if self.accounting else ()))
        missing = [p for p in needed if not shutil.which(p, path=PATH)]
        if missing:
            raise ClusterError(f"not installed: {' '.join(missing)} (Debian: slurmctld slurmd slurm-client munge, and slurmdbd "
                               "mariadb-server for accounting)")
        if (self.dir / "pids.json").exists() and SlurmCluster.open(self.dir).running():
            raise ClusterError(f"a cluster runs in {self.dir} already")
        if self.options["namespaces"] and not self._can_unshare():
            self.options["namespaces"] = False
            print("slurm_cluster: namespaces cannot be had here: nodes are plain processes, with this host's name",
                  file=sys.stderr)
        closed = [str(p) for p in self.dir.parents if p.exists() and not p.stat().st_mode & 0o001]
        if os.geteuid() == 0 and closed:
            raise ClusterError(f"the daemons and jobs of other users cannot pass {closed[-1]}: make it o+x, or use another folder")
        self._make_folders()
        more = self.accounting.settings() if self.accounting else {}
        self.conf.write_text(slurm_conf(self.dir, self.options, self.node_names, self.daemon_user("slurm"),
                                        self.daemon_user("root"), more, self.network))
        (self.conf.parent / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")  # v2 wants a systemd scope
        try:
            if self.network:
                self.network.start()
            self._start_munged()
            if self.accounting:
                self.accounting.start()
            self._start_controller()
            for name in self.node_names:
                self.start_node(name)
            self.wait_idle(timeout)
        except BaseException:
            self.stop()
            raise
        return self

    def _can_unshare(self) -> bool:
        return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "-u", "-p", "-f", "--mount-proc", "true"],
                                                    capture_output=True).returncode == 0

    def daemon_user(self, usual: str) -> str:
        if os.geteuid() != 0:
            return pwd.getpwuid(os.geteuid()).pw_name
        return self.options["user"] or usual

    def _make_folders(self) -> None:
        self.dir.mkdir(parents=True, exist_ok=True)
        for name in ("etc", "state", "spool", "log", "munge", "tmp"):
            shutil.rmtree(self.dir / name, ignore_errors=True)
            (self.dir / name).mkdir()
        for node in self.node_names:
            (self.dir / "spool" / node).mkdir()
            (self.dir / "tmp" / node).mkdir()
            (self.dir / "tmp" / node).chmod(0o1777)
        for name in ("", "etc", "spool", "log", "munge", "tmp"):
            (self.dir / name).chmod(0o755)
        key = self.dir / "munge" / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        hosts = Path("/etc/hosts").read_text() if Path("/etc/hosts").exists() else ""
        hosts = self.network.hosts() if self.network else hosts.rstrip("\n") + "\n127.0.0.1 " + " ".join(self.node_names) + "\n"
        (self.dir / "etc" / "hosts").write_text(hosts)
        if os.geteuid() == 0:
            munge, slurm, slurmd = (pwd.getpwnam(self.daemon_user(u)) for u in ("munge", "slurm", "root"))
            for user, names in ((munge, ["munge", "munge/munge.key"]), (slurm, ["state", "log"]),
                                (slurmd, [f"spool/{n}" for n in self.node_names])):
                for name in names:
                    os.chown(self.dir / name, user.pw_uid, user.pw_gid)
        (self.dir / "cluster.json").write_text(json.dumps(self.options))

    def spawn(self, name: str, command: list[str], user: str, log: str, more: dict | None = None, around=()) -> dict:
        """Starts one process in a session of its own and records it before anything can go wrong. `around`: words in front, as root."""
        if os.geteuid() == 0 and user != "root":
            command = ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--init-groups", *command]
        command = [*around, *command]
        env = {"PATH": PATH, "LANG": "C.UTF-8", "SLURM_CONF": str(self.conf), **(more or {})}
        with open(self.dir / "log" / log, "a") as output:
            process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/",
                                       start_new_session=True)
        self.popen_.append(process)  # polled, so that our own dead children do not stay zombies
        return self._record(name, process.pid)

    def _record(self, name: str, pid: int) -> dict:
        who = identity(pid)
        if who is None:
            raise ClusterError(f"{name} ended at once")
        self.pids[name] = who
        self._save()
        return who

    def _save(self) -> None:
        temporary = self.dir / "pids.json.new"
        temporary.write_text(json.dumps(self.pids, indent=1))
        temporary.rename(self.dir / "pids.json")

    def _start_munged(self) -> None:
        m = self.dir / "munge"
        munged = self.spawn("munged", ["munged", "-F", f"--socket={m}/munge.sock", f"--key-file={m}/munge.key",
                                        f"--pid-file={m}/munged.pid", f"--log-file={m}/munged.log",
                                        f"--seed-file={m}/munged.seed"], self.daemon_user("munge"), "munged.out")
        if not wait_until(lambda: (m / "munge.sock").exists() or not alive(munged), 10) or not alive(munged):
            raise ClusterError("munged does not start\n" + tail(self.dir / "log" / "munged.out") + tail(m / "munged.log"))

    def _start_controller(self) -> None:
        self.spawn("slurmctld", ["slurmctld", "-D", "-f", str(self.conf)], self.daemon_user("slurm"), "slurmctld.out",
                   around=self.network.knowing(self.dir / "etc" / "hosts") if self.network else ())
        wait_until(self._controller_answers, 20, 0.05)
        if not alive(self.pids["slurmctld"]) or not self._controller_answers():
            raise ClusterError("slurmctld does not answer\n" + tail(self.dir / "log" / "slurmctld.out")
                               + tail(self.dir / "log" / "slurmctld.log"))

    def _controller_answers(self) -> bool:
        return not alive(self.pids.get("slurmctld")) or "is UP" in self.run("scontrol", "ping").stdout

    # --- nodes
    def _slurmd_of(self, name: str) -> dict | None:
        """The node's slurmd, or None. In a namespace it is found below the recorded init, since its pid changes."""
        if not self.options["namespaces"]:
            return self.pids.get(name) if alive(self.pids.get(name)) else None
        init = self.pids.get(f"{name}.init")
        found = [pid for pid in (children(init["pid"]) if alive(init) else []) if (stat_of(pid) or [""])[0] == "slurmd"]
        return identity(found[0]) if found else None

    def start_node(self, name: str) -> None:
        """Boots a node, or starts its slurmd again when only that died. Does not wait for the controller."""
        self._check_name(name)
        if self._slurmd_of(name):
            return
        command = ["slurmd", "-D", "-N", name, "-f", str(self.conf)]
        user, log = self.daemon_user("root"), f"{name}.out"
        if not self.options["namespaces"]:
            self.spawn(name, command, user, log)
        elif alive(self.pids.get(f"{name}.init")):
            send(self.pids[f"{name}.init"], signal.SIGUSR1)
        else:
            if user != "root":
                command = ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--init-groups", *command]
            spec = {"name": name, "slurmd": command, "hosts": str(self.dir / "etc" / "hosts"),
                    "tmp": str(self.dir / "tmp" / name) if self.options["private_tmp"] else "",
                    "keep": [str(self.dir), *(os.path.realpath(k) for k in self.options["keep"])]}
            outer = self.spawn(name, ["unshare", "-m", "-u", "-p", "-f", "--mount-proc", "--kill-child", PYTHON, HERE, "_node",
                                       json.dumps(spec)], "root", log, around=self.network.enter(name) if self.network else ())
            wait_until(lambda: children(outer["pid"]) or not alive(outer), 10)
            if inner := children(outer["pid"]):
                self._record(f"{name}.init", inner[0])
        if not wait_until(lambda: self._slurmd_of(name), 10):
            raise ClusterError(f"{name} does not start\n" + tail(self.dir / "log" / log)
                               + tail(self.dir / "spool" / name / "slurmd.log"))

    def crash_node(self, name: str) -> None:
        """The node and everything on it is gone at once; the controller is not told. Returns when it is gone."""
        self._check_name(name)
        if not self.options["namespaces"]:
            raise ClusterError("a node can only crash in a namespace of its own")
        send(self.pids.get(f"{name}.init"), signal.SIGKILL)
        self._wait_gone([name, f"{name}.init"])

    def stop_slurmd(self, name: str) -> None:
        """Only slurmd dies (SIGKILL); its jobs run on: a split brain once the controller has given the node up."""
        self._check_name(name)
        slurmd = self._slurmd_of(name)
        send(slurmd, signal.SIGKILL)
        if not self._gone_within([slurmd], 10):
            raise ClusterError(f"the slurmd of {name} does not die")

    def _check_name(self, name: str) -> None:
        if name not in self.node_names:
            raise ClusterError(f"no node {name}; there are {' '.join(self.node_names)}")

    # --- controller
    def stop_controller(self) -> None:
        """Ends slurmctld in good order (it saves its state) and waits for that."""
        self._end(["slurmctld"], patience=20)

    def start_controller(self) -> None:
        if not alive(self.pids.get("slurmctld")):
            self._start_controller()

    def restart_controller(self) -> None:
        self.stop_controller()
        self.start_controller()

    # --- looking
    def node_states(self) -> dict[str, str]:
        """Slurm's word for each node, e.g. {'n1': 'idle', 'n2': 'down*'}."""
        text = self.run("sinfo", "-h", "-N", "-p", "debug", "-o", "%N %T").stdout
        return dict(line.split() for line in text.splitlines())

    def wait_idle(self, timeout: float = 30) -> None:
        if not wait_until(lambda: self.node_states() == dict.fromkeys(self.node_names, "idle"), timeout, 0.05):
            logs = [self.dir / "log" / "slurmctld.log"] + [self.dir / "spool" / n / "slurmd.log" for n in self.node_names]
            raise ClusterError(f"nodes are not idle after {timeout} s: {self.node_states()}\n" + "\n".join(map(tail, logs)))

    def running(self) -> bool:
        return any(alive(who) for who in self.pids.values())

    # --- stopping
    def stop(self) -> None:
        """Ends every process of the cluster, jobs included, and waits until all are gone. Safe to repeat."""
        strays = self._plain_job_processes()
        services = ["slurmctld", "slurmdbd", "mariadbd", "munged"]
        nodes = [k for k in self.pids if k not in services]
        for name in sorted(nodes, reverse=True):  # n1.init before n1: its end is the end of all that is inside
            send(self.pids[name], signal.SIGKILL)
        for who in strays:
            send(who, signal.SIGKILL)
        self._wait_gone(nodes)
        for who in strays + self._plain_job_processes():
            send(who, signal.SIGKILL)
        if not self._gone_within(strays, 10):
            raise ClusterError("job processes do not die")
        self._end(["slurmctld", "munged"], patience=5)
        self._end(["slurmdbd", "mariadbd"], patience=5)
        if self.network:
            self.network.stop()

    def _end(self, names: list[str], patience: float) -> None:
        helpers = [identity(pid) for name in names if alive(self.pids.get(name))
                   for pid in children(self.pids[name]["pid"])]  # slurmctld has one that outlives a SIGKILL
        for name in names:
            send(self.pids.get(name), signal.SIGTERM)
        if not self._gone_within([self.pids.get(n) for n in names], patience):
            for name in names:
                send(self.pids.get(name), signal.SIGKILL)
        self._wait_gone(names)
        for who in helpers:
            send(who, signal.SIGKILL)
        self._gone_within(helpers, 5)

    def _gone_within(self, who: list[dict | None], timeout: float) -> bool:
        def gone() -> bool:
            self.popen_ = [p for p in self.popen_ if p.poll() is None]
            return not any(alive(w) for w in who)
        return wait_until(gone, timeout)

    def _wait_gone(self, names: list[str]) -> None:
        if not self._gone_within([self.pids.get(n) for n in names], 15):
            raise ClusterError(f"still running: {[n for n in names if alive(self.pids.get(n))]}")
        for name in names:
            self.pids.pop(name, None)
        if self.dir.exists():
            self._save()

    def _plain_job_processes(self) -> list[dict]:
        """Without namespaces: step daemons and job processes of this cluster, known by the configuration in their
        environment (a client has that too, but no job id)."""
        if self.options["namespaces"]:
            return []
        mark, found = f"SLURM_CONF={self.conf}".encode(), []
        for pid in all_pids():
            try:
                environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            except OSError:
                continue
            is_job = any(v.startswith(b"SLURM_JOB_ID=") for v in environment)
            if mark in environment and (is_job or (stat_of(pid) or [""])[0] == "slurmstepd") and pid != os.getpid():
                found.append(identity(pid))
        return [who for who in found if who]


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    start = verbs.add_parser("start")
    start.add_argument("--user", help="run all daemons as this user")
    start.add_argument("--cred-expire", type=int, default=5, help="seconds a requeued job waits (Slurm's own default: 120)")
    for name, default, what in (("--nodes", 2, "how many"), ("--cpus", 4, "of each node"), ("--kill-wait", 5, "seconds between TERM and KILL"),
                                ("--grace-time", 0, "seconds between preemption and its TERM")):
        start.add_argument(name, type=int, default=default, help=what)
    start.add_argument("--preempt", action=argparse.BooleanOptionalAction, default=True)
    start.add_argument("--wall-clock", default="INFINITE", help="time limit of both partitions, as Slurm spells it")
    start.add_argument("--private-tmp", action="store_true", help="every node has a /tmp of its own")
    start.add_argument("--keep", action="append", default=[], help="a folder below /tmp that all nodes still share")
    start.add_argument("--accounting", action="store_true", help="slurmdbd and mariadbd, so that sacct works")
    start.add_argument("--set", action="append", default=[], dest="settings", help="KEY=VALUE for slurm.conf")
    start.add_argument("--no-namespaces", action="store_false", dest="namespaces")
    start.add_argument("dir")
    for verb in ("stop", "status", "restart-controller", "stop-controller", "crash", "node", "stop-slurmd"):
        sub = verbs.add_parser(verb)
        sub.add_argument("dir")
        if verb in ("crash", "node", "stop-slurmd"):
            sub.add_argument("name", metavar="NODE")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["_node"]:
        node_init(json.loads(arguments[1]))
    args = parse(arguments)
    try:
        if args.verb == "start":
            options = {k: v for k, v in vars(args).items() if k in DEFAULTS}
            options["settings"] = dict(s.split("=", 1) for s in args.settings)
            print(f"SLURM_CONF={SlurmCluster(args.dir, **options).start().conf}")
            return 0
        cluster = SlurmCluster.open(args.dir)
        if args.verb == "status":
            print(json.dumps({"running": cluster.running(), "conf": str(cluster.conf), "pids": cluster.pids,
                              "nodes": cluster.node_states() if alive(cluster.pids.get("slurmctld")) else {}}))
            return 0 if cluster.running() else 1
        act = {"stop": cluster.stop, "crash": cluster.crash_node, "node": cluster.start_node,
               "stop-slurmd": cluster.stop_slurmd, "restart-controller": cluster.restart_controller,
               "stop-controller": cluster.stop_controller}[args.verb]
        act(*([args.name] if "name" in args else []))
    except ClusterError as error:
        print(f"slurm_cluster: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
