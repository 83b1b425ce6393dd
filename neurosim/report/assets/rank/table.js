// The table: a row for each kind of network, with its mean, its interval and its seeds on one scale.

const ROWS = 25;
// Seeds of a row that are drawn.
const DOTS = 100;
const PLOT = { width: 180, height: 22, edge: 6 };

function columnsOf(given) {
  const differ = (key) => new Set(given.rows.map((row) => row[key])).size > 1;
  const some = (key) => given.rows.some((row) => row[key] !== null && row[key] !== 0);
  const p = (value) => (value === null ? "–" : value < 0.0001 ? "< 0.0001" : String(Number(value.toPrecision(2))));
  const whole = (value) => (value === null ? "–" : value.toLocaleString("en"));
  const settings = given.axes.map((axis, k) => ({
    name: axis.short, title: axis.name, of: (row) => row.settings[k],
    text: (row) => (row.settings[k] === null ? "–" : axis.categories ? axis.categories[row.settings[k]] : written(row.settings[k])),
    number: !axis.categories,
  }));
  const few = (key, name, text, title = "") => ({ name, title, of: (row) => row[key], text: (row) => text(row[key]), number: true });
  return [
    { name: "rank", of: (row) => row.rank, text: (row) => String(row.rank), number: true },
    { name: "mean", title: given.words, of: (row) => row.mean, text: (row) => measured(given, row.mean), number: true, best: !given.smaller },
    ...(given.measure ? [{ name: "plot" }] : []),
    ...(some("half") ? [few("half", "95%", (half) => (half === null ? "–" : `± ${measured(given, half)}`), "half of the 95% interval of the mean")] : []),
    ...settings,
    few("n", "n", whole, "trained to their end"),
    ...(some("failed") ? [few("failed", "failed", whole)] : []),
    ...(some("p") ? [few("p", "p", p, "of a paired t-test against the best"), few("holm", "p (Holm)", p, "corrected for the number of rows")] : []),
    ...(differ("parameters") ? [few("parameters", "parameters", whole)] : []),
    ...(differ("multiply_adds") ? [few("multiply_adds", "multiply-adds", whole, "for one row, forward")] : []),
    ...(some("seconds") ? [few("seconds", "seconds", (value) => (value === null ? "–" : short(value)), "of training, on average")] : []),
  ];
}

// One scale for all rows that are shown.
function plotScale(given, rows, trialsOf) {
  const values = rows.flatMap((row) => [
    ...trialsOf(row).map((k) => given.trials.value[k]),
    // Powers of ten down to an end that may be near 0 would leave no room for the rest.
    ...(row.half === null ? [] : [given.log ? row.mean : row.mean - row.half, row.mean + row.half]),
  ]).filter((value) => value !== null && (!given.log || value > 0));
  const low = values.reduce((a, b) => Math.min(a, b), Infinity), high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!values.length) return null;
  const logarithmic = given.log && high > 30 * low;
  // An interval may be wider than what an accuracy can be.
  const [least, most] = given.percent ? [Math.max(low, 0), Math.min(high, 1)] : [low, high];
  const room = low === high ? Math.abs(low) * 0.05 || 0.5 : 0;
  const made = scale([least - room, most + room], [PLOT.edge, PLOT.width - PLOT.edge], logarithmic);
  const at = (value) => Math.min(Math.max(logarithmic && value <= 0 ? 0 : made(value), 0), PLOT.width);
  return { low: least - room, high: most + room, at };
}

function plotHead(given, head, found) {
  if (!found) return;
  const picture = shape("svg", head, { class: "plot", viewBox: `0 0 ${PLOT.width} 16`, "aria-hidden": "true" });
  const write = given.percent ? percent : short;
  [[found.low, "start"], [found.high, "end"]].forEach(([value, anchor]) => {
    shape("text", picture, { x: anchor === "start" ? 0 : PLOT.width, y: 11, "text-anchor": anchor }, write(value));
  });
}

function plotCell(given, cell, row, trials, found) {
  if (row.mean === null || !found) return;
  const { at } = found, middle = PLOT.height / 2;
  const picture = shape("svg", cell, { class: "plot", viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, "aria-hidden": "true" });
  shape("line", picture, { class: "grid", x1: 0, x2: PLOT.width, y1: middle, y2: middle });
  for (const k of trials.slice(0, DOTS)) {
    const value = given.trials.value[k];
    if (value !== null) shape("circle", picture, { class: "seed", cx: at(value).toFixed(1), cy: middle, r: 2.5 });
  }
  if (row.half !== null) {
    const [from, to] = [at(row.mean - row.half), at(row.mean + row.half)];
    shape("line", picture, { class: "interval", x1: from, x2: to, y1: middle, y2: middle });
    // Only ends that are there: one beyond the scale goes on.
    for (const end of [from, to].filter((x) => x > PLOT.edge - 0.5 && x < PLOT.width - PLOT.edge + 0.5)) {
      shape("line", picture, { class: "interval", x1: end, x2: end, y1: middle - 5, y2: middle + 5 });
    }
  }
  shape("circle", picture, { class: "mean", cx: at(row.mean), cy: middle, r: 4 });
}

// `within`: whether a trial is. Gives what draws the table again.
function rankTable(given, root, trialsOf, within) {
  const columns = columnsOf(given);
  const state = { by: columns[0], up: true, count: ROWS, open: new Set() };
  const seeds = given.rows.some((row) => trialsOf(row).length > DOTS) ? `the first ${DOTS} seeds` : "each seed";
  const plots = given.rows.some((row) => row.half !== null) ? `the mean, its 95% interval, and ${seeds}` : seeds;
  const words = given.measure ? `The plot shows ${plots}, on one scale for the rows that are here. ` : "";
  element("p", root, { class: "soft" }, `${words}Press a heading to sort, and a rank for its runs.`);
  const scroll = element("div", root, { class: "scroll", tabindex: "0", role: "region", "aria-label": "Ranking" });
  const table = element("table", scroll);
  const head = element("tr", element("thead", table));
  const headings = columns.map((column) => {
    const cell = element("th", head, { scope: "col", class: column.number ? "number" : "" });
    if (!column.of) {
      cell.textContent = given.words;
      return cell;
    }
    const sort = element("button", cell, { type: "button", ...(column.title ? { title: column.title } : {}) }, column.name);
    sort.addEventListener("click", () => {
      state.up = state.by === column ? !state.up : !column.best;
      state.by = column;
      draw();
    });
    return cell;
  });
  const body = element("tbody", table);
  const more = element("button", root, { type: "button" });
  more.addEventListener("click", () => {
    state.count += ROWS;
    draw();
  });

  function compare(one, other) {
    const [a, b] = [state.by.of(one), state.by.of(other)];
    // What has none is last, whatever the direction.
    if (a === null || b === null) return Number(a === null) - Number(b === null) || one.rank - other.rank;
    return (state.up ? a - b : b - a) || one.rank - other.rank;
  }

  function addRow(row, found) {
    const trials = trialsOf(row), line = element("tr", body);
    columns.forEach((column, place) => {
      const cell = element(place ? "td" : "th", line, { class: column.number ? "number" : "", ...(place ? {} : { scope: "row" }) });
      if (!column.of) plotCell(given, cell, row, trials, found);
      else if (place) cell.textContent = column.text(row);
      else {
        const open = state.open.has(row.rank);
        const button = element("button", cell, { type: "button", "aria-expanded": open, "aria-label": `Runs of rank ${row.rank}` }, `${open ? "▾" : "▸"} ${row.rank}`);
        button.addEventListener("click", () => {
          if (!state.open.delete(row.rank)) state.open.add(row.rank);
          draw();
          body.querySelector(`[aria-label="Runs of rank ${row.rank}"]`).focus();
        });
      }
    });
    if (state.open.has(row.rank)) runList(given, element("td", element("tr", body), { colspan: columns.length }), trials);
  }

  function draw() {
    const rows = given.rows.filter((row) => trialsOf(row).some(within)).sort(compare);
    const shown = rows.slice(0, state.count);
    const found = plotScale(given, shown, trialsOf);
    columns.forEach((column, k) => {
      if (column === state.by) headings[k].setAttribute("aria-sort", state.up ? "ascending" : "descending");
      else headings[k].removeAttribute("aria-sort");
      if (!column.of) {
        headings[k].querySelector("svg")?.remove();
        plotHead(given, headings[k], found);
      }
    });
    body.replaceChildren();
    for (const row of shown) addRow(row, found);
    more.hidden = shown.length >= rows.length;
    more.textContent = `Show ${Math.min(ROWS, rows.length - shown.length)} more of ${rows.length.toLocaleString("en")} rows`;
  }
  draw();
  return draw;
}
