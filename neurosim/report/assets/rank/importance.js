// A bar for each setting.

function importanceBars(given, root) {
  const entries = Object.entries(given.importance.settings);
  if (!entries.length) return;
  const most = Math.max(...entries.map(([, share]) => share), 1e-9);
  const shorts = Object.fromEntries(given.axes.map((axis) => [axis.name, axis.short]));
  const table = element("table", root, { class: "bars" });
  const head = element("tr", element("thead", table));
  for (const [words, kind] of [["setting", ""], ["share", "number"]]) element("th", head, { scope: "col", class: kind }, words);
  element("td", head);
  const body = element("tbody", table);
  for (const [name, share] of entries) {
    const line = element("tr", body);
    element("th", line, { scope: "row", title: name }, shorts[name] ?? name);
    element("td", line, { class: "number" }, percent(Number(share.toFixed(3))));
    const picture = shape("svg", element("td", line), { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" });
    shape("rect", picture, { class: "bar", x: 0, y: 0, width: (100 * share) / most, height: 10 });
  }
}
