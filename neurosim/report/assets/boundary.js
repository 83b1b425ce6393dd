// What the recorded network answers over its one or two inputs, computed here from its parameters.

// Cells along each side of a drawing, fewer where each of them costs more: `numbers` are those of all networks shown.
function fineness(numbers) {
  return Math.round(Math.min(Math.max(Math.sqrt(2e7 / numbers), 36), 90));
}

function hue(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function parts(hex) {
  return [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
}

function blend(from, to, share) {
  return from.map((part, k) => part + (to[k] - part) * share);
}

// A canvas that draws in units of its data; `draw` gets the context and two scales, again at each change of size.
function canvasView(root, label, ratio, [xs, ys], draw) {
  const canvas = element("canvas", root, { role: "img", "aria-label": label });
  const redraw = () => {
    const width = Math.max(canvas.clientWidth, 120);
    const dense = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * dense);
    canvas.height = Math.round(width * ratio * dense);
    const context = canvas.getContext("2d");
    context.scale(dense, dense);
    draw(context, scale(xs, [0, width]), scale(ys, [width * ratio, 0]), width, width * ratio);
  };
  window.addEventListener("resize", redraw);
  for (const look of ["(prefers-color-scheme: dark)", "print"]) {
    window.matchMedia(look).addEventListener("change", redraw);
  }
  return { canvas, redraw };
}

function boundaryView(root, run, moved, cells) {
  const { plane } = run;
  const { axes, classes, threshold, points } = plane;
  const net = new Net(plane);
  const view = element("div", root, { class: "view" });
  element("h3", view, {}, run.label || "What the network answers over its two inputs");
  let frame = 0, answers = null, probe = null;
  const label = `The network's answer over ${plane.labels.join(" and ")}, with the data`;
  const { canvas, redraw } = canvasView(view, label, 0.8, axes, (context, x, y, width, height) => {
    if (!answers) return;
    paint(context, answers, cells, { threshold, width, height });
    scatter(context, points, x, y);
    if (probe) cross(context, x(probe[0]), y(probe[1]));
  });
  const show = (next) => {
    frame = next;
    answers = sample(net, axes, cells, frame);
    if (probe) moved(net, probe, frame);
    redraw();
  };
  if (moved) probed(canvas, axes, (at) => { probe = at; moved(net, at, frame); redraw(); });
  if (!moved) return show;
  classKey(view, classes);
  element("p", view, { class: "soft" }, `Across: ${plane.labels[0]}, ${short(axes[0][0])} to ${short(axes[0][1])}. Up: ${plane.labels[1]}, ${short(axes[1][0])} to ${short(axes[1][1])}. ${points.test ? "Triangles are test rows." : ""}`);
  return show;
}

function classKey(view, classes) {
  const key = element("div", view, { class: "key" });
  classes.forEach((name, k) => {
    const entry = element("span", key);
    element("i", entry).style.background = colour(k);
    entry.append(`class ${name}`);
  });
}

function sample(net, [xs, ys], cells, frame) {
  const found = [];
  const x = scale([0, cells - 1], xs), y = scale([0, cells - 1], ys);
  for (let j = 0; j < cells; j += 1) for (let i = 0; i < cells; i += 1) found.push(net.outputs([x(i), y(j)], frame));
  return found;
}

// `lines`: where the answer changes sides, as numbers that change their sign there; left out, as the answers have it.
function paint(context, answers, cells, { threshold, width, height, lines = null }) {
  const image = new ImageData(cells, cells);
  const neutral = parts(hue("--neutral"));
  const hues = COLOURS.map(parts);
  const single = answers[0].length === 1;
  let low = Infinity, high = -Infinity;
  for (const answer of answers) { low = Math.min(low, answer[0]); high = Math.max(high, answer[0]); }
  const share = low >= 0 && high <= 1;
  const middle = share ? 0.5 : low <= threshold && threshold <= high ? threshold : (low + high) / 2;
  const reach = share ? 0.5 : Math.max(high - middle, middle - low) || 1;
  const sides = answers.map((answer, place) => {
    const j = cells - 1 - Math.floor(place / cells), i = place % cells;
    let side, mixed;
    if (single) {
      const signed = (answer[0] - middle) / reach;
      side = answer[0] - (low < threshold && threshold < high ? threshold : middle);
      mixed = blend(neutral, hues[signed > 0 ? 1 : 0], 0.65 * Math.min(Math.abs(signed), 1));
    } else {
      side = answer.indexOf(Math.max(...answer));
      mixed = blend(neutral, hues[side % hues.length], 0.45);
    }
    image.data.set([...mixed, 255], 4 * (j * cells + i));
    return side;
  });
  const small = document.createElement("canvas");
  small.width = cells;
  small.height = cells;
  small.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = single;
  context.drawImage(small, 0, 0, width, height);
  for (const line of lines || (single ? [sides] : [])) contour(context, line, cells, width, height);
}

// Where the answer changes sides: marching squares, the ends of each piece interpolated.
function contour(context, sides, cells, width, height) {
  const u = scale([-0.5, cells - 0.5], [0, width]), v = scale([-0.5, cells - 0.5], [height, 0]);
  context.strokeStyle = hue("--ink");
  context.lineWidth = 1.6;
  context.beginPath();
  for (let j = 0; j + 1 < cells; j += 1) {
    for (let i = 0; i + 1 < cells; i += 1) {
      const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
      const values = corners.map(([a, b]) => sides[b * cells + a]);
      const ends = [];
      corners.forEach(([a, b], k) => {
        const [c, d] = corners[(k + 1) % 4];
        const one = values[k], other = values[(k + 1) % 4];
        if (one > 0 !== other > 0) {
          const part = one / (one - other);
          ends.push([u(a + (c - a) * part), v(b + (d - b) * part)]);
        }
      });
      for (let k = 0; k + 1 < ends.length; k += 2) {
        context.moveTo(...ends[k]);
        context.lineTo(...ends[k + 1]);
      }
    }
  }
  context.stroke();
}

function scatter(context, points, x, y) {
  for (const [split, { inputs, targets }] of Object.entries(points)) {
    const size = inputs.length <= 10 ? 7 : inputs.length <= 400 ? 3.6 : 2.2;
    inputs.forEach(([a, b], k) => {
      context.beginPath();
      if (split === "test") {
        context.moveTo(x(a), y(b) - size);
        context.lineTo(x(a) + size, y(b) + size * 0.8);
        context.lineTo(x(a) - size, y(b) + size * 0.8);
        context.closePath();
      } else context.arc(x(a), y(b), size, 0, 7);
      context.fillStyle = colour(targets[k]);
      context.fill();
      context.strokeStyle = "#ffffff";
      context.lineWidth = 0.8;
      context.stroke();
    });
  }
}

function cross(context, u, v) {
  for (const [style, width] of [["#ffffff", 4], ["#000000", 1.8]]) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(u - 9, v);
    context.lineTo(u + 9, v);
    context.moveTo(u, v - 9);
    context.lineTo(u, v + 9);
    context.stroke();
  }
}

// Calls `moved` with the place under the pointer, or where the arrow keys have moved it.
function probed(canvas, [xs, ys], moved) {
  let at = [0.5, 0.5];
  canvas.classList.add("probed");
  canvas.tabIndex = 0;
  const tell = () => moved([xs[0] + at[0] * (xs[1] - xs[0]), ys ? ys[0] + at[1] * (ys[1] - ys[0]) : 0]);
  const follow = (event) => {
    const box = canvas.getBoundingClientRect();
    at = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height].map((part) => Math.min(Math.max(part, 0), 1));
    tell();
  };
  canvas.addEventListener("pointermove", follow);
  canvas.addEventListener("pointerdown", follow);
  canvas.addEventListener("keydown", (event) => {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] || [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    at = [at[0] + dx * 0.02, at[1] + dy * 0.02].map((part) => Math.min(Math.max(part, 0), 1));
    tell();
  });
  tell();
}

function fittedView(root, run, moved) {
  const { plane } = run;
  const { axes, points, range } = plane;
  const net = new Net(plane);
  const view = element("div", root, { class: "view" });
  element("h3", view, {}, run.label || "The function that the network has learnt");
  let frame = 0, probe = null;
  const { canvas, redraw } = canvasView(view, `The network's output over ${plane.labels[0]}, with the data`, 0.62, [axes[0], range], (context, x, y, width, height) => {
    context.clearRect(0, 0, width, height);
    for (const [split, { inputs, targets }] of Object.entries(points)) {
      context.fillStyle = colour(split === "test" ? 4 : 0);
      inputs.forEach(([a], k) => {
        context.beginPath();
        context.arc(x(a), y(targets[k]), 2.4, 0, 7);
        context.fill();
      });
    }
    context.strokeStyle = colour(1);
    context.lineWidth = 2.2;
    context.beginPath();
    for (let k = 0; k <= 300; k += 1) {
      const place = axes[0][0] + (k / 300) * (axes[0][1] - axes[0][0]);
      context.lineTo(x(place), y(net.outputs([place], frame)[0]));
    }
    context.stroke();
    if (probe) cross(context, x(probe[0]), y(net.outputs(probe, frame)[0]));
  });
  if (moved) probed(canvas, [axes[0], null], ([place]) => { probe = [place]; moved(net, probe, frame); redraw(); });
  element("p", view, { class: "soft" }, `Blue: training rows${points.test ? "; yellow: test rows" : ""}; the line: the network. Across: ${plane.labels[0]}, ${short(axes[0][0])} to ${short(axes[0][1])}; up: ${plane.answer ? `${plane.answer}, ` : ""}${short(range[0])} to ${short(range[1])}.`);
  return (next) => {
    frame = next;
    if (probe) moved(net, probe, frame);
    redraw();
  };
}
