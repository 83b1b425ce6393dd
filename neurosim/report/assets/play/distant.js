// The page of a network that only the server can evaluate: it draws what that tells, its layers in words, its losses,
// and which class is taken for which.

class Distant extends App {
  layout() {
    super.layout();
    this.diagram.root.closest("section").querySelector(".head .sizes").remove();
    document.querySelector("section.unit").remove();
    document.querySelector(".lab").classList.add("distant");
    this.diagram = new Layers(this.diagram.root, this);
    const { title, canvas, note, key, table } = this.output;
    for (const node of [canvas, note, key]) node.remove();
    this.output = { app: this, table, draw: () => {}, build: () => {} };
    this.title = title;
  }

  begin() {
    const { settings } = this;
    this.clock.textContent = "getting ready …";
    this.worker.postMessage({ do: "build", scenario: settings.now, evaluates: false });
    this.controls.build();
    this.dataRoot.replaceChildren();
    element("h2", this.dataRoot, {}, "Data");
    element("p", this.dataRoot, { class: "soft" }, `${this.given.length} inputs; the rows are those of the scenario.`);
    this.remember();
  }

  hidden() {
    return this.layers.slice(0, -1).filter((table) => table.activation);
  }

  hear(told) {
    if (told.failed) {
      super.hear(told);
      return;
    }
    soon(told.state.running, () => {
      this.state = told.state;
      this.draw();
      this.worker.postMessage({ do: "more" });
    });
  }

  draw() {
    const { state } = this;
    if (!state) return;
    this.diagram.show(state.layers);
    this.losses_.draw();
    this.title.textContent = state.counts ? `What it answers on the ${state.counts.split} rows` : "";
    if (state.counts) countsTable(this.output.table, state.counts.rows, this.data.classes);
    this.progress();
  }
}

// The layers of a network, one below the other.
class Layers {
  constructor(root, app) {
    root.replaceChildren();
    root.classList.add("listed");
    Object.assign(this, { root, app, table: element("table", root, { class: "layers" }), shown: "" });
  }

  show(layers) {
    const { table } = this;
    const words = JSON.stringify(layers);
    if (words === this.shown) return;
    this.shown = words;
    table.replaceChildren();
    const head = element("tr", element("thead", table));
    for (const name of ["layer", "shape"]) element("th", head, { scope: "col" }, name);
    element("th", head, { scope: "col", class: "number" }, "parameters");
    const body = element("tbody", table);
    for (const { words: about, shape: size, parameters } of layers) {
      const row = element("tr", body);
      element("th", row, { scope: "row" }, about);
      element("td", row, {}, size);
      element("td", row, { class: "number" }, parameters ? parameters.toLocaleString("en") : "");
    }
  }

  build() {}

  draw() {}
}
