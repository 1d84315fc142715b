"""scripts/chaos: a fault campaign on this machine. See docs/reliability.md."""
import argparse
import os
import pathlib
import random
import signal
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "support")]

from chaos.campaign import KINDS, Campaign  # noqa: E402
from chaos.store_faults import StoreHangs  # noqa: E402


def main():
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("--seed", default=None, help="any word; nothing: a new one")
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--engine", choices=("criu", "dmtcp"), default="criu")
    parser.add_argument("--gap", type=float, default=3, help="mean seconds between two faults")
    parser.add_argument("--jobs", type=int, default=12, help="how many are alive at a time")
    parser.add_argument("--work", type=float, default=45, help="seconds that each job would need undisturbed")
    parser.add_argument("--only", action="append", default=[], help="part of the name of a kind of fault (several times: any of them)")
    parser.add_argument("--without", action="append", default=[], help="part of the name of a kind that is left out")
    parser.add_argument("--hang", type=float, nargs=2, metavar=("SHORTEST", "LONGEST"), help="seconds that the store hangs (else 4 to 45)")
    parser.add_argument("--list", action="store_true", help="names the kinds of faults")
    args = parser.parse_args()
    if args.list:
        print("\n".join(kind.name for kind in KINDS))
        return 0
    StoreHangs.rests = tuple(args.hang or StoreHangs.rests)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the cluster is taken down all the same
    seed = args.seed or f"{random.SystemRandom().randrange(10 ** 6)}"
    env = {name: os.environ[name] for name in ("CKPT_CRIU", "CKPT_DMTCP_ROOT") if os.environ.get(name)}
    campaign = Campaign(pathlib.Path(os.environ["CKPT_BIN_DIR"]), args.engine, env, seed, args.faults, args.gap, args.work, args.jobs,
                        args.only, lambda text: print(text, flush=True))
    campaign.kinds = [kind for kind in campaign.kinds if not any(word in kind.name for word in args.without)]
    try:
        result = campaign.run()
        print(result)
        return 1 if result.problems else 0
    finally:
        campaign.close()


sys.exit(main())
