"""slurmdbd and its mariadbd: what makes `sacct` work. The database listens on a socket in the cluster's folder only."""
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from cluster_processes import ClusterError, alive, free_ports, tail, wait_until

PATH = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"
LONGEST_SOCKET = 100  # sun_path takes 107


class Accounting:
    PROGRAMS = ("slurmdbd", "mariadbd", "mariadb-install-db", "sacct", "sacctmgr")

    def __init__(self, cluster):
        self.cluster = cluster
        self.dir: Path = cluster.dir / "db"
        self.socket = self.dir / "my.sock"
        self.port = 0

    def settings(self) -> dict[str, object]:
        """Of slurm.conf."""
        (self.port,) = free_ports(1)
        return {"AccountingStorageType": "accounting_storage/slurmdbd", "AccountingStorageHost": "127.0.0.1",
                "AccountingStoragePort": self.port, "AccountingStoragePass": f"{self.cluster.dir}/munge/munge.sock",
                "AccountingStoreFlags": "job_comment",
                "JobAcctGatherType": "jobacct_gather/linux", "JobAcctGatherFrequency": "task=1"}

    def start(self) -> None:
        self._make_database()
        self._start_mariadbd()
        self.start_slurmdbd()
        name = "throwaway"
        done = self.cluster.run("sacctmgr", "-i", "add", "cluster", name)
        if name not in self.cluster.run("sacctmgr", "-nP", "show", "cluster", "format=cluster").stdout:
            raise ClusterError(f"slurmdbd does not take the cluster: {done.stdout}{done.stderr}")

    def stop_slurmdbd(self) -> None:
        self.cluster._end(["slurmdbd"], patience=20)

    def _database_user(self) -> str:
        return self.cluster.daemon_user("mysql")

    def _make_database(self) -> None:
        if len(str(self.socket)) > LONGEST_SOCKET:
            raise ClusterError(f"the path of the database's socket is too long: {self.socket}")
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir()
        self.dir.chmod(0o755)
        user, slurm = pwd.getpwnam(self._database_user()), self.cluster.daemon_user("slurm")
        password = secrets.token_hex(16)
        init = self.dir / "init.sql"
        init.touch(mode=0o600)
        init.write_text("CREATE DATABASE IF NOT EXISTS slurm_acct;\n"
                        f"CREATE USER IF NOT EXISTS 'slurm'@'localhost' IDENTIFIED BY '{password}';\n"
                        "GRANT ALL ON slurm_acct.* TO 'slurm'@'localhost';\n")
        conf = self.cluster.dir / "etc" / "slurmdbd.conf"
        conf.touch(mode=0o600)
        conf.write_text("\n".join([
            "AuthType=auth/munge", f"AuthInfo=socket={self.cluster.dir}/munge/munge.sock", f"SlurmUser={slurm}",
            f"DbdHost={socket.gethostname().split('.')[0]}", "DbdAddr=127.0.0.1", f"DbdPort={self.port}",
            "StorageType=accounting_storage/mysql", "StorageHost=localhost", "StorageUser=slurm", f"StoragePass={password}",
            "StorageLoc=slurm_acct", f"LogFile={self.cluster.dir}/log/slurmdbd.log", f"PidFile={self.cluster.dir}/state/slurmdbd.pid",
        ]) + "\n")
        if os.geteuid() == 0:
            os.chown(self.dir, user.pw_uid, user.pw_gid)
            os.chown(init, user.pw_uid, user.pw_gid)
            os.chown(conf, pwd.getpwnam(slurm).pw_uid, -1)
        with tempfile.TemporaryFile("w+") as log:
            command = ["mariadb-install-db", "--no-defaults", f"--datadir={self.dir}/data", "--skip-test-db",
                       "--auth-root-authentication-method=normal", f"--user={user.pw_name}"]
            if subprocess.run(command, env={"PATH": PATH}, stdout=log, stderr=log, stdin=subprocess.DEVNULL).returncode:
                log.seek(0)
                raise ClusterError("mariadb-install-db fails\n" + log.read()[-2000:])

    def _start_mariadbd(self) -> None:
        command = ["mariadbd", "--no-defaults", f"--datadir={self.dir}/data", f"--socket={self.socket}", "--skip-networking",
                   f"--pid-file={self.dir}/pid", f"--init-file={self.dir}/init.sql", "--innodb-buffer-pool-size=32M",
                   "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0", "--innodb-lock-wait-timeout=900"]
        mariadbd = self.cluster.spawn("mariadbd", command, self._database_user(), "mariadbd.out")
        if not wait_until(lambda: self.socket.exists() or not alive(mariadbd), 60) or not alive(mariadbd):
            raise ClusterError("mariadbd does not start\n" + tail(self.cluster.dir / "log" / "mariadbd.out"))

    def start_slurmdbd(self) -> None:
        """Also after stop_slurmdbd(); returns when it answers."""
        slurmdbd = self.cluster.spawn("slurmdbd", ["slurmdbd", "-D"], self.cluster.daemon_user("slurm"), "slurmdbd.out",
                                      {"MYSQL_UNIX_PORT": str(self.socket)})
        def answers() -> bool:
            return not alive(slurmdbd) or self.cluster.run("sacctmgr", "-nP", "show", "cluster").returncode == 0
        if not wait_until(answers, 60, 0.1) or not alive(slurmdbd):
            raise ClusterError("slurmdbd does not answer\n" + tail(self.cluster.dir / "log" / "slurmdbd.out")
                               + tail(self.cluster.dir / "log" / "slurmdbd.log"))
