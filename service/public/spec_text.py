"""A published spec as blocks of text. Only the little Markdown that the specs use; nothing becomes markup."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Block:
    """A heading, paragraph, list or piece of code."""

    kind: Literal["heading", "text", "list", "code"]
    text: str = ""
    items: tuple[str, ...] = ()


def split_spec(text: str) -> list[Block]:
    """Return the blocks of a spec, in order.

    Headings start with #, list items with -, * or a number, code is fenced by ``` or a table's |. Any other run of
    lines is a paragraph.

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
            blocks.append(Block("text", " ".join(row.strip() for row in lines[at:end])))
            at = end
    return blocks


def _is_item(line: str) -> bool:
    head = line.split(" ", 1)[0]
    return line.startswith(("- ", "* ")) or (head.endswith(".") and head[:-1].isdigit())


def _run(lines: list[str], start: int, belongs: Callable[[str], bool]) -> int:
    end = start
    while end < len(lines) and belongs(lines[end]):
        end += 1
    return end
