// Where the last hidden layer puts the rows, and how the output layer divides the plane that is shown of its space.
// The two directions of the plane were chosen for each recorded time; everything else is worked out here.

// Cells along each side; regions of several classes have sharp edges and need more.
const HIDDEN_CELLS = 60, HIDDEN_FINE = 120, HIDDEN_MARGIN = 0.18, NAME_HEIGHT = 14;

class HiddenSpace {
  constructor(run) {
    this.about = run.hidden;
    this.net = new Net(this.about.net || run.plane);
    this.after = this.net.plane.layers.slice(this.about.at);
    this.single = this.after[0].units === 1;
    this.cells = this.single ? HIDDEN_CELLS : HIDDEN_FINE;
    this.frames = new Map();
    this.axes = this.ends();
  }

  // What the last hidden layer answers to a row in the units of the data set.
  units(raw, frame) {
    return this.net.run(raw, frame)[this.about.at - 1];
  }

  directions(frame) {
    const { planes, units } = this.about;
    return [planes[frame].slice(0, units), planes[frame].slice(units)];
  }

  place(raw, frame) {
    const answers = this.units(raw, frame);
    return this.directions(frame).map((direction) => direction.reduce((sum, part, k) => sum + part * answers[k], 0));
  }

  // Both axes, the same for all times: all rows, with room around them.
  ends() {
    const low = [Infinity, Infinity], high = [-Infinity, -Infinity];
    this.about.planes.forEach((_, frame) => this.about.rows.inputs.forEach((raw) => this.place(raw, frame).forEach((value, axis) => {
      low[axis] = Math.min(low[axis], value);
      high[axis] = Math.max(high[axis], value);
    })));
    return [0, 1].map((axis) => {
      const room = HIDDEN_MARGIN * (high[axis] - low[axis]) || 1;
      return [low[axis] - room, high[axis] + room];
    });
  }

  // All that is drawn at one time.
  at(frame) {
    if (this.frames.has(frame)) return this.frames.get(frame);
    const { rows, grid, units, levels } = this.about;
    const values = this.net.values.subarray(frame * this.net.plane.size, (frame + 1) * this.net.plane.size);
    const [first, second] = this.directions(frame);
    const hidden = rows.inputs.map((raw) => this.units(raw, frame));
    const middle = first.map((_, k) => hidden.reduce((sum, answers) => sum + answers[k], 0) / hidden.length);
    const along = (direction, vector) => direction.reduce((sum, part, k) => sum + part * vector[k], 0);
    const places = hidden.map((answers) => [along(first, answers), along(second, answers)]);
    // The plane goes through the middle of the rows.
    const [u0, v0] = [along(first, middle), along(second, middle)];
    const origin = middle.map((value, k) => value - u0 * first[k] - v0 * second[k]);
    const x = scale([0, this.cells - 1], this.axes[0]), y = scale([0, this.cells - 1], this.axes[1]);
    const answers = [], sums = [];
    for (let j = 0; j < this.cells; j += 1) {
      for (let i = 0; i < this.cells; i += 1) {
        const point = origin.map((value, k) => value + x(i) * first[k] + y(j) * second[k]);
        answers.push(chain(this.after, point, values, null));
        if (this.single) sums.push(weighted(this.after[0], point, values)[0]);
      }
    }
    const lines = this.single ? levels.map((level) => sums.map((sum) => sum - level)) : borders(answers);
    const spread = units > 2 ? share(hidden, places, middle, [u0, v0]) : 1;
    const folded = grid.map((line) => line.map((raw) => this.place(raw, frame)));
    const made = { places, answers, lines, folded, spread };
    this.frames.set(frame, made);
    return made;
  }
}

// How much of the rows' variance lies in the plane.
function share(hidden, places, middle, center) {
  const sum = (rows, from) => rows.reduce((total, row) => total + row.reduce((part, value, k) => part + (value - from[k]) ** 2, 0), 0);
  const total = sum(hidden, middle);
  return total > 0 ? sum(places, center) / total : 1;
}

// Where the names of rows stand, as [left, top, width, height]: beside their rows and away from the others, clear of each
// other, of all rows and of the places in `taken`, where there is room for that.
function nameBoxes(at, widths, width, height, taken = []) {
  const placed = [];
  const apart = (one, other) =>
    one[0] >= other[0] + other[2] || other[0] >= one[0] + one[2] || one[1] >= other[1] + other[3] || other[1] >= one[1] + one[3];
  const marks = [...at, ...taken].map(([u, v]) => [u - 8, v - 8, 16, 16]);
  const [middle, center] = [0, 1].map((axis) => at.reduce((sum, place) => sum + place[axis], 0) / at.length);
  at.forEach(([u, v], k) => {
    const wide = widths[k], outwards = u < middle ? -1 : 1, away = v < center ? -1 : 1;
    const sides = [];
    for (const far of [0.5, 1.5, 2.5, 3.5]) {
      for (const down of [away, -away]) {
        for (const right of [outwards, -outwards]) sides.push([right, down * far]);
      }
    }
    const boxes = sides.map(([right, down]) => [right > 0 ? u + 9 : u - 9 - wide, v + (down - 0.5) * NAME_HEIGHT + 4 * Math.sign(down), wide, NAME_HEIGHT]);
    const inside = boxes.filter(([left, top]) => left >= 0 && top >= 0 && left + wide <= width && top + NAME_HEIGHT <= height);
    placed.push(inside.find((box) => [...placed, ...marks].every((other) => apart(box, other))) || inside[0] || boxes[0]);
  });
  return placed;
}

function hiddenView(root, run) {
  const space = new HiddenSpace(run);
  const { labels, rows, names, classes, threshold, units, inputs } = space.about;
  const view = element("div", root, { class: "view hidden-space" });
  element("h3", view, {}, run.label ? `${run.label}: the hidden space` : "The hidden space: every row's new place");
  let frame = 0, probe = null, ends = null;
  const label = `The rows in the plane of ${units === 1 ? "the hidden unit" : `the ${units} hidden units`}, with the line of the output`;
  const { canvas, redraw } = canvasView(view, label, 0.8, space.axes, (context, x, y, width, height) => {
    const { places, answers, lines, folded } = space.at(frame);
    ends = [x, y];
    paint(context, answers, space.cells, { threshold, width, height, lines });
    context.strokeStyle = hue("--soft");
    context.lineWidth = 0.7;
    for (const line of folded) {
      context.beginPath();
      line.forEach(([u, v]) => context.lineTo(x(u), y(v)));
      context.stroke();
    }
    scatter(context, { train: { inputs: places, targets: rows.targets } }, x, y);
    context.fillStyle = hue("--ink");
    context.font = "12px system-ui, sans-serif";
    const at = places.map(([u, v]) => [x(u), y(v)]);
    const probed = probe ? [space.place(probe, frame).map((value, axis) => ends[axis](value))] : [];
    const boxes = nameBoxes(at, names.map((name) => context.measureText(name).width), width, height, probed);
    context.textAlign = "left";
    names.forEach((name, k) => context.fillText(name, boxes[k][0], boxes[k][1] + NAME_HEIGHT - 3));
    for (const place of probed) cross(context, ...place);
  });
  if (!run.plane) classKey(view, classes);
  const caption = element("p", view, { class: "soft" });
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    const at = [event.clientX - box.left, event.clientY - box.top];
    const far = space.at(frame).places.map(([u, v]) => Math.hypot(ends[0](u) - at[0], ends[1](v) - at[1]));
    const near = Math.min(...far), k = far.indexOf(near);
    if (near > 14) tip.hide();
    else tip.show(event, rowWords(space, k, frame, inputs, classes));
  });
  canvas.addEventListener("pointerleave", tip.hide);
  const show = (next) => {
    frame = next;
    const [xs, ys] = space.axes;
    const across = `Across: ${labels[0]}, ${short(xs[0])} to ${short(xs[1])}.`;
    const up = labels[1] ? ` Up: ${labels[1]}, ${short(ys[0])} to ${short(ys[1])}.` : "";
    const { spread, folded } = space.at(frame);
    const held = units > 2 ? ` The plane holds ${percent(Number(spread.toFixed(2)))} of the rows' spread.` : "";
    const fold = folded.length ? " The thin lines are a grid on the plane of the inputs." : "";
    caption.textContent = across + up + held + fold;
    redraw();
  };
  return { show, point: (raw) => { probe = raw; redraw(); } };
}

// What is said of a row under the pointer.
function rowWords(space, k, frame, inputs, classes) {
  const { rows } = space.about;
  const raw = rows.inputs[k];
  const given = raw.length <= 6 ? inputs.map((name, i) => `${name} = ${short(raw[i])}`).join(", ") : `row ${k + 1}`;
  const hidden = Array.from(space.units(raw, frame).slice(0, 6), short).join(", ");
  const output = Array.from(space.net.outputs(raw, frame), short).join(", ");
  return [given, `class ${classes[rows.targets[k]]}`, `hidden units: ${hidden}`, `output: ${output}`].join("\n");
}
