// Rows into a tile, where the numbers of a unit lie side by side, and back into rows.

// Called with where rows, answers, weights and the order are, the first place in the order and the end.
function gatherRoutine(kernels, machine) {
  const { pairs } = kernels;
  const { network, input, width, answers, weights: weightsAt } = machine;
  return kernels.assembly.routine(6, null, (code) => {
    const [x, y, weights, order, from, end] = [0, 1, 2, 3, 4, 5];
    const place = code.local(I32);
    const row = code.local(I32);
    const source = code.local(I32);
    // Row `row` of `width` numbers at `base`, to lane `lane` of `to`.
    const copy = (base, width, to, lane) => {
      code.get(base);
      code.get(row);
      code.whole(width * WORD);
      code.op(OP.multiply, OP.add);
      code.set(source);
      if (width <= MOST_WRITTEN_OUT) {
        for (let k = 0; k < width; k += 1) {
          code.storeNumber(null, to + lane * WORD + k * pairs * PAIR, () => code.loadNumber(source, k * WORD));
        }
        return;
      }
      const target = code.pointer(to + lane * WORD);
      code.repeat(width, () => {
        code.storeNumber(target, 0, () => code.loadNumber(source, 0));
        code.advance(source, WORD);
        code.advance(target, pairs * PAIR);
      });
    };
    for (let lane = 0; lane < 2 * pairs; lane += 1) {
      // Behind the end it is the last row again, which does not count.
      code.get(from);
      code.whole(lane);
      code.op(OP.add);
      code.set(place);
      const isRow = () => {
        code.get(place);
        code.get(end);
        code.op(OP.below);
      };
      code.get(order);
      code.get(place);
      code.get(end);
      code.whole(1);
      code.op(OP.subtract);
      isRow();
      code.op(OP.choose);
      code.whole(4);
      code.op(OP.multiply, OP.add, OP.load, 2, 0);
      code.set(row);
      copy(x, network.inputs, input, lane);
      if (!machine.training) continue;
      copy(y, width, answers, lane);
      const weigh = (number) => code.storeNumber(null, weightsAt + lane * WORD, number);
      code.get(weights);
      code.op(OP.if, OP.nothing);
      copy(weights, 1, weightsAt, lane);
      code.op(OP.else);
      weigh(() => code.loadNumber(null, kernels.pool(1)));
      code.op(OP.end);
      isRow();
      code.op(OP.isZero, OP.if, OP.nothing);
      weigh(() => code.loadNumber(null, kernels.pool(0)));
      code.op(OP.end);
    }
  });
}

// Called with the place of a tile: its outputs, row by row.
function scatterRoutine(kernels, { out, units, rows }) {
  const { pairs } = kernels;
  return kernels.assembly.routine(1, null, (code) => {
    const to = code.local(I32);
    code.get(0);
    code.whole(units * WORD);
    code.op(OP.multiply);
    code.set(to);
    const from = code.pointer(out);
    code.repeat(units, () => {
      for (let lane = 0; lane < 2 * pairs; lane += 1) {
        code.storeNumber(to, rows + lane * units * WORD, () => code.loadNumber(from, lane * WORD));
      }
      code.advance(to, WORD);
      code.advance(from, pairs * PAIR);
    });
  });
}
