"""Packages of another Debian suite, fetched beside the system: nothing is installed, no system list is touched.

The archive (address, signing key, options) is read from the machine's own apt configuration at run time,
and only the suite's name is changed. Works without root.
"""
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


class AptError(Exception):
    """apt could not do it; the text is the reason for people."""


@dataclass
class Source:
    """One source entry of the machine, with a place for the suite."""
    uri: str
    suites: list[str]
    components: list[str]
    template: str  # text of the entry with {suite}
    ending: str  # "list" or "sources"


def run(command: list[str], cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors="replace", timeout=600)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line[:2] in ("E:", "W:")] or done.stderr.splitlines()
        raise AptError(f"{command[0]} ended with {done.returncode}: " + " / ".join(lines[:3]))
    return done.stdout


def apt_paths() -> tuple[Path, Path]:
    text = run(["apt-config", "shell", "LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d"])
    found = dict(re.findall(r"^(\w+)='(.*)'$", text, re.M))
    return Path(found["LIST"]), Path(found["PARTS"])


def parse_one_line(text: str) -> list[Source]:
    sources = []
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(\[[^\]]*\]\s+)?(\S+)\s+(\S+)((?:\s+[^\s#]+)+)", line)
        if match:
            options, uri, suite, components = match[1] or "", match[2], match[3], match[4].split()
            sources.append(Source(uri, [suite], components, f"deb {options}{uri} {{suite}} main\n", "list"))
    return sources


def parse_deb822(text: str) -> list[Source]:
    sources = []
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        fields = {m[1].lower(): m[2] for m in re.finditer(r"^([\w-]+):(.*(?:\n[ \t].*)*)", stanza, re.M)}
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").strip().lower() in ("no", "false"):
            continue
        kept = [f"{key}:{value.rstrip()}" for key, value in fields.items()
                if key not in ("types", "uris", "suites", "components", "enabled")]
        for uri in fields.get("uris", "").split():
            template = "\n".join(["Types: deb", f"URIs: {uri}", "Suites: {suite}", "Components: main",
                                  *(k.replace("{", "{{").replace("}", "}}") for k in kept)]) + "\n"
            sources.append(Source(uri, fields.get("suites", "").split(), fields.get("components", "").split(), template,
                                  "sources"))
    return sources


def origins() -> dict[str, str]:
    """Archive address → Origin, as far as the system's lists tell (they may have been deleted)."""
    try:
        text = run(["apt-get", "indextargets", "--format", "$(REPO_URI)|$(ORIGIN)"])
    except AptError:
        return {}
    pairs = (line.rsplit("|", 1) for line in text.splitlines() if "|" in line)
    return {uri.rstrip("/"): origin for uri, origin in pairs if not origin.startswith("$")}


def debian_sources() -> list[Source]:
    """The machine's own entries of Debian's main archive (not security, not other people's)."""
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', Path("/etc/os-release").read_text(), re.M))
    names = {release.get("VERSION_CODENAME", ""), "stable", "oldstable", "testing", "unstable", "sid"} - {""}
    main_list, parts = apt_paths()
    sources = parse_one_line(main_list.read_text()) if main_list.is_file() else []
    for file in sorted(parts.glob("*")) if parts.is_dir() else []:
        if file.suffix == ".list":
            sources += parse_one_line(file.read_text())
        elif file.suffix == ".sources":
            sources += parse_deb822(file.read_text())
    known = origins()
    ours = [s for s in sources if names & set(s.suites) and "main" in s.components
            and known.get(s.uri.rstrip("/"), "Debian") == "Debian"]
    return list({s.uri.rstrip("/"): s for s in ours}.values())


class PrivateApt:
    """apt with lists, cache and status of its own below `folder`, for one suite of one source."""

    def __init__(self, folder: Path, source: Source, suite: str, sandbox: bool):
        shutil.rmtree(folder, ignore_errors=True)
        for sub in ("lists/partial", "cache/archives/partial", "sources", "preferences", "debs"):
            (folder / sub).mkdir(parents=True)
        (folder / "status").touch()
        (folder / "sources" / f"suite.{source.ending}").write_text(source.template.format(suite=suite))
        architecture = run(["dpkg", "--print-architecture"]).strip()
        settings = {"Dir::State": folder, "Dir::State::lists": folder / "lists", "Dir::State::status": folder / "status",
                    "Dir::Cache": folder / "cache", "Dir::Etc::sourcelist": "/dev/null",
                    "Dir::Etc::sourceparts": folder / "sources", "Dir::Etc::preferences": "/dev/null",
                    "Dir::Etc::preferencesparts": folder / "preferences", "APT::Default-Release": "",
                    "Acquire::Languages": "none", "Acquire::Retries": "2", "APT::Architectures": architecture,
                    "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
                    "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false"}
        if not sandbox:  # apt's own download user cannot reach the folder
            settings["APT::Sandbox::User"] = "root"
        # The system's hooks are for the system's cache; cleared in a file because options can only add to lists.
        cleared = ("APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success",
                   "Acquire::Languages", "APT::Architectures")
        config = folder / "apt.conf"
        config.write_text("".join(f"#clear {name};\n" for name in cleared)
                          + "".join(f'{name} "{value}";\n' for name, value in settings.items()))
        self.folder_, self.options_ = folder, ["-q", "-c", str(config)]

    def update(self) -> None:
        run(["apt-get", *self.options_, "-o", "APT::Update::Error-Mode=any", "update"])

    def candidate(self, package: str) -> str:
        """The version that the suite has, or ''."""
        found = re.search(r"Candidate: (\S+)", run(["apt-cache", *self.options_, "policy", package]))
        return "" if not found or found[1] == "(none)" else found[1]

    def closure(self, package: str) -> list[str]:
        """The package and every library that it needs, libc included (the empty status has nothing installed)."""
        text = run(["apt-get", *self.options_, "-s", "--no-install-recommends", "install", package])
        names = re.findall(r"^Inst (\S+)", text, re.M)
        return [n for n in names if n == package or re.match(r"(lib(?!python|perl)|zlib)", n)]

    def unpack(self, packages: list[str], root: Path) -> None:
        """Downloads (signatures and hashes are apt's business) and unpacks; no maintainer script runs."""
        debs = self.folder_ / "debs"
        run(["apt-get", *self.options_, "download", *packages], cwd=debs)
        root.mkdir(parents=True)
        for deb in sorted(debs.glob("*.deb")):
            run(["dpkg", "-x", str(deb), str(root)])
