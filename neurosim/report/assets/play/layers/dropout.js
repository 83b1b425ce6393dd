// Dropout, with the masks of every backend.

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
