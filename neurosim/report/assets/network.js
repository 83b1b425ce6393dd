// The network of a run, evaluated as the engine does: one row forward, dropout off, running statistics.

class Net {
  constructor(plane) {
    this.plane = plane;
    this.values = numbers(plane.parameters, Float32Array);
  }

  // Outputs of every layer for one row in the units of the data set, at one of the recorded times.
  run(raw, frame) {
    const seen = [];
    chain(this.plane.layers, this.input(raw), this.at(frame), seen);
    return seen;
  }

  // A row as the network gets it.
  input(raw) {
    const { scale: factors, shift, made } = this.plane;
    return Float64Array.from(made ? madeInputs(made, raw) : raw, (x, k) => x * factors[k] + shift[k]);
  }

  // Its numbers at one of the recorded times.
  at(frame) {
    const { size } = this.plane;
    return this.values.subarray(frame * size, (frame + 1) * size);
  }

  outputs(raw, frame) {
    return this.translated(this.run(raw, frame).at(-1));
  }

  // What it answers, in the units of the data set: the first outputs, where a loss takes others beside them.
  translated(found) {
    const { answers, target } = this.plane;
    if (answers && answers < found.length) return this.translated(found.slice(0, answers));
    if (!target) return found;
    const [factors, shift] = target;
    return found.map((y, k) => (y - shift[k]) / factors[k]);
  }
}

function chain(layers, row, values, seen) {
  let passed = row;
  for (const layer of layers) {
    passed = KINDS[layer.kind](layer, passed, values);
    if (seen) seen.push(passed);
  }
  return passed;
}

const KINDS = {
  dense: (layer, row, values) => activate(layer.activation, weighted(layer, row, values), values),
  activation: (layer, row, values) => activate(layer.activation, row, values),
  gated: combined,
  maxout: combined,
  dropout: (layer, row) => row,
  flatten: (layer, row) => row,
  batch_norm: (layer, row, values) =>
    row.map((x, k) => {
      const width = Math.sqrt(values[layer.variance + k] + layer.epsilon);
      return ((x - values[layer.mean + k]) / width) * values[layer.gamma + k] + values[layer.beta + k];
    }),
  layer_norm(layer, row, values) {
    const mean = row.reduce((sum, x) => sum + x, 0) / row.length;
    const variance = row.reduce((sum, x) => sum + (x - mean) ** 2, 0) / row.length;
    const width = Math.sqrt(variance + layer.epsilon);
    return row.map((x, k) => ((x - mean) / width) * values[layer.gamma + k] + values[layer.beta + k]);
  },
  residual(layer, row, values) {
    const inner = chain(layer.layers, row, values, null);
    const skipped = chain(layer.shortcut, row, values, null);
    return inner.map((x, k) => x + skipped[k]);
  },
  concatenation: (layer, row, values) =>
    Float64Array.from(layer.branches.flatMap((branch) => [...chain(branch, row, values, null)])),
};

// Of each part of a row one number, which the formula makes one of, from left to right.
function combined({ formula, params, pieces }, row) {
  const units = row.length / pieces;
  return row.slice(0, units).map((first, k) => {
    let value = first;
    for (let piece = 1; piece < pieces; piece += 1) value = FORMULAS[formula](value, row[piece * units + k], ...params);
    return value;
  });
}

// The weighted sums of a dense layer.
function weighted(layer, row, values) {
  const sums = new Float64Array(layer.units);
  for (let k = 0; k < layer.units; k += 1) sums[k] = layer.bias === null ? 0 : values[layer.bias + k];
  for (let i = 0; i < row.length; i += 1) {
    const from = layer.weight + i * layer.units;
    for (let k = 0; k < layer.units; k += 1) sums[k] += row[i] * values[from + k];
  }
  return sums;
}

function activate({ formula, params, row, learned }, sums, values) {
  if (row) {
    const answers = new Float64Array(sums.length);
    FORMULAS[formula](sums, answers, ...params);
    return answers;
  }
  if (!learned) return sums.map((z) => FORMULAS[formula](z, ...params));
  return sums.map((z, k) => {
    const own = [...params];
    for (const [place, from, count] of learned) own[place] = values[from + (k % count)];
    return FORMULAS[formula](z, ...own);
  });
}
