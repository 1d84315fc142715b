"""The commands and options that no story of another file needs: each is typed once, on this machine, and does what its help says."""
import datetime
import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from counting import counting_job, expected_output
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
LONG = 100_000  # steps; ended by the test
QUIET = ["--engine", "app", "--ckpt-signal", "USR1", "--ckpt-files", "none*"]  # an engine for programs that no checkpoint is taken of


@pytest.fixture(scope="module")
def site():
    with Site(BIN, config='[limits]\nlease = "8s"\n') as place:
        place.ckpt("daemon", "start")
        yield place


def submitted(site, name, *options, steps=LONG):
    """A job that saves itself; running, and past its first line."""
    chosen, argv = counting_job(site, "app", steps)
    out = site.work / f"{name}.out"
    words = site.ckpt("submit", "-J", name, "--every", "off", "-o", out, *options, *chosen, "--", *argv).stdout
    wait_until(lambda: out.exists() and out.read_text().count("\n") > 2, 90, f"{name} prints\n{site.evidence(name)}")
    return re.search(r"j-\d+", words).group(), out


def refused(site, status, told, *words):
    done = site.ckpt(*words, check=False)
    assert done.returncode == status and told in done.stderr, (words, done.returncode, done.stderr)


def test_defaults_and_every_wish_of_a_policy(site):
    plain = json.loads(site.ckpt("submit", "--json", *QUIET, "--", "true").stdout)
    policy = {key: plain["policy"][key] for key in ("every_seconds", "lead_seconds", "keep", "keep_after_success", "compress", "at_walltime",
                                                    "max_restarts", "stdout_on_restart", "total_time_seconds", "stop_after_seconds")}
    assert policy == {"every_seconds": "auto", "lead_seconds": "auto", "keep": 2, "keep_after_success": 0, "compress": "zstd",
                      "at_walltime": "requeue", "max_restarts": 100, "stdout_on_restart": "exact", "total_time_seconds": None,
                      "stop_after_seconds": None}
    words = ["--every", "20m", "--lead", "90s", "--overwrite", "--keep-after-success", "1", "--compress", "none", "--max-restarts", "7",
             "--total-time", "200h", "--stop-after", "1-12", "--at-walltime", "park", "--stdout-on-restart", "append", "--append-files", "log*",
             "--local-files", "warn", "--shield-term", "on", "--tag", "a=b"]
    chosen = json.loads(site.ckpt("submit", "--json", *QUIET, *words, "--", "true").stdout)["policy"]
    del chosen["revision"]
    assert chosen == {"every_seconds": 1200, "lead_seconds": 90, "keep": 1, "keep_after_success": 1, "compress": "none", "max_restarts": 7,
                      "total_time_seconds": 720_000, "stop_after_seconds": 129_600, "at_walltime": "park", "stdout_on_restart": "append",
                      "ckpt_files": ["none*"], "append_files": ["log*"], "local_files": "warn", "shield_term": "on", "tags": {"a": "b"}}
    for option, value in (("--at-walltime", "sleep"), ("--compress", "lzma"), ("--local-files", "all"), ("--shield-term", "maybe"),
                          ("--stdout-on-restart", "cut"), ("--max-restarts", "-1"), ("--lead", "30")):
        assert site.ckpt("submit", option, value, *QUIET, "--", "true", check=False).returncode == 2, option


def test_environment_modules_and_setup(site):
    module = '() {  [ "$1" = load ] && shift && export LOADED="$LOADED<$*>"; }'
    done = site.ckpt("run", *QUIET, "--env", "GIVEN=by option", "--module", "tools/1.2", "--module", "gcc", "--setup", "export SET=$LOADED", "--",
                     "/bin/sh", "-c", 'echo "$GIVEN $SET"', env={"BASH_FUNC_module%%": module}, check=False)
    assert (done.returncode, done.stdout) == (0, "by option <tools/1.2 gcc>\n"), done.stderr
    # Sites that set SBATCH_EXPORT=NONE for everybody: nothing of the shell, but what was typed.
    job = site.ckpt("submit", "--json", "--env", "GIVEN=by option", "-o", "none.out", *QUIET, "--", "/bin/sh", "-c", 'echo "$GIVEN ${MINE-}"',
                    env={"SBATCH_EXPORT": "NONE", "MINE": "of the shell"})
    site.wait_state(json.loads(job.stdout)["id"], "completed", 90)
    assert (site.work / "none.out").read_text() == "by option \n"


def test_a_name_is_taken_until_its_job_is_over_and_resume_goes_on(site):
    job, _ = submitted(site, "named")
    refused(site, 4, f"ckpt restart {job}", "submit", "-J", "named", *QUIET, "--", "true")
    assert "is on its way" in site.ckpt("submit", "--resume", "-J", "named", *QUIET, "--", "true").stdout
    site.ckpt("stop", "named")
    assert "goes on" in site.ckpt("submit", "--resume", "-J", "named", *QUIET, "--", "true").stdout
    site.wait_state(job, "running", 90)
    site.ckpt("cancel", "named")
    refused(site, 4, "cancelled", "submit", "--resume", "-J", "named", *QUIET, "--", "true")
    again = json.loads(site.ckpt("submit", "--json", "-J", "named", *QUIET, "--", "true").stdout)["id"]
    site.wait_state(again, "completed", 90)
    assert "is done" in site.ckpt("submit", "--resume", "-J", "named", *QUIET, "--", "true").stdout


def test_policy_pin_unpin_verify_prune_and_rm(site):
    job, _ = submitted(site, "cared-for", "--keep", "5")
    changed = site.json("policy", job, "--every", "17m", "--keep", "2")["policy"]
    assert (changed["every_seconds"], changed["keep"]) == (1020, 2)
    refused(site, 2, "nothing to change", "policy", job)
    first = site.json("checkpoint", job)["id"]
    assert site.json("pin", job, first)["pinned"] is True
    for _ in range(3):
        site.ckpt("checkpoint", job)
    site.ckpt("stop", job)
    assert "good, every byte" in site.ckpt("verify", job).stdout
    assert first in site.ckpt("verify", job, first).stdout
    would = site.json("prune", job, "--dry-run")["items"]
    done = site.json("prune", job)["items"]
    assert [one["generation"] for one in would] == [one["generation"] for one in done]

    def sealed():
        return [one["id"] for one in site.json("gens", job)["items"] if one["state"] == "sealed"]
    wait_until(lambda: site.ckpt("prune", job) and len(sealed()) <= 3, 60, "what is too much is removed")
    assert first in sealed() and len(sealed()) == 3, f"two, and the pinned one\n{site.evidence(job)}"
    assert site.json("unpin", job, first)["pinned"] is False
    wait_until(lambda: site.ckpt("prune", job) and first not in sealed(), 60, "it is removed now")
    refused(site, 3, "g99", "pin", job, "g99")
    refused(site, 4, "only a job that is over", "rm", job)
    site.ckpt("cancel", job)
    assert f"{job} cared-for removed" in site.ckpt("rm", job).stdout
    refused(site, 3, job, "show", job)


def test_hold_release_and_requeue(site):
    job, _ = submitted(site, "moved")
    assert site.json("hold", job)["state"] == "running"
    assert site.ckpt("release", job).stdout.startswith(job)
    assert site.ckpt("requeue", job).returncode == 0
    wait_until(lambda: (site.job(job)["current_attempt"] or {}).get("n") == 2 and site.job(job)["state"] == "running", 120,
               f"its second attempt\n{site.evidence(job)}")
    assert site.job(job)["attempts"][0]["end_reason"] == "requeued"
    site.ckpt("cancel", job)
    for verb in ("hold", "requeue", "stop"):
        assert site.ckpt(verb, job, check=False).returncode in ((0, 4) if verb == "stop" else (4,)), verb


def test_logs_of_every_kind(site):
    site.program("speaks.sh", "#!/bin/sh\necho to out\necho to err >&2\n")
    job = json.loads(site.ckpt("submit", "--json", "-o", "speaks.out", "-e", "speaks.err", *QUIET, "--", "./speaks.sh").stdout)["id"]
    site.wait_state(job, "completed", 90)
    assert site.ckpt("logs", job).stdout == "to out\n" == (site.work / "speaks.out").read_text()
    assert site.ckpt("logs", "--stderr", job).stdout == "to err\n" == (site.work / "speaks.err").read_text()
    log = site.store / f"jobs/{job}/attempts/1/runner.log"
    assert site.ckpt("logs", "--runner", "--attempt", "1", job).stdout == log.read_text()
    refused(site, 2, "more than one stream", "logs", "--runner", "--stderr", job)
    refused(site, 2, "--json", "logs", "--json", job)
    refused(site, 3, "has no attempt 9", "logs", "--runner", "--attempt", "9", job)
    assert site.ckpt("logs", "--coordinator", job, check=False).returncode in (0, 3)
    why = site.json("why", job)
    assert why["id"] == job and why["why"] and why["last_lines"] == []


def in_a_terminal(site, *words, until, patience=60):
    """What `ckpt WORDS` draws on a terminal until the text is there; then Ctrl-C, and its exit status."""
    ours, theirs = pty.openpty()
    shown = b""
    process = site.popen("ckpt", *words, stdout=theirs, stderr=theirs, env={"TERM": "xterm", "NO_COLOR": ""})
    os.close(theirs)
    end = time.monotonic() + patience
    try:
        while until not in shown:
            assert time.monotonic() < end, shown
            if select.select([ours], [], [], 1)[0]:
                shown += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        while process.poll() is None:  # who draws must not wait for who looks
            assert time.monotonic() < end, shown
            if select.select([ours], [], [], 0.2)[0]:
                try:
                    shown += os.read(ours, 65536)
                except OSError:
                    break
        return process.wait(30), shown
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_watch_and_events_that_go_on(site):
    job, _ = submitted(site, "watched")
    assert "watched" in site.ckpt("watch").stdout and site.json("watch", job)["id"] == job, "one picture where there is no terminal"
    status, shown = in_a_terminal(site, "watch", job, until=b"running")
    assert status in (0, 130) and b"watched" in shown
    assert b"\x1b[" in shown, "a live picture"
    status, shown = in_a_terminal(site, "watch", until=b"watched")
    assert re.search(rb"\d\d:\d\d:\d\d  ckpt watch  \(Ctrl-C ends this", shown), shown
    follower = site.popen("ckpt", "events", "-f", job, stdout=subprocess.PIPE)
    try:
        site.ckpt("checkpoint", job)
        told = []
        while not any("is sealed" in line for line in told):
            told.append(follower.stdout.readline())
            assert told[-1], told
    finally:
        follower.kill()
        follower.communicate()
    site.ckpt("cancel", job)


def test_colours_are_for_terminals_that_want_them(site):
    job, _ = submitted(site, "coloured")
    assert "\x1b" not in site.ckpt("show", job, env={"NO_COLOR": ""}).stdout, "a pipe is no terminal"
    site.ckpt("cancel", job)


def test_overviews_for_people_and_programs(site):
    job, _ = submitted(site, "overview")
    site.ckpt("checkpoint", job)
    nodes = site.json("nodes")["items"]
    assert [one["name"] for one in nodes if job in one["jobs"]] == [os.uname().nodename]
    assert job in site.ckpt("nodes").stdout and "ATTEMPTS" in site.ckpt("nodes").stdout
    assert site.json("stats")["jobs"]["running"] >= 1 and "sealed" in site.ckpt("stats").stdout
    assert "runner" in site.ckpt("ps", job).stdout
    site.ckpt("stop", job)
    done = site.ckpt("ps", job)
    assert "No process" in done.stdout and f"ckpt why {job}" in done.stderr
    site.ckpt("cancel", job)


def test_a_newcomers_slips(site):
    """A name that is taken, one that is mistyped, an empty output, and what `rm --all` means."""
    job, _ = submitted(site, "simulation")
    taken = ["submit", "-J", "simulation", *QUIET, "--", "true"]
    refused(site, 4, f"`ckpt show {job}`", *taken)
    refused(site, 3, "did you mean 'simulation'?", "show", "simulaton")
    refused(site, 3, f"there is no program '{site.work}/simulat'\n", "submit", "--", "./simulat")
    early = site.ckpt("logs", "--runner", job)
    assert early.stdout == "" and f"`ckpt events {job}`" in " ".join(early.stderr.split())
    over = json.loads(site.ckpt("submit", "--json", "-o", "silent.out", *QUIET, "--", "true").stdout)["id"]
    site.wait_state(over, "completed", 90)
    silent = site.ckpt("logs", over)
    assert silent.stdout == "" and f"{over} is done, and printed nothing" in silent.stderr
    assert set(site.ckpt("__complete", "rm", "j-").stdout.split()).isdisjoint({job}), "it runs"
    removed = site.ckpt("rm", "--all")
    assert over in removed.stdout and job not in removed.stdout
    assert [one["id"] for one in site.json("ls", "--all")["items"] if one["state"] in ("completed", "failed", "cancelled")] == []
    again = site.ckpt("rm", "--all")
    assert again.stdout == "" and "nothing to do: no job is over" in again.stderr
    refused(site, 3, "no job that is over", "rm", "--tag", "sweep=none")
    site.ckpt("checkpoint", job)
    assert site.ckpt("__complete", "restart", job, "--generation", "").stdout == "g1\n"
    site.ckpt("stop", job)
    refused(site, 4, f"`ckpt restart {job}`", *taken)
    site.ckpt("cancel", job)


def test_configuration_tells_where_each_value_comes_from(site):
    shown = {one["key"]: one for one in site.json("config", "show", env={"CKPTD_STORE": str(site.store)})["items"]}
    assert shown["limits.lease"]["value"] == "8s" and shown["limits.lease"]["origin"] == "file"
    assert "CKPTD_STORE" in shown["store.path"]["origin"] and shown["daemon.autostart"]["origin"] == "default"
    assert site.json("config", "paths") == site.json("paths")
    place = site.work / "fresh"
    site._make(place)
    site.ckpt("config", "init", env={"XDG_CONFIG_HOME": str(place)})
    assert "lease" in (place / "ckptd/config.toml").read_text()
    again = site.ckpt("config", "init", env={"XDG_CONFIG_HOME": str(place)}, check=False)
    assert again.returncode == 4 and "config.toml" in again.stderr, "nobody's file is written over"
    for shell in ("bash", "zsh", "fish"):
        assert "ckpt" in site.ckpt("completion", shell).stdout
    assert site.json("version")["ckpt"] == site.json("version")["ckptd"]


def test_wait_for_several_tells_whose_status_it_is(site):
    site.program("five.sh", "#!/bin/sh\nexit 5\n")
    good = json.loads(site.ckpt("submit", "--json", *QUIET, "--", "true").stdout)["id"]
    bad = json.loads(site.ckpt("submit", "--json", *QUIET, "--", "./five.sh").stdout)["id"]
    parked, _ = submitted(site, "for-later")
    site.ckpt("stop", parked)
    done = site.ckpt("wait", "--json", good, bad, parked, check=False)
    told = {one["id"]: (one["exit_status"], one["origin"]) for one in json.loads(done.stdout)["items"]}
    assert told == {good: (0, "program"), bad: (5, "program"), parked: (85, "ckpt")} and done.returncode != 0
    assert site.ckpt("wait", bad, check=False).returncode == 5 and site.ckpt("wait", good).returncode == 0
    site.ckpt("cancel", parked)


def test_a_second_interrupt_ends_what_runs_attached(site):
    site.program("deaf.sh", "#!/bin/sh\ntrap '' USR1\necho begun\nwhile :; do sleep 0.2; done\n")
    attached = site.popen("ckpt", "run", "-J", "deaf", *QUIET, "--", "./deaf.sh", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert attached.stdout.readline() == "begun\n"
        attached.send_signal(signal.SIGINT)
        wait_until(lambda: site.job("deaf")["state"] == "stopping", 60, "it waits for a checkpoint that never comes")
        attached.send_signal(signal.SIGINT)
        _, said = attached.communicate(timeout=120)
    finally:
        if attached.poll() is None:
            attached.kill()
            attached.communicate()
    assert attached.returncode == 130, said
    assert site.job("deaf")["state"] == "cancelled"


def test_output_that_is_not_cut_back(site):
    job, out = submitted(site, "appended", "--stdout-on-restart", "append", steps=60)
    first = site.json("checkpoint", job)["id"]
    lines = out.read_text().count("\n")
    wait_until(lambda: out.read_text().count("\n") > lines + 3, 60, "more lines")
    site.ckpt("stop", job)
    before = out.read_text()
    site.ckpt("restart", job, "--generation", first)
    site.wait_state(job, "completed", 120)
    text = out.read_text()
    assert text.startswith(before) and len(text) > len(expected_output(60)) and text.endswith(expected_output(60)[-100:])


def test_work_behind_a_rollback_is_lost_once(site):
    """What was done after the freeze that is gone back to, over two attempts and twice; each second counts once, in every place alike."""
    def moment(text):
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()

    job, out = submitted(site, "set-back")
    first = site.json("checkpoint", job)["id"]
    frozen = moment(site.json("checkpoint", job)["frozen_at"])  # of g2
    lines = out.read_text().count("\n")
    wait_until(lambda: out.read_text().count("\n") > lines + 3, 60, "more lines")
    site.ckpt("stop", job)
    stopped = site.job(job)
    assert stopped["accounting"]["lost_seconds"] < moment(stopped["attempts"][0]["ended_at"]) - frozen, "of a stop, at most what its seal took"
    for _ in range(2):
        site.ckpt("restart", job, "--generation", first)
        site.wait_state(job, "running", 60)
        site.json("checkpoint", job)
        site.ckpt("stop", job)
    site.ckpt("restart", job, "--generation", first)
    now = site.wait_state(job, "running", 60)
    ended, frozen = now["attempts"][:-1], moment(next(one["frozen_at"] for one in now["generations"] if one["id"] == first))
    lost = [moment(ended[0]["ended_at"]) - frozen] + [moment(one["ended_at"]) - moment(one["started_at"]) for one in ended[1:]]
    assert len(lost) == 3 and [one["lost_seconds"] for one in now["attempts"]] == [pytest.approx(one, abs=0.01) for one in [*lost, 0]]
    assert now["accounting"]["lost_seconds"] == pytest.approx(sum(lost), abs=0.05)
    picture = site.ckpt("show", job).stdout
    assert [line[0] for line in picture.splitlines() if re.match(r"\d .{12}.*x", line)] == ["1", "2", "3"], picture
    site.ckpt("cancel", job)
    everything = sum(one["accounting"]["lost_seconds"] for one in site.json("ls", "--all")["items"])
    assert site.json("stats")["accounting"]["lost_seconds"] == pytest.approx(everything, abs=0.05)


def test_the_end_of_an_allocation_parks_where_that_is_wished(site):
    job, _ = submitted(site, "one-allocation", "--time", "0:25", "--lead", "5s", "--at-walltime", "park")
    parked = site.wait_state(job, ["parked", "failed"], 150)
    assert parked["state"] == "parked" and parked["attempts_count"] == 1, site.evidence(job)
    assert parked["latest_generation"]["trigger"] == "before_walltime"
    assert "allocation" in site.json("why", job)["why"]
    site.ckpt("cancel", job)


def test_no_more_restarts_than_wished(site):
    site.program("killed.sh", "#!/bin/sh\nkill -KILL $$\n")
    job = json.loads(site.ckpt("submit", "--json", "--max-restarts", "1", *QUIET, "--", "./killed.sh").stdout)["id"]
    parked = site.wait_state(job, ["parked", "failed"], 120)
    assert (parked["state"], parked["restarts_count"], parked["attempts_count"]) == ("parked", 1, 2), site.evidence(job)
    assert "restart" in parked["reason"]


def test_a_program_that_is_saved_and_restarted_by_commands(site):
    site.program("resume.sh", "#!/bin/sh\necho resumed from $(cat saved)\n")
    site.program("work.sh", "#!/bin/sh\necho begun\nn=0\nwhile :; do n=$((n + 1)); echo $n > state.new; mv state.new state; sleep 0.1; done\n")
    job = json.loads(site.ckpt("submit", "--json", "-J", "by-commands", "-o", "by-commands.out", "--every", "off", "--engine", "app", "--ckpt-command",
                               "cp state saved", "--restart-command", "./resume.sh", "--ckpt-files", "saved", "--", "./work.sh").stdout)["id"]
    wait_until(lambda: (site.work / "state").exists(), 90, f"it works\n{site.evidence(job)}")
    assert site.json("checkpoint", job)["state"] == "sealed"
    site.ckpt("stop", job)
    saved = (site.work / "saved").read_text().strip()
    site.ckpt("restart", job)
    ended = site.wait_state(job, ["completed", "failed", "parked"], 120)
    assert ended["state"] == "completed", site.evidence(job)
    assert (site.work / "by-commands.out").read_text().endswith(f"resumed from {saved}\n")


def test_no_daemon_where_none_may_be_started(site):
    for words in (["ls"], ["show", "last"], ["submit", "--", "true"]):
        done = site.ckpt(*words, check=False, env={"CKPTD_AUTOSTART": "0", "CKPTD_STATE_DIR": str(site.work / "nobody-here")})
        assert done.returncode == 5 and "ckpt daemon start" in done.stderr, (words, done.stderr)
