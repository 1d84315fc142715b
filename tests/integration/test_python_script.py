"""The Python client submits batch scripts as `ckpt sbatch` does."""
import os
import pathlib

import pytest

from pyclient import Python
from usersite import Site

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])


@pytest.fixture(scope="module")
def site():
    with Site(BIN) as made:
        yield made


@pytest.fixture(scope="module")
def py(site):
    return Python(site)


def test_a_batch_script_as_it_is(site, py):
    """Its #SBATCH lines count, below the keywords; what is refused is refused as by ckpt sbatch, before there is a job."""
    site.program("job.sh", "#!/bin/sh\n#SBATCH -J of-script -o %x.txt -t 10\n#SBATCH --comment='two words'\n"
                           "echo \"$EXTRA <$1> <$2> $(basename $PWD)\"\nexit 4\n")
    site._make(site.work / "elsewhere")
    app = 'engine="app", ckpt_signal="USR1", ckpt_files=["none*"]'
    told = py.run(f"""
client = Client()
job = client.submit(script="job.sh", args=["a b", 7], env=dict(EXTRA="extra"), time="5", keep=3, tags={{"made": "by"}}, cwd="elsewhere", {app})
first = [job.name, job.policy.keep, job.tags]
job.wait(timeout=90)
tell(dict(id=job.id, first=first, state=job.state, exit_code=job.exit_code, missing=error_of(client.submit, script="none.sh"),
          both=error_of(client.submit, ["x"], script="job.sh"), none=error_of(client.submit), lone=error_of(client.submit, ["x"], args=["y"])))
""")
    assert told["first"] == ["of-script", 3, {"made": "by"}]
    assert (told["state"], told["exit_code"]) == ("failed", 4), site.evidence(told["id"])
    assert (site.work / "elsewhere/of-script.txt").read_text() == "extra <a b> <7> elsewhere\n"
    assert told["missing"][:2] == ["NotFound", "no_such_script"]
    assert [told[key][:2] for key in ("both", "none", "lone")] == [["Usage", "usage"]] * 3
    site.program("bad.sh", "#!/bin/sh\n#SBATCH -J bad\nsrun --pty sh\n")
    told = py.run("""
client = Client()
before = [job.id for job in client.jobs()]
try:
    client.submit(script="bad.sh")
except ckptd.Refused as error:
    tell([error.code, error.detail, before == [job.id for job in client.jobs()]])
""")
    assert told[0] == "script_refused" and "bad.sh:3: srun --pty" in told[1] and told[2]
