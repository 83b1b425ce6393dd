"""Pages about several runs, in headless Chromium."""

import pytest
from report_runs import move, trained

import neurosim
from neurosim.plots.studies import comparison_figures, write_figures
from neurosim.report.comparison import compare, comparison_facts
from neurosim.report.comparison_page import write_comparison_page


def test_runs_of_different_length_go_to_the_same_epoch(tmp_path, opened):
    runs = [trained("moons", training__epochs=count) for count in (4, 8)]
    page = opened(write_comparison_page(compare(runs), "Two runs", [], tmp_path))

    def drawn(epoch):
        move(page, epoch // 2)  # recorded at every second one
        assert page.place(".timeline output").text_content() == f"after epoch {epoch}"
        return [page.place("canvas").nth(k).screenshot() for k in (0, 1)]

    four, eight = drawn(4), drawn(8)
    assert four[0] == eight[0]
    assert four[1] != eight[1]


def test_hidden_spaces_stand_side_by_side(xor, tmp_path, opened):
    two = trained("xor-two-units", training__epochs=400, record__every=10)
    page = opened(write_comparison_page(compare([xor[0], two]), "Six units and two", [], tmp_path))
    headings = page.place(".hidden-space h3").all_text_contents()
    assert len(headings) == 2
    assert all(heading.endswith(": the hidden space") for heading in headings)
    pictures = []
    for k in (0, 20):
        move(page, k)
        pictures.append([page.place(".hidden-space canvas").nth(place).screenshot() for place in (0, 1)])
    assert all(one != other for one, other in zip(*pictures, strict=True))


@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    """The page of ten runs that recorded nothing, and one of its pictures."""
    runs = [neurosim.run("iris", overrides={"training.epochs": 3, "optimizer.lr": 0.001 * (k + 1)}) for k in range(10)]
    folder = tmp_path_factory.mktemp("ten")
    pictures = write_figures(comparison_figures(comparison_facts(compare(runs), "Ten runs")), "Ten runs", folder)
    return write_comparison_page(compare(runs), "Ten runs", pictures, folder)


def test_lines_of_many_runs_can_be_told_apart_and_the_key_shows_how(ten, opened):
    page = opened(ten)
    look = "one => [one.getAttribute('stroke'), one.getAttribute('stroke-dasharray')].join()"
    for chart in page.place(".view:has(.key)").all():
        drawn = chart.locator("svg[role=img] path.curve").evaluate_all(f"found => found.map({look})")
        assert len(set(drawn)) == 10
        assert chart.locator(".key path").evaluate_all(f"found => found.map({look})") == drawn


def test_without_a_slider_nothing_speaks_of_one(ten, opened):
    page = opened(ten)
    assert page.place("input[type=range]").count() == 0
    assert "slider" not in page.place("#watch").text_content()
    assert [marker.is_visible() for marker in page.place(".marker").all()] == [False, False]


def test_tables_are_whole_on_a_wide_screen_and_captions_name_their_files(ten, opened):
    page = opened(ten)
    page.page.set_viewport_size({"width": 1400, "height": 900})
    widths = page.place(".scroll").evaluate_all("found => found.map(one => [one.scrollWidth, one.clientWidth])")
    assert all(inside <= outside for inside, outside in widths)
    assert page.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert "(comparison.png)" in page.place("figcaption").first.text_content()


def test_a_page_of_many_seeds(tmp_path, opened):
    from neurosim.cli.application import execute

    assert execute(["run", "xor", "--seeds", "8", "--quiet", "--out", str(tmp_path / "s")]) == 0
    page = opened(tmp_path / "s" / "report.html")
    assert page.place(".figures").text_content().split()[:2] == ["networks", "8"]
    assert page.place("img").count() == 1
