// Numbers brought to mean 0 and variance 1: of each row, or of each unit over a batch.

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
