"""The words of the glossary on a page: linked where they come up, explained on the same page, escaped like all else."""

import re

from report_runs import trained, written

from neurosim.report.glossary import find
from neurosim.report.words import Words


def test_a_word_is_linked_where_it_first_comes_up():
    words = Words()
    html = words.text("Loss & <b>loss</b>, and the learning\nrate of optimizer.lr")
    assert html.startswith('<a class="word" href="#word-loss" title="One number that says how wrong the answers are')
    assert html.count("<a ") == 2
    assert "&amp; &lt;b&gt;loss&lt;/b&gt;" in html
    assert ">learning\nrate</a> of optimizer.lr" in html
    section = words.section()
    assert re.findall(r'<div id="([\w-]+)"', section) == ["word-loss", "word-learning-rate"]
    assert "(0.8 - 1)^2" in section


def test_paragraphs_keep_their_places_and_texts_their_signs():
    words = Words()
    html = words.paragraphs("An epoch.\nOne line.\n\nAn <i>epoch</i> & more.")
    assert html.count("<p>") == html.count("</p>") == 2
    assert html.count("<a ") == 1
    assert "&lt;i&gt;epoch&lt;/i&gt; &amp; more" in html


def test_a_page_without_words_has_no_section():
    assert Words().section() == ""


def test_every_link_of_a_page_leads_to_an_entry_on_it(tmp_path):
    result = trained("xor", training__epochs=2, scenario__lesson="An epoch, a batch and <u>backpropagation</u>.")
    text = written(result, tmp_path).read_text(encoding="utf-8")
    targets = set(re.findall(r'href="#([\w-]+)"', text))
    assert {find(word).anchor for word in ("epoch", "batch", "backpropagation", "loss", "parameter")} <= targets
    assert targets <= set(re.findall(r'id="([\w-]+)"', text))
    assert "<u>" not in text
