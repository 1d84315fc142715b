"""A short campaign: each kind of fault once or twice. Every run has a new seed and still finds things (docs/reliability.md), so it runs when it is
asked for: CKPT_TEST_CHAOS=1."""
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
@pytest.mark.skipif(not os.environ.get("CKPT_TEST_CHAOS"), reason="a campaign is asked for by CKPT_TEST_CHAOS=1: it still finds open problems")
@pytest.mark.parametrize("engine, env", ENGINES)
def test_nothing_is_lost_in_a_short_campaign(engine, env):
    seed = os.environ.get("CKPT_CHAOS_SEED") or f"{random.SystemRandom().randrange(10 ** 6)}"
    lines = []
    campaign = Campaign(BIN, engine, env, seed, count=20, gap=1.5, work_seconds=20, live=6, log=lines.append)
    # A restart that finds the disk full parks its job at once: open, see docs/reliability.md.
    campaign.kinds = [kind for kind in campaign.kinds if kind.name != "disk full"]
    try:
        result = campaign.run()
        print(result)
        assert not result.problems, "\n".join([f"CKPT_CHAOS_SEED={seed}", *lines, str(result)])
    finally:
        campaign.close()
