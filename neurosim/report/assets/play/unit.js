// A unit that is pinned: its weights, to be read and changed.

const MOST_WEIGHTS = 64;

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
    const table = element("table", element("div", root, { class: "weights" }));
    const head = element("tr", element("thead", table));
    for (const words of ["from", "weight"]) element("th", head, { scope: "col" }, words);
    const body = element("tbody", table);
    const from = (k) => layer.weight.offset + k * layer.units + unit;
    const names = app.sources(at);
    const places = names.map((_, k) => k);
    if (places.length > MOST_WEIGHTS) {
      places.sort((a, b) => Math.abs(app.values[from(b)]) - Math.abs(app.values[from(a)])).splice(MOST_WEIGHTS);
      element("p", root, { class: "soft" }, `The ${MOST_WEIGHTS} largest of ${names.length} weights.`);
    }
    if (layer.bias) this.row(body, "bias", layer.bias.offset + unit, null);
    for (const k of places) this.row(body, names[k], from(k), k);
  }

  row(body, name, index, input) {
    const { app } = this;
    const row = element("tr", body);
    element("th", row, { scope: "row" }, name);
    const label = input === null ? "Bias" : `Weight from ${name}`;
    const field = element("input", element("td", row), { type: "number", step: "any", "aria-label": label });
    field.addEventListener("change", () => {
      const value = Number(field.value);
      if (field.value.trim() !== "" && Number.isFinite(value)) app.setWeight(index, value);
      this.draw();
    });
    this.cells.push({ field, index, input });
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
  }
}
