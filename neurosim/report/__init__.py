"""One page per run: everything about it in a file that opens with a double click.

Reading order: `page` (the file and its policy), `run` (the page about one run), `comparison` and `comparison_page`
(about several), `ensemble` (about many seeds), `written` (from Python), `sections` (what does not move), `live` (the
recorded epochs as JSON), `evaluation` and `javascript` (the network, so that the page can compute it), then ``assets``
(the drawings: ``main.js`` last).
"""
