// The kinds of layers, forward and backward, for a batch of rows: the twin of the reference backend.
//
// A layer keeps its outputs, and what the pass back needs, in arrays of its own: numbers of row r begin at r * units.
// `pass` says what a pass is for: {rows, training, keys, numbers, move}.

// A record that a scenario names, alone or in a table with parameters.
function choice(value) {
  if (typeof value === "string") return { name: value, params: {} };
  const { name, per, ...params } = value;
  return { name, per, params };
}

const IDENTITY = choice("identity");

// Arrays for so many rows, which are made anew when there are more.
class Buffers {
  constructor(widths) {
    this.widths = widths;
    this.rows = 0;
  }

  // Whether they were made anew.
  hold(rows) {
    if (rows <= this.rows) return;
    this.rows = rows;
    for (const [name, width] of Object.entries(this.widths)) {
      this[name] = new Float64Array(rows * width);
      this[`${name}Rows`] = Array.from({ length: rows }, (_, r) => this[name].subarray(r * width, (r + 1) * width));
    }
  }
}

class Layer {
  constructor(name, inputs, units) {
    Object.assign(this, { name, inputs, units, parameters: [], statistics: [] });
    this.held = new Buffers({ out: units, back: inputs });
  }

  // An array that the layer learns, or of running statistics, in the order of the network's vector.
  learn(network, what, shape, isBias) {
    const array = network.parameter(`${this.name}.${what}`, shape, isBias);
    this.parameters.push(array);
    return array;
  }

  get inside() {
    return [];
  }
}

// What an activation does in a layer: forward from z to a, backward from da to dz. Of a whole row it is given a list of
// rows, else all numbers.
class Activating {
  constructor(network, layer, chosen, units) {
    const record = network.catalog.activations[chosen.name];
    Object.assign(this, { record, units, isRow: record.row });
    const names = Object.keys(record.params);
    this.params = names.map((name) => chosen.params[name] ?? record.params[name]);
    this.all = { forward: FORMULAS[record.forward], backward: FORMULAS[record.backward] };
    this.each = { f: FORMULAS[record.f], df: FORMULAS[record.df] };
    const count = (chosen.per ?? record.per) === "unit" ? units : 1;
    this.learned = Object.entries(record.learn).map(([name, slope]) => ({
      place: names.indexOf(name),
      slope: FORMULAS[slope],
      array: layer.learn(network, name, [count], true),
      start: this.params[names.indexOf(name)],
    }));
  }

  start(values) {
    for (const { array, start } of this.learned) values.fill(Math.fround(start), array.offset, array.offset + array.size);
  }

  // The parameters of a unit, those that are learned among them.
  own(values, unit) {
    const own = [...this.params];
    for (const { place, array } of this.learned) own[place] = values[array.offset + (unit % array.size)];
    return own;
  }

  forward(z, a, rows, values) {
    if (!this.learned.length) {
      this.all.forward(z, a, this.isRow ? rows : rows * this.units, this.params);
      return;
    }
    for (let k = 0; k < rows * this.units; k += 1) a[k] = this.each.f(z[k], ...this.own(values, k % this.units));
  }

  backward(z, a, d, dz, rows, { values, gradient }) {
    if (!this.learned.length) {
      this.all.backward(z, a, d, dz, this.isRow ? rows : rows * this.units, this.params);
      return;
    }
    for (let k = 0; k < rows * this.units; k += 1) {
      const unit = k % this.units;
      const own = this.own(values, unit);
      for (const { slope, array } of this.learned) {
        gradient[array.offset + (unit % array.size)] += d[k] * slope(z[k], a[k], ...own);
      }
      dz[k] = d[k] * this.each.df(z[k], a[k], ...own);
    }
  }
}

class Dense extends Layer {
  constructor(network, name, inputs, table) {
    super(name, inputs, table.units);
    this.table = table;
    this.chosen = table.activation ? choice(table.activation) : IDENTITY;
    this.weight = this.learn(network, "weight", [inputs, table.units], false);
    this.bias = table.bias === false ? null : this.learn(network, "bias", [table.units], true);
    this.activating = new Activating(network, this, this.chosen, table.units);
    this.l1 = table.l1 ?? 0;
    this.l2 = table.l2 ?? 0;
    this.held = new Buffers({ out: this.units, sums: this.units, dz: this.units, back: inputs });
  }

  start(seed, network) {
    const { values, catalog } = network;
    const { weight, bias, table } = this;
    this.activating.start(values);
    const init = choice(table.init ?? catalog.activations[this.chosen.name].init);
    const fans = [this.inputs, this.units];
    if (table.weight) values.set(Float32Array.from(table.weight.flat()), weight.offset);
    else values.set(initialValues(init, "weight", seed, weight, fans, catalog), weight.offset);
    if (!bias) return;
    const given = Array.isArray(table.bias) ? Float32Array.from(table.bias) : initialValues(init, "bias", seed, bias, fans, catalog);
    values.set(given, bias.offset);
  }

  forward(x, pass, { values }) {
    const { inputs, units, held, weight, bias } = this;
    held.hold(pass.rows);
    const { sums } = held;
    for (let r = 0; r < pass.rows; r += 1) {
      const to = r * units;
      for (let k = 0; k < units; k += 1) sums[to + k] = bias ? values[bias.offset + k] : 0;
      for (let i = 0; i < inputs; i += 1) {
        const number = x[r * inputs + i];
        const from = weight.offset + i * units;
        for (let k = 0; k < units; k += 1) sums[to + k] += number * values[from + k];
      }
    }
    this.x = x;
    const { isRow } = this.activating;
    this.activating.forward(isRow ? held.sumsRows : sums, isRow ? held.outRows : held.out, pass.rows, values);
    return held.out;
  }

  // `d` is with respect to the sums where loss and activation are one formula.
  backward(d, pass, network, fromSums = false) {
    const { inputs, units, held, weight, bias, x } = this;
    const { values, gradient } = network;
    const { back } = held;
    const dz = fromSums ? d : held.dz;
    if (!fromSums) {
      const { sums, out, sumsRows, outRows, dzRows } = held;
      if (!this.activating.isRow) this.activating.backward(sums, out, d, dz, pass.rows, network);
      else this.activating.backward(sumsRows, outRows, rowsOf(d, units, pass.rows), dzRows, pass.rows, network);
    }
    for (let r = 0; r < pass.rows; r += 1) {
      const at = r * units;
      if (bias) for (let k = 0; k < units; k += 1) gradient[bias.offset + k] += dz[at + k];
      for (let i = 0; i < inputs; i += 1) {
        const number = x[r * inputs + i];
        const from = weight.offset + i * units;
        let sum = 0;
        for (let k = 0; k < units; k += 1) {
          const error = dz[at + k];
          gradient[from + k] += number * error;
          sum += error * values[from + k];
        }
        back[r * inputs + i] = sum;
      }
    }
    return back;
  }
}

function rowsOf(array, width, rows) {
  return Array.from({ length: rows }, (_, r) => array.subarray(r * width, (r + 1) * width));
}

class Activate extends Layer {
  constructor(network, name, inputs, table) {
    super(name, inputs, inputs);
    this.activating = new Activating(network, this, choice(table.activation), inputs);
  }

  start(seed, { values }) {
    this.activating.start(values);
  }

  forward(x, pass, { values }) {
    const { held, units } = this;
    held.hold(pass.rows);
    this.x = x;
    const { isRow } = this.activating;
    const z = isRow ? rowsOf(x, units, pass.rows) : x;
    this.activating.forward(z, isRow ? held.outRows : held.out, pass.rows, values);
    return held.out;
  }

  backward(d, pass, network, fromSums = false) {
    if (fromSums) return d;
    const { x, held, units } = this;
    if (!this.activating.isRow) this.activating.backward(x, held.out, d, held.back, pass.rows, network);
    else {
      const [z, error] = [x, d].map((array) => rowsOf(array, units, pass.rows));
      this.activating.backward(z, held.outRows, error, held.backRows, pass.rows, network);
    }
    return held.back;
  }
}

// Gated and maxout: of each part of a row one number, which a formula of two makes one of, from left to right.
class Combination extends Layer {
  constructor(network, name, inputs, table) {
    const pieces = table.kind === "maxout" ? table.pieces : 2;
    super(name, inputs, inputs / pieces);
    const chosen = choice(table.kind === "maxout" ? network.catalog.maxout : table.gate);
    const record = network.catalog.gates[chosen.name];
    const params = Object.keys(record.params).map((key) => chosen.params[key] ?? record.params[key]);
    const [f, du, dv] = [record.f, record.du, record.dv].map((entry) => FORMULAS[entry]);
    Object.assign(this, { pieces, params, f, du, dv });
    this.held = new Buffers({ out: this.units, back: inputs, before: inputs });
  }

  forward(x, pass) {
    const { inputs, units, pieces, held, f, params } = this;
    held.hold(pass.rows);
    this.x = x;
    for (let r = 0; r < pass.rows; r += 1) {
      for (let k = 0; k < units; k += 1) {
        let value = x[r * inputs + k];
        for (let piece = 1; piece < pieces; piece += 1) {
          const at = r * inputs + piece * units + k;
          held.before[at] = value;
          value = f(value, x[at], ...params);
        }
        held.out[r * units + k] = value;
      }
    }
    return held.out;
  }

  backward(d, pass) {
    const { inputs, units, pieces, held, du, dv, params, x } = this;
    for (let r = 0; r < pass.rows; r += 1) {
      for (let k = 0; k < units; k += 1) {
        let error = d[r * units + k];
        for (let piece = pieces - 1; piece > 0; piece -= 1) {
          const at = r * inputs + piece * units + k;
          held.back[at] = error * dv(held.before[at], x[at], ...params);
          error *= du(held.before[at], x[at], ...params);
        }
        held.back[r * inputs + k] = error;
      }
    }
    return held.back;
  }
}

class Dropout extends Layer {
  constructor(network, name, inputs, table) {
    super(name, inputs, inputs);
    this.rate = table.rate;
    this.index = network.dropouts;
    network.dropouts += 1;
    this.below = Math.min(roundHalfEven(table.rate * 2 ** 32), 2 ** 32 - 1);
    this.bits = new Uint32Array(inputs);
    this.held = new Buffers({ out: inputs, back: inputs, mask: inputs });
  }

  forward(x, pass) {
    const { units, held, bits, below } = this;
    if (!pass.keys) return x;
    held.hold(pass.rows);
    const kept = 1 / (1 - this.rate);
    for (let r = 0; r < pass.rows; r += 1) {
      uniformBits(pass.keys[this.index], pass.first + r, units, bits);
      for (let k = 0; k < units; k += 1) {
        const at = r * units + k;
        held.mask[at] = bits[k] >= below ? kept : 0;
        held.out[at] = x[at] * held.mask[at];
      }
    }
    return held.out;
  }

  backward(d, pass) {
    if (!pass.keys) return d;
    const { held, units } = this;
    for (let k = 0; k < pass.rows * units; k += 1) held.back[k] = d[k] * held.mask[k];
    return held.back;
  }
}

// As Python rounds.
function roundHalfEven(number) {
  const rounded = Math.round(number);
  return Math.abs(number % 1) === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

class Normalization extends Layer {
  constructor(network, name, inputs, table) {
    super(name, inputs, inputs);
    this.gamma = this.learn(network, "gamma", [inputs], true);
    this.beta = this.learn(network, "beta", [inputs], true);
    this.epsilon = table.epsilon;
    this.held = new Buffers({ out: inputs, back: inputs, normal: inputs });
  }

  start(seed, { values }) {
    values.fill(1, this.gamma.offset, this.gamma.offset + this.units);
  }

  // Normal numbers, scaled and shifted; and the gradients of what does that.
  passOn(at, k, normal, values) {
    this.held.normal[at] = normal;
    this.held.out[at] = values[this.gamma.offset + k] * normal + values[this.beta.offset + k];
  }

  learnFrom(at, k, error, gradient) {
    gradient[this.gamma.offset + k] += error * this.held.normal[at];
    gradient[this.beta.offset + k] += error;
  }
}

class LayerNorm extends Normalization {
  forward(x, pass, { values }) {
    const { units, held } = this;
    held.hold(pass.rows);
    this.spreads = new Float64Array(pass.rows);
    for (let r = 0; r < pass.rows; r += 1) {
      const from = r * units;
      let mean = 0;
      for (let k = 0; k < units; k += 1) mean += x[from + k];
      mean /= units;
      let variance = 0;
      for (let k = 0; k < units; k += 1) variance += (x[from + k] - mean) ** 2;
      const spread = Math.sqrt(variance / units + this.epsilon);
      this.spreads[r] = spread;
      for (let k = 0; k < units; k += 1) this.passOn(from + k, k, (x[from + k] - mean) / spread, values);
    }
    return held.out;
  }

  backward(d, pass, { values, gradient }) {
    const { units, held, gamma } = this;
    for (let r = 0; r < pass.rows; r += 1) {
      const from = r * units;
      let mean = 0;
      let along = 0;
      for (let k = 0; k < units; k += 1) {
        this.learnFrom(from + k, k, d[from + k], gradient);
        const error = d[from + k] * values[gamma.offset + k];
        mean += error;
        along += error * held.normal[from + k];
      }
      for (let k = 0; k < units; k += 1) {
        const error = d[from + k] * values[gamma.offset + k];
        held.back[from + k] = (error - mean / units - (held.normal[from + k] * along) / units) / this.spreads[r];
      }
    }
    return held.back;
  }
}

class BatchNorm extends Normalization {
  constructor(network, name, inputs, table) {
    super(network, name, inputs, table);
    this.momentum = table.momentum;
    this.mean = network.statistic(inputs, 0);
    this.variance = network.statistic(inputs, 1);
    this.spreads = new Float64Array(inputs);
  }

  forward(x, pass, { values, statistics }) {
    const { units, held, momentum, spreads } = this;
    const { rows } = pass;
    held.hold(rows);
    for (let k = 0; k < units; k += 1) {
      let mean = statistics[this.mean + k];
      let variance = statistics[this.variance + k];
      if (pass.training) {
        mean = 0;
        for (let r = 0; r < rows; r += 1) mean += x[r * units + k];
        mean /= rows;
        variance = 0;
        for (let r = 0; r < rows; r += 1) variance += (x[r * units + k] - mean) ** 2;
        variance /= rows;
        if (pass.move) {
          const unbiased = (variance * rows) / Math.max(rows - 1, 1);
          statistics[this.mean + k] += momentum * (mean - statistics[this.mean + k]);
          statistics[this.variance + k] += momentum * (unbiased - statistics[this.variance + k]);
        }
      }
      spreads[k] = Math.sqrt(variance + this.epsilon);
      for (let r = 0; r < rows; r += 1) this.passOn(r * units + k, k, (x[r * units + k] - mean) / spreads[k], values);
    }
    return held.out;
  }

  backward(d, pass, { values, gradient }) {
    const { units, held, gamma, spreads } = this;
    const { rows } = pass;
    for (let k = 0; k < units; k += 1) {
      const factor = values[gamma.offset + k];
      let mean = 0;
      let along = 0;
      for (let r = 0; r < rows; r += 1) {
        const at = r * units + k;
        this.learnFrom(at, k, d[at], gradient);
        mean += d[at] * factor;
        along += d[at] * factor * held.normal[at];
      }
      for (let r = 0; r < rows; r += 1) {
        const at = r * units + k;
        held.back[at] = (d[at] * factor - mean / rows - (held.normal[at] * along) / rows) / spreads[k];
      }
    }
    return held.back;
  }
}

class Flatten extends Layer {
  constructor(network, name, inputs) {
    super(name, inputs, inputs);
  }

  forward(x) {
    return x;
  }

  backward(d) {
    return d;
  }
}

// Layers that follow each other.
class Chain {
  constructor(layers) {
    this.layers = layers;
  }

  forward(x, pass, network) {
    return this.layers.reduce((passed, layer) => layer.forward(passed, pass, network), x);
  }

  backward(d, pass, network) {
    return this.layers.reduceRight((error, layer) => layer.backward(error, pass, network), d);
  }
}

class Residual extends Layer {
  constructor(network, name, inputs, table) {
    const own = buildChain(network, `${name}.layers`, inputs, table.layers);
    const units = own.at(-1).units;
    super(name, inputs, units);
    const shortcut = table.shortcut ? buildChain(network, `${name}.shortcut`, inputs, table.shortcut) : [];
    if (!table.shortcut && units !== inputs) {
      const projection = { kind: "dense", units, bias: false, init: table.init };
      shortcut.push(new Dense(network, `${name}.projection`, inputs, projection));
    }
    Object.assign(this, { own: new Chain(own), shortcut: new Chain(shortcut) });
  }

  get inside() {
    return [...this.own.layers, ...this.shortcut.layers];
  }

  forward(x, pass, network) {
    const { held, units } = this;
    held.hold(pass.rows);
    const changed = this.own.forward(x, pass, network);
    const skipped = this.shortcut.forward(x, pass, network);
    for (let k = 0; k < pass.rows * units; k += 1) held.out[k] = changed[k] + skipped[k];
    return held.out;
  }

  backward(d, pass, network) {
    const { held, inputs } = this;
    const skipped = this.shortcut.backward(d, pass, network);
    const changed = this.own.backward(d, pass, network);
    for (let k = 0; k < pass.rows * inputs; k += 1) held.back[k] = changed[k] + skipped[k];
    return held.back;
  }
}

class Concatenation extends Layer {
  constructor(network, name, inputs, table) {
    const chains = table.branches.map(
      (tables, k) => new Chain(buildChain(network, `${name}.branches.${k}`, inputs, tables)),
    );
    const widths = chains.map((chain) => chain.layers.at(-1)?.units ?? inputs);
    super(name, inputs, widths.reduce((sum, width) => sum + width, 0));
    this.parts = widths.map((width) => new Buffers({ d: width }));
    Object.assign(this, { chains, widths });
  }

  get inside() {
    return this.chains.flatMap((chain) => chain.layers);
  }

  forward(x, pass, network) {
    const { held, units, widths } = this;
    held.hold(pass.rows);
    let from = 0;
    this.chains.forEach((chain, b) => {
      const passed = chain.forward(x, pass, network);
      for (let r = 0; r < pass.rows; r += 1) {
        for (let k = 0; k < widths[b]; k += 1) held.out[r * units + from + k] = passed[r * widths[b] + k];
      }
      from += widths[b];
    });
    return held.out;
  }

  backward(d, pass, network) {
    const { held, units, widths, inputs } = this;
    held.back.fill(0);
    let from = 0;
    this.chains.forEach((chain, b) => {
      const part = this.parts[b];
      part.hold(pass.rows);
      for (let r = 0; r < pass.rows; r += 1) {
        for (let k = 0; k < widths[b]; k += 1) part.d[r * widths[b] + k] = d[r * units + from + k];
      }
      const error = chain.backward(part.d, pass, network);
      for (let k = 0; k < pass.rows * inputs; k += 1) held.back[k] += error[k];
      from += widths[b];
    });
    return held.back;
  }
}

const LAYERS = {
  dense: Dense,
  activation: Activate,
  gated: Combination,
  maxout: Combination,
  dropout: Dropout,
  batch_norm: BatchNorm,
  layer_norm: LayerNorm,
  flatten: Flatten,
  residual: Residual,
  concatenation: Concatenation,
};

// The layers of a scenario's tables, one after the other; each is named after its place, counted as in Python.
function buildChain(network, path, inputs, tables) {
  const built = [];
  let width = inputs;
  const put = (table) => {
    if (table.kind === "group") {
      for (let copy = 0; copy < (table.repeat ?? 1); copy += 1) table.layers.forEach(put);
      return;
    }
    for (let copy = 0; copy < (table.repeat ?? 1); copy += 1) {
      built.push(new LAYERS[table.kind](network, `${path}.${built.length}`, width, table));
      width = built.at(-1).units;
      if (table.kind === "residual" && table.activation) {
        built.push(new Activate(network, `${path}.${built.length}`, width, { activation: table.activation }));
      }
    }
  };
  tables.forEach(put);
  return built;
}
