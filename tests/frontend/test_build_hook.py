"""The frontend's build: done when sources change, and only then."""

import shutil

import pytest

from tests.conftest import ROOT

build_hook = pytest.importorskip("frontend.build_hook", reason="hatchling isn't installed here")


@pytest.fixture
def frontend(tmp_path):
    """The build's own files and two sources, without anything installed or built."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / "frontend" / name, tmp_path)
    (tmp_path / "client").mkdir()
    (tmp_path / "client" / "seal.ts").write_text("export const a = 1;\n")
    (tmp_path / "weighin.ts").write_text('import "./client/seal.ts";\n')
    return tmp_path


def test_the_digest_sees_sources_and_nothing_else(frontend):
    """A changed, renamed or added source counts; output, installed packages, pages and styles don't."""
    before = build_hook.sources_digest(frontend)
    for folder in ("dist", "node_modules", "templates", "styles", "locales"):
        (frontend / folder).mkdir()
        (frontend / folder / "new.js").write_text("1")
    (frontend / "client" / "notes.md").write_text("words")
    assert build_hook.sources_digest(frontend) == before

    seen = {before}
    (frontend / "client" / "seal.ts").write_text("export const a = 2;\n")
    seen.add(build_hook.sources_digest(frontend))
    (frontend / "client" / "seal.ts").rename(frontend / "client" / "zeal.ts")
    seen.add(build_hook.sources_digest(frontend))
    (frontend / "package-lock.json").write_text("{}")
    seen.add(build_hook.sources_digest(frontend))
    assert len(seen) == 4


def test_nothing_is_done_where_all_is_built(frontend, monkeypatch):
    """With a matching stamp neither npm nor a network is needed; a source touched but not changed is no reason."""
    (frontend / "dist").mkdir()
    (frontend / "dist" / ".built").write_text(build_hook.sources_digest(frontend))
    monkeypatch.setenv("PATH", "")

    assert build_hook.build(frontend) is False
    (frontend / "weighin.ts").touch()
    assert build_hook.build(frontend) is False


def test_a_failed_build_leaves_no_stamp(frontend):
    """npm's words are in the error, and the next install tries again."""
    (frontend / "dist").mkdir()
    (frontend / "dist" / ".built").write_text("an older digest")
    (frontend / "package-lock.json").write_text("{ this is no lock")

    with pytest.raises(build_hook.BuildFailed, match=r"npm ci failed"):
        build_hook.build(frontend)
    assert not (frontend / "dist" / ".built").exists()
