"""A short campaign: twenty faults of different kinds, with a new seed each time; CKPT_CHAOS_SEED repeats one."""
import os
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from chaos.campaign import Campaign  # noqa: E402
from engines import engine_parameters  # noqa: E402

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
# DMTCP has the same rules above it and takes longer to come back: its campaigns are the long ones.
ENGINES = [p for p in engine_parameters() if p.values[0] == "criu"]


@pytest.mark.skipif(os.getuid() != 0, reason="the nodes of the throw-away cluster need namespaces")
@pytest.mark.parametrize("engine, env", ENGINES)
def test_nothing_is_lost_in_a_short_campaign(engine, env):
    seed = os.environ.get("CKPT_CHAOS_SEED") or f"{random.SystemRandom().randrange(10 ** 6)}"
    print(f"CKPT_CHAOS_SEED={seed}")
    lines = []
    campaign = Campaign(BIN, engine, env, seed, count=20, gap=1.5, work_seconds=20, live=6, log=lines.append)
    try:
        result = campaign.run()
        print(result)
        assert not result.problems, "\n".join([f"CKPT_CHAOS_SEED={seed}", *lines, str(result)])
    finally:
        campaign.close()
