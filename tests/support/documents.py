"""Commands as they stand in the documentation: in blocks that people paste, and in the running text between backticks."""
import pathlib
import re
import shlex

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Decisions speak of what might have been, too.
PAGES = [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").glob("**/*.md") if page.parent.name != "decisions")]


def blocks(page, language="sh"):
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def steps(page):
    """Blocks to run and remarks for the test, in their order: ("run", text) and ("remark", text)."""
    found = re.finditer(r"^```sh\n(?P<run>.*?)^```$|^<!-- test: (?P<remark>.*?) -->$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [(match.lastgroup, match[match.lastgroup]) for match in found]


def commands(line):
    """The simple commands of a line of shell, each as a list of words. Here-documents and the like are not understood."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";|&")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words = []
    for word in lexer:
        if set(word) <= set(";|&"):
            yield words
            words = []
        else:
            words.append(word)
    yield words


def ckpt_in_blocks(page):
    for block in blocks(page):
        for line in re.sub(r"\\\n", " ", block).splitlines():
            if re.match(r"(\w+=\S* )*ckpt ", line):
                for words in commands(line):
                    if words and words[0] == "ckpt":
                        yield words[1:]


def ckpt_in_text(page):
    """`ckpt logs JOB -f` in the text, with JOB and the like for what it stands for. One with an ellipsis is no whole command, and a
    verb alone only names it."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for span in re.findall(r"`(ckpt(?:\s[^`]*)?)`", text):
        if not re.search(r"…|\s-- PROGRAM|[<>\[]", span):
            words = shlex.split(" ".join(span.split()))[1:]
            yield words if len(words) > 1 else [*words, "--help"]
