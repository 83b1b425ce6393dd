// Settings that are changed less often: parameters of the optimizer and the loss, what is between layers, how they begin.

const RATES_OF_DROPOUT = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
const NORMS = { batch_norm: { epsilon: 1e-5, momentum: 0.1 }, layer_norm: { epsilon: 1e-5 } };

class More {
  constructor(controls, app) {
    Object.assign(this, { controls, app });
  }

  build(parent) {
    const { app } = this;
    const open = parent.querySelector("details")?.open;
    parent.replaceChildren();
    const fields = element("div", null, { class: "controls" });
    const groups = ["optimizer", "loss", "activation", "layers", "weights"];
    for (const name of groups) if (app.shows(name)) this[name](fields);
    if (!fields.children.length) return;
    const root = element("details", parent, { class: "more", ...(open ? { open: "" } : {}) });
    element("summary", root, {}, "More settings");
    root.append(fields);
  }

  // These take effect at once; all others begin anew.
  optimizer(fields) {
    const { app } = this;
    const { catalog, settings } = app;
    const { params } = catalog.optimizers[settings.get("optimizer.name")];
    for (const [name, usual] of Object.entries(params)) {
      if (name === "lr" || typeof usual !== "number") continue;
      this.number(fields, name, settings.get(`optimizer.${name}`) ?? usual, (value) => app.tune(name, value));
    }
  }

  loss(fields) {
    const { app } = this;
    const loss = app.made.choice(app.settings.get("network.loss"));
    for (const [name, usual] of Object.entries(app.catalog.losses[loss.name].params)) {
      if (typeof usual !== "number") continue;
      this.number(fields, `${name} of the loss`, loss.params[name] ?? usual, (value) => {
        app.change({ "network.loss": { name: loss.name, ...loss.params, [name]: value } });
      });
    }
  }

  activation(fields) {
    const { app, controls } = this;
    app.hidden().forEach((table, k) => {
      const now = table.activation ? app.made.choice(table.activation).name : "identity";
      controls.choice(fields, `Function of layer ${k + 1}`, app.activations(), now, (name) => {
        Object.assign(table, { activation: name, init: undefined });
        this.tidied();
      });
    });
  }

  // What can be behind a hidden dense layer.
  layers(fields) {
    const { app, controls } = this;
    if (!app.layers.slice(0, -1).some((table) => table.kind === "dense")) return;
    const between = (kind) => app.layers.find((table) => table.kind === kind);
    const rates = RATES_OF_DROPOUT.map((rate) => [String(rate), rate]);
    controls.choice(fields, "Dropout", rates, between("dropout")?.rate ?? 0, (rate) => {
      this.putBetween((table) => table.kind === "dropout", rate ? { kind: "dropout", rate } : null, true);
    });
    const norms = [["none", ""], ["batch norm", "batch_norm"], ["layer norm", "layer_norm"]];
    const norm = Object.keys(NORMS).find(between) ?? "";
    controls.choice(fields, "Normalization", norms, norm, (kind) => {
      this.putBetween((table) => table.kind in NORMS, kind ? { kind, ...NORMS[kind] } : null, false);
    });
  }

  weights(fields) {
    const { app, controls } = this;
    const first = app.layers.find((table) => table.kind === "dense");
    const initializers = Object.keys(app.catalog.initializers).map((name) => [name.replaceAll("_", " "), name]);
    const init = first?.init ? app.made.choice(first.init).name : "";
    controls.choice(fields, "Initial weights", [["as usual", ""], ...initializers], init, (name) => {
      for (const table of app.layers) if (table.kind === "dense") Object.assign(table, { init: name || undefined });
      this.tidied();
    });
  }

  number(fields, label, value, changed) {
    const field = element("label", fields, { class: "field" }, label.replaceAll("_", " "));
    const input = element("input", field, { type: "number", step: "any", value });
    input.addEventListener("change", () => {
      const given = Number(input.value);
      if (input.value.trim() !== "" && Number.isFinite(given)) changed(given);
      else input.value = value;
    });
  }

  // One layer behind each hidden one, in place of those that are like it: at the end of what follows that, or at once.
  putBetween(isLike, table, last) {
    const { app } = this;
    const kept = app.layers.filter((own) => !isLike(own));
    const before = kept.map((own, k) => own.kind === "dense" && k < kept.length - 1);
    const layers = [];
    let due = false;
    kept.forEach((own, k) => {
      if (due && (!last || own.kind === "dense")) {
        layers.push({ ...table });
        due = false;
      }
      layers.push(own);
      if (table && before[k]) due = true;
    });
    app.settings.set({ "network.layers": layers });
    this.tidied();
  }

  tidied() {
    const { app } = this;
    for (const table of app.layers) for (const key of Object.keys(table)) if (table[key] === undefined) delete table[key];
    app.change({});
  }
}
