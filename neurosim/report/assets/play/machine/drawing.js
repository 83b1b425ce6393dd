// What needs the words of 64 bits of random.js, which a machine has at once: `permutation`, and the masks of dropout.

// Word number `place` of a stream whose key is in a local, into local `word`.
function writeWord(code, key, place, word) {
  const wide = (number) => code.op(OP.wide, ...signedLeb(BigInt.asIntN(64, number)));
  const shiftAndXor = (places) => {
    code.get(word);
    code.get(word);
    wide(places);
    code.op(OP.wideRight, OP.wideXor);
    code.set(word);
  };
  const times = (factor) => {
    code.get(word);
    wide(factor);
    code.op(OP.wideMultiply);
    code.set(word);
  };
  place();
  code.op(OP.widened);
  wide(1n);
  code.op(OP.wideAdd);
  wide(0x9e3779b97f4a7c15n);
  code.op(OP.wideMultiply);
  code.get(key);
  code.op(OP.wideAdd);
  code.set(word);
  shiftAndXor(30n);
  times(0xbf58476d1ce4e5b9n);
  shiftAndXor(27n);
  times(0x94d049bb133111ebn);
  shiftAndXor(31n);
}

// Called with where the order is, its last place, and where the key is.
function shuffleRoutine(assembly) {
  assembly.routine(
    3,
    null,
    (code) => {
      const [order, last, at] = [0, 1, 2];
      const [key, word] = [code.local(I64), code.local(I64)];
      const [one, other] = [code.local(I32), code.local(I32)];
      const zero = code.pointer(0);
      // Where number `place` of the order is.
      const find = (place, local) => {
        code.get(order);
        place();
        code.whole(2);
        code.op(OP.left, OP.add);
        code.set(local);
      };
      const read = (local) => {
        code.get(local);
        code.op(OP.load, 2, 0);
      };
      code.get(at);
      code.op(OP.loadWide, 3, 0);
      code.set(key);
      code.get(last);
      code.op(OP.if, OP.nothing);
      code.until(zero, last, () => {
        writeWord(code, key, () => code.get(last), word);
        find(() => code.get(last), one);
        find(() => {
          // The upper half of the word, times so many, without its lower half.
          code.get(word);
          code.op(OP.wide, 32, OP.wideRight);
          code.get(last);
          code.op(OP.widened, OP.wide, 1, OP.wideAdd, OP.wideMultiply, OP.wide, 32, OP.wideRight, OP.narrowed);
        }, other);
        code.get(one);
        read(other);
        code.get(other);
        read(one);
        code.op(OP.store, 2, 0, OP.store, 2, 0);
        code.advance(last, -1);
      });
      code.op(OP.end);
    },
    "shuffle",
  );
}

// The mask of a tile as `uniformBits` decides it, numbers of a unit side by side. Called with the place in the order of
// the tile's first row.
function maskRoutine(kernels, { layer, units, mask }, keyAt) {
  const { below, rate } = layer;
  return kernels.assembly.routine(1, null, (code) => {
    const [key, word] = [code.local(I64), code.local(I64)];
    const [first, second, value] = [code.local(I32), code.local(I32), code.local(I32)];
    const unit = code.local(I32);
    const target = code.local(I32);
    const shifted = (places) => {
      code.get(value);
      code.get(value);
      code.whole(places);
      code.op(OP.right, OP.xor);
    };
    const times = (factor) => {
      code.whole(factor | 0);
      code.op(OP.multiply);
      code.set(value);
    };
    code.whole(keyAt);
    code.op(OP.loadWide, 3, 0);
    code.set(key);
    for (let lane = 0; lane < 2 * kernels.pairs; lane += 1) {
      const row = () => {
        code.get(0);
        code.whole(lane);
        code.op(OP.add);
      };
      writeWord(code, key, row, word);
      code.get(word);
      code.op(OP.wide, 32, OP.wideRight, OP.narrowed);
      code.set(first);
      code.get(word);
      code.op(OP.narrowed);
      code.set(second);
      for (const [local, start] of [[unit, 0], [target, mask + lane * WORD]]) {
        code.whole(start);
        code.set(local);
      }
      code.repeat(units, () => {
        code.get(unit);
        code.get(first);
        code.op(OP.add);
        code.set(value);
        shifted(16);
        times(0x7feb352d);
        shifted(15);
        code.get(second);
        code.op(OP.xor);
        times(0x846ca68b);
        code.storeNumber(target, 0, () => {
          for (const number of [1 / (1 - rate), 0]) code.loadNumber(null, kernels.pool(number));
          shifted(16);
          code.whole(below | 0);
          code.op(OP.notBelow, OP.choose);
        });
        code.advance(unit, 1);
        code.advance(target, kernels.step);
      });
    }
  });
}
