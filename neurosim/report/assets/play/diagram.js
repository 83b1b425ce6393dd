// The network, drawn: a column for the inputs and for each layer, a tile for each unit with what it puts out over the
// plane of two inputs, and a line for each weight.

const TILE = 38;
const MOST_TILES = 8;
const MAP_CELLS = 20;

class Diagram {
  constructor(root, app) {
    Object.assign(this, { root, app, tiles: [], links: [] });
    // It is as wide as all columns need: `root` scrolls where there is less room.
    this.inner = element("div", root, { class: "inner" });
    this.picture = shape("svg", this.inner, { class: "links", "aria-hidden": "true" });
    this.columns = element("div", this.inner, { class: "columns" });
    new ResizeObserver(() => this.place()).observe(root);
  }

  // Draw anew for another network.
  build() {
    const { app, columns } = this;
    const { network } = app;
    columns.replaceChildren();
    this.tiles = [];
    const inputs = this.column("inputs", app.inputNames.length, null);
    inputs.node.classList.add("inputs");
    // A picture is one tile.
    if (app.image) {
      inputs.list.replaceChildren();
      inputs.node.querySelector(".soft")?.remove();
      this.tile(inputs, { name: "the picture", layer: -1, unit: 0 });
      this.tiles[0].button.classList.add("whole");
    }
    app.inputNames.slice(0, app.image ? 0 : MOST_TILES).forEach((name, k) => this.tile(inputs, { name, layer: -1, unit: k }));
    network.layers.forEach((layer, place) => {
      const table = app.tables[place];
      if (!SHOWN.includes(table.kind)) {
        const node = element("div", columns, { class: "column slim" });
        const rate = table.kind === "dropout" ? ` ${table.rate}` : "";
        element("div", node, { class: "between" }, `${table.kind.replaceAll("_", " ")}${rate}`);
        return;
      }
      const column = this.column(app.nameOf(table), layer.units, place);
      for (let unit = 0; unit < Math.min(layer.units, MOST_TILES); unit += 1) {
        this.tile(column, { name: `unit ${unit + 1} of layer ${place + 1}`, layer: place, unit });
      }
    });
    this.place();
  }

  column(title, count, place) {
    const { app } = this;
    const label = place === null ? "Inputs" : `Layer ${place + 1}, ${title}`;
    const node = element("div", this.columns, { class: "column", role: "group", "aria-label": label });
    element("h3", node, {}, title);
    if (place !== null && app.canResize(place)) {
      const row = element("div", node, { class: "sizes" });
      const fewer = element("button", row, { type: "button", "aria-label": `One unit less in layer ${place + 1}` }, "−");
      element("span", row, {}, `${count} unit${count === 1 ? "" : "s"}`);
      const more = element("button", row, { type: "button", "aria-label": `One unit more in layer ${place + 1}` }, "+");
      fewer.disabled = count <= 1;
      fewer.addEventListener("click", () => app.resize(place, count - 1));
      more.addEventListener("click", () => app.resize(place, count + 1));
    } else element("div", node, { class: "sizes" }, place === null ? "" : `${count} unit${count === 1 ? "" : "s"}`);
    const list = element("div", node, { class: "tiles" });
    if (count > MOST_TILES) element("p", node, { class: "soft" }, `and ${count - MOST_TILES} more`);
    return { node, list, place };
  }

  tile(column, { name, layer, unit }) {
    const { app } = this;
    const row = element("div", column.list, { class: "named" });
    if (layer < 0 && !app.image) element("span", row, { "aria-hidden": "true" }, name.replaceAll("_", " "));
    const button = element("button", row, { type: "button", class: "tile", "aria-label": name, "aria-pressed": "false" });
    const canvas = element("canvas", button, { width: MAP_CELLS, height: MAP_CELLS });
    const tile = { button, canvas, layer, unit, name };
    const show = () => app.look(layer < 0 ? null : { layer, unit });
    button.addEventListener("click", () => app.choose(same(app.pinned, tile) ? null : { layer, unit }));
    button.addEventListener("pointerenter", show);
    button.addEventListener("focus", show);
    for (const leave of ["pointerleave", "blur"]) button.addEventListener(leave, () => app.look(null));
    this.tiles.push(tile);
  }

  // Where the tiles have come to lie; a line for each weight between two of them.
  place() {
    const { app, picture, inner } = this;
    const { network } = app;
    if (!network) return;
    const box = inner.getBoundingClientRect();
    picture.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
    picture.replaceChildren();
    this.links = [];
    const at = (tile, side) => {
      const own = tile.button.getBoundingClientRect();
      return [(side === "right" ? own.right : own.left) - box.left, (own.top + own.bottom) / 2 - box.top];
    };
    const of = (layer) => this.tiles.filter((tile) => tile.layer === layer);
    network.layers.forEach((layer, place) => {
      if (!layer.weight) return;
      const before = this.before(place);
      for (const to of of(place)) {
        for (const from of of(before)) {
          const [u, v] = at(from, "right");
          const [x, y] = at(to, "left");
          const bend = (x - u) / 2;
          const d = `M${u} ${v}C${u + bend} ${v} ${x - bend} ${y} ${x} ${y}`;
          const index = layer.weight.offset + from.unit * layer.units + to.unit;
          if (app.image && before < 0) {
            shape("path", picture, { d, class: "link plain" });
            continue;
          }
          const line = shape("path", picture, { d, class: "link" });
          const wide = shape("path", picture, { d, class: "hit" });
          const words = () => `weight from ${from.name} to ${to.name}: ${written(app.values[index])}`;
          noted(wide, words);
          wide.addEventListener("click", () => {
            app.choose({ layer: place, unit: to.unit });
            if (app.shows("weights")) app.unit.focus(index);
          });
          this.links.push({ line, index });
        }
      }
    });
    this.draw();
  }

  // The layer that the inputs of another come from, but for those that change nothing in their order.
  before(place) {
    let before = place - 1;
    while (before >= 0 && !SHOWN.includes(this.app.tables[before].kind)) before -= 1;
    return before;
  }

  draw() {
    const { app } = this;
    if (!app.values) return;
    for (const { line, index } of this.links) {
      const weight = app.values[index];
      line.style.stroke = weight < 0 ? COLORS[0] : COLORS[1];
      line.style.strokeWidth = Math.min(0.4 + 1.6 * Math.abs(weight), 6);
      line.style.opacity = Math.min(0.15 + Math.abs(weight), 0.9);
    }
    for (const { canvas, layer, unit } of this.tiles) app.maps.draw(canvas, layer, unit);
  }

  // Which tile is pinned.
  mark() {
    for (const tile of this.tiles) tile.button.setAttribute("aria-pressed", String(same(this.app.pinned, tile)));
  }

  focus(place) {
    this.tiles.find((tile) => same(place, tile))?.button.focus();
  }
}

const SHOWN = ["dense", "activation", "gated", "maxout", "residual", "concatenation"];

function same(one, other) {
  return one !== null && other !== null && one.layer === other.layer && one.unit === other.unit;
}
