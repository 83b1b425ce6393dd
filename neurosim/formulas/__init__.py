"""Formulas: an author's functions, read once into a checked form and printed from there for every target.

In reading order:

* `source`: the text of a function, what a formula may call, and how a part of it is refused;
* `form`: the checked form, a small tree;
* `reader`: from the function to the form (`sequences`: loops and sums over rows, `rows`: what is asked of a whole row,
  `kinds`: what is checked of arguments and indices);
* `assignment`, `bounds`, `cost`: what can be seen before a formula runs: which names have a value, which indices stay
  within their rows, how long a call can take (`guards`: what is checked while it runs where that is not enough);
* `printer`: what printers have in common, and the printers: `python`, plain and the ground of `float32` (the source
  text that compilers get), `javascript`, and `arrays`, for whole arrays (`straight`: the form that it prints,
  `folding`: what is left out there, `entrywise`: sums over a row as what one entry adds);
* `lifting`: what of a formula is worked out once for many calls;
* `derivatives`: a formula's derivative as another formula (`tangents`, `terms`, `activity`, and the table in `rules`).

Nothing here knows a compiler, a backend or a page. A printer for another target is a subclass of `printer.Printer`.
"""
