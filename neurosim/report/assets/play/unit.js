// A unit that is pinned: its weights, to be read and changed, and the numbers of a step on one row.

const MOST_WEIGHTS = 64;
// Products that are written out in a line.
const MOST_PRODUCTS = 4;

class UnitPanel {
  constructor(root, app) {
    Object.assign(this, { root, app, cells: [] });
    root.hidden = true;
  }

  build() {
    const { root, app } = this;
    const { pinned: place } = app;
    root.replaceChildren();
    this.cells = [];
    this.sample = null;
    root.hidden = !place || place.layer < 0;
    // The first numbers of a network are still to come.
    this.waiting = !root.hidden && !app.values;
    if (root.hidden || this.waiting) return;
    const layer = app.network.layers[place.layer];
    const head = element("div", root, { class: "head" });
    element("h2", head, {}, `Layer ${place.layer + 1}`);
    const field = element("label", head, { class: "inline" }, "Unit ");
    const which = element("input", field, { type: "number", min: 1, max: layer.units, value: place.unit + 1 });
    which.addEventListener("change", () => {
      const unit = Math.min(Math.max(Math.round(Number(which.value)) || 1, 1), layer.units) - 1;
      app.choose({ layer: place.layer, unit });
    });
    if (app.explains && app.counts.train > 1 && layer.weight) {
      const choose = element("label", head, { class: "inline" }, "Training row ");
      this.sample = element("input", choose, { type: "number", min: 0, max: app.counts.train - 1, value: app.row });
      this.sample.addEventListener("change", () => app.chooseRow(Math.round(Number(this.sample.value)) || 0));
    }
    const close = element("button", head, { type: "button", "aria-label": "Close the unit" }, "×");
    close.addEventListener("click", () => {
      app.choose(null);
      app.diagram.focus(place);
    });
    if (layer.weight) this.weights(layer, place);
    else element("p", root, { class: "soft" }, "It has no weights of its own.");
    this.draw();
  }

  weights(layer, { layer: at, unit }) {
    const { root, app } = this;
    this.lines = element("div", root, { class: "lines" });
    const table = element("table", element("div", root, { class: "weights" }));
    const head = element("tr", element("thead", table));
    const columns = ["from", "weight w", "input x", "w · x", "slope ∂L/∂w", "w after the step"];
    if (!app.explains) columns.splice(2);
    columns.forEach((words, k) => element("th", head, { scope: "col", class: k > 1 ? "number" : "" }, words));
    const body = element("tbody", table);
    const from = (k) => layer.weight.offset + k * layer.units + unit;
    const names = this.sources(at);
    const places = names.map((_, k) => k);
    if (places.length > MOST_WEIGHTS) {
      places.sort((a, b) => Math.abs(app.values[from(b)]) - Math.abs(app.values[from(a)])).splice(MOST_WEIGHTS);
      element("p", root, { class: "soft" }, `The ${MOST_WEIGHTS} largest of ${names.length} weights.`);
    }
    if (layer.bias) this.row(body, "bias", layer.bias.offset + unit, null);
    for (const k of places) this.row(body, names[k], from(k), k);
  }

  // What the inputs of a layer are called.
  sources(place) {
    const { app } = this;
    if (place === 0) return app.inputNames.map((name) => name.replaceAll("_", " "));
    return Array.from({ length: app.network.layers[place].inputs }, (_, k) => `unit ${k + 1}`);
  }

  setWeight(index, value) {
    const { app } = this;
    app.values[index] = value;
    app.worker.postMessage({ do: "weights", values: Array.from(app.values) });
  }

  row(body, name, index, input) {
    const { app } = this;
    const row = element("tr", body);
    element("th", row, { scope: "row" }, name);
    const label = input === null ? "Bias" : `Weight from ${name}`;
    const fixed = app.shows("weights") && !app.served?.live ? {} : { readonly: "" };
    const field = element("input", element("td", row), { type: "number", step: "any", "aria-label": label, ...fixed });
    field.addEventListener("change", () => {
      const value = Number(field.value);
      if (field.value.trim() !== "" && Number.isFinite(value)) this.setWeight(index, value);
      this.draw();
    });
    const told = app.explains ? [0, 1, 2, 3].map(() => element("td", row, { class: "number" })) : [];
    this.cells.push({ field, index, input, told });
  }

  // The numbers of a step on the chosen row: forward, loss, backward, update.
  step(found) {
    const { app, lines, cells } = this;
    lines.replaceChildren();
    for (const { told } of cells) for (const cell of told) cell.textContent = "";
    if (!found) return;
    const { count, inputs, z, a, target, answer, loss, delta, before, slopes, after } = found;
    const bias = before.length > inputs.length ? before.at(-1) : null;
    const signed = (value) => (value < 0 ? `(${short(value)})` : short(value));
    const products = inputs.map((x, k) => `${signed(before[k])} · ${signed(x)}`);
    const sum = products.length > MOST_PRODUCTS ? "the sum of all w · x" : products.join(" + ");
    const list = (values) => values.map(short).join(", ");
    const activation = app.nameOf(app.tables[found.place]);
    const right = app.classes[target[0]] ?? list(target);
    const { l1, l2 } = app.network.layers[found.place];
    const penalty = l1 || l2 ? "and with the slope of the penalty, " : "";
    // Batch normalization has a row learn with others.
    const [mean, whole, slope, what] =
      count > 1
        ? [`, the mean over its batch of ${count} rows`, "for this row ", "added up over the batch, ", "this batch"]
        : ["", "", "", "this row alone"];
    const words = [
      ["Forward", `z = ${bias === null ? "" : `${short(bias)} + `}${sum} = ${short(z)}`],
      ["", activation === "linear" ? `a = z = ${short(a)}` : `a = ${activation}(z) = ${short(a)}`],
      ["Loss", `L = ${short(loss)}${mean}; ${whole}the network answers ${list(answer)}, and the target is ${right}`],
      ["Backward", `∂L/∂z = ${short(delta)}; times its input x, ${slope}${penalty}it is the slope of a weight`],
      ["Update", `by ${app.settings.get("optimizer.name")}, on ${what}: the last column`],
    ];
    const table = element("dl", lines);
    for (const [name, text] of words) {
      element("dt", table, {}, name);
      element("dd", table, {}, text);
    }
    for (const { input, told } of cells) {
      const k = input ?? inputs.length;
      const [x, product] = input === null ? ["", ""] : [short(inputs[k]), short(before[k] * inputs[k])];
      [x, product, short(slopes[k]), written(after[k])].forEach((text, c) => {
        told[c].textContent = text;
      });
    }
  }

  // To the weight that a line stands for.
  focus(index) {
    this.cells.find((cell) => cell.index === index)?.field.focus();
  }

  draw() {
    const { app } = this;
    if (this.root.hidden || !app.values) return;
    if (this.waiting) this.build();
    for (const { field, index } of this.cells) {
      if (document.activeElement !== field || app.state?.running) field.value = Number(app.values[index].toPrecision(6));
    }
    if (this.sample && document.activeElement !== this.sample) this.sample.value = app.row;
    const { explained } = app.state ?? {};
    const { pinned } = app;
    const own = explained && explained.place === pinned.layer && explained.unit === pinned.unit ? explained : null;
    if (this.cells.length) this.step(own);
  }
}
