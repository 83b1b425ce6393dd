// Every unit's activation for the inputs under the pointer.

const MOST_UNITS = 64;

function unitsView(root, run) {
  const { plane } = run;
  const view = element("div", root, { class: "view", id: "units" });
  element("h3", view, {}, "Every unit, for the inputs under the pointer");
  element("p", view, { class: "soft" }, "Move over the picture, or go to it with the Tab key and use the arrow keys.");
  const inputs = element("ul", view, { class: "units", id: "inputs" });
  const lists = plane.layers.map((layer, k) => {
    const name = element("div", view, { class: "soft" }, `${layer.name}: ${layer.words}${k + 1 === plane.layers.length ? " – the output" : ""}`);
    return element("ul", view, { class: "units", "data-layer": layer.name, "aria-label": name.textContent });
  });
  const answer = element("p", view, { "aria-live": "polite", id: "answer" });
  return (net, raw, frame) => {
    fill(inputs, plane.labels.map((name, k) => [raw[k], `${name} = ${written(raw[k])}`]), false);
    const seen = net.run(raw, frame);
    seen.forEach((row, k) => fill(lists[k], Array.from(row, (value) => [value, written(value)]), true));
    answer.textContent = answerWords(plane, net.outputs(raw, frame));
  };
}

function fill(list, entries, tinted) {
  const shown = entries.slice(0, MOST_UNITS);
  while (list.children.length > shown.length) list.lastChild.remove();
  shown.forEach(([value, words], k) => {
    const item = list.children[k] || element("li", list);
    item.textContent = words;
    const strength = Math.min(Math.abs(value), 1) * 0.45;
    const [red, green, blue] = parts(color(value < 0 ? 0 : 1));
    if (tinted) item.style.background = `rgb(${red} ${green} ${blue} / ${strength})`;
  });
  if (entries.length > shown.length) list.setAttribute("title", `the first ${MOST_UNITS} of ${entries.length} units`);
}

function answerWords({ classes, threshold, answer }, outputs) {
  if (!classes.length) return `${answer || "Output"}: ${written(outputs[0])}`;
  const k = outputs.length === 1 ? Number(outputs[0] > threshold) : outputs.indexOf(Math.max(...outputs));
  return `Answer: class ${classes[k]}`;
}
