"""The scripts of test_sbatch.py, in the habits of real ones. Each stops in its middle at a gate, so that a checkpoint and a restart can
be had there, whatever the speed of the machine: `$GATE/gate NAME` says that it is reached, and waits until it is opened."""
import os
import pathlib
import re
import shlex
import shutil

from usersite import wait_until

# No processes that come and go: the instant of the checkpoint is not what is tested here.
GATE = """#!/usr/bin/python3 -SE
import os, sys, time
open(os.environ["GATE"] + "/reached." + sys.argv[1], "w").close()
while not os.path.exists(os.environ["GATE"] + "/open"):
    time.sleep(0.2)
"""

CONDA = """
conda() {
  [ "$1" = activate ] || return 1
  local IFS=:
  export CONDA_PREFIX=$FAKE_CONDA/envs/$2 CONDA_DEFAULT_ENV=$2 PATH=$FAKE_CONDA/envs/$2/bin:$PATH
}
"""

# What `module` is on a cluster: a function in everybody's environment.
MODULE = """() {  [ "$1" = load ] || return 0
 shift
 for name in "$@"; do
  export PATH=$FAKE_CONDA/modules/$name:$PATH LOADEDMODULES=${LOADEDMODULES:+$LOADEDMODULES:}$name
 done
}"""


class Script:
    def __init__(self, text, options=(), args=(), stdin=False, files=None, status=0, gates=1, any_order=False, env=None):
        self.text, self.options, self.args, self.stdin = text, list(options), list(args), stdin
        self.files, self.status, self.gates, self.any_order, self.env = files or {}, status, gates, any_order, env or {}


TASK = """#!/bin/sh
echo "task $SLURM_PROCID of $SLURM_NTASKS, local $SLURM_LOCALID, step $SLURM_STEP_ID"
"$GATE/gate" $SLURM_PROCID
echo "task $SLURM_PROCID is done" >&2
"""

SCRIPTS = {
    "conda": Script("""#!/bin/bash
#SBATCH --job-name=train    # as people call it
#SBATCH --time=10
set -euo pipefail
source "$FAKE_CONDA/conda.sh"
conda activate torch
echo "in $CONDA_DEFAULT_ENV: $(tool)"
"$GATE/gate" conda
python3 -c 'import os; print("still in", os.environ["CONDA_DEFAULT_ENV"])'
tool
"""),
    "modules": Script("""#!/bin/bash
#SBATCH -o %x.log -J modules
module purge
module load gcc tools/1.2
echo "$LOADEDMODULES"
"$GATE/gate" modules
tool-of-module
"""),
    "login": Script("""#!/bin/bash -l
srun sh -c 'echo "$SLURM_PROCID $SLURM_STEP_NUM_TASKS"; "$GATE/gate" login; echo again'
srun true && echo fine
"""),
    "srun-one": Script("""#!/bin/bash
#SBATCH --ntasks=1 --cpus-per-task=2
set -e
srun --cpu-bind=none ./task
srun -o step-%s-%t.txt sh -c 'echo "to a file"; echo "so is this" >&2'
echo "end $?"
""", files={"task": TASK}),
    "srun-four": Script("""#!/bin/bash
#SBATCH -n 4
srun --label ./task
srun -n 2 -o part-%t.txt sh -c 'echo $SLURM_PROCID/$SLURM_NTASKS'
srun -n 3 --quiet sh -c 'exit $((SLURM_PROCID * 2))'
echo "highest: $?"
""", files={"task": TASK}, gates=4, any_order=True),
    "here-documents": Script("""#!/bin/sh
name=world
cat > input.txt <<EOF
hello $name
EOF
while read -r line; do
  echo "1: $line"
  "$GATE/gate" here
  echo "2: $line"
done <<EOF
$(cat input.txt)
last line
EOF
cat <<'EOF'
$name # srun --pty is only text
EOF
"""),
    "traps": Script("""#!/bin/bash
scratch=$(mktemp -d)
cleanup() {
  local status=$?
  cp "$scratch"/part.txt result.txt
  rm -rf "$scratch"
  echo "cleaned up after $status"
}
trap cleanup EXIT
trap 'echo "error in line $LINENO"' ERR
work() {
  echo "$1" >> "$scratch/part.txt"
}
work one
"$GATE/gate" traps
work two
false
exit 3
""", status=3),
    "strict": Script("""#!/bin/bash
set -euo pipefail
IFS=$'\\n\\t'
total=0
seq 1 5 | while read -r n; do
  [ "$n" != 3 ] || "$GATE/gate" strict
  echo "$((n * n))"
done | tee squares.txt | wc -l
while read -r n; do total=$((total + n)); done < squares.txt
echo "total $total"
"""),
    "relative": Script("""#!/bin/bash
#SBATCH --output=logs/out.txt --error=logs/err.txt
cd sub/deeper || exit 1
../tool.sh ../../data.txt > ../../made.txt
"$GATE/gate" relative
../tool.sh ../../data.txt
echo "to stderr" >&2
""", files={"sub/tool.sh": "#!/bin/sh\ntr a-z A-Z < $1\n", "sub/deeper/x": "", "data.txt": "some data\n", "logs/x": ""}),
    "submit-dir": Script("""#!/bin/bash
basename "$PWD"
cd $SLURM_SUBMIT_DIR
basename "$PWD"
"$GATE/gate" submit
cat here.txt > there.txt
basename "$SLURM_SUBMIT_DIR" "$(hostname | cut -c1)"
echo $SLURM_JOB_NAME $SLURM_JOB_NUM_NODES $SLURM_CPUS_ON_NODE
[ "$SLURM_JOB_ID" -gt 0 ] && [ -n "$SLURM_JOB_NODELIST" ] && echo "has an allocation"
""", options=["--chdir=elsewhere", "-c", "3"], files={"here.txt": "here\n", "elsewhere/x": ""}),
    "background": Script("""#!/bin/bash
for i in 1 2 3; do
  ( echo "begin $i" > part.$i; "$GATE/gate" $i; echo "end $i" >> part.$i; exit $i ) &
  pids="$pids $!"
done
sum=0
for pid in $pids; do
  wait $pid || sum=$((sum + $?))
done
cat part.1 part.2 part.3
echo "sum $sum"
""", gates=3),
    "from-stdin": Script("""#!/bin/sh
#SBATCH --comment='not a file'
echo "in ${PWD##*/}"
"$GATE/gate" stdin
cat || echo "nothing to read"
echo done
""", stdin=True),
    "arguments": Script("""#!/bin/bash
printf '<%s>' "$#" "$@"
echo
"$GATE/gate" arguments
shift
printf '<%s>' "$@"
echo
""", options=["--parsable"], args=["one", "two words", "", "--every", "-n", "$HOME", "it's"]),
    "python": Script("""#!/usr/bin/env python3
#SBATCH -t 5 --mem=100M
#SBATCH --job-name=py
import os, subprocess, sys
print("arguments", sys.argv[1:], os.environ["SLURM_JOB_NAME"], flush=True)
subprocess.run([os.environ["GATE"] + "/gate", "python"], check=True)
print(subprocess.run(["srun", "echo", "from a step"], capture_output=True, text=True).stdout, end="")
with open("numbers.txt", "w") as out:
    out.writelines(f"{n}\\n" for n in range(1000))
""", args=["x"]),
    "environment": Script("""#!/bin/bash
#SBATCH --ntasks=2
env | sed -n 's/^\\(SLURM[^=]*\\)=.*/\\1/p' | sort | tr '\\n' ' '
echo "${ENVIRONMENT-} ${FOO-unset} ${SLURM_NTASKS} ${SLURM_JOB_NAME} $(basename $PWD) $(umask)"
"$GATE/gate" environment
srun -n2 sh -c 'env | sed -n "s/^\\(SLURM[^=]*\\)=.*/\\1/p" | grep -v -e COMM -e PORT -e IPADDR -e PACK_GROUP | sort > step.$SLURM_PROCID'
""", env={"FOO": "bar"}),
    "export-list": Script("""#!/bin/bash
echo "${FOO-unset} ${BAR-unset} ${LOUD-unset} ${HOME##*/} ${USER:+user}"
"$GATE/gate" export
type -P ls > /dev/null && echo "PATH works"
""", options=["--export=GATE,LOUD=1,BAR"], env={"FOO": "foo", "BAR": "a b"}),
    "wrap": Script("", options=["--wrap", 'echo wrapped $0 | cut -c1-7; "$GATE/gate" wrap; echo end']),
}


class Run:
    """One script in a folder of its own, by plain sbatch or by ours."""

    def __init__(self, site, name, folder, ours, options):
        self.site, self.name, self.script, self.folder, self.ours = site, name, SCRIPTS[name], folder, ours
        self._make(folder)
        self.gate = folder.parent / f"{folder.name}.gate"
        self._make(self.gate)
        self._write(self.gate / "gate", GATE, 0o755)
        for file, text in self.script.files.items():
            self._make((folder / file).parent)
            self._write(folder / file, text, 0o755)
        path = folder.parent / f"{name}.sh"
        self._write(path, self.script.text, 0o644)
        words = [*(["ckpt", "sbatch", *options] if ours else ["sbatch"]), *self.script.options]
        if self.script.stdin:
            line = f"{shlex.join(words)} < {shlex.quote(str(path))}"
        else:
            line = shlex.join([*words, *([str(path)] if self.script.text else []), *self.script.args])
        conda = self._fake_software(folder.parent.parent / "software")
        env = {"GATE": str(self.gate), "FAKE_CONDA": str(conda), "BASH_FUNC_module%%": MODULE, **self.script.env}
        self.submitted = site.run("bash", "-c", line, cwd=folder, check=True, env=env)
        self.number = re.fullmatch(r"\d+\n" if "--parsable" in self.script.options else r"Submitted batch job \d+\n",
                                   self.submitted.stdout)
        assert self.number, (self.submitted.stdout, self.submitted.stderr)
        self.number = re.search(r"\d+", self.submitted.stdout).group()
        self.job = re.search(r"j-\d+", self.submitted.stderr).group() if ours else None

    def _make(self, folder):
        missing = [parent for parent in [folder, *folder.parents] if not parent.exists()]
        for parent in reversed(missing):
            self.site._make(parent)

    def _write(self, path, text, mode):
        path.write_text(text)
        path.chmod(mode)
        os.chown(path, self.site.account.pw_uid, self.site.account.pw_gid)

    def _fake_software(self, folder):
        if not folder.exists():
            for file, text in {"conda.sh": CONDA, "envs/torch/bin/tool": "#!/bin/sh\necho tool of $CONDA_DEFAULT_ENV\n",
                               "modules/tools/1.2/tool-of-module": "#!/bin/sh\necho of $LOADEDMODULES\n"}.items():
                self._make((folder / file).parent)
                self._write(folder / file, text, 0o755)
        return folder

    def open_gate(self):
        self._write(self.gate / "open", "", 0o644)

    def in_the_middle(self):
        return len(list(self.gate.glob("reached.*"))) >= self.script.gates

    def result(self):
        """{file: text} of all that it left behind; the number of the job is not part of a name."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and str(path.relative_to(self.folder)) not in self.script.files:
                name = str(path.relative_to(self.folder)).replace(self.number, "N")
                lines = path.read_text(errors="replace").splitlines(True)
                # Slurm's srun tells how it waits for the step before, and in its own words how tasks ended.
                text = "".join(line for line in lines if not line.startswith("srun: "))
                found[name] = sorted(text.splitlines()) if self.script.any_order else text
        return found


class Stage:
    """All scripts of one engine, by sbatch and by ours at the same time; ours are stopped at the gate and restarted."""

    def __init__(self, site, engine, names):
        self.site, self.engine = site, engine
        options = ["--engine", engine, "--every", "off"]
        self.plain = {name: Run(site, name, site.work / "plain" / name, False, options) for name in names}
        for run in self.plain.values():
            run.open_gate()
        self.ours = {name: Run(site, name, site.work / "ours" / name, True, options) for name in names}
        jobs = [run.job for run in self.ours.values()]
        self.trouble = {}
        self._each("reaches its gate", 120, Run.in_the_middle)
        if jobs:
            site.ckpt("stop", *jobs, check=False, timeout=240)
            self._each("is parked", 60, lambda run: self.site.job(run.job)["state"] == "parked")
            for job in jobs:
                site.ckpt("restart", job, check=False)
            self._each("runs again", 120, lambda run: self._started(run) == 2)
        for run in self.ours.values():
            run.open_gate()

    def _started(self, run):
        return len([attempt for attempt in self.site.job(run.job)["attempts"] if attempt["started_at"]])

    def _each(self, what, patience, condition):
        for name, run in self.ours.items():
            if name in self.trouble:
                continue
            try:
                wait_until(lambda: condition(run), patience, f"{name} {what}", step=0.3)
            except AssertionError as error:
                self.trouble[name] = f"{error}\n{self.site.evidence(run.job)}"

    def close(self):
        self.site.close()
        shutil.rmtree(pathlib.Path(self.site.root), ignore_errors=True)
