// Loss and accuracy over the epochs; the marker is where the slider stands.

const SPLITS = ["train", "validation", "test"];
// Yellow cannot be read on white. When the colors are used up, lines are dashed; as in the pictures.
const LINES = COLORS.filter((_, k) => k !== 6);
const DASHES = ["", "7 4", "8 3 2 3", "2 3"];

function dashes({ dash }) {
  return dash ? { "stroke-dasharray": dash } : {};
}

// `lines`: {name, color, dashed, epochs, values}. `choose` gets the epoch that is clicked on.
function curves(root, title, lines, choose) {
  const view = element("div", root, { class: "view" });
  element("h3", view, {}, title);
  const width = 460, height = 230, left = 52, right = 12, top = 8, bottom = 30;
  const values = lines.flatMap((line) => line.values.filter((value) => value !== null));
  const low = Math.min(...values), high = Math.max(...values);
  const logarithmic = low > 0 && high > 30 * low;
  const last = Math.max(...lines.map((line) => line.epochs.at(-1)));
  const from = title === "Loss" || low === high ? Math.min(low, 0) : low;
  const ends = logarithmic ? [low, high] : [from, high > from ? high : from + 1];
  const x = scale([0, last], [left, width - right]);
  const y = scale(ends, [height - bottom, top], logarithmic);
  const label = `${title} over ${last} epochs: ` + lines.map((line) => `${line.name} ends at ${short(line.values.at(-1))}`).join(", ");
  const picture = shape("svg", view, { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  const up = ticks(ends[0], ends[1], logarithmic), across = ticks(0, last, false).filter(Number.isInteger);
  tickWords(up).forEach((word, k) => {
    shape("line", picture, { class: "grid", x1: left, x2: width - right, y1: y(up[k]), y2: y(up[k]) });
    shape("text", picture, { x: left - 6, y: y(up[k]) + 4, "text-anchor": "end" }, word);
  });
  tickWords(across).forEach((word, k) => {
    shape("text", picture, { x: x(across[k]), y: height - bottom + 16, "text-anchor": "middle" }, word);
  });
  shape("text", picture, { x: width - right, y: height - 2, "text-anchor": "end" }, "epoch");
  for (const line of lines) {
    const points = line.epochs.map((epoch, k) => [x(epoch), line.values[k] === null ? NaN : y(line.values[k])]);
    const path = points.filter(([, v]) => Number.isFinite(v)).map(([u, v], k) => `${k ? "L" : "M"}${u.toFixed(1)} ${v.toFixed(1)}`);
    shape("path", picture, { class: "curve", d: path.join(""), stroke: line.color, ...dashes(line) });
    if (points.length === 1) shape("circle", picture, { cx: points[0][0], cy: points[0][1], r: 3, fill: line.color });
  }
  // It appears where the slider stands; there may be none.
  const marker = shape("line", picture, { class: "marker", y1: top, y2: height - bottom, visibility: "hidden" });
  const key = element("div", view, { class: "key" });
  for (const line of lines) {
    const entry = element("span", key);
    const sample = shape("svg", entry, { class: "line", viewBox: "0 0 28 10", "aria-hidden": "true" });
    shape("path", sample, { class: "curve", d: "M1 5H27", stroke: line.color, ...dashes(line) });
    entry.append(line.name);
  }
  const epochAt = (event) => {
    const box = picture.getBoundingClientRect();
    return Math.min(Math.max(x.back(((event.clientX - box.left) / box.width) * width), 0), last);
  };
  picture.addEventListener("pointermove", (event) => {
    const epoch = epochAt(event);
    const words = lines.map((line) => `${line.name} ${written(line.values[nearest(line.epochs, epoch)])}`);
    tip.show(event, [`epoch ${written(lines[0].epochs[nearest(lines[0].epochs, epoch)])}`, ...words].join("\n"));
  });
  picture.addEventListener("pointerleave", tip.hide);
  picture.addEventListener("click", (event) => choose(epochAt(event)));
  return (epoch) => {
    marker.setAttribute("visibility", "visible");
    marker.setAttribute("x1", x(Math.min(epoch, last)));
    marker.setAttribute("x2", x(Math.min(epoch, last)));
  };
}

// Titles and names of what the runs measure besides loss and accuracy.
function metricsOf(runs) {
  const names = runs.flatMap((run) => Object.keys(run.history).map((name) => /^(?:train|validation|test)_(.*)$/.exec(name)?.[1]));
  const own = [...new Set(names)].filter((name) => name && !["loss", "accuracy"].includes(name));
  return own.map((name) => [name.replaceAll("_", " "), name]);
}

// The lines of one measure: of one run its splits, of several runs one each.
function linesOf(runs, measure) {
  const found = [];
  runs.forEach((run, place) => {
    const { history } = run;
    const there = SPLITS.filter((split) => history[`${split}_${measure}`]?.some((value) => value !== null));
    const shown = runs.length === 1 ? there : there.slice(-1);
    for (const split of shown) {
      const k = runs.length === 1 ? SPLITS.indexOf(split) : place;
      const name = runs.length === 1 ? split : `${run.label} (${split})`;
      const hue = runs.length === 1 ? [0, 2, 1][k] : k % LINES.length;
      const dash = runs.length === 1 ? "" : DASHES[Math.floor(k / LINES.length) % DASHES.length];
      found.push({ name, color: LINES[hue], dash, epochs: history.epoch, values: history[`${split}_${measure}`] });
    }
  });
  return found;
}
