// What each unit puts out over the plane of two inputs, computed here from the numbers that the worker has sent.

class Maps {
  constructor(network, box, toInputs, wide) {
    Object.assign(this, { network, box, toInputs, wide, grids: {} });
  }

  // Outputs over a grid with so many cells along each side: of all layers at once, or of each as soon as it is asked for.
  compute(cells, atOnce) {
    const rows = this.wide === 1 ? cells : cells * cells;
    const x = this.grids[cells]?.x ?? this.grid(cells, rows);
    this.grids[cells] = { x, outputs: atOnce ? this.through(x, rows) : [], rows };
  }

  outputs(cells, layer) {
    const { x, outputs, rows } = this.grids[cells];
    return (outputs[layer] ??= this.through(x, rows, layer)[layer]);
  }

  grid(cells, rows) {
    const { network, box, wide } = this;
    const x = new Float64Array(rows * network.inputs);
    const along = (k, place) => box[k][0] + ((place + 0.5) / cells) * (box[k][1] - box[k][0]);
    for (let r = 0; r < rows; r += 1) {
      const raw = wide === 1 ? [along(0, r)] : [along(0, r % cells), along(1, cells - 1 - Math.floor(r / cells))];
      x.set(this.toInputs(raw), r * network.inputs);
    }
    return x;
  }

  // Outputs of each layer for some rows, or of one of them only.
  through(x, rows, only = null) {
    const { network } = this;
    if (network.machine) return network.machine.through(x, rows, only);
    const pass = { rows, training: false, keys: null };
    let passed = x;
    return network.layers.slice(0, only === null ? undefined : only + 1).map((layer, k) => {
      passed = layer.forward(passed, pass, network);
      return only === null || only === k ? passed.slice(0, rows * layer.units) : null;
    });
  }

  // One unit's numbers, in the colors of the two classes: blue below the middle of its range, orange above it.
  numbers(cells, layer, unit) {
    const { x, rows } = this.grids[cells];
    const source = layer < 0 ? x : this.outputs(cells, layer);
    const width = layer < 0 ? this.network.inputs : this.network.layers[layer].units;
    return new Float64Array(rows).map((_, r) => source[r * width + unit]);
  }

  // Some rows of the data, put through the network: for what has more inputs than a plane.
  look(rows) {
    this.seen = { ...rows, outputs: this.through(rows.x, rows.count) };
  }

  // One picture, put through the network: a row, or one that is drawn by hand.
  glance(x, drawn, image) {
    this.glanced = { x, drawn, image, outputs: this.through(x, 1) };
  }

  // Of a network that looks at pictures: the picture, the weights of a unit on its pixels, and how strong others are.
  drawPicture(canvas, layer, unit) {
    const { x, drawn, image, outputs } = this.glanced;
    const { weight, units } = this.network.layers[Math.max(layer, 0)];
    // The first with weights; before it may be dropout.
    const first = this.network.layers.findIndex((own) => own.weight);
    if (layer >= 0 && layer !== first) {
      if (drawn) level(canvas, outputs[layer][unit], Math.max(...outputs[layer].map(Math.abs)));
      return drawn;
    }
    if (canvas.width < 56) [canvas.width, canvas.height] = [56, 56];
    if (layer < 0) picture(canvas, x, image);
    else {
      const low = Math.min(...x);
      const sides = Array.from(x, (value, k) => this.network.values[weight.offset + k * units + unit] * (drawn ? value - low : 1));
      whole(canvas, tinted(sides, image.width, image.height, null));
    }
    return true;
  }

  // A unit's tile: its output over the plane, its curve over one input, or what it gives each class on the average.
  draw(canvas, layer, unit) {
    if (this.glanced && this.drawPicture(canvas, layer, unit)) return;
    if (this.wide === 2 && this.grids[MAP_CELLS]) {
      // The tile of an answer has the colors of the large picture.
      const last = layer === this.network.layers.length - 1;
      tint(canvas, this.numbers(MAP_CELLS, layer, unit), MAP_CELLS, last ? this.range : null);
    } else if (this.wide === 1 && this.grids[MAP_CELLS]) {
      line(canvas, this.numbers(MAP_CELLS, layer, unit));
    } else if (this.seen) {
      bars(canvas, this.means(layer, unit));
    }
  }

  means(layer, unit) {
    const { x, outputs, classes, count } = this.seen;
    const source = layer < 0 ? x : outputs[layer];
    const width = layer < 0 ? this.network.inputs : this.network.layers[layer].units;
    const sums = new Array(Math.max(...classes) + 1).fill(0);
    const counts = sums.slice();
    for (let r = 0; r < count; r += 1) {
      sums[classes[r]] += source[r * width + unit];
      counts[classes[r]] += 1;
    }
    return sums.map((sum, k) => sum / (counts[k] || 1));
  }
}

function plain(canvas) {
  if (canvas.width < 60) [canvas.width, canvas.height] = [76, 76];
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  return [context, canvas.width, canvas.height];
}

function line(canvas, values) {
  const [context, width, height] = plain(canvas);
  const [low, high] = [Math.min(...values, 0), Math.max(...values, 0)];
  const y = scale([low, high], [height - 6, 6]);
  context.strokeStyle = hue("--line");
  context.lineWidth = 2;
  context.strokeRect(-2, y(0), width + 4, 0);
  context.strokeStyle = COLORS[1];
  context.lineWidth = 4;
  context.beginPath();
  values.forEach((value, k) => context.lineTo((k / (values.length - 1)) * width, y(value)));
  context.stroke();
}

function bars(canvas, values) {
  const [context, width, height] = plain(canvas);
  const y = scale([Math.min(...values, 0), Math.max(...values, 0)], [height - 4, 4]);
  const wide = width / values.length;
  values.forEach((value, k) => {
    context.fillStyle = color(k);
    context.fillRect(k * wide + 2, Math.min(y(value), y(0)), Math.max(wide - 4, 1), Math.max(Math.abs(y(value) - y(0)), 1));
  });
}

// How large a number is, from the middle up, or down if it is negative.
function level(canvas, value, reach) {
  const [context, width, height] = plain(canvas);
  const high = ((height / 2 - 3) * value) / (reach || 1);
  context.fillStyle = hue("--line");
  context.fillRect(0, height / 2 - 1, width, 2);
  context.fillStyle = value < 0 ? COLORS[0] : COLORS[1];
  context.fillRect(width / 4, height / 2 - Math.max(high, 0), width / 2, Math.abs(high));
}

// `range`: what is neutral, and how far from it the color is full; left out, from the numbers themselves.
function tint(canvas, values, cells, range) {
  const context = canvas.getContext("2d");
  const image = tinted(values, cells, cells, range);
  if (canvas.width === cells) context.putImageData(image, 0, 0);
  else context.drawImage(canvasOf(image), 0, 0, canvas.width, canvas.height);
}

function tinted(values, width, height, range) {
  const image = new ImageData(width, height);
  const [neutral, blue, orange] = [hue("--neutral"), COLORS[0], COLORS[1]].map(parts);
  let [middle, reach] = range ?? [0, 0];
  if (!range) for (const value of values) reach = Math.max(reach, Math.abs(value));
  reach ||= 1;
  for (let k = 0; k < values.length; k += 1) {
    const signed = (values[k] - middle) / reach;
    const full = signed < 0 ? blue : orange;
    const share = 0.8 * Math.min(Math.abs(signed), 1);
    for (let part = 0; part < 3; part += 1) image.data[4 * k + part] = neutral[part] + (full[part] - neutral[part]) * share;
    image.data[4 * k + 3] = 255;
  }
  return image;
}
