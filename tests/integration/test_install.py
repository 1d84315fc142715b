"""What `cmake --install` puts where, and that the manual says what --help says."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"]).resolve()
BUILD = BIN.parent
PAGES = ["man1/ckpt.1", "man5/ckptd.toml.5", "man8/ckptd.8"]


def run(*argv, **more):
    return subprocess.run([str(word) for word in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """As a package is made: below DESTDIR, for /usr."""
    if not (BUILD / "cmake_install.cmake").exists():
        pytest.skip("the programs do not lie in their build folder")
    root = tmp_path_factory.mktemp("root")
    done = run("cmake", "--install", BUILD, "--prefix", "/usr", env={**os.environ, "DESTDIR": str(root)})
    assert done.returncode == 0, done.stdout
    return root


def test_everything_is_there(installed):
    files = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    expected = {"usr/bin/ckpt", "usr/bin/ckptd", "usr/bin/ckpt-runner", "usr/share/systemd/user/ckptd.service",
                "usr/share/bash-completion/completions/ckpt", "usr/share/zsh/site-functions/_ckpt",
                "usr/share/fish/vendor_completions.d/ckpt.fish", "usr/share/doc/ckptd/README.md", "usr/share/doc/ckptd/docs/tutorial.md",
                *(f"usr/share/man/{page}" for page in PAGES)}
    assert expected <= files, expected - files
    assert all(name.startswith(("usr/bin/", "usr/share/")) for name in files), files
    done = run(installed / "usr/bin/ckpt", "--version")
    assert done.returncode == 0 and done.stdout.startswith("ckpt ")


def test_the_unit_names_the_installed_daemon(installed, tmp_path):
    assert "\nExecStart=/usr/bin/ckptd --foreground\n" in (installed / "usr/share/systemd/user/ckptd.service").read_text()
    prefix = tmp_path / "home/.local"  # where systemd looks for a person's own units too
    done = run("cmake", "--install", BUILD, "--prefix", prefix)
    assert done.returncode == 0, done.stdout
    unit = prefix / "share/systemd/user/ckptd.service"
    assert f"\nExecStart={prefix}/bin/ckptd --foreground\n" in unit.read_text()
    if shutil.which("systemd-analyze"):
        done = run("systemd-analyze", "verify", "--user", unit, env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)})
        assert done.returncode == 0, done.stdout


def test_links_in_the_installed_documents_lead_somewhere(installed):
    doc = installed / "usr/share/doc/ckptd"
    for page in doc.rglob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+\.md)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page}: {target}"


def test_completions_are_what_each_shell_reads(installed):
    bash = installed / "usr/share/bash-completion/completions/ckpt"
    script = f'source {bash}; COMP_WORDS=({installed}/usr/bin/ckpt checkp); COMP_CWORD=1; _ckpt; echo "${{COMPREPLY[@]}}"'
    assert run("bash", "-c", script).stdout == "checkpoint\n"
    assert (installed / "usr/share/zsh/site-functions/_ckpt").read_text().startswith("#compdef ckpt\n")


# --- the manual
@pytest.mark.parametrize("page", PAGES)
def test_manual_pages_have_no_fault(installed, page):
    path = installed / "usr/share/man" / page
    if shutil.which("mandoc"):
        done = run("mandoc", "-T", "lint", "-W", "warning", path)
        assert done.returncode == 0 and not done.stdout, done.stdout
    if shutil.which("groff"):
        done = run("groff", "-man", "-ww", "-z", "-Tutf8", path)
        assert done.returncode == 0 and not done.stdout, done.stdout
    if not shutil.which("mandoc") and not shutil.which("groff"):
        pytest.skip("neither mandoc nor groff")
    assert path.read_text().isascii()


def help_of(*words):
    """{heading: its options} and the commands that --help lists."""
    done = run(BIN / "ckpt", *words, "--help")
    assert done.returncode == 0, done.stdout
    groups, commands, heading = {}, [], ""
    for line in done.stdout.splitlines():
        if re.fullmatch(r"\S.*:", line):
            heading = line[:-1]
        elif option := re.match(r"  (-\S+)", line):
            groups.setdefault(heading, set()).update(option[1].split(","))
        elif heading in ("Commands", "Subcommands") and (command := re.match(r"  ([\w-]+) ", line)):
            commands.append(command[1])
    return groups, commands


def verbs_of_help():
    for verb in help_of()[1]:
        children = help_of(verb)[1]
        yield from [(verb, child) for child in children] or [(verb,)]


class Manual:
    """ckpt.1 taken apart: the options below each heading."""

    def __init__(self, text):
        text = text.replace(r"\-", "-").replace(r"\(aq", "'")
        self.parts = {}
        for part in re.split(r"^\.S[HS] ", text, flags=re.MULTILINE)[1:]:
            title, body = part.split("\n", 1)
            self.parts[re.sub(r"\\f[BR]", "", title).strip('"')] = body

    def part(self, verb):
        found = [body for title, body in self.parts.items() if re.match(rf"ckpt {' '.join(verb)} \[OPTIONS\]", title)]
        assert len(found) == 1, (verb, sorted(self.parts))
        return found[0]

    @staticmethod
    def options(body):
        return {name for term in re.findall(r"^\.TP\n(.*)$", body, re.MULTILINE) for name in re.findall(r"\\fB(-[^\\]+)\\fR", term)}

    @staticmethod
    def references(body):
        """"Checkpoints and restarts: as for `ckpt submit`." """
        return {title: tuple(verb.split()) for title, verb in re.findall(r"^(.*): as for \\fBckpt ([\w -]+)\\fR\.$", body, re.MULTILINE)}


def test_the_manual_and_the_help_say_the_same(installed):
    manual = Manual((installed / "usr/share/man/man1/ckpt.1").read_text())
    verbs = list(verbs_of_help())
    assert len(verbs) > 30
    assert {title.split(" [OPTIONS]")[0] for title in manual.parts if title.startswith("ckpt ")} == {"ckpt " + " ".join(verb) for verb in verbs}
    common = manual.options(manual.parts["OPTIONS"])
    assert common >= help_of()[0]["General"] | help_of()[0]["Options"]
    for verb in verbs:
        body, groups = manual.part(verb), help_of(*verb)[0]
        own, references = manual.options(body), manual.references(body)
        assert groups.pop("General") <= common, verb
        for title, options in groups.items():
            there = manual.options(manual.part(references[title])) if title in references else own
            assert options <= there, (verb, title, options - there)
        assert own <= set().union(*groups.values()), verb
        assert set(references) <= set(groups), verb


def test_the_daemons_manual_has_its_options(installed):
    options = Manual.options((installed / "usr/share/man/man8/ckptd.8").read_text().replace(r"\-", "-"))
    done = run(BIN / "ckptd", "--help")
    assert options - {"-h"} == set(re.findall(r"^  (--[\w-]+)", done.stdout, re.MULTILINE))


def test_the_manual_has_every_key_and_variable(installed):
    keys = set(re.findall(r"^\| `([a-z.]+[a-z_.]*)` \|", (pathlib.Path(__file__).parents[2] / "docs/configuration.md").read_text(), re.MULTILINE))
    toml = (installed / "usr/share/man/man5/ckptd.toml.5").read_text()
    assert keys and set(re.findall(r"^\.TP\n\\fB([a-z_.]+)\\fR$", toml, re.MULTILINE)) == keys
    ckpt = (installed / "usr/share/man/man1/ckpt.1").read_text()
    for heading in ("EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"):
        assert f'\n.SH "{heading}"\n' in ckpt
    for variable in ("CKPTD_STATE_DIR", "CKPTD_STORE", "CKPTD_CONFIG", "CKPTD_CLUSTER", "CKPTD_AUTOSTART", "CKPT_DMTCP_ROOT", "CKPT_CRIU", "NO_COLOR"):
        assert variable in ckpt, variable
    for status in range(9):
        assert f"\n.TP\n\\fB{status}\\fR\n" in ckpt
