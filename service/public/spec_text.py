"""A published spec as blocks of text. Only the little Markdown that the specs use; nothing becomes markup."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Block:
    """A heading, paragraph, list or piece of code, or a numbered rule with its title and where it comes from."""

    kind: Literal["heading", "text", "list", "code", "rule"]
    text: str = ""
    items: tuple[str, ...] = ()
    number: str = ""
    title: str = ""
    source: str = ""


_RULE = re.compile(r"\*\*(?P<number>[A-Z0-9]+-[0-9]+)\. (?P<title>.+?)\*\*\s*(?P<text>.*)")
_SOURCE = re.compile(r"(?P<text>.*?)\s*\*(?P<source>Source: .*)\*")


def split_spec(text: str) -> list[Block]:
    """Return the blocks of a spec, in order.

    Headings start with #, list items with -, * or a number, code is fenced by ``` or a table's |, or set in by four.
    Any other run of lines is a paragraph. One that starts with a number and a title in ** is a rule; what it ends with
    in * is its source.

    Example:
        >>> split_spec("# IRV\\n\\nOne wins.\\n\\n- a\\n- b\\n")[2].items
        ('a', 'b')
    """
    blocks: list[Block] = []
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
        elif line.startswith("```"):
            end = next((n for n in range(at + 1, len(lines)) if lines[n].startswith("```")), len(lines))
            blocks.append(Block("code", "\n".join(lines[at + 1 : end])))
            at = end + 1
        elif line.startswith("    "):
            end = _run(lines, at, lambda row: row.startswith("    "))
            blocks.append(Block("code", "\n".join(row[4:] for row in lines[at:end])))
            at = end
        elif line.startswith("#"):
            blocks.append(Block("heading", line.lstrip("#").strip()))
            at += 1
        elif line.startswith("|"):
            end = _run(lines, at, lambda row: row.startswith("|"))
            blocks.append(Block("code", "\n".join(lines[at:end])))
            at = end
        elif _is_item(line):
            items: list[str] = []
            while at < len(lines) and (_is_item(lines[at]) or (lines[at].startswith(" ") and lines[at].strip())):
                if _is_item(lines[at]):
                    items.append(lines[at].lstrip("-* ").strip())
                else:
                    items[-1] += " " + lines[at].strip()
                at += 1
            blocks.append(Block("list", items=tuple(items)))
        else:
            end = _run(lines, at, lambda row: bool(row.strip()) and not row.startswith(("#", "```", "|")))
            blocks.append(_paragraph(" ".join(row.strip() for row in lines[at:end])))
            at = end
    return blocks


def _paragraph(text: str) -> Block:
    rule = _RULE.fullmatch(text)
    if rule is None:
        return Block("text", _plain(text))
    words, sources = rule["text"], ""
    if found := _SOURCE.fullmatch(words):
        words, sources = found["text"], found["source"]
    return Block("rule", _plain(words), number=rule["number"], title=rule["title"], source=_plain(sources))


def _plain(text: str) -> str:
    """Drop the marks of emphasis and of code."""
    return re.sub(r"(?<![\w*])\*(?=\S)([^*]+)(?<=\S)\*(?![\w*])", r"\1", text).replace("`", "")


def _is_item(line: str) -> bool:
    head = line.split(" ", 1)[0]
    return line.startswith(("- ", "* ")) or (head.endswith(".") and head[:-1].isdigit())


def _run(lines: list[str], start: int, belongs: Callable[[str], bool]) -> int:
    end = start
    while end < len(lines) and belongs(lines[end]):
        end += 1
    return end
