// The network, the loss and the optimizer of the page's scenario, as the controls change them.

// What has no units of its own, or makes something of those before it.
const FOLLOWING = ["flatten", "activation", "gated", "maxout", "dropout", "batch_norm", "layer_norm"];

class Editing {
  get layers() {
    return this.settings.now.network.layers;
  }

  hidden() {
    return this.layers.slice(0, -1).filter((table) => table.kind === "dense");
  }

  hiddenActivation() {
    const table = this.hidden()[0];
    return table?.activation ? this.made.choice(table.activation).name : "tanh";
  }

  // What a hidden layer may have, as options.
  activations() {
    const found = Object.entries(this.catalog.activations).filter(([, record]) => !record.row);
    return found.map(([name]) => [name, name]).sort();
  }

  activate(activation) {
    for (const table of this.hidden()) {
      table.activation = activation;
      delete table.init;
    }
    this.change({});
  }

  penalty(kind) {
    return this.layers.find((table) => table.kind === "dense")?.[kind] ?? 0;
  }

  penalize(kind, value) {
    for (const table of this.layers) if (table.kind === "dense") table[kind] = value;
    this.change({});
  }

  // One input more or less, in the order in which they are offered; the scenario's own stay behind them.
  useInput(text, wanted) {
    const { names } = this.features;
    const given = this.inputNames.filter((name) => name !== text);
    const own = given.filter((name) => !this.offered.some((offer) => offer.text === name));
    const chosen = this.offered.map((offer) => offer.text).filter((name) => given.includes(name) || (wanted && name === text));
    const inputs = [...chosen, ...own];
    for (const table of this.layers) delete table.weight;
    this.change({ "data.inputs": inputs.join("\n") === names.join("\n") ? undefined : inputs });
  }

  canResize(place) {
    return this.tables[place].kind === "dense" && place < this.tables.length - 1 && this.tables[place] === this.layers[place] && this.shows("units");
  }

  resize(place, units) {
    this.layers[place].units = Math.min(Math.max(units, 1), 256);
    delete this.layers[place].weight;
    if (Array.isArray(this.layers[place].bias)) delete this.layers[place].bias;
    const next = this.layers.slice(place + 1).find((table) => table.kind === "dense");
    delete next.weight;
    this.change({});
  }

  // One hidden layer more, with the dropout and the normalization of the one before; or the last one less, with all
  // that follows it.
  deepen(by) {
    const { layers } = this;
    const last = layers.slice(0, -1).findLastIndex((table) => !FOLLOWING.includes(table.kind));
    const behind = layers.slice(last + 1, -1);
    if (by > 0) {
      const alike = behind.filter((table) => table.kind === "dropout" || table.kind in NORMS);
      layers.splice(-1, 0, { kind: "dense", units: 4, activation: this.hiddenActivation() }, ...structuredClone(alike));
    } else if (last >= 0) layers.splice(last, behind.length + 1);
    for (const table of layers) delete table.weight;
    this.change({});
  }

  // What a layer is called above its column: its activation, or its kind.
  nameOf(table) {
    const activation = table.activation ? this.made.choice(table.activation).name : "identity";
    if (activation !== "identity") return activation.replaceAll("_", " ");
    return table.kind === "dense" ? "linear" : table.kind.replaceAll("_", " ");
  }

  lossName() {
    return this.made.choice(this.settings.get("network.loss")).name;
  }

  // The losses for targets of the same kind.
  losses() {
    const { catalog } = this;
    const own = catalog.losses[this.lossName()];
    const alike = ([, record]) => record.targets === own.targets && record.threshold === own.threshold;
    return Object.entries(catalog.losses).filter(alike).map(([name]) => name).sort();
  }

  defaultRate(name = this.settings.get("optimizer.name")) {
    return this.catalog.optimizers[name].params.lr;
  }
}
