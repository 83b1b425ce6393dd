"""Write ``docs/glossary.md`` from the entries that ``neurosim glossary`` shows.

python docs/glossary_page.py
"""

from pathlib import Path

from neurosim.report.glossary import as_markdown

Path(__file__).with_name("glossary.md").write_text(as_markdown(), encoding="utf-8")
