// A network as in network/network.py: its layers, and one vector of all that they learn.

class Network {
  // `section` is the table [network] of a scenario; `catalog` has the records that it names.
  constructor(section, inputs, catalog) {
    Object.assign(this, { catalog, inputs, arrays: [], size: 0, starts: [], dropouts: 0, machine: null });
    this.chain = new Chain(buildChain(this, "layers", inputs, section.layers));
    this.layers = this.chain.layers;
    this.outputs = this.layers.at(-1).units;
    this.values = new Float64Array(this.size);
    this.gradient = new Float64Array(this.size);
    this.statistics = Float64Array.from(this.starts);
    this.loss = new Objective(choice(section.loss), this);
    this.penalized = this.all().filter((layer) => layer.l1 || layer.l2);
  }

  // Have machine code do what it can: what is learned, and its gradient, are in its memory then.
  hasten(training = null) {
    this.machine = machineOf(this, training);
    if (!this.machine) return;
    const kept = this.values;
    for (const name of ["values", "gradient"]) this[name] = this.machine.vector(name);
    this.values.set(kept);
  }

  // Called by layers while they are built.
  parameter(name, shape, isBias) {
    const size = shape.reduce((product, number) => product * number, 1);
    const array = { name, shape, size, offset: this.size, isBias };
    this.arrays.push(array);
    this.size += size;
    return array;
  }

  statistic(size, start) {
    this.starts.push(...new Array(size).fill(start));
    return this.starts.length - size;
  }

  // Every layer, those inside of others too.
  all(layers = this.layers) {
    return layers.flatMap((layer) => [layer, ...this.all(layer.inside)]);
  }

  start(seed) {
    this.values.fill(0);
    for (const layer of this.all()) layer.start?.(seed, this);
    this.statistics.set(this.starts);
  }

  forward(x, pass) {
    return this.chain.forward(x, pass, this);
  }

  // From the gradient with respect to the outputs, or the sums before them; enters `gradient`.
  backward(d, pass) {
    this.gradient.fill(0);
    const fromSums = this.loss.pair !== null;
    let sent = this.layers.at(-1).backward(d, pass, this, fromSums);
    for (let place = this.layers.length - 2; place >= 0; place -= 1) sent = this.layers[place].backward(sent, pass, this);
    for (const { weight, l1, l2 } of this.penalized) {
      for (let k = weight.offset; k < weight.offset + weight.size; k += 1) {
        const value = this.values[k];
        this.gradient[k] += l1 * Math.sign(value) + l2 * value;
      }
    }
    return sent;
  }

  // Whether all that is learned is: asked after each step, so without a call for each number.
  get isFinite() {
    const { values, machine } = this;
    if (machine) return machine.isFinite;
    let sum = 0;
    for (let k = 0; k < values.length; k += 1) sum += 0 * values[k];
    return sum === 0;
  }

  // What large weights cost.
  penalty() {
    let total = 0;
    for (const { weight, l1, l2 } of this.penalized) {
      const own = this.values.subarray(weight.offset, weight.offset + weight.size);
      total += own.reduce((sum, value) => sum + l1 * Math.abs(value) + (l2 / 2) * value * value, 0);
    }
    return total;
  }
}

// The loss of a scenario, or its pair with the last activation.
class Objective {
  constructor(chosen, network) {
    const record = network.catalog.losses[chosen.name];
    const last = network.layers.at(-1);
    const { activating } = last;
    const pair = activating && !activating.learned.length ? record.pairs[activating.record.name] : undefined;
    const { value, gradient } = pair ?? record;
    Object.assign(this, { record, pair: pair ?? null, value: FORMULAS[value], derivative: FORMULAS[gradient] });
    this.params = Object.keys(record.params).map((name) => chosen.params[name] ?? record.params[name]);
    this.last = last;
    this.held = new Buffers({ d: network.outputs });
  }

  // The losses of rows of outputs, added up; with a `share`, their gradients times that in `d`.
  total(outputs, targets, rows, share = null) {
    const { held, params, last, value, derivative } = this;
    held.hold(rows);
    const width = last.units;
    const a = outputs === last.held.out ? last.held.outRows : rowsOf(outputs, width, rows);
    // What the last activation was given: its sums, or its inputs.
    const z = this.pair ? (last.held.sumsRows ?? rowsOf(last.x, width, rows)) : a;
    let total = 0;
    for (let r = 0; r < rows; r += 1) {
      const d = held.dRows[r];
      const weight = targets.weight(r);
      if (weight === 0) {
        d.fill(0);
        continue;
      }
      const y = targets.of(r);
      total += weight * value(z[r], a[r], y, params);
      if (share === null) continue;
      d.fill(0);
      derivative(z[r], a[r], y, d, params);
      for (let k = 0; k < width; k += 1) d[k] *= weight * share;
    }
    return total;
  }

  // How many rows are answered rightly.
  correct(outputs, targets, rows) {
    if (targets.accuracy === "none") return 0;
    const width = this.last.units;
    let count = 0;
    for (let r = 0; r < rows; r += 1) {
      let best = 0;
      if (targets.accuracy === "threshold") best = Number(outputs[r * width] > this.record.threshold);
      else for (let k = 1; k < width; k += 1) if (outputs[r * width + k] > outputs[r * width + best]) best = k;
      count += Number(best === targets.classes[targets.order[targets.from + r]]);
    }
    return count;
  }
}
