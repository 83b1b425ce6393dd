// The plane of two numbers on a canvas: colors over a grid, borders, and rows as marks.

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

// Each class has a shape as well as a color: paths around the origin, about 1 from the middle to the edge.
const SHAPES = [
  "M1 0A1 1 0 1 1 -1 0A1 1 0 1 1 1 0Z", "M-.9-.9H.9V.9H-.9Z", "M0-1.1L1.05.8H-1.05Z", "M0-1.25L1 0L0 1.25L-1 0Z",
  "M0 1.1L1.05-.8H-1.05Z", "M-.4-1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z",
  "M0-.5L.6-1.1L1.1-.6L.5 0L1.1.6L.6 1.1L0 .5L-.6 1.1L-1.1.6L-.5 0L-1.1-.6L-.6-1.1Z",
  "M0-1.3L.35-.45L1.25-.4L.55.2L.8 1.1L0 .6L-.8 1.1L-.55.2L-1.25-.4L-.35-.45Z",
];

function mark(context, k, u, v, size, hollow, inside = color(k)) {
  context.save();
  context.translate(u, v);
  context.scale(size, size);
  const path = new Path2D(SHAPES[k % SHAPES.length]);
  context.fillStyle = hollow ? "#ffffff" : inside;
  context.strokeStyle = hollow ? color(k) : "#ffffff";
  context.lineWidth = (hollow ? 1.4 : 0.8) / size;
  context.fill(path);
  context.stroke(path);
  context.restore();
}

function classKey(view, classes) {
  const key = element("div", view, { class: "key" });
  classes.forEach((name, k) => {
    const entry = element("span", key);
    const picture = shape("svg", entry, { viewBox: "-1.4 -1.4 2.8 2.8", "aria-hidden": "true" });
    shape("path", picture, { d: SHAPES[k % SHAPES.length], fill: color(k) });
    entry.append(`class ${name}`);
  });
}

// Whether the largest sum is that of the largest answer everywhere.
function alike(answers, sums) {
  const largest = (row) => row.indexOf(Math.max(...row));
  return sums.length > 0 && answers.every((answer, k) => largest(answer) === largest(sums[k]));
}

// For each class how far it is ahead of all others: where that is 0, its region ends.
function borders(scores) {
  return Array.from(scores[0], (_, k) => scores.map((row) => row[k] - Math.max(...row.filter((_, other) => other !== k))));
}

// `lines`: where the answer changes sides, as numbers that change their sign there; left out, as the answers have it.
function paint(context, answers, cells, { threshold, width, height, lines = null }) {
  const neutral = parts(hue("--neutral"));
  const hues = COLORS.map(parts);
  const single = answers[0].length === 1;
  let low = Infinity, high = -Infinity;
  for (const answer of answers) { low = Math.min(low, answer[0]); high = Math.max(high, answer[0]); }
  const share = low >= 0 && high <= 1;
  const middle = share ? 0.5 : low <= threshold && threshold <= high ? threshold : (low + high) / 2;
  const reach = share ? 0.5 : Math.max(high - middle, middle - low) || 1;
  const mixed = (answer) => {
    const signed = (answer - middle) / reach;
    return blend(neutral, hues[signed > 0 ? 1 : 0], 0.65 * Math.min(Math.abs(signed), 1));
  };
  const step = single && lines && lines.length === 1 && low < high && answers.every(([answer]) => answer === low || answer === high);
  if (step) {
    const rising = answers[lines[0].indexOf(Math.max(...lines[0]))][0] === high;
    const sides = rising ? [mixed(low), mixed(high)] : [mixed(high), mixed(low)];
    areas(context, [lines[0].map((value) => -value), lines[0]], cells, sides, width, height);
  } else if (single) {
    shades(context, answers.map(([answer]) => mixed(answer)), cells, width, height);
  } else {
    areas(context, lines || borders(answers), cells, hues.map((one) => blend(neutral, one, 0.45)), width, height);
  }
  const drawn = lines || [answers.map(([answer]) => answer - (low < threshold && threshold < high ? threshold : middle))];
  for (const line of drawn) contour(context, line, cells, width, height);
}

// One color for each point of the grid, and what is between them blended.
function shades(context, colors, cells, width, height) {
  const image = new ImageData(cells, cells);
  colors.forEach((one, place) => image.data.set([...one, 255], 4 * ((cells - 1 - Math.floor(place / cells)) * cells + (place % cells))));
  // The outermost points lie on the edge: half of what stands for them is outside.
  const cell = [width / (cells - 1), height / (cells - 1)];
  context.drawImage(canvasOf(image), -cell[0] / 2, -cell[1] / 2, cells * cell[0], cells * cell[1]);
}

// The area of each class in its color: where its number, interpolated, is the largest.
function areas(context, scores, cells, colors, width, height) {
  const wide = Math.max(Math.round(width), 2), high = Math.max(Math.round(height), 2);
  const image = new ImageData(wide, high);
  for (let row = 0; row < high; row += 1) {
    const v = (1 - row / (high - 1)) * (cells - 1), j = Math.min(Math.floor(v), cells - 2), up = v - j;
    for (let column = 0; column < wide; column += 1) {
      const u = (column / (wide - 1)) * (cells - 1), i = Math.min(Math.floor(u), cells - 2), right = u - i;
      const corner = j * cells + i;
      let best = 0, most = -Infinity;
      for (let k = 0; k < scores.length; k += 1) {
        const s = scores[k];
        const below = s[corner] + (s[corner + 1] - s[corner]) * right;
        const above = s[corner + cells] + (s[corner + cells + 1] - s[corner + cells]) * right;
        const value = below + (above - below) * up;
        if (value > most) { most = value; best = k; }
      }
      const place = 4 * (row * wide + column), one = colors[best % colors.length];
      for (let part = 0; part < 3; part += 1) image.data[place + part] = one[part];
      image.data[place + 3] = 255;
    }
  }
  context.drawImage(canvasOf(image), 0, 0, width, height);
}

function canvasOf(image) {
  const made = document.createElement("canvas");
  made.width = image.width;
  made.height = image.height;
  made.getContext("2d").putImageData(image, 0, 0);
  return made;
}

// Where numbers on the grid go through 0: marching squares, the ends of each piece interpolated.
function contour(context, sides, cells, width, height) {
  const u = scale([0, cells - 1], [0, width]), v = scale([0, cells - 1], [height, 0]);
  context.strokeStyle = hue("--ink");
  context.lineWidth = 1.6;
  context.beginPath();
  for (let j = 0; j + 1 < cells; j += 1) {
    for (let i = 0; i + 1 < cells; i += 1) {
      const at = j * cells + i, above = sides[at] > 0;
      if (sides[at + 1] > 0 === above && sides[at + cells] > 0 === above && sides[at + cells + 1] > 0 === above) continue;
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
    inputs.forEach(([a, b], k) => mark(context, targets[k], x(a), y(b), size, split === "test"));
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
