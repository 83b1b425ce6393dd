"""What tests of installed plugins share."""

import sys

import pytest


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution: its files and its entry points, in a folder of its own."""
    monkeypatch.delenv("NEUROSIM_DISABLE_PLUGINS")
    before = set(sys.modules)

    def install(distribution, files, points, version="1.0"):
        site = tmp_path / f"site-{distribution}"
        for name, text in files.items():
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).write_text(text)
        meta = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        meta.mkdir(parents=True)
        (meta / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (meta / "entry_points.txt").write_text("[neurosim]\n" + "".join(f"{point}\n" for point in points))
        monkeypatch.syspath_prepend(site)
        return site

    yield install
    for name in set(sys.modules) - before:
        if name.startswith("nsim_"):
            del sys.modules[name]
