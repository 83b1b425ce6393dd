// The runs of a row: each leads to its page, or to its folder and the command that makes its page.

const AT_ONCE = 20;

function measured(given, value) {
  if (value === null) return "–";
  return given.percent ? `${(100 * value).toFixed(2)}%` : written(Number(value.toPrecision(5)));
}

function whole({ begins, ends }, k) {
  return begins + ends[k];
}

// What leads to a trial's run, after what `words` say of it.
function runEntry(given, list, k, words) {
  const { page, link, command, reason } = given.trials;
  const item = element("li", list);
  element("span", item, {}, words);
  if (reason[k]) element("span", item, { class: "missed" }, `failed: ${reason[k]}`);
  if (page[k] === null) return;
  const address = whole(link, k), typed = whole(command, k);
  if (page[k]) element("a", item, { href: `${address}/report.html` }, `page of seed ${given.trials.seed[k]}`);
  else if (address) element("a", item, { href: `${address}/` }, `folder of seed ${given.trials.seed[k]}`);
  if (page[k] || reason[k]) return;
  element("code", item, {}, typed);
  const copy = element("button", item, { type: "button", "aria-label": `Copy: ${typed}` }, "Copy");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(typed);
      copy.textContent = "Copied";
    } catch {
      // Not allowed here: it is selected instead.
      window.getSelection().selectAllChildren(copy.previousSibling);
    }
  });
}

function runList(given, root, trials) {
  const list = element("ul", root, { class: "runs" });
  let shown = 0;
  const more = element("button", root, { type: "button" });
  const add = () => {
    const next = trials.slice(shown, shown + AT_ONCE);
    for (const k of next) runEntry(given, list, k, `seed ${given.trials.seed[k]}: ${measured(given, given.trials.value[k])}`);
    shown += next.length;
    more.hidden = shown >= trials.length;
    more.textContent = `Show ${Math.min(AT_ONCE, trials.length - shown)} more of ${trials.length} runs`;
  };
  more.addEventListener("click", add);
  add();
}
