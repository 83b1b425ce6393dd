// The page: what the parts share is which trials are within the limits.

// Axes that are shown at first.
const FIRST = 7;

const given = JSON.parse(document.getElementById("given").textContent);
given.rows.forEach((row, k) => { row.rank = k + 1; });
const count = given.trials.row.length;
const within = new Uint8Array(count).fill(1);
const members = given.rows.map(() => []);
given.trials.row.forEach((row, k) => members[row].push(k));

const redraw = [];
const area = document.getElementById("table");
redraw.push(rankTable(given, area, (row) => members[row.rank - 1], (k) => within[k]));
importanceBars(given, document.getElementById("bars"));

// Every axis that there is: the settings, the cost, the measure.
function axesOf() {
  const ofRow = (get) => given.trials.row.map((row) => get(given.rows[row]));
  const made = given.axes.map((axis, k) => new Axis(axis, ofRow((row) => row.settings[k])));
  const ranked = Object.keys(given.importance.settings);
  const along = new Set(given.axes.filter((axis) => axis.along).map((axis) => axis.name));
  const all = ranked.length ? ranked : given.axes.map((axis) => axis.name);
  const first = new Set(all.filter((name) => !along.has(name)).slice(0, FIRST));
  for (const axis of made) axis.shown = first.has(axis.name);
  const costs = [["parameters", "parameters"], ["multiply_adds", "multiply-adds"]].map(([key, name]) => [name, ofRow((row) => row[key])]);
  for (const [name, values] of [...costs, ["seconds", given.trials.seconds]]) {
    const there = values.filter((value) => value !== null);
    const low = there.reduce((a, b) => Math.min(a, b), Infinity), high = there.reduce((a, b) => Math.max(a, b), -Infinity);
    if (!(low < high)) continue;
    made.push(new Axis({ name, short: name, kind: low > 0 && high > 30 * low ? "log" : "number" }, values));
    made.at(-1).shown = false;
  }
  const outcome = new Axis(
    { name: given.words, short: given.words, kind: given.log ? "log" : "number", flipped: given.smaller, shares: given.percent, without: "failed" },
    given.trials.value,
  );
  return [[...made, outcome], outcome];
}

function begin(root) {
  const [axes, outcome] = axesOf();
  element("p", root, {}, `Each line is a trial: blue is good, orange is not, and the best are at the far end of the last axis. Drag along an axis, or set the limits below, to keep only what lies within; the table follows. Click on a line for its run.`);
  const controls = [];
  const words = (k) => [
    ...axes.filter((axis) => axis.shown).map((axis) => `${axis.short}: ${axis.text(axis.values[k])}`),
    `seed: ${given.trials.seed[k]}`,
    ...(given.trials.reason[k] ? [given.trials.reason[k]] : []),
  ].join("\n");
  const changed = () => {
    let kept = 0;
    for (let k = 0; k < count; k += 1) {
      within[k] = axes.every((axis) => axis.allows(k));
      kept += within[k];
    }
    status.textContent = `${kept.toLocaleString("en")} of ${count.toLocaleString("en")} trials are within the limits.`;
    clear.disabled = axes.every((axis) => !axis.limit);
    for (const each of [...redraw, ...controls]) each();
  };
  const of = { count, within, outcome, words, changed, choose };
  const drawn = coordinates(root, axes, of);
  redraw.push(drawn);
  const bar = element("div", root, { class: "limits-bar" });
  const status = element("span", bar, { role: "status" });
  const clear = element("button", bar, { type: "button" }, "Clear limits");
  clear.addEventListener("click", () => {
    for (const axis of axes) axis.limit = null;
    changed();
  });
  const chosen = element("div", root, { class: "chosen", role: "status" });
  function choose(k) {
    chosen.replaceChildren();
    const settings = given.axes.map((_, place) => `${axes[place].short} ${axes[place].text(axes[place].values[k])}`).join(", ");
    runEntry(given, element("ul", chosen, { class: "runs" }), k, `Rank ${given.trials.row[k] + 1}, seed ${given.trials.seed[k]}: ${measured(given, given.trials.value[k])}. ${settings}`);
  }
  const choice = element("details", root);
  element("summary", choice, {}, "Axes");
  const list = element("div", choice, { class: "axes" });
  for (const axis of axes) {
    const label = element("label", list, { title: axis.name });
    const box = element("input", label, { type: "checkbox" });
    box.checked = axis.shown;
    label.append(` ${axis.short}`);
    box.addEventListener("change", () => {
      axis.shown = box.checked;
      arrange();
      drawn();
    });
  }
  const set = element("details", root);
  element("summary", set, {}, "Limits");
  const limits = element("div", set, { class: "limits", role: "group", "aria-label": "Limits" });
  // Limits of an axis that is not shown stay.
  function arrange() {
    limits.replaceChildren();
    controls.length = 0;
    for (const axis of axes) if (axis.shown || axis.limit) controls.push(limitControls(limits, axis, changed));
    for (const each of controls) each();
  }
  arrange();
  changed();
}

const side = document.getElementById("coordinates");
if (side) begin(side);
