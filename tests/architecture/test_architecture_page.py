"""ARCHITECTURE.md leads to what is there: its links, and its table of packages."""

import re
from pathlib import Path

import neurosim

ROOT = Path(neurosim.__file__).parents[1]
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert len(links) > 40
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_text_of_a_link_is_its_place():
    for text, link in re.findall(r"\[`([^`]+)`\]\(([^)]+)\)", TEXT):
        assert link.rstrip("/").endswith(text.rstrip("/")), (text, link)


def test_every_package_is_listed():
    package = Path(neurosim.__file__).parent
    packages = {path.parent.name for path in package.glob("*/__init__.py")} | {
        path.stem for path in package.glob("[a-z]*.py")
    }
    table = TEXT.partition("## The packages")[2].partition("## To add")[0]
    listed = {name for row in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert listed == packages
