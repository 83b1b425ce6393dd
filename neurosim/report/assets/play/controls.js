// The controls: each stands for a value of the scenario, and says which.

const RATES = [0.00001, 0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30];
const PENALTIES = [0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1];
const BATCHES = [1, 2, 4, 8, 10, 16, 20, 30, 32, 64, 128];
const PACES = [["full speed", 0], ["1 step a second", 1], ["5 steps a second", 5], ["30 steps a second", 30]];

class Controls {
  constructor(root, app) {
    Object.assign(this, { root, app, more: new More(this, app) });
    this.beneath = element("div", null);
    root.after(this.beneath);
  }

  choice(parent, label, options, value, changed) {
    const field = element("label", parent, { class: "field" }, label);
    const select = element("select", field);
    const known = options.some(([, own]) => own === value) ? options : [...options, [short(value) ?? value, value]];
    known.forEach(([words, own], k) => element("option", select, own === value ? { value: k, selected: "" } : { value: k }, words));
    select.addEventListener("change", () => changed(known[Number(select.value)][1]));
    return select;
  }

  range(parent, label, { min, max, step }, value, changed) {
    const field = element("label", parent, { class: "field" });
    const words = element("span", field, {}, `${label}: ${short(value)}`);
    const input = element("input", field, { type: "range", min, max, step, value });
    input.addEventListener("input", () => {
      words.textContent = `${label}: ${short(Number(input.value))}`;
    });
    input.addEventListener("change", () => changed(Number(input.value)));
    return input;
  }

  tick(parent, label, on, changed) {
    const field = element("label", parent, { class: "tick" });
    const input = element("input", field, { type: "checkbox", ...(on ? { checked: "" } : {}) });
    field.append(` ${label}`);
    input.addEventListener("change", () => changed(input.checked));
    return input;
  }

  build() {
    const { root, app } = this;
    const { settings, catalog } = app;
    root.replaceChildren();
    const numbers = (values) => values.map((value) => [String(value), value]);
    if (app.shows("learning_rate")) {
      this.choice(root, "Learning rate", numbers(RATES), settings.get("optimizer.lr") ?? app.defaultRate(), (value) =>
        app.tune("lr", value),
      );
    }
    const optimizers = Object.keys(catalog.optimizers).sort();
    if (app.shows("optimizer")) {
      this.choice(root, "Optimizer", optimizers.map((name) => [name, name]), settings.get("optimizer.name"), (name) =>
        app.change({ optimizer: { name, lr: app.defaultRate(name) } }),
      );
    }
    if (app.shows("activation")) {
      this.choice(root, "Activation", app.activations(), app.hiddenActivation(), (name) => app.activate(name));
    }
    if (app.shows("loss")) {
      const losses = app.losses().map((name) => [name.replaceAll("_", " "), name]);
      const loss = this.choice(root, "Loss", losses, app.lossName(), (name) => app.change({ "network.loss": name }));
      loss.parentElement.classList.add("wide");
    }
    for (const kind of app.shows("penalties") ? ["l1", "l2"] : []) {
      this.choice(root, kind.toUpperCase(), numbers(PENALTIES), app.penalty(kind), (value) => app.penalize(kind, value));
    }
    if (app.shows("batch")) {
      this.choice(root, "Batch", numbers(BATCHES), settings.get("training.batch_size"), (value) =>
        app.change({ "training.batch_size": value }),
      );
    }
    if (app.shows("speed")) this.choice(root, "Speed", PACES, app.pace, (value) => app.setPace(value));
    this.more.build(this.beneath);
  }

  data(parent) {
    const { app } = this;
    const { settings, catalog } = app;
    parent.replaceChildren();
    element("h2", parent, {}, "Data");
    if (!app.shows("data")) {
      this.inputs(parent);
      this.looks(parent);
      return;
    }
    const source = settings.get("data.source");
    const known = Object.keys(catalog.datasets);
    if (!known.includes(source)) {
      const { train, ...others } = app.counts;
      const kept = Object.entries(others).map(([name, count]) => `, ${count} for ${name === "test" ? "testing" : name}`).join("");
      element("p", parent, { class: "soft" }, `${app.own ? `${settings.get("data.file")}: ` : ""}${train} rows to learn from${kept}`);
      if (app.own) {
        this.choice(parent, "Data set", [["your own", ""], ...known.map((name) => [name, name])], "", (name) => app.newData(name));
      }
    } else {
      this.choice(parent, "Data set", known.map((name) => [name, name]), source, (name) => app.newData(name));
      const defaults = catalog.datasets[source];
      const of = (key) => settings.get(`data.${key}`) ?? defaults[key];
      if ("noise" in defaults) {
        const most = source === "blobs" ? 4 : source === "spirals" ? 1 : 0.6;
        this.range(parent, "Noise", { min: 0, max: most, step: 0.01 }, of("noise"), (noise) => app.change({ "data.noise": noise }));
      }
      if ("samples" in defaults) {
        this.range(parent, "Samples", { min: 20, max: 1000, step: 10 }, of("samples"), (samples) =>
          app.change({ "data.samples": samples }),
        );
        const share = settings.get("data.test_fraction") ?? 0;
        this.range(parent, "Share of test rows", { min: 0, max: 0.9, step: 0.05 }, share, (fraction) =>
          app.change({ "data.test_fraction": fraction }),
        );
        const fresh = element("button", parent, { type: "button" }, "New data");
        fresh.addEventListener("click", () => app.change({ "data.seed": (settings.get("data.seed") ?? 0) + 1 }));
      }
    }
    this.inputs(parent);
    if (app.shows("draw") && app.wide === 2 && app.classes.length === 2) {
      const pens = [["off", null], ["class 0", 0], ["class 1", 1]];
      this.choice(parent, "Draw points", pens, app.drawing, (label) => app.choosePen(label));
    }
    const field = element("label", parent, { class: "field" }, "Your table (.csv) or scenario (.toml)");
    const file = element("input", field, { type: "file", accept: ".csv,text/csv,.toml" });
    file.addEventListener("change", () => file.files.length && app.take(file.files[0]));
    this.looks(parent);
  }

  // What the network gets: features by themselves, and what can be made of them.
  inputs(parent) {
    const { app } = this;
    if (!app.offered.length || !app.shows("inputs")) return;
    const group = element("fieldset", parent, { class: "offered" });
    element("legend", group, {}, "Inputs");
    for (const { text } of app.offered) {
      const on = app.inputNames.includes(text);
      const box = this.tick(group, text.replaceAll("^2", "²").replaceAll("*", " · "), on, (wanted) => app.useInput(text, wanted));
      box.disabled = on && app.inputNames.length === 1;
    }
  }

  // How the answers are shown.
  looks(parent) {
    const { app } = this;
    if (app.shows("draw")) app.pad.build(parent);
    const drawn = app.wide <= 2 && app.points.test;
    if (drawn) this.tick(parent, "show test rows", app.showsTest, (on) => app.show({ showsTest: on }));
    if (app.wide === 2) this.tick(parent, "show the class only", app.discrete, (on) => app.show({ discrete: on }));
  }
}
