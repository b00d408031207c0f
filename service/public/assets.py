"""Files that browsers may keep for ever: the address has the hash of the content in it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FRONTEND = Path(__file__).resolve().parents[2] / "frontend"
MEDIA = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Asset:
    """One file: its bytes and what they are."""

    body: bytes
    media_type: str


@dataclass(frozen=True)
class Assets:
    """Everything under /static/.

    Attributes:
        by_name: File by the name in its address, such as "weighin-1f0c....css".
        names: That name by the plain one, such as "weighin.css".
    """

    by_name: Mapping[str, Asset]
    names: Mapping[str, str]

    def url(self, plain: str) -> str | None:
        """Return the address of a file by its plain name; None where it was not built."""
        name = self.names.get(plain)
        return None if name is None else f"/static/{name}"


def load_assets(frontend: Path = FRONTEND) -> Assets:
    """Return the stylesheet and the mark, and the script where it was built. A page is whole without the script."""
    by_name: dict[str, Asset] = {}
    names: dict[str, str] = {}
    for path in sorted((frontend / "styles").iterdir()):
        if path.suffix in MEDIA:
            body = path.read_bytes()
            name = f"{path.stem}-{hashlib.sha256(body).hexdigest()[:16]}{path.suffix}"
            by_name[name] = Asset(body, MEDIA[path.suffix])
            names[path.name] = name
    built = frontend / "dist" / "manifest.json"
    if built.is_file():
        for plain, name in json.loads(built.read_text()).items():
            path = frontend / "dist" / name
            by_name[name] = Asset(path.read_bytes(), MEDIA[path.suffix])
            names[plain] = name
    return Assets(by_name, names)
