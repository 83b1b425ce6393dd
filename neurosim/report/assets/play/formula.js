// An activation that is typed in: the server reads it, and the page is loaded anew with it.

const SPAN = 4;
const DRAWN_AT = 121;

class FormulaPanel {
  constructor(root, app, typed) {
    Object.assign(this, { app });
    element("summary", root, {}, "An activation of your own");
    const label = element("label", root, { class: "field" }, "a formula of z; other names are parameters");
    this.text = element("textarea", label, { rows: 2, spellcheck: "false", maxlength: 2000, placeholder: "z / (1 + exp(-beta * z))" });
    const use = element("button", root, { type: "button" }, "Use it");
    use.addEventListener("click", () => this.ask());
    this.note = element("p", root, { class: "note", role: "alert", hidden: "" });
    app.remote.onmessage = ({ data }) => this.hear(data);
    const name = app.hiddenActivation();
    const found = typed.find((own) => own.name === name);
    if (!found) return;
    root.open = true;
    this.text.value = found.text;
    this.draw(element("figure", root), app.catalog.activations[name]);
  }

  ask() {
    this.note.hidden = true;
    this.app.remote.postMessage({ do: "formula", text: this.text.value });
  }

  hear({ formula, failed }) {
    if (failed) {
      this.note.textContent = failed;
      this.note.hidden = false;
      return;
    }
    const { app } = this;
    for (const table of app.hidden()) {
      table.activation = formula.name;
      delete table.init;
    }
    history.replaceState(null, "", app.settings.address || location.pathname);
    location.reload();
  }

  // The formula, and dashed its derivative.
  draw(figure, record) {
    const [width, height] = [300, 130];
    const { FORMULAS } = this.app.made;
    const params = Object.values(record.params);
    const at = Array.from({ length: DRAWN_AT }, (_, k) => SPAN * ((2 * k) / (DRAWN_AT - 1) - 1));
    const value = at.map((z) => FORMULAS[record.f](z, ...params));
    const slope = at.map((z, k) => FORMULAS[record.df](z, value[k], ...params));
    const all = [...value, ...slope].filter(Number.isFinite);
    const [low, high] = [Math.max(Math.min(...all, 0), -SPAN), Math.min(Math.max(...all, 1), SPAN)];
    const [x, y] = [scale([-SPAN, SPAN], [34, width - 6]), scale([low, high], [height - 18, 6])];
    const picture = shape("svg", figure, { viewBox: `0 0 ${width} ${height}`, role: "img" });
    picture.setAttribute("aria-label", `${record.name} and its derivative`);
    for (const tick of ticks(low, high, false, 4)) {
      shape("line", picture, { class: "grid", x1: 34, x2: width - 6, y1: y(tick), y2: y(tick) });
      shape("text", picture, { x: 30, y: y(tick) + 4, "text-anchor": "end" }, short(tick));
    }
    for (const tick of ticks(-SPAN, SPAN, false, 5)) {
      shape("text", picture, { x: x(tick), y: height - 4, "text-anchor": "middle" }, short(tick));
    }
    [value, slope].forEach((numbers, k) => {
      const points = numbers.map((number, place) => [x(at[place]), y(number), number >= low && number <= high]);
      const d = points.map(([u, v, fits], place) => {
        if (!fits) return "";
        return `${points[place - 1]?.[2] ? "L" : "M"}${u.toFixed(1)} ${v.toFixed(1)}`;
      });
      shape("path", picture, { class: "curve", d: d.join(""), stroke: LINES[k], ...dashes({ dash: DASHES[k] }) });
    });
    element("figcaption", figure, { class: "soft" }, `${record.name.replaceAll("_", " ")}; dashed: its derivative`);
  }
}
