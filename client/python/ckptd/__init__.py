"""Python client of ckptd: jobs that outlive their allocations.

    import ckptd
    job = ckptd.Client().submit(["./simulate", "input.dat"], time="24:00:00", every="30m")
    job.wait()
"""
from .client import Client
from .errors import CkptError, Conflict, Failed, NoDaemon, NotFound, Refused, TimedOut, Unusable, Usage
from .here import HereResult, checkpoint_here, in_job
from .job import Job, OutputChunk
from .policy import Policy
from .views import (Accounting, Attempt, Coordinator, Event, Generation, GenerationRef, Node, Process, Pruned, Stats, Status)

__version__ = "0.1.0"

__all__ = [
    "Accounting", "Attempt", "CkptError", "Client", "Conflict", "Coordinator", "Event", "Failed", "Generation", "GenerationRef",
    "HereResult", "Job", "NoDaemon", "Node", "NotFound", "OutputChunk", "Policy", "Process", "Pruned", "Refused", "Stats", "Status",
    "TimedOut", "Unusable", "Usage", "checkpoint_here", "in_job",
]
