// The data of the page's scenario: generated ones, a table of one's own, points that are drawn; and what is saved of them.

// What points are called that have been drawn on the page.
const DRAWN = "points.csv";
const rounded = (number) => String(Number(number.toPrecision(5)));

class Tables extends Editing {
  // Whether its data can be others: those of a run, and those that only the server has, are what they are.
  get takesFiles() {
    return this.shows("data") && !this.served?.live && !this.served?.distant;
  }

  // A scenario, or a table of one's own in a CSV file, whose last column is the target.
  async take(file) {
    try {
      if (file.size > 2e6) throw new Error(`it has ${Math.round(file.size / 1e6)} MB; the page takes 2`);
      if (file.name.endsWith(".toml")) {
        const left = openScenario(this, await file.text());
        this.say(left.length ? `${file.name} is open; the page leaves out what it says of ${left.join(", ")}.` : "");
        return;
      }
      const table = this.made.readCsv(await file.text());
      this.useOwn(table, file.name.replace(/[^\w.-]/g, "_"));
    } catch (error) {
      this.say(`${file.name} cannot be taken: ${error.message}.`);
    }
  }

  // Train on a table that has been dropped or drawn, with the last layer and the loss that it needs.
  useOwn(own, file) {
    this.say("");
    this.own = own;
    const target = own.names.at(-1);
    const data = { source: "csv", file, target, ...(file === DRAWN ? {} : { standardize: true, test_fraction: 0.25 }) };
    // Drawn points have the features that the inputs are made of.
    const { inputs } = this.settings.now.data;
    if (inputs && own.names.slice(0, -1).join() === this.features.names.join()) data.inputs = inputs;
    const { classes = 0 } = this.made.makeTable(data, this.catalog, own);
    const wide = (data.inputs ?? own.names.slice(1)).length !== this.network.inputs;
    const layers = wide ? this.layers.map(({ weight, ...table }) => table) : this.layers;
    this.settings.set({ data, ...this.ending(classes, layers) });
    this.begin();
  }

  // The last layer and the loss for so many classes; 0 for a number.
  ending(classes, layers = this.layers) {
    const units = classes > 2 ? classes : 1;
    const activation = classes > 2 ? "softmax" : classes ? "sigmoid" : "identity";
    const loss = classes > 2 ? "categorical_cross_entropy" : classes ? "binary_cross_entropy" : "mse";
    return { "network.layers": [...layers.slice(0, -1), { kind: "dense", units, activation }], "network.loss": loss };
  }

  // Points drawn with the pointer, of the class that is chosen.
  choosePen(label) {
    this.drawing = label;
    if (label !== null && this.settings.get("data.file") !== DRAWN) {
      const rows = Object.values(this.points).flat();
      const kept = rows.slice(0, 200).map(([u, v, k]) => [rounded(u), rounded(v), String(k)]);
      this.useOwn({ names: ["x1", "x2", "class"], rows: kept }, DRAWN);
      this.drawing = label;
    }
    this.controls.data(this.dataRoot);
  }

  addPoint(u, v) {
    this.own.rows.push([rounded(u), rounded(v), String(this.drawing)]);
    const { drawing, box } = this;
    this.begin();
    // The axes stay while one draws.
    Object.assign(this, { drawing, box });
    this.maps.box = box;
  }

  // Another data set, with the last layer and the loss that it needs.
  newData(source) {
    this.own = null;
    this.drawing = null;
    const layers = this.layers.map(({ weight, ...table }) => table);
    const rows = this.catalog.datasets[source].samples ? { test_fraction: 0.25 } : {};
    // All but one have the same two features.
    const { inputs } = this.settings.now.data;
    const made = inputs && source !== "sine" && this.features.names.join() === "x1,x2" ? { inputs } : {};
    this.change({ data: { source, ...rows, ...made }, ...this.ending({ blobs: 3, sine: 0 }[source] ?? 2, layers) });
  }

  // The scenario; with a table of one's own also that, to lie beside it.
  download() {
    const files = { "scenario.toml": this.settings.toml };
    if (this.own) files[this.settings.get("data.file")] = this.made.writeCsv(this.own);
    for (const [name, text] of Object.entries(files)) saveText(name, text, "text/plain");
  }
}

// A file that the page makes.
function saveText(name, text, type) {
  const link = element("a", null, { download: name });
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.click();
  URL.revokeObjectURL(link.href);
}
