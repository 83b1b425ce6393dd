// What a network does to a tile, a few pairs of rows: numbers of a unit lie side by side, a pair of rows in each load.
//
// A stage is a layer with its places in memory: `x` of its inputs, `sums`, `out` and `d`, the gradient with respect to
// its outputs, then to its sums.

// Sums that are kept in registers at once.
const MOST_SUMS = 10;
// Inputs for which no loop is needed.
const MOST_WRITTEN_OUT = 8;

class Kernels {
  constructor(assembly, pool, fused, pairs) {
    Object.assign(this, { assembly, pool, fused, pairs, step: pairs * PAIR });
  }

  lanes(code) {
    return new Lanes(code, this.pool, this.fused);
  }

  routine(write) {
    return this.assembly.routine(0, null, write);
  }

  // sum += a * b, on the stack and in a local.
  gather(code, sum, a, b) {
    if (this.fused) {
      a();
      b();
      code.get(sum);
      code.pair("fused");
    } else {
      code.get(sum);
      a();
      b();
      code.pair("*");
      code.pair("+");
    }
    code.set(sum);
  }

  // The weighted sums of `inputs` numbers for each of `units`. `strides` are the bytes from a weight to that of the
  // next unit and of the next input.
  product({ x, to, weight, bias, inputs, units, strides }) {
    return this.routine((code) => {
      const [ofUnit, ofInput] = strides;
      const { pairs, step } = this;
      const most = Math.max(1, Math.min(units, Math.floor(MOST_SUMS / pairs)));
      const start = code.pointer(weight);
      const out = code.pointer(to);
      const biases = code.pointer(bias ?? 0);
      const block = (width) => {
        const sums = Array.from({ length: width * pairs }, () => code.local());
        const weights = Array.from({ length: width }, () => code.local());
        const number = code.local();
        sums.forEach((sum, k) => {
          if (bias === null) code.load(null, this.pool(0));
          else code.load(biases, Math.floor(k / pairs) * WORD, "splat");
          code.set(sum);
        });
        const input = (w, ofWeight, from, ofX) => {
          weights.forEach((own, k) => {
            code.load(w, ofWeight + k * ofUnit, "splat");
            code.set(own);
          });
          for (let p = 0; p < pairs; p += 1) {
            code.load(from, ofX + p * PAIR);
            code.set(number);
            for (let k = 0; k < width; k += 1) {
              this.gather(code, sums[k * pairs + p], () => code.get(weights[k]), () => code.get(number));
            }
          }
        };
        if (inputs <= MOST_WRITTEN_OUT) {
          for (let i = 0; i < inputs; i += 1) input(start, i * ofInput, null, x + i * step);
        } else {
          const w = code.local(I32);
          code.get(start);
          code.set(w);
          const from = code.pointer(x);
          code.repeat(inputs, () => {
            input(w, 0, from, 0);
            code.advance(w, ofInput);
            code.advance(from, step);
          });
        }
        sums.forEach((sum, k) => code.store(out, k * PAIR, () => code.get(sum)));
        code.advance(start, width * ofUnit);
        code.advance(out, width * step);
        code.advance(biases, width * WORD);
      };
      code.repeat(Math.floor(units / most), () => block(most));
      if (units % most) block(units % most);
    });
  }

  // The gradients of weights, added to those in memory: of two inputs and two units at once.
  slopes({ x, d, gradient, inputs, units, bias }) {
    return this.routine((code) => {
      const { pairs, step } = this;
      const out = code.pointer(gradient);
      const from = code.pointer(x);
      // The sums of two units, each of its lanes, added to two numbers in memory; or of one.
      const add = (base, offset, [first, second]) => {
        const halves = (lane) => {
          code.get(first);
          code.get(second ?? first);
          const low = Array.from({ length: 8 }, (_, k) => 8 * lane + k);
          code.pair("shuffle", ...low, ...low.map((place) => place + 16));
        };
        const sum = () => {
          halves(0);
          halves(1);
          code.pair("+");
          code.load(base, offset, second === undefined ? "loadZero" : "load");
          code.pair("+");
        };
        if (second === undefined) code.storeFirst(base, offset, sum);
        else code.store(base, offset, sum);
      };
      const rows = (count) => {
        const numbers = Array.from({ length: count * pairs }, (_, k) => {
          const own = code.local();
          code.load(from, Math.floor(k / pairs) * step + (k % pairs) * PAIR);
          code.set(own);
          return own;
        });
        const errors = code.pointer(d);
        const columns = (width) => {
          const sums = Array.from({ length: count * width }, () => code.local());
          const error = code.local();
          for (let p = 0; p < pairs; p += 1) {
            for (let j = 0; j < width; j += 1) {
              code.load(errors, j * step + p * PAIR);
              code.set(error);
              for (let i = 0; i < count; i += 1) {
                const sum = sums[i * width + j];
                const number = numbers[i * pairs + p];
                if (p > 0) this.gather(code, sum, () => code.get(number), () => code.get(error));
                else {
                  code.get(number);
                  code.get(error);
                  code.pair("*");
                  code.set(sum);
                }
              }
            }
          }
          for (let i = 0; i < count; i += 1) add(out, i * units * WORD, sums.slice(i * width, (i + 1) * width));
          code.advance(errors, width * step);
          code.advance(out, width * WORD);
        };
        code.repeat(Math.floor(units / 2), () => columns(2));
        if (units % 2) columns(1);
        // Over the rows of the other inputs of these.
        code.advance(out, (count - 1) * units * WORD);
        code.advance(from, count * step);
      };
      code.repeat(Math.floor(inputs / 2), () => rows(2));
      if (inputs % 2) rows(1);
      if (bias === null) return;
      const errors = code.pointer(d);
      const own = code.pointer(bias);
      const columns = (width) => {
        const sums = Array.from({ length: width }, (_, j) => {
          const sum = code.local();
          code.load(errors, j * step);
          for (let p = 1; p < pairs; p += 1) {
            code.load(errors, j * step + p * PAIR);
            code.pair("+");
          }
          code.set(sum);
          return sum;
        });
        add(own, 0, sums);
        code.advance(errors, width * step);
        code.advance(own, width * WORD);
      };
      code.repeat(Math.floor(units / 2), () => columns(2));
      if (units % 2) columns(1);
    });
  }

  // An activation forward: from `sums` to `out`.
  activate({ sums, out, units, activating }) {
    const { record, params } = activating;
    return this.routine((code) => {
      this.each(code, activating.isRow, units, [sums, out], ([z, a], lanes, formulas) => {
        if (activating.isRow) {
          const given = z.load();
          const found = new Array(units).fill(0);
          formulas.call(record.f, [given, found, ...params]);
          a.store(found);
        } else a.store([formulas.call(record.f, [z.load()[0], ...params])]);
      });
    });
  }

  // And back: `d` becomes the gradient with respect to the sums, at `to`.
  activateBack({ sums, out, d, units, activating }, to) {
    const { record, params } = activating;
    return this.routine((code) => {
      this.each(code, activating.isRow, units, [sums, out, d, to], ([z, a, da, dz], lanes, formulas) => {
        if (activating.isRow) {
          const found = new Array(units).fill(0);
          formulas.call(record.df, [z.load(), a.load(), da.load(), found, ...params]);
          dz.store(found);
        } else {
          const slope = formulas.call(record.df, [z.load()[0], a.load()[0], ...params]);
          dz.store([lanes.both("*", da.load()[0], slope)]);
        }
      });
    });
  }

  // Numbers times a mask, or as they are.
  masked(x, mask, to, units) {
    return this.routine((code) => {
      this.each(code, false, units, [x, mask ?? x, to], ([given, factor, made], lanes) => {
        const [number] = given.load();
        made.store([mask === null ? number : lanes.both("*", number, factor.load()[0])]);
      });
    });
  }

  // `body` for each pair of numbers, or for each pair of whole rows; it gets what loads and stores at each address.
  each(code, isRow, units, addresses, body) {
    const { pairs, step } = this;
    const lanes = this.lanes(code);
    const formulas = new Formulas(lanes);
    const at = code.pointer(0);
    const places = Array.from({ length: isRow ? units : 1 }, (_, k) => k * step);
    if (places.length > MOST_ENTRIES) throw new Unknown("row");
    const access = addresses.map((address) => ({
      load: () => places.map((place) => lanes.load(at, address + place)),
      store: (values) => places.forEach((place, k) => lanes.store(at, address + place, values[k])),
    }));
    code.repeat(isRow ? pairs : units * pairs, () => {
      body(access, lanes, formulas);
      code.advance(at, PAIR);
    });
  }

  // The loss of a tile, added to `total`; with a `share` in memory the gradients times that, at `to`. `weights` has how
  // much each row counts.
  loss({ objective, sums, out, units, answers, width, weights, total, share, to }) {
    const { record, pair, params } = objective;
    const { trees } = pair ?? record;
    return this.routine((code) => {
      const lanes = this.lanes(code);
      const formulas = new Formulas(lanes);
      const at = code.pointer(0);
      if (units > MOST_ENTRIES) throw new Unknown("row");
      code.repeat(this.pairs, () => {
        const row = (address, count) => Array.from({ length: count }, (_, k) => lanes.load(at, address + k * this.step));
        const y = row(answers, width);
        const given = [row(out, units), record.targets === "classes" ? y[0] : y];
        if (pair) given.unshift(row(sums, units));
        const weight = lanes.load(at, weights);
        const counts = lanes.both("!=", weight, 0);
        const added = (value) => lanes.select(counts, lanes.both("*", weight, value), 0);
        const value = formulas.call(trees.value, [...given, ...params]);
        lanes.store(null, total, lanes.both("+", lanes.load(null, total), added(value)));
        if (share !== null) {
          const d = new Array(units).fill(0);
          formulas.call(trees.gradient, [...given, d, ...params]);
          const factor = lanes.load(null, share, "splat");
          d.forEach((slope, k) => lanes.store(at, to + k * this.step, lanes.both("*", added(slope), factor)));
        }
        code.advance(at, PAIR);
      });
    });
  }
}

// Whether a formula gives back what it is given.
function isIdentity({ f, row }) {
  const tree = TREES[f];
  return !row && tree?.body.length === 1 && tree.body[0][0] === "return" && tree.body[0][1] === tree.params[0];
}
