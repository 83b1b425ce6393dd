"""The page as a file: what is in it, what is escaped, how large it is, and that nothing is loaded."""

import json
import re
from html.parser import HTMLParser

import pytest
from report_runs import trained, written

from neurosim.formulas.javascript import Script
from neurosim.report.page import page


class Reader(HTMLParser):
    """Elements with their attributes, and texts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if self.open[-1:] not in (["script"], ["style"]):
            self.texts.append(data)

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def read(path):
    return Reader(path.read_text(encoding="utf-8"))


def recorded(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="recorded">(.*?)</script>', text, re.DOTALL).group(1))


EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'


def test_texts_of_a_scenario_are_shown_as_they_are(tmp_path):
    (tmp_path / "evil.csv").write_text('x,<b>y</b>,label\n0,0,"</script><i>a"\n1,0,b\n0,1,b\n1,1,"</script><i>a"\n')
    (tmp_path / "evil.toml").write_text(
        f"""
[scenario]
name = "evil"
title = '{EVIL}'
lesson = '{EVIL}'
[data]
source = "csv"
file = "evil.csv"
target = "label"
[network]
loss = "binary_cross_entropy"
[[network.layers]]
kind = "dense"
units = 1
activation = "sigmoid"
[optimizer]
name = "sgd"
lr = 0.1
[training]
epochs = 2
batch_size = 4
"""
    )
    path = written(trained(tmp_path / "evil.toml"), tmp_path)
    found = read(path)
    assert len(found.named("script")) == 2
    assert not found.named("i")
    assert not found.named("b") or all(attributes == {} for attributes in found.named("b"))
    assert not found.named("img")
    assert found.texts.count(EVIL) == 3  # title, heading, lesson
    assert recorded(path)["runs"][0]["confusion"]["classes"] == ["</script><i>a", "b"]


def test_the_policy_names_what_is_in_the_file(tmp_path):
    found = read(written(trained("and"), tmp_path))
    (policy,) = [entry["content"] for entry in found.named("meta") if "Policy" in entry.get("http-equiv", "")]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag, attributes in found.elements:
        assert not {"style", "onclick", "onload"} & set(attributes), tag
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, attributes)


def test_data_cannot_end_their_element():
    text = page("t", "", [], [{"x": "</script><!--"}], Script())
    assert "</script><!--" not in text


def test_sections_and_their_links(tmp_path):
    found = read(written(trained("xor"), tmp_path))
    ids = {attributes["id"] for attributes in found.named("section") if "id" in attributes}
    assert ids == {"lesson", "results", "watch", "step", "network", "words", "scenario", "made"}
    links = {entry["href"] for entry in found.named("a") if not entry["href"].startswith("#word-")}
    assert links == {f"#{name}" for name in ids}
    text = " ".join(found.texts)
    for words in ("train accuracy at least 1", "met", "6", "tanh", "numba", "2. Loss: how wrong the output is"):
        assert words in text


def test_what_is_recorded_is_the_recording(tmp_path):
    result = trained("moons", training__epochs=4)
    (run,) = recorded(written(result, tmp_path))["runs"]
    recording = result.recording
    assert run["epochs"] == recording.epochs == [0, 2, 4]
    assert run["gradients"]["values"][1] == pytest.approx(recording.values["gradient_norm"][1], rel=1e-6)
    assert run["histograms"]["weight_histogram"]["counts"][-1] == recording.values["weight_histogram"][-1].tolist()
    assert run["confusion"]["split"] == "test"
    counts = run["confusion"]["counts"][-1]
    assert (counts[0][0] + counts[1][1]) / sum(map(sum, counts)) == pytest.approx(result.metrics["test_accuracy"])
    assert run["history"]["train_loss"] == pytest.approx(result.history.train_loss, rel=1e-6)


def test_every_picture_has_words(tmp_path):
    import neurosim

    path = neurosim.write_report(trained("iris", training__epochs=3), tmp_path / "deep" / "page.html")
    images = read(path).named("img")
    assert len(images) == 3
    assert {image["alt"] for image in images} == {
        "Loss over the epochs, accuracy where there are classes, and the metrics of the scenario",
        "Where the last hidden layer puts each row",
        "Which class is taken for which",
    }
    assert all(image["src"].startswith("data:image/png;base64,iVBOR") for image in images)


def test_long_runs_are_thinned_out(tmp_path):
    result = trained("xor", training__epochs=2000, record__every=1)
    path = written(result, tmp_path)
    (run,) = recorded(path)["runs"]
    assert (run["epochs"][0], run["epochs"][-1], len(run["epochs"])) == (0, 2000, 60)
    assert (run["history"]["epoch"][-1], len(run["history"]["epoch"])) == (2000, 600)
    assert path.stat().st_size < 500_000


def test_a_formula_that_cannot_be_translated_leaves_the_pictures(tmp_path, monkeypatch):
    from neurosim.errors import PluginError

    def refuse(*_):
        raise PluginError("no")

    monkeypatch.setattr(Script, "add", refuse)
    (run,) = recorded(written(trained("and"), tmp_path))["runs"]
    assert run["plane"] is None
    assert run["gradients"] is not None
