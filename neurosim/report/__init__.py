"""One page per run: everything about it in a file that opens by double click.

Reading order: `page` (the file and its policy), `run` (the page about one run), `comparison` (about several),
`ensemble` (about many seeds), `written` (from Python), `sections` (what stands still), `live` (the recorded epochs as
JSON), `evaluation` and `javascript` (the network, so that the page can compute it), then ``assets`` (what draws:
``main.js`` last).
"""
