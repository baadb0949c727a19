"""LaTeX problem statements as Markdown: the subset that statements are written in, and nothing guessed.

Formulas are kept as they are, between dollars. What is not known here is refused by its name and line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

MAX_NESTING = 30
"""How deep groups and lists may lie in one another."""

CHARACTERS = {
    **{f"\\{char}": char for char in "%$&#_{}"},
    "\\ ": " ",
    "\\,": "\N{THIN SPACE}",
    "\\-": "",
    "~": "\N{NO-BREAK SPACE}",
    "``": "“",
    "''": "”",
    "`": "‘",
    "'": "’",
    "--": "–",
    "---": "—",
    **dict.fromkeys(("\\ldots", "\\dots", "\\textellipsis"), "…"),
    "\\textbackslash": "\\",
    "\\textasciitilde": "~",
    "\\textasciicircum": "^",
    **dict.fromkeys(("\\noindent", "\\smallskip", "\\medskip", "\\bigskip"), ""),
}
EMPHASIS = {"\\textbf": "**", "\\textit": "*", "\\emph": "*"}
HEADINGS = {"\\section": "## ", "\\subsection": "### "}
SECTIONS = {"Input": "## Input", "Output": "## Output"}
LISTS = {"itemize": "- ", "enumerate": "1. "}

TOKEN = re.compile(
    r"""
      (?P<comment>%[^\n]*(?:\n(?![ \t]*\n)[ \t]*)?)
    | (?P<paragraph>[ \t]*\n[ \t]*\n\s*|\\par(?![A-Za-z]))
    | (?P<space>\s+)
    | (?P<display>\$\$(?P<dollars>(?:\\.|[^\\$])+)\$\$|\\\[(?P<bracket>.{1,2000}?)\\\])
    | (?P<formula>\$(?P<dollar>(?:\\.|[^\\$])+)\$|\\\((?P<paren>.{1,2000}?)\\\))
    | (?P<verbatim>\\begin\{(?P<kind>verbatim|lstlisting)\}(?:\[[^]\n]*\])?(?P<lines>.*?)\\end\{(?P=kind)\})
    | (?P<verb>\\verb(?P<bar>[^A-Za-z*\s])(?P<inside>[^\n]*?)(?P=bar))
    | (?P<begin>\\begin\{(?P<opened>[^}\n]*)\})
    | (?P<end>\\end\{(?P<closed>[^}\n]*)\})
    | (?P<linebreak>\\\\\*?(?:\[[^]\n]*\])?|\\newline(?![A-Za-z]))
    | (?P<command>\\[A-Za-z]+|\\.)
    | (?P<open>\{)
    | (?P<close>\})
    | (?P<ligature>``|''|---|--|[`'~])
    | (?P<bare>[$&\#^_\\])
    | (?P<text>[^\s%$\\{}`'~&\#^_-]+|-)
    """,
    re.VERBOSE | re.DOTALL,
)
AFTER_COMMAND = r"(?:[ \t]+|[ \t]*\n(?![ \t]*\n)[ \t]*)?(?:\{\})?"
"""What LaTeX swallows after a command of letters: white space up to a blank line, and an empty group."""

Mode = Literal["text", "code"]


class LatexError(Exception):
    """The statement holds what cannot be told in Markdown; ``problems`` names each with its line."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Statement:
    """``title`` is what \\problemname holds, None where there is none."""

    title: str | None
    markdown: str


def to_markdown(latex: str) -> Statement:
    """The body of a statement (what would stand between \\begin and \\end{document}). Raises LatexError."""
    converter = _Converter(latex.replace("\r\n", "\n"))
    blocks, _ = converter.blocks(None)
    if converter.problems:
        raise LatexError(tuple(dict.fromkeys(converter.problems)))
    return Statement(converter.title, "".join(f"{block}\n\n" for block in blocks).rstrip("\n"))


class _Converter:
    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[str] = []
        self.title: str | None = None
        self._at = 0
        self._depth = 0

    def blocks(self, environment: str | None) -> tuple[list[str], bool]:
        """The paragraphs up to the environment's end, or up to its next \\item: then the second is true."""
        done: list[str] = []
        line: list[str] = []
        while (token := self._next()) is not None:
            at_item = token["command"] == "\\item" and environment in LISTS
            if at_item or (token["end"] and token["closed"] == environment):
                return done + _paragraph(line), at_item
            block = self._block(token)
            if block is None:
                self._append(line, self._inline(token, "text"), token)
                continue
            done += _paragraph(line) + [block] * (block != "")
            line.clear()
        if environment is not None:
            self.problems.append(f"\\begin{{{environment}}} without its \\end")
        return done + _paragraph(line), False

    def _block(self, token: re.Match[str]) -> str | None:
        """What ends a paragraph, empty where it shows nothing; None: the token is a part of the paragraph."""
        if token["paragraph"]:
            return ""
        if token["display"]:
            return f"$$\n{_formula(token['dollars'] or token['bracket'])}\n$$"
        if token["verbatim"]:
            return _fenced(token["lines"])
        if token["begin"]:
            return "\n\n".join(self._environment(token))
        if token["command"] in HEADINGS:
            return HEADINGS[token["command"]] + self._argument(token).replace("\\\n", " ").strip()
        if token["command"] == "\\problemname":
            if self._skip(r"\s*(?=\{)"):
                self.title = _unescaped(self._argument(token)).strip() or None
            return ""
        return None

    def _environment(self, token: re.Match[str]) -> list[str]:
        name = token["opened"]
        if name not in (*LISTS, *SECTIONS, "center", "quote"):
            self._refuse(token, f"\\begin{{{name}}} is not supported")
            end = self.source.find(f"\\end{{{name}}}", self._at)
            self._at = len(self.source) if end < 0 else end + len(f"\\end{{{name}}}")
            return []
        if not self._enter(token):
            return []
        blocks, at_item = self.blocks(name)
        if name in SECTIONS:
            blocks = [SECTIONS[name], *blocks]
        elif name == "quote":
            blocks = [_prefixed(blocks, "> ", "> ")]
        elif name in LISTS:
            if blocks:
                self._refuse(token, f"text before the first \\item of {name} is not supported")
            blocks = []
            while at_item:
                if self._skip(r"\s*\["):
                    self._refuse(token, f"\\item[...] in {name} is not supported")
                item, at_item = self.blocks(name)
                blocks.append(_prefixed(item, LISTS[name], " " * len(LISTS[name])))
        self._depth -= 1
        return blocks

    def _inline(self, token: re.Match[str], mode: Mode) -> str:
        """One token as a part of a paragraph; in code nothing but characters is possible."""
        found = token[0]
        if token["comment"]:
            return ""
        if token["space"]:
            return " "
        if token["open"]:
            return self._group(token, mode)
        if token["text"] or (mode == "code" and token["ligature"]):
            return _escaped(found) if mode == "text" else found.replace("~", " ")
        if found in CHARACTERS:
            if found[0] == "\\" and found[1].isalpha():
                self._skip(AFTER_COMMAND)
            return _escaped(CHARACTERS[found]) if mode == "text" else CHARACTERS[found]
        if mode == "text":
            if token["formula"]:
                return f"${_formula(token['dollar'] or token['paren'])}$"
            if token["verb"]:
                return _code(token["inside"])
            if token["linebreak"]:
                return "\\\n"
            if found == "\\texttt":
                return _code(self._argument(token, "code"))
            if found in EMPHASIS:
                return self._emphasis(token)
        self._refuse_inline(token, mode)
        return ""

    def _refuse_inline(self, token: re.Match[str], mode: Mode) -> None:
        if token["paragraph"]:
            self._refuse(token, "a blank line inside of braces")
        elif token["end"]:
            self._refuse(token, f"{token[0]} without its \\begin")
        elif token["close"]:
            self._refuse(token, "} without its {")
        elif token["bare"]:
            self._refuse(token, f"{token[0]} outside of a formula")
        else:
            self._skip(r"\*?(?:\[[^]\n]*\])*")
            what = "a formula" if token["formula"] or token["display"] else token[0].splitlines()[0]
            self._refuse(token, f"{what} is not supported" + (" in \\texttt" if mode == "code" else " here"))

    def _emphasis(self, token: re.Match[str]) -> str:
        """Markdown sees no emphasis where its mark stands between a letter and a sign, so that is refused."""
        mark = EMPHASIS[token[0]]
        before = self.source[token.start() - 1 : token.start()]
        inner = self._argument(token)
        after = self.source[self._at : self._at + 1]
        text = inner.strip(" ")
        if not text:
            return inner
        if (before.isalnum() and not text[0].isalnum()) or (after.isalnum() and not text[-1].isalnum()):
            self._refuse(token, f"{token[0]} between a letter and a sign is not supported")
        return f"{' ' * (inner[0] == ' ')}{mark}{text}{mark}{' ' * (inner[-1] == ' ')}"

    def _argument(self, command: re.Match[str], mode: Mode = "text") -> str:
        self._skip(r"\*?\s*")
        token = self._next()
        if token is None or not token["open"]:
            self._refuse(command, f"{command[0]} without its argument in braces")
            self._at = command.end()
            return ""
        return self._group(token, mode)

    def _group(self, opening: re.Match[str], mode: Mode) -> str:
        if not self._enter(opening):
            return ""
        parts: list[str] = []
        while (token := self._next()) is not None:
            if token["close"]:
                self._depth -= 1
                return "".join(parts)
            self._append(parts, self._inline(token, mode), token)
        self._refuse(opening, "{ without its }")
        return ""

    def _append(self, parts: list[str], part: str, token: re.Match[str]) -> None:
        """White space counts once. Two marks that would melt into one are refused."""
        last = parts[-1] if parts else ""
        if not part or (part == " " and last.endswith((" ", "\n"))):
            return
        if part[0] in "`*$" and last.endswith(part[0]) and not last.endswith(f"\\{part[0]}"):
            self._refuse(token, f"{token[0].splitlines()[0]} with nothing before it but its like is not supported")
        parts.append(part)

    def _enter(self, token: re.Match[str]) -> bool:
        """Whether one level more is bearable; where it is not, the rest is not read."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            self._refuse(token, f"more than {MAX_NESTING} levels in one another")
            self._at = len(self.source)
        return self._depth <= MAX_NESTING

    def _next(self) -> re.Match[str] | None:
        """Every character begins some token, so only the end of the source has none."""
        token = TOKEN.match(self.source, self._at)
        self._at = token.end() if token else self._at
        return token

    def _skip(self, pattern: str) -> bool:
        found = re.compile(pattern).match(self.source, self._at)
        self._at = found.end() if found else self._at
        return found is not None

    def _refuse(self, token: re.Match[str], problem: str) -> None:
        self.problems.append(f"line {self.source.count(chr(10), 0, token.start()) + 1}: {problem}")


def _paragraph(parts: list[str]) -> list[str]:
    """One paragraph or none. What would begin a list in Markdown is escaped."""
    text = re.sub(r"(?:\s|\\\n)+\Z|\A(?:\s|\\\n)+", "", "".join(parts))
    text = re.sub(r"^([-+])(?=\s|$)", r"\\\1", text, flags=re.MULTILINE)
    text = re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", text, flags=re.MULTILINE)
    return [text] if text else []


def _escaped(text: str) -> str:
    return re.sub(r"[\\`*_\[\]<>$|#&~=^]", r"\\\g<0>", text)


def _unescaped(markdown: str) -> str:
    return re.sub(r"\\([\\`*_\[\]<>$|#&~=^])", r"\1", markdown)


def _formula(latex: str) -> str:
    """On one line, as white space means nothing in a formula; its comments must go for that."""
    return " ".join(re.sub(r"(?<!\\)%[^\n]*", "", latex).split())


def _longer_than_any(text: str, least: int) -> str:
    return "`" * max([least, *(len(run) + 1 for run in re.findall("`+", text))])


def _code(text: str) -> str:
    fence = _longer_than_any(text, 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}" if text else ""


def _fenced(text: str) -> str:
    fence = _longer_than_any(text, 3)
    return "\n".join([fence, text.strip("\n").rstrip(), fence])


def _prefixed(blocks: list[str], first: str, rest: str) -> str:
    lines = "\n\n".join(blocks).split("\n")
    return "\n".join(((rest if number else first) + line).rstrip() for number, line in enumerate(lines))
