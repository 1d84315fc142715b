"""Our srun by itself, as the scripts inside find it: no cluster is needed, it is a name of ckpt-runner's."""
import os
import pathlib
import signal
import subprocess

import pytest

from usersite import wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])


@pytest.fixture
def srun(tmp_path):
    link = tmp_path / "srun"
    link.symlink_to(BIN / "ckpt-runner")
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_JOB_ID": "12", "SLURM_JOB_NAME": "name", "SLURM_CPUS_ON_NODE": "8",
           "SLURMD_NODENAME": "n1", "SLURM_JOB_NUM_NODES": "1", "CKPT_STEPS": str(tmp_path / "steps")}

    started = []

    def run(*words, stdin="", more=None, popen=False):
        words = [str(link), *words]
        if popen:
            started.append(subprocess.Popen(words, cwd=tmp_path, env={**env, **(more or {})}, text=True, stdout=-1, stderr=-1, stdin=-3))
            return started[-1]
        return subprocess.run(words, cwd=tmp_path, env={**env, **(more or {})}, text=True, capture_output=True, input=stdin, timeout=60)
    run.folder = tmp_path
    yield run
    for process in started:
        if process.poll() is None:
            process.kill()


def test_one_task_takes_the_place_of_srun(srun):
    process = srun("sh", "-c", "echo $$ $SLURM_TASK_PID $SLURM_PROCID/$SLURM_NTASKS step $SLURM_STEP_ID", popen=True)
    assert process.communicate(timeout=60)[0] == f"{process.pid} {process.pid} 0/1 step 0\n"
    assert srun("sh", "-c", "echo $SLURM_STEP_ID; exit 5").returncode == 5
    assert srun("printenv", "SLURM_STEP_ID").stdout == "2\n"
    assert srun("cat", stdin="through\n").stdout == "through\n"


def test_tasks_are_numbered_and_the_highest_status_counts(srun):
    done = srun("-n", "4", "sh", "-c", "echo $SLURM_PROCID $SLURM_LOCALID $SLURM_NTASKS $SLURM_GTIDS; exit $SLURM_PROCID")
    assert sorted(done.stdout.splitlines()) == [f"{n} {n} 4 0,1,2,3" for n in range(4)]
    assert done.returncode == 3
    assert "srun: error: n1: task 3: Exited with exit code 3" in done.stderr
    assert srun("sh", "-c", "echo $SLURM_NTASKS", more={"SLURM_NTASKS": "2"}).stdout == "2\n2\n"
    killed = srun("-n2", "sh", "-c", "[ $SLURM_PROCID = 0 ] || kill -9 $$")
    assert killed.returncode == 137 and "task 1: Killed" in killed.stderr


def test_labels_stand_before_whole_lines(srun):
    done = srun("-n", "12", "-O", "-l", "sh", "-c", "printf 'a'; printf 'b\\nc'; echo err >&2")
    assert sorted(done.stdout.splitlines()) == sorted(f"{n:02}: {text}" for n in range(12) for text in ("ab", "c"))
    assert sorted(done.stderr.splitlines()) == [f"{n:02}: err" for n in range(12)]


def test_streams_go_where_the_options_say(srun):
    (srun.folder / "input").write_text("in\n")
    done = srun("-n2", "-i", "input", "-o", "%x-%j.%s-%2t", "-e", "none", "sh", "-c", "cat; echo gone >&2; echo $SLURM_PROCID")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [(srun.folder / f"name-12.0-{n:02}").read_text() for n in range(2)] == ["in\n0\n", "in\n1\n"]
    assert srun("-n3", "-o", "1", "sh", "-c", "echo $SLURM_PROCID").stdout == "1\n"
    srun("-n2", "-o", "both", "sh", "-c", "echo out; echo err >&2")
    assert sorted((srun.folder / "both").read_text().split()) == ["err", "err", "out", "out"]
    srun("-o", "both", "--open-mode=append", "echo", "more")
    assert (srun.folder / "both").read_text().endswith("more\n")


def test_environment_and_folder(srun):
    (srun.folder / "sub").mkdir()
    done = srun("-D", "sub", "--export=A=1,B", "-c", "2", "sh", "-c", "pwd; echo $A-$B-${C-unset}-$SLURM_CPUS_PER_TASK",
                more={"B": "b", "C": "c"})
    assert done.stdout == f"{srun.folder}/sub\n1-b-unset-2\n", done.stderr
    assert srun("--export=ALL,A=1", "sh", "-c", "echo $A$C", more={"C": "c"}).stdout == "1c\n"


def test_a_bad_exit_ends_the_others_when_asked_to(srun):
    done = srun("-n2", "-K", "sh", "-c", "if [ $SLURM_PROCID = 0 ]; then exit 4; fi; exec sleep 300")
    assert done.returncode == 143, done.stderr


def test_signals_reach_every_task(srun):
    process = srun("-n3", "sh", "-c", "trap 'echo got; exit 9' USR1; : > ready.$SLURM_PROCID; while :; do sleep 0.05; done", popen=True)
    wait_until(lambda: len(list(srun.folder.glob("ready.*"))) == 3, 30, "all three run")
    process.send_signal(signal.SIGUSR1)
    assert process.communicate(timeout=60)[0] == "got\n" * 3
    assert process.returncode == 9


@pytest.mark.parametrize("words, status, told", [
    ([], 1, "No command given to execute"),
    (["--nonsense", "true"], 255, "unrecognized option '--nonsense'"),
    (["-N", "2", "true"], 1, "more than one node"),
    (["--pty", "bash"], 1, "--pty cannot work"),
    (["--mpi=pmix", "true"], 1, "MPI"),
    (["--jobid=7", "true"], 1, "--jobid"),
    (["-n", "9", "true"], 1, "More processors requested than permitted"),
    (["-n", "3", "-c", "3", "true"], 1, "More processors requested than permitted"),
    (["/no/such/program"], 2, "No such file or directory"),
])
def test_what_it_cannot_do_it_says(srun, words, status, told):
    done = srun(*words)
    assert done.returncode == status and told in done.stderr and done.stdout == "", done


def test_an_mpi_program_is_not_started_as_many_of_one(srun):
    source = srun.folder / "m.c"
    source.write_text("int MPI_Init(void) { return 0; }\n")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", srun.folder / "libmpi.so.40", "-Wl,-soname,libmpi.so.40", source], check=True)
    (srun.folder / "main.c").write_text('#include <stdio.h>\nint MPI_Init(void);\nint main(void) { puts("one"); return MPI_Init(); }\n')
    subprocess.run(["gcc", "-o", srun.folder / "prog", srun.folder / "main.c", srun.folder / "libmpi.so.40",
                    f"-Wl,-rpath,{srun.folder}"], check=True)
    done = srun("-n", "2", "./prog")
    assert done.returncode == 1 and "libmpi.so.40" in done.stderr and done.stdout == ""
    assert srun("./prog").stdout == "one\n"
