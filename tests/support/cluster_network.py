"""A network of its own for the nodes of a throw-away cluster: each in a network namespace, on one bridge with the controller, so that a
node can be cut off. Needs root; the addresses exist on this machine only."""
import os
import socket
import subprocess
from pathlib import Path

from cluster_processes import ClusterError


def ip(*words: str, check: bool = True) -> subprocess.CompletedProcess:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if check and done.returncode != 0:
        raise ClusterError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done


class Network:
    """`mark`: a few letters that make the names of this cluster's devices its own."""

    def __init__(self, node_names: list[str], mark: str = ""):
        self.mark = mark or f"{os.getpid() % 0xfffff:05x}"
        self.nodes = node_names
        self.bridge = f"ckb{self.mark}"
        number = int(self.mark, 16)
        self.prefix = f"10.{64 + number // 256 % 64}.{number % 256}"

    @property
    def controller(self) -> str:
        return f"{self.prefix}.1"

    def address(self, node: str) -> str:
        return f"{self.prefix}.{11 + self.nodes.index(node)}"

    def namespace(self, node: str) -> str:
        return f"ckpt-{self.mark}-{node}"

    def enter(self, node: str) -> list[str]:
        """Words in front of a command that is to run there."""
        return ["nsenter", f"--net=/run/netns/{self.namespace(node)}"]

    def knowing(self, hosts: Path) -> list[str]:
        """Words in front of a daemon that binds to what /etc/hosts says of this machine's name."""
        return ["unshare", "-m", "sh", "-c", f'mount --bind "{hosts}" /etc/hosts && exec "$@"', "sh"]

    def hosts(self) -> str:
        """An /etc/hosts in which this machine is the controller's address."""
        here = socket.gethostname()
        names = f"127.0.0.1 localhost\n{self.controller} {here} {here.split('.')[0]}\n"
        return names + "".join(f"{self.address(node)} {node}\n" for node in self.nodes)

    def start(self) -> None:
        ip("link", "add", self.bridge, "type", "bridge")
        ip("addr", "add", f"{self.controller}/24", "dev", self.bridge)
        ip("link", "set", self.bridge, "up")
        for node in self.nodes:
            space, outside = self.namespace(node), self._cable(node)
            ip("netns", "add", space)
            ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", space)
            ip("link", "set", outside, "master", self.bridge, "up")
            ip("-n", space, "addr", "add", f"{self.address(node)}/24", "dev", "eth0")
            ip("-n", space, "link", "set", "eth0", "up")
            ip("-n", space, "link", "set", "lo", "up")

    def cut(self, node: str) -> None:
        """The node's cable is out: nobody is told, packets are lost."""
        ip("link", "set", self._cable(node), "down")

    def mend(self, node: str) -> None:
        ip("link", "set", self._cable(node), "up")

    def stop(self) -> None:
        """Safe to repeat."""
        for node in self.nodes:
            ip("link", "del", self._cable(node), check=False)
            if Path(f"/run/netns/{self.namespace(node)}").exists():
                ip("netns", "del", self.namespace(node), check=False)
        ip("link", "del", self.bridge, check=False)

    def _cable(self, node: str) -> str:
        return f"ckv{self.mark}{node}"
