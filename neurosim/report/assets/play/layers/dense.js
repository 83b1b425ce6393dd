// Each unit's weighted sum of all inputs.

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
