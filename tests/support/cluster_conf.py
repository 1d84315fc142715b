"""The slurm.conf of a throw-away cluster."""
import socket
from pathlib import Path

from cluster_processes import free_ports


def resolves_to_loopback(host: str) -> bool:
    try:
        return socket.gethostbyname(host).startswith("127.")
    except OSError:
        return False


def slurm_conf(d: Path, o: dict, node_names: list[str], slurm_user: str, slurmd_user: str, more: dict[str, object],
               network=None) -> str:
    """`d`: the cluster's folder, `o`: its options, `more`: settings of its other parts; the user's own come last. `network`: a Network, or
    nothing: all on loopback."""
    host = socket.gethostname().split(".")[0]
    control, *ports = free_ports(1 + o["nodes"])
    settings = {
        "ClusterName": "throwaway", "SlurmctldHost": f"{host}({network.controller if network else '127.0.0.1'})", "SlurmctldPort": control,
        "SlurmUser": slurm_user, "SlurmdUser": slurmd_user,
        "AuthType": "auth/munge", "CredType": "cred/munge",
        "AuthInfo": f"socket={d}/munge/munge.sock,cred_expire={o['cred_expire']}",
        "StateSaveLocation": f"{d}/state", "SlurmdSpoolDir": f"{d}/spool/%n",
        "SlurmctldPidFile": f"{d}/state/slurmctld.pid", "SlurmdPidFile": f"{d}/spool/%n/slurmd.pid",
        "SlurmctldLogFile": f"{d}/log/slurmctld.log", "SlurmdLogFile": f"{d}/spool/%n/slurmd.log",
        "MpiDefault": "none", "ProctrackType": "proctrack/linuxproc", "TaskPlugin": "task/none",
        "JobAcctGatherType": "jobacct_gather/none", "AccountingStorageType": "accounting_storage/none",
        "JobCompType": "jobcomp/filetxt", "JobCompLoc": f"{d}/log/jobcomp.txt",
        "SelectType": "select/cons_tres", "SelectTypeParameters": "CR_CPU", "SwitchType": "switch/none",
        "SchedulerType": "sched/backfill",
        "SchedulerParameters": "bf_interval=1,sched_interval=1,sched_min_interval=0,batch_sched_delay=0",
        "KillWait": o["kill_wait"], "OverTimeLimit": 0, "MinJobAge": 300, "CompleteWait": 0, "InactiveLimit": 0,
        "SlurmctldTimeout": 30, "SlurmdTimeout": 10, "BatchStartTimeout": 10, "MessageTimeout": 10, "TCPTimeout": 2,
        "JobRequeue": 1, "ReturnToService": 2, "SlurmdParameters": "config_overrides",
        "SlurmctldParameters": "preempt_send_user_signal", "MaxJobCount": 20000, "MaxArraySize": 10001,
    }
    # Listen on loopback only. For slurmd and clients that means: on the address of the host's name.
    on_loopback = resolves_to_loopback(host)
    settings["CommunicationParameters"] = "NoCtldInAddrAny" + (",NoInAddrAny" if on_loopback else "")
    low = high = ""
    if o["preempt"]:
        settings |= {"PreemptType": "preempt/partition_prio", "PreemptMode": "REQUEUE"}
        low, high = f" PreemptMode=REQUEUE GraceTime={o['grace_time']}", " PreemptMode=OFF"
    settings |= more | o["settings"]
    lines = [f"{key}={value}" for key, value in settings.items() if value is not None]
    for name, port in zip(node_names, ports):
        hostname = name if o["namespaces"] else host
        address = network.address(name) if network else "127.0.0.1"
        lines.append(f"NodeName={name} NodeHostname={hostname} NodeAddr={address} Port={port} CPUs={o['cpus']}"
                     " RealMemory=4000 State=UNKNOWN")
    nodes = f"Nodes={','.join(node_names)} State=UP MaxTime={o['wall_clock']} DefaultTime={o['wall_clock']}"
    lines.append(f"PartitionName=debug {nodes} Default=YES PriorityTier=1{low}")
    lines.append(f"PartitionName=high {nodes} PriorityTier=10{high}")
    return "\n".join(lines) + "\n"
