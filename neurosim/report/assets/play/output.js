// What the network answers, over its one or two inputs, with the rows that it learns from.

const CELLS = 100;

class Output {
  constructor(root, app) {
    Object.assign(this, { root, app });
    this.title = element("h2", root, {}, "What it answers");
    this.canvas = element("canvas", root, { role: "img", "aria-label": "What the network answers", class: "answer" });
    [this.small, this.marks] = [CELLS, 0].map((size) => element("canvas", null, { width: size, height: size }));
    this.table = element("table", root, { class: "counts" });
    this.canvas.addEventListener("click", (event) => {
      const box = this.canvas.getBoundingClientRect();
      if (app.drawing === null || app.wide !== 2) {
        this.chooseNear((event.clientX - box.left) / box.width, (box.bottom - event.clientY) / box.height);
        return;
      }
      const [x, y] = [scale(app.box[0], [box.left, box.right]), scale(app.box[1], [box.bottom, box.top])];
      app.addPoint(x.back(event.clientX), y.back(event.clientY));
    });
    this.note = element("p", null, { class: "soft" });
    app.diagram.root.after(this.note);
    this.key = element("div", root, { class: "key" });
    new ResizeObserver(() => this.draw()).observe(root);
  }

  build() {
    const { app, key } = this;
    key.replaceChildren();
    if (app.classes.length) {
      const entries = element("div", key);
      classKey(entries, app.classes);
    }
    const drawn = app.wide <= 2;
    this.canvas.hidden = !drawn;
    const counted = !drawn && app.classes.length > 0;
    this.table.hidden = !counted;
    this.key.hidden = counted;
    const average = "A tile shows what a unit puts out for each class, on the average";
    const picture = "those of the first layer show its weights on the picture. Once you draw, what each makes of that.";
    this.note.textContent = drawn ? "" : app.image ? `${average}; ${picture}` : `${average}.`;
  }

  // The training row nearest to a place on the drawing, both as shares of its sides from the lower left.
  chooseNear(u, v) {
    const { box, points } = this.app;
    const share = (k, x) => (x - box[k][0]) / (box[k][1] - box[k][0]);
    const far = points.train.map(([x, y]) => (share(0, x) - u) ** 2 + (share(1, y) - v) ** 2);
    this.app.chooseRow(far.indexOf(Math.min(...far)));
  }

  // How many rows of each class are taken for which: in each row those of one class.
  counts() {
    const { app, table } = this;
    const { outputs, classes, count } = app.maps.seen;
    const names = app.classes;
    const found = names.map(() => names.map(() => 0));
    const last = outputs.at(-1);
    const width = app.network.outputs;
    for (let r = 0; r < count; r += 1) {
      const row = Array.from(last.subarray(r * width, (r + 1) * width));
      const answer = width === 1 ? Number(row[0] > app.threshold) : row.indexOf(Math.max(...row));
      found[classes[r]][answer] += 1;
    }
    countsTable(table, found, names);
  }

  draw() {
    const { app, canvas, table } = this;
    if (app.values && !table.hidden && app.maps.seen) this.counts();
    if (!app.values || canvas.hidden) return;
    const wide = Math.max(canvas.clientWidth, 160);
    const dense = window.devicePixelRatio || 1;
    const high = app.wide === 2 ? wide : Math.round(0.7 * wide);
    const context = sized(canvas, Math.round(wide * dense), Math.round(high * dense));
    context.setTransform(dense, 0, 0, dense, 0, 0);
    context.imageSmoothingEnabled = true;
    if (app.wide === 2) this.plane(context, wide);
    else this.curve(context, wide, high);
  }

  plane(context, wide) {
    const { app } = this;
    const { network, maps, looked } = app;
    const place = looked ?? { layer: network.layers.length - 1, unit: 0 };
    const several = !looked && network.outputs > 1 && app.classes.length > 2;
    if (several) {
      const last = maps.outputs(CELLS, network.layers.length - 1);
      const answers = Array.from({ length: CELLS * CELLS }, (_, r) => {
        // Cells of these drawings begin at the bottom.
        const turned = (CELLS - 1 - Math.floor(r / CELLS)) * CELLS + (r % CELLS);
        return Array.from(last.subarray(turned * network.outputs, (turned + 1) * network.outputs));
      });
      paint(context, answers, CELLS, { threshold: 0.5, width: wide, height: wide });
    } else {
      const values = maps.numbers(CELLS, place.layer, place.unit);
      const range = looked ? null : app.range;
      const { small } = this;
      const shown = app.discrete && !looked ? values.map((value) => (value > app.threshold ? 1 : 0)) : values;
      tint(small, shown, CELLS, app.discrete && !looked ? [0.5, 0.5] : range);
      context.imageSmoothingEnabled = !app.discrete;
      context.drawImage(small, 0, 0, wide, wide);
      if (!looked) contour(context, upward(values, app.threshold), CELLS, wide, wide);
    }
    this.points(context, wide, wide);
  }

  // They have a canvas of their own, which is drawn anew when something about them has changed.
  points(context, wide, high) {
    const { app, marks } = this;
    const dense = window.devicePixelRatio || 1;
    const now = [app.points, app.box, app.showsTest, app.pinned && app.row, wide, high, dense];
    if (now.some((value, k) => value !== this.marked?.[k])) {
      const own = sized(marks, Math.round(wide * dense), Math.round(high * dense));
      own.setTransform(dense, 0, 0, dense, 0, 0);
      this.mark(own, wide, high);
      this.marked = now;
    }
    context.drawImage(marks, 0, 0, wide, high);
  }

  mark(context, wide, high) {
    const { app } = this;
    const [x, y] = [scale(app.box[0], [0, wide]), scale(app.box[1], [high, 0])];
    for (const [name, split] of Object.entries(app.points)) {
      if (name === "test" && !app.showsTest) continue;
      split.forEach(([u, v, target]) => mark(context, app.classes.length ? target : 0, x(u), y(v), 3.4, name !== "train"));
    }
    // The row whose step is shown.
    const chosen = app.pinned && app.points.train[app.row];
    if (chosen) cross(context, x(chosen[0]), y(chosen[1]));
  }

  curve(context, wide, high) {
    const { app } = this;
    const answers = app.maps.outputs(CELLS, app.network.layers.length - 1);
    const [x, y] = [scale(app.box[0], [0, wide]), scale(app.box[1], [high, 0])];
    context.fillStyle = hue("--raised");
    context.fillRect(0, 0, wide, high);
    this.points(context, wide, high);
    context.strokeStyle = COLORS[1];
    context.lineWidth = 2.5;
    context.beginPath();
    for (let r = 0; r < CELLS; r += 1) {
      const raw = app.box[0][0] + ((r + 0.5) / CELLS) * (app.box[0][1] - app.box[0][0]);
      const answer = app.inUnits(answers[r * app.network.outputs]);
      context.lineTo(x(raw), y(answer));
    }
    context.stroke();
  }
}

// What draws on a canvas that is empty and has this size.
function sized(canvas, width, height) {
  const context = canvas.getContext("2d");
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  context.resetTransform();
  context.clearRect(0, 0, width, height);
  return context;
}

// A table of how many rows of each class are taken for which.
function countsTable(table, found, names) {
  table.replaceChildren();
  element("caption", table, { class: "soft" }, "Rows of each class, by what they are taken for");
  const head = element("tr", element("thead", table));
  element("td", head);
  for (const name of names) element("th", head, { scope: "col", class: "number" }, name);
  const body = element("tbody", table);
  found.forEach((numbers, k) => {
    const row = element("tr", body);
    element("th", row, { scope: "row" }, names[k]);
    numbers.forEach((number, answer) => {
      element("td", row, { class: number && answer !== k ? "number missed" : "number" }, number ? String(number) : "·");
    });
  });
}

// Numbers from the bottom up, less a threshold, for the line where they cross it.
function upward(values, threshold) {
  return values.map((_, r) => values[(CELLS - 1 - Math.floor(r / CELLS)) * CELLS + (r % CELLS)] - threshold);
}
