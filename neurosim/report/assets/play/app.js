// The page: it holds the scenario and what the worker has told last, and brings its parts up to date.

// Rows that are counted at each drawing.
const MOST_JUDGED = 500;
// A mark in the browser's timeline, for benchmarks: what the network answers stands on the page.
const FIRST = "first picture";

class App extends Tables {
  constructor({ scenario, title, catalog, data, lesson, names, served, play }) {
    super();
    Object.assign(this, { catalog, data, title, lesson, given: names });
    this.play = play ?? {};
    Object.assign(this, { state: null, values: null, looked: null, own: null, drawing: null });
    this.settings = new Settings(scenario);
    this.made = engine();
    this.served = served;
    let followed = this.follow(location.hash);
    const { speed = 0, test_rows: showsTest = true, class_only: discrete = false, unit, row = 0, hidden: concealed = [] } = this.settings.view;
    const pinned = unit ? { layer: unit[0], unit: unit[1] } : null;
    // What the link hides here, and what the address of this page will hide.
    Object.assign(this, { concealed, hides: concealed, pace: speed, showsTest, discrete, pinned, row });
    if (served) this.remote = new Remote(this.made.doubles);
    if (served?.engine) this.worker = this.remote;
    else {
      const source = `"use strict";(${work})(${engine})`;
      this.worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    }
    this.worker.onmessage = ({ data: told }) => this.hear(told);
    this.layout();
    try {
      this.begin();
    } catch {
      followed = false;
      this.settings.forget();
      this.begin();
    }
    if (!followed) this.say("The address asks for what the page cannot do; this is the scenario as it is.");
    // Another address of the same page is another scenario.
    window.addEventListener("hashchange", () => location.reload());
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  // Take over what an address has changed; one that asks for what cannot be changes nothing.
  follow(address) {
    const { settings, served } = this;
    settings.restore(address);
    if (!settings.address || served?.distant) return true;
    try {
      sectionsOf(settings.now, this);
      return true;
    } catch {
      settings.forget();
      return false;
    }
  }

  layout() {
    const root = document.querySelector("main");
    const bar = element("div", root, { class: "bar", role: "group", "aria-label": "Training" });
    this.button = element("button", bar, { type: "button", class: "main" }, "Train");
    this.button.addEventListener("click", () => this.toggle());
    const others = { Step: { do: "step" }, Epoch: { do: "epoch" } };
    this.starts = [this.button];
    for (const [words, order] of Object.entries(others)) {
      const button = element("button", bar, { type: "button" }, words);
      button.addEventListener("click", () => this.worker.postMessage(order));
      this.starts.push(button);
    }
    element("button", bar, { type: "button" }, "Reset").addEventListener("click", () => this.begin());
    element("button", bar, { type: "button" }, "Other weights").addEventListener("click", () => {
      this.change({ "scenario.seed": (this.settings.get("scenario.seed") ?? 0) + 1 });
    });
    this.clock = element("output", bar, { class: "clock" });
    this.pad = new Pad(this);
    this.controls = new Controls(element("div", root, { class: "controls" }), this);
    const grid = element("div", root, { class: "lab" });
    this.dataRoot = element("section", grid, { class: "data", "aria-label": "Data" });
    const middle = element("section", grid, { class: "network", "aria-label": "Network" });
    const head = element("div", middle, { class: "head" });
    element("h2", head, {}, "Network");
    const depth = element("div", head, { class: "sizes", ...(this.shows("layers") ? {} : { hidden: "" }) });
    const fewer = element("button", depth, { type: "button", "aria-label": "One hidden layer less" }, "−");
    element("span", depth, {}, "hidden layers");
    const more = element("button", depth, { type: "button", "aria-label": "One hidden layer more" }, "+");
    fewer.addEventListener("click", () => this.deepen(-1));
    more.addEventListener("click", () => this.deepen(1));
    this.diagram = new Diagram(element("div", middle, { class: "diagram" }), this);
    this.unit = new UnitPanel(element("section", middle, { class: "unit", "aria-label": "The unit that is pinned" }), this);
    const right = element("section", grid, { class: "result", "aria-label": "Result" });
    this.output = new Output(element("div", right), this);
    this.losses_ = new Losses(element("div", right), this);
    const foot = element("div", root, { class: "foot" });
    const unsaved = this.shows("download") ? {} : { hidden: "" };
    const save = element("button", foot, { type: "button", ...unsaved }, "Download scenario.toml");
    save.addEventListener("click", () => this.download());
    new Hiding(element("div", foot), this);
    this.message = element("p", foot, { class: "note", role: "alert", hidden: "" });
    for (const kind of ["dragover", "drop"]) {
      window.addEventListener(kind, (event) => {
        event.preventDefault();
        if (kind === "drop" && this.takesFiles && event.dataTransfer.files.length) this.take(event.dataTransfer.files[0]);
      });
    }
    this.addFormula(middle);
    // A run that is only watched asks nothing.
    const { text, questions = [] } = this.served?.live ? {} : this.play;
    if (text || questions.length) {
      const beside = element("section", grid, { class: "lesson", "aria-label": "Lesson" });
      for (const part of (text ?? "").trim().split(/\n\s*\n/)) if (part) element("p", beside, {}, part);
      if (questions.length) this.questions = new Questions(element("div", beside), this, questions);
    }
    // What would tell the answers before a prediction is not shown.
    if (this.lesson && !questions.some(({ before }) => before)) {
      const lesson = element("details", root, {});
      element("summary", lesson, {}, "What to look for");
      for (const part of this.lesson.split("\n\n")) element("p", lesson, {}, part);
    }
  }

  // Activations can be typed in where a server reads them.
  addFormula(root) {
    if (this.served?.typed && this.shows("activation")) new FormulaPanel(element("details", root, { class: "own" }), this, this.served.typed);
  }

  // Whether the scenario's section [play] shows a group of controls, and the link does not hide it.
  shows(control) {
    if (this.concealed.includes(control)) return false;
    return !this.play.controls || this.play.controls.includes(control);
  }

  // The problem anew, from its first step.
  begin() {
    const { settings, catalog } = this;
    const { now } = settings;
    this.values = null;
    const table = this.made.makeTable(now.data, catalog, this.own);
    const loss = catalog.losses[this.lossName()];
    const inputs = table ? table.inputNames.length : this.data.inputs;
    this.network = new this.made.Network(now.network, inputs, catalog);
    this.network.hasten();
    const wanted = { outputs: this.network.outputs, targets: loss.targets };
    const found = table ? this.made.splitsOf(table, now.data, wanted) : this.data;
    this.scales = { inputs: found.inputs_ ?? found.inputs, outputs: found.outputs };
    const numbered = Array.from({ length: table?.classes ?? 0 }, (_, k) => String(k));
    this.classes = table ? (table.labelNames ?? numbered) : this.data.classes;
    this.inputNames = table ? table.inputNames : this.given;
    this.features = table ? { names: table.names, made: table.made } : (this.data.features ?? { names: this.given, made: null });
    // How many there are to draw over.
    this.wide = this.features.names.length;
    this.offered = table && !this.served?.live ? this.made.offeredInputs(table.names) : [];
    this.tables = tablesOf(now.network.layers);
    // A unit that there is no longer is kept no longer.
    const { layers } = this.network;
    if (this.pinned && !(this.pinned.unit < (layers[this.pinned.layer]?.units ?? 0))) this.pinned = null;
    this.look(null);
    this.survey(table, found);
    this.image = !table && this.data.image ? this.pad.imageOf(found.splits.train) : null;
    this.maps = new Maps(this.network, this.box, (raw) => this.toInputs(raw), this.wide);
    // Halfway between the two answers of a step, whatever its loss compares.
    const stepped = this.made.choice(now.network.layers.at(-1).activation ?? "identity").name === "step";
    this.threshold = stepped ? 0.5 : loss.threshold;
    this.range = this.classes.length ? (this.threshold === 0.5 ? [0.5, 0.5] : [0, 1]) : null;
    this.maps.range = this.range;
    const splits = found.splits;
    this.worker.postMessage({ do: "build", scenario: now, splits, inputs, catalog });
    keepingFocus(() => {
      this.controls.build();
      this.controls.data(this.dataRoot);
      this.diagram.build();
      this.unit.build();
    });
    this.row = Math.min(this.row, this.counts.train - 1);
    if (this.pinned) this.watch();
    this.diagram.mark();
    this.output.build();
    this.remember();
  }

  // What is changed stands in the address, but for tables of one's own, which are too long for that.
  remember() {
    const { settings, pinned, row, pace, showsTest, discrete, hides } = this;
    const unit = pinned && pinned.layer >= 0 ? [pinned.layer, pinned.unit] : null;
    settings.view = { speed: pace || null, test_rows: showsTest, class_only: discrete, unit, row: row || null, hidden: hides };
    if (!this.own) history.replaceState(null, "", settings.address || `${location.pathname}${location.search}`);
  }

  // Where the rows lie: the ends of the axes, and the rows as points, in the units of the table.
  survey(table, { splits }) {
    const [width, { wide }, { scale: factors, shift }] = [this.network.inputs, this, this.scales.inputs];
    this.points = {};
    this.counts = {};
    const { outputs } = this.scales;
    for (const [name, { x, raw, values, classes }] of Object.entries(splits)) {
      const numbers = this.made.doubles(raw ?? x);
      const y = values && this.made.doubles(values);
      const count = numbers.length / wide;
      const feature = (r, k) => (raw ? numbers[r * wide + k] : (numbers[r * wide + k] - shift[k]) / factors[k]);
      this.counts[name] = count;
      this.points[name] = Array.from({ length: Math.min(count, 1500) }, (_, r) => {
        if (wide === 1) return [feature(r, 0), this.inUnits(y[r], outputs), 0];
        return [feature(r, 0), feature(r, 1), classes ? classes[r] : 0];
      });
    }
    // The rows that are judged, for what cannot be drawn over the plane.
    const { x, classes } = splits.test ?? splits.train;
    const count = Math.min(this.made.doubles(x).length / width, MOST_JUDGED);
    this.rows = classes && { x: this.made.doubles(x).slice(0, count * width), classes: classes.slice(0, count), count };
    const all = Object.values(this.points).flat();
    this.box = [0, 1].map((k) => {
      const along = all.map((point) => point[k]);
      const [low, high] = [Math.min(...along), Math.max(...along)];
      const margin = 0.15 * (high - low || 1);
      return [low - margin, high + margin];
    });
  }

  // What the network gets for the features of a row.
  toInputs(raw) {
    const { scale: factors, shift } = this.scales.inputs;
    const { made } = this.features;
    return (made ? this.made.madeInputs(made, raw) : raw).map((x, k) => x * factors[k] + shift[k]);
  }

  inUnits(y) {
    const { scale: factors, shift } = this.scales.outputs;
    return factors.length ? (y - shift[0]) / factors[0] : y;
  }

  hear({ state, failed }) {
    if (failed) {
      this.clock.textContent = `It cannot be trained: ${failed}`;
      return;
    }
    soon(state.running, () => {
      // While this is drawn, the next is got ready.
      this.worker.postMessage({ do: "more" });
      // Of a network that has been left meanwhile nothing is drawn.
      if (state.values.length === this.network.size) {
        Object.assign(this, { state, values: state.values });
        this.network.values.set(state.values);
        this.network.statistics.set(state.statistics);
        this.draw();
      }
    });
  }

  draw() {
    const { network, state } = this;
    if (!state || !this.values) return;
    if (this.wide <= 2) {
      this.maps.compute(MAP_CELLS, true);
      this.maps.compute(CELLS, false);
    } else if (this.rows) this.maps.look(this.rows);
    this.pad.draw();
    this.diagram.draw();
    this.unit.draw();
    this.output.draw();
    this.losses_.draw();
    this.progress();
    if (!performance.getEntriesByName(FIRST).length) performance.mark(FIRST);
  }

  // How far training is.
  progress() {
    const { state } = this;
    let ended = state.ended ? " – the run has ended" : "";
    if (state.diverged) ended = " – numbers are no longer finite: try a smaller learning rate";
    const waits = this.questions?.waits ?? false;
    if (waits) ended = " – answer what comes before training, below";
    this.clock.textContent = `epoch ${Math.floor(state.epochs)}, step ${state.steps}${ended}`;
    this.button.textContent = state.running ? "Pause" : "Train";
    this.questions?.look();
    for (const button of this.starts) button.disabled = waits;
  }

  toggle() {
    if (this.state?.running) this.worker.postMessage({ do: "pause" });
    else this.worker.postMessage({ do: "run", steps: this.pace });
  }

  setPace(pace) {
    this.pace = pace;
    this.remember();
    if (this.state?.running) this.worker.postMessage({ do: "run", steps: pace });
  }

  seek(to) {
    this.worker.postMessage({ do: "seek", to });
  }

  look(place) {
    this.looked = place ?? this.pinned;
    this.output?.draw();
  }

  // Keep one unit in view, with its weights; null for none.
  choose(place) {
    this.pinned = place;
    this.look(null);
    this.diagram.mark();
    keepingFocus(() => this.unit.build());
    this.watch();
    this.remember();
  }

  // Whether the numbers of a step can be told: a server does not.
  get explains() {
    return this.worker !== this.remote;
  }

  // The worker tells the numbers of a step on the chosen row, seen from the unit that is pinned.
  watch() {
    if (!this.explains) return;
    const { pinned: place, row } = this;
    const watched = place && place.layer >= 0 ? { row, place: place.layer, unit: place.unit } : null;
    this.worker.postMessage({ do: "watch", place: watched });
  }

  chooseRow(row) {
    this.row = Math.min(Math.max(row, 0), this.counts.train - 1);
    if (!this.pinned) this.choose({ layer: this.network.layers.length - 1, unit: 0 });
    else this.watch();
    this.remember();
    this.output.draw();
  }

  show(how) {
    Object.assign(this, how);
    this.remember();
    this.output.draw();
  }

  // Change the scenario and begin anew.
  change(changes) {
    this.settings.set(changes);
    this.begin();
  }

  // A number of the optimizer, without a new beginning.
  tune(name, value) {
    this.settings.set({ [`optimizer.${name}`]: value });
    this.worker.postMessage({ do: "set", name, value });
    this.remember();
  }

  say(words) {
    this.message.textContent = words;
    this.message.hidden = !words;
  }
}

// A table for each layer that is built; groups are written out, and a residual layer's activation is one of its own.
function tablesOf(tables) {
  return tables.flatMap((table) => {
    if (table.kind === "group") return Array.from({ length: table.repeat ?? 1 }, () => tablesOf(table.layers)).flat();
    const own = table.kind === "residual" && table.activation ? [table, { kind: "activation", activation: table.activation }] : [table];
    return Array.from({ length: table.repeat ?? 1 }, () => own).flat();
  });
}
