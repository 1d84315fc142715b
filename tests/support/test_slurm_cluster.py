"""The throw-away cluster itself, with Debian's real Slurm: what the integration tests rely on."""
import json
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from cluster_accounting import Accounting
from slurm_cluster import HERE, PATH, ClusterError, SlurmCluster, all_pids, identity, stat_of, wait_until

MISSING = [p for p in ("slurmctld", "slurmd", "munged", "sbatch") if not shutil.which(p, path=PATH)]
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: nodes are namespaces, jobs are another user's"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {' '.join(MISSING)}"),
]


@pytest.fixture(scope="module")
def user():
    """An ordinary user, who exists for these tests only."""
    name = f"ckpt-t{os.getpid()}"
    subprocess.run(["useradd", "-m", name], check=True, env={**os.environ, "PATH": PATH})
    yield name
    subprocess.run(["userdel", "-r", name], check=True, stderr=subprocess.DEVNULL, env={**os.environ, "PATH": PATH})


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="slurm-cluster-", dir="/tmp"))
    path.chmod(0o755)  # pytest's own folders are closed to other users
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def cluster(user):
    with tempfile.TemporaryDirectory(prefix="slurm-cluster-", dir="/tmp") as path:
        os.chmod(path, 0o755)
        with SlurmCluster(Path(path) / "c") as running:
            # The walltime job first: a minute is Slurm's smallest limit, and the other tests run meanwhile.
            running.walltime_job = sbatch(running, user, "-w", "n1", "-t", "1", "-o", "walltime.out", "--wrap", "sleep 600")
            yield running
        assert left_over(Path(path)) == []


def as_user(cluster, user, *command):
    home = pwd.getpwnam(user).pw_dir
    done = cluster.run("setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--init-groups",
                       "env", f"HOME={home}", *command, cwd=home)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def sbatch(cluster, user, *args):
    return as_user(cluster, user, "sbatch", "--parsable", *args)


def state(cluster, job):
    return cluster.run("squeue", "-h", "-t", "all", "-j", job, "-o", "%T").stdout.strip()


def wait_state(cluster, job, wanted, timeout=30):
    assert wait_until(lambda: state(cluster, job) == wanted, timeout, 0.1), f"{job} is {state(cluster, job)}, not {wanted}"


def home_text(user, name):
    path = Path(pwd.getpwnam(user).pw_dir) / name
    return path.read_text() if path.exists() else ""


def left_over(folder):
    """Processes that still have to do with the folder, by command line or environment."""
    found, mark = [], str(folder).encode()
    for pid in all_pids():
        try:
            about = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if mark in about and pid != os.getpid():
            found.append((pid, about[:100]))
    return found


def test_each_node_has_its_own_name_and_jobs_are_the_users(cluster, user):
    out = as_user(cluster, user, "srun", "-N2", "sh", "-c", "echo $SLURMD_NODENAME $(hostname) $(id -un)")
    assert sorted(out.splitlines()) == [f"n1 n1 {user}", f"n2 n2 {user}"]


def test_requeue_by_the_user_starts_again_without_the_long_wait(cluster, user):
    script = "echo run $SLURM_RESTART_COUNT; [ -n \"$SLURM_RESTART_COUNT\" ] || sleep 600"
    job = sbatch(cluster, user, "--requeue", "--open-mode=append", "-o", "requeue.out", "--wrap", script)
    assert wait_until(lambda: home_text(user, "requeue.out") == "run\n", 20)
    as_user(cluster, user, "scontrol", "requeue", job)
    assert wait_until(lambda: "\nrun 1\n" in home_text(user, "requeue.out"), 30), home_text(user, "requeue.out")
    wait_state(cluster, job, "COMPLETED")


def test_high_partition_preempts(user, folder):
    with SlurmCluster(folder / "c", nodes=1, cpus=1) as small:
        low = sbatch(small, user, "--requeue", "-o", "low.out", "--wrap", "sleep 600")
        wait_state(small, low, "RUNNING")
        sbatch(small, user, "-p", "high", "-o", "high.out", "--wrap", "sleep 600")
        wait_state(small, low, "PENDING")


def test_controller_restart_keeps_jobs(cluster, user):
    job = sbatch(cluster, user, "-w", "n2", "-o", "/dev/null", "--wrap", "sleep 600")
    wait_state(cluster, job, "RUNNING")
    cluster.restart_controller()
    wait_state(cluster, job, "RUNNING")
    assert wait_until(lambda: set(cluster.node_states().values()) == {"mixed"}
                      or set(cluster.node_states().values()) == {"mixed", "idle"}, 30, 0.1)
    as_user(cluster, user, "scancel", job)
    wait_state(cluster, job, "CANCELLED")


def test_slurmd_dies_and_its_job_lives_on(cluster, user):
    job = sbatch(cluster, user, "-w", "n2", "-o", "/dev/null", "--wrap", "echo $$ > split.pid; exec sleep 601")
    wait_state(cluster, job, "RUNNING")
    def sleepers():
        return [p for p in all_pids() if b"sleep\x00601" in read_cmdline(p)]
    assert wait_until(lambda: len(sleepers()) == 1, 10)
    cluster.stop_slurmd("n2")
    assert len(sleepers()) == 1 and cluster._slurmd_of("n2") is None
    cluster.start_node("n2")
    as_user(cluster, user, "scancel", job)
    assert wait_until(lambda: not sleepers(), 20)
    assert wait_until(lambda: cluster.node_states()["n2"] == "idle", 30, 0.1)


def read_cmdline(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_crash_takes_everything_on_the_node_and_it_comes_back(cluster, user):
    job = sbatch(cluster, user, "--no-requeue", "-w", "n2", "-o", "/dev/null", "--wrap", "setsid sleep 602")
    wait_state(cluster, job, "RUNNING")
    assert wait_until(lambda: any(b"sleep\x00602" in read_cmdline(p) for p in all_pids()), 10)
    cluster.crash_node("n2")
    assert not any(b"sleep\x00602" in read_cmdline(p) for p in all_pids())
    cluster.run("scontrol", "update", "nodename=n2", "state=down", "reason=test")
    wait_state(cluster, job, "NODE_FAIL")
    cluster.start_node("n2")
    assert wait_until(lambda: cluster.node_states()["n2"] == "idle", 30, 0.1), cluster.node_states()


def test_walltime_ends_a_job(cluster, user):
    wait_state(cluster, cluster.walltime_job, "TIMEOUT", 130)
    assert "DUE TO TIME LIMIT" in home_text(user, "walltime.out")
    cluster.wait_idle()


def test_private_tmp(user, folder):
    with SlurmCluster(folder / "c", private_tmp=True) as private:
        assert Path("/tmp").exists()
        out = as_user(private, user, "srun", "-N2", "sh", "-c", "hostname > /tmp/who; cat /tmp/who; ls /tmp | wc -l")
        assert sorted(out.split()) == ["2", "2", "n1", "n2"]  # its own file and the way to the cluster's folder
        assert not Path("/tmp/who").exists()


@pytest.mark.skipif(not all(shutil.which(p, path=PATH) for p in Accounting.PROGRAMS), reason="not installed: slurmdbd, mariadb-server")
def test_accounting_knows_what_the_controller_has_forgotten(user, folder):
    with SlurmCluster(folder / "c", nodes=1, accounting=True, settings={"MinJobAge": 2}) as accounted:
        job = sbatch(accounted, user, "-o", "/dev/null", "--wrap", "exit 7")
        assert wait_until(lambda: state(accounted, job) == "", 40, 0.2), "forgotten"
        def told():
            return as_user(accounted, user, "sacct", "-nPX", "-j", job, "--format=State,ExitCode")
        assert told() == "FAILED|7:0"
        accounted.accounting.stop_slurmdbd()
        assert accounted.run("sacct", "-nPX", "-j", job).returncode != 0
        accounted.accounting.start_slurmdbd()
        assert told() == "FAILED|7:0"
    assert left_over(folder) == []


@pytest.mark.parametrize("namespaces", [True, False])
def test_stop_from_another_process_leaves_nothing(user, folder, namespaces):
    flags = [] if namespaces else ["--no-namespaces"]
    subprocess.run([HERE, "start", folder / "c", *flags], check=True, stdout=subprocess.DEVNULL)
    started = SlurmCluster.open(folder / "c")
    job = sbatch(started, user, "-o", "/dev/null", "--wrap", "setsid sleep 603 & sleep 603")
    wait_state(started, job, "RUNNING")
    assert wait_until(lambda: sum(b"sleep\x00603" in read_cmdline(p) for p in all_pids()) == 2, 10)
    subprocess.run([HERE, "stop", folder / "c"], check=True)
    assert not any(b"sleep\x00603" in read_cmdline(p) for p in all_pids())
    assert left_over(folder) == []
    subprocess.run([HERE, "stop", folder / "c"], check=True)  # again: nothing to do


def test_five_times_in_a_row_and_two_at_once(folder):
    with SlurmCluster(folder / "other", nodes=1) as other:
        for _ in range(5):
            with SlurmCluster(folder / "c") as again:
                again.wait_idle()
            assert left_over(folder / "c") == []
        other.wait_idle()
        with pytest.raises(ClusterError, match="runs in"):
            SlurmCluster(folder / "other", nodes=1).start()
    assert left_over(folder) == []


def test_a_recycled_pid_is_left_alone(folder):
    cluster = SlurmCluster(folder / "c", nodes=1).start()
    cluster.stop()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        recycled = dict(identity(stranger.pid), start="1")
        (folder / "c" / "pids.json").write_text(json.dumps({"munged": recycled, "n1": recycled}))
        SlurmCluster.open(folder / "c").stop()
        assert stat_of(stranger.pid)[1] == "S"
    finally:
        stranger.kill()
        stranger.wait()


def test_a_closed_folder_is_refused_with_its_name(folder):
    (folder / "closed").mkdir(mode=0o700)
    with pytest.raises(ClusterError, match="closed"):
        SlurmCluster(folder / "closed" / "c").start()


def test_failure_shows_the_log(folder):
    with pytest.raises(ClusterError, match="(?s)slurmctld does not answer.*NoSuchKey"):
        SlurmCluster(folder / "c", settings={"NoSuchKey": "1"}).start()
    assert left_over(folder) == []
