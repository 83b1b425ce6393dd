// A picture drawn by hand, for a network that looks at pictures: centered and scaled as its rows are, and answered at once.

const PAD = 160;
// Each pixel of the picture is the mean of so many, along each side.
const FINE = 8;

class Pad {
  constructor(app) {
    Object.assign(this, { app, strokes: [] });
  }

  // Pictures: their size, the rows as the network gets them, and the ends of the gray values in units of the table.
  imageOf({ x }) {
    const { data, scales, made } = this.app;
    const [height, width] = data.image;
    const { scale: factors, shift } = scales.inputs;
    const rows = made.doubles(x);
    let [low, high] = [Infinity, -Infinity];
    rows.subarray(0, 100 * width * height).forEach((number, k) => {
      const raw = (number - shift[k % (width * height)]) / factors[k % (width * height)];
      [low, high] = [Math.min(low, raw), Math.max(high, raw)];
    });
    return { height, width, rows, low, high };
  }

  // In a column of the page; the strokes stay when that is built anew.
  build(parent) {
    const { app } = this;
    this.canvas = null;
    if (!app.image) return;
    const root = element("div", parent, { class: "pad", role: "group", "aria-label": "A picture of your own" });
    element("h3", root, {}, "Draw here");
    const label = "A place to draw a picture with the pointer";
    this.canvas = element("canvas", root, { width: 2 * PAD, height: 2 * PAD, role: "img", "aria-label": label });
    const place = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.strokes.push([place(event)]);
      this.changed();
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!this.canvas.hasPointerCapture(event.pointerId)) return;
      this.strokes.at(-1).push(place(event));
      this.changed();
    });
    const field = element("label", root, { class: "inline" }, "or row ");
    const row = element("input", field, { type: "number", min: 0, max: app.counts.train - 1, value: app.row });
    row.addEventListener("change", () => {
      this.strokes = [];
      app.row = Math.min(Math.max(Math.round(Number(row.value)) || 0, 0), app.counts.train - 1);
      app.watch();
      app.remember();
      this.changed();
    });
    this.clear = element("button", root, { type: "button", class: "small-button" }, "Clear");
    this.clear.addEventListener("click", () => {
      this.strokes = [];
      this.changed();
    });
    this.told = element("p", root, { "aria-live": "polite" });
    this.bars = app.classes.map((name) => {
      const line = element("div", root, { class: "share", "aria-hidden": "true" });
      element("span", line, {}, name);
      const bar = element("i", element("b", line));
      return { bar, number: element("span", line, { class: "number" }) };
    });
    this.changed();
  }

  // The picture, as the network gets it: what has been drawn, else a row.
  get seen() {
    const { app } = this;
    return this.strokes.length ? this.scaled(this.ink()) : app.image.rows.subarray(app.row * app.network.inputs, (app.row + 1) * app.network.inputs);
  }

  // Gray values from 0 to 1. Pictures of 28 x 28 have a digit of 20 pixels around its center of mass; small ones are filled.
  ink() {
    const { width, height } = this.app.image;
    const large = width >= 20;
    const pen = large ? 2.4 : 1.3;
    const points = this.strokes.flat();
    const ends = [0, 1].map((k) => points.map((point) => point[k])).map((along) => [Math.min(...along), Math.max(...along)]);
    const size = Math.max(...ends.map(([low, high]) => high - low), 0.2);
    const by = ((large ? 20 : height) - pen) / size;
    const middle = ends.map(([low, high]) => (low + high) / 2);
    const draw = ([right, down]) => {
      const canvas = element("canvas", null, { width: width * FINE, height: height * FINE });
      const context = canvas.getContext("2d", { willReadFrequently: true });
      const to = ([u, v]) => [((u - middle[0]) * by + width / 2 + right) * FINE, ((v - middle[1]) * by + height / 2 + down) * FINE];
      stroke(context, this.strokes.map((line) => line.map(to)), pen * FINE, "#000");
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const gray = new Float64Array(width * height);
      for (let k = 0; k < data.length / 4; k += 1) {
        const [column, row] = [Math.floor((k % canvas.width) / FINE), Math.floor(k / canvas.width / FINE)];
        gray[row * width + column] += data[4 * k + 3] / 255 / FINE ** 2;
      }
      return gray;
    };
    const gray = draw([0, 0]);
    if (!large) return gray;
    const total = gray.reduce((sum, share) => sum + share, 0) || 1;
    const mean = (of) => gray.reduce((sum, share, k) => sum + share * (of(k) + 0.5), 0) / total;
    return draw([width / 2 - mean((k) => k % width), height / 2 - mean((k) => Math.floor(k / width))]);
  }

  scaled(gray) {
    const { app } = this;
    const { low, high } = app.image;
    const { scale: factors, shift } = app.scales.inputs;
    return gray.map((share, k) => (low + share * (high - low)) * factors[k] + shift[k]);
  }

  changed() {
    this.draw();
    this.app.diagram.draw();
  }

  // What is drawn, and what the network makes of it.
  draw() {
    const { app, canvas, strokes } = this;
    if (!canvas || !app.values) return;
    const { seen } = this;
    app.maps.glance(seen, strokes.length > 0, app.image);
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (strokes.length) {
      const [pen, color] = [canvas.width / 14, hue("--ink")];
      stroke(context, strokes.map((line) => line.map(([u, v]) => [u * canvas.width, v * canvas.height])), pen, color);
    } else picture(canvas, seen, app.image);
    const answers = app.maps.glanced.outputs.at(-1);
    const best = answers.indexOf(Math.max(...answers));
    const words = strokes.length ? "Taken for" : "The row is taken for";
    const told = `${words} ${app.classes[best]}`;
    if (this.told.textContent !== told) this.told.textContent = told;
    this.bars.forEach(({ bar, number }, k) => {
      bar.style.width = `${100 * Math.min(Math.max(answers[k], 0), 1)}%`;
      number.textContent = short(Number(answers[k].toFixed(2)));
    });
    this.clear.disabled = !strokes.length;
  }
}

function stroke(context, lines, pen, style) {
  Object.assign(context, { lineWidth: pen, lineCap: "round", lineJoin: "round", strokeStyle: style });
  for (const line of lines) {
    context.beginPath();
    // A line that has a single point is a dot.
    for (const [u, v] of [line[0], ...line]) context.lineTo(u, v);
    context.stroke();
  }
}

// Numbers as gray values of a picture: the largest is ink.
function picture(canvas, numbers, { width, height }) {
  const [paper, ink] = [hue("--raised"), hue("--ink")].map(parts);
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const image = new ImageData(width, height);
  numbers.forEach((value, k) => image.data.set([...blend(paper, ink, (value - low) / (high - low || 1)), 255], 4 * k));
  whole(canvas, image);
}

function whole(canvas, image) {
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(canvasOf(image), 0, 0, canvas.width, canvas.height);
}
