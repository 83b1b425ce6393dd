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
