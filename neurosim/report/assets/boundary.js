// What the recorded network answers over its one or two inputs, computed here from its parameters.

// Cells along each side of a drawing, fewer where each of them costs more: `numbers` are those of all networks shown.
function fineness(numbers) {
  return Math.round(Math.min(Math.max(Math.sqrt(2e7 / numbers), 36), 90));
}

function boundaryView(root, run, moved, cells) {
  const { plane } = run;
  const { axes, classes, threshold, points } = plane;
  const net = new Net(plane);
  const view = element("div", root, { class: "view" });
  element("h3", view, {}, run.label || "What the network answers over its two inputs");
  let frame = 0, seen = null, probe = null;
  const label = `The network's answer over ${plane.labels.join(" and ")}, with the data`;
  const { canvas, redraw } = canvasView(view, label, 0.8, axes, (context, x, y, width, height) => {
    if (!seen) return;
    paint(context, seen.answers, cells, { threshold, width, height, lines: seen.lines });
    scatter(context, points, x, y);
    if (probe) cross(context, x(probe[0]), y(probe[1]));
  });
  const show = (next) => {
    frame = next;
    seen = sample(net, axes, cells, frame);
    if (probe) moved(net, probe, frame);
    redraw();
  };
  if (moved) probed(canvas, axes, (at) => { probe = at; moved(net, at, frame); redraw(); });
  if (!moved) return show;
  classKey(view, classes);
  element("p", view, { class: "soft" }, `Across: ${plane.labels[0]}, ${short(axes[0][0])} to ${short(axes[0][1])}. Up: ${plane.labels[1]}, ${short(axes[1][0])} to ${short(axes[1][1])}. ${points.test ? "Hollow marks are test rows." : ""}`);
  return show;
}

// Answers over the plane, and where they change sides: numbers that go smoothly through 0 there. An answer may jump; the
// weighted sums of the output layer do not, and those of a single unit make an exactly straight line.
function sample(net, [xs, ys], cells, frame) {
  const { layers, output, levels } = net.plane;
  const answers = [], sums = [];
  const x = scale([0, cells - 1], xs), y = scale([0, cells - 1], ys);
  for (let j = 0; j < cells; j += 1) {
    for (let i = 0; i < cells; i += 1) {
      const raw = [x(i), y(j)];
      const seen = net.run(raw, frame);
      answers.push(net.translated(seen.at(-1)));
      if (output !== null) sums.push(weighted(layers[output], output ? seen[output - 1] : net.input(raw), net.at(frame)));
    }
  }
  let lines = null;
  if (answers[0].length > 1) lines = borders(alike(answers, sums) ? sums : answers);
  else if (sums.length && levels.length === 1) lines = [sums.map((sum) => sum[0] - levels[0])];
  return { answers, lines };
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
  element("h3", view, {}, run.label || "The function that the network has learned");
  let frame = 0, probe = null;
  const { canvas, redraw } = canvasView(view, `The network's output over ${plane.labels[0]}, with the data`, 0.62, [axes[0], range], (context, x, y, width, height) => {
    context.clearRect(0, 0, width, height);
    for (const [split, { inputs, targets }] of Object.entries(points)) {
      context.fillStyle = color(split === "test" ? 4 : 0);
      inputs.forEach(([a], k) => {
        context.beginPath();
        context.arc(x(a), y(targets[k]), 2.4, 0, 7);
        context.fill();
      });
    }
    context.strokeStyle = color(1);
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

// Values from dark to bright, in the order that they keep in gray.
const VALUES = ["#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"].map(parts);

function valueColor(value, [low, high]) {
  const place = Math.min(Math.max((value - low) / (high - low), 0), 1) * (VALUES.length - 1);
  const k = Math.min(Math.floor(place), VALUES.length - 2);
  return blend(VALUES[k], VALUES[k + 1], place - k);
}

function surfaceView(root, run, moved, cells) {
  const { plane } = run;
  const { axes, points, range } = plane;
  const net = new Net(plane);
  const view = element("div", root, { class: "view" });
  element("h3", view, {}, run.label || "The function that the network has learned");
  let frame = 0, colors = null, probe = null;
  const label = `The network's output over ${plane.labels.join(" and ")}, with the data`;
  const { canvas, redraw } = canvasView(view, label, 0.8, axes, (context, x, y, width, height) => {
    if (!colors) return;
    shades(context, colors, cells, width, height);
    for (const [split, { inputs, targets }] of Object.entries(points)) {
      inputs.forEach(([a, b], k) => mark(context, split === "test" ? 2 : 0, x(a), y(b), 4, false, `rgb(${valueColor(targets[k], range).join(" ")})`));
    }
    if (probe) cross(context, x(probe[0]), y(probe[1]));
  });
  const show = (next) => {
    frame = next;
    colors = sample(net, axes, cells, frame).answers.map(([answer]) => valueColor(answer, range));
    if (probe) moved(net, probe, frame);
    redraw();
  };
  if (moved) probed(canvas, axes, (at) => { probe = at; moved(net, at, frame); redraw(); });
  const words = `Dark: ${short(range[0])}; bright: ${short(range[1])}. Each row is filled with its own value, so that one that stands out is not fitted.`;
  element("p", view, { class: "soft" }, `${words} Across: ${plane.labels[0]}, ${short(axes[0][0])} to ${short(axes[0][1])}. Up: ${plane.labels[1]}, ${short(axes[1][0])} to ${short(axes[1][1])}.${points.test ? " Triangles are test rows." : ""}`);
  return show;
}
