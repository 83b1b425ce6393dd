// What is done with all that a network learns, two numbers at once: penalties, the update, whether all is finite.

// `body` for each pair from byte `from` to byte `to` of the vectors, and for the last number if it is alone.
function eachNumber(code, lanes, [from, to], body) {
  const at = code.local(I32);
  const end = code.local(I32);
  code.get(from);
  code.set(at);
  code.get(to);
  code.whole(WORD);
  code.op(OP.subtract);
  code.set(end);
  const part = (isPair) => {
    const load = (address) => lanes.load(at, address, isPair ? "load" : "loadZero");
    const store = (address, value) => {
      if (isPair) lanes.store(at, address, value);
      else code.storeFirst(at, address, () => lanes.push(lanes.number(value)));
    };
    body(load, store);
  };
  const ifBelow = (write) => {
    code.get(at);
    code.get(end);
    code.op(OP.below, OP.if, OP.nothing);
    write();
    code.op(OP.end);
  };
  ifBelow(() => {
    code.until(at, end, () => {
      part(true);
      code.advance(at, PAIR);
    });
  });
  code.get(at);
  code.get(to);
  code.op(OP.below, OP.if, OP.nothing);
  part(false);
  code.op(OP.end);
}

// A part of an optimizer's rule: columns of numbers, `constants` of the step in memory, and where results go.
function updateRoutine(kernels, tree, { columns, constants, flag, targets }, name) {
  kernels.assembly.routine(
    2,
    null,
    (code) => {
      const lanes = kernels.lanes(code);
      const count = TREES[tree]?.params.length ?? 0;
      const known = Array.from({ length: Math.max(count - columns.length, 0) }, (_, k) => lanes.load(null, constants + k * WORD, "splat"));
      const isBias = lanes.load(null, flag, "splat");
      eachNumber(code, lanes, [0, 1], (load, store) => {
        const numbers = columns.map((address) => (address === null ? isBias : load(address)));
        const found = new Formulas(lanes).call(tree, [...numbers, ...known]);
        targets.forEach((address, k) => store(address, targets.length === 1 && !Array.isArray(found) ? found : found[k]));
      });
    },
    name,
  );
}

// What large weights cost, added to their gradients.
function penaltyRoutine(kernels, { values, gradient }, { weight, l1, l2 }) {
  return kernels.assembly.routine(2, null, (code) => {
    const lanes = kernels.lanes(code);
    eachNumber(code, lanes, [0, 1], (load, store) => {
      const value = load(values);
      const sign = lanes.select(lanes.both("==", value, 0), 0, lanes.signed(1, value));
      const cost = lanes.both("+", l1 ? lanes.both("*", sign, l1) : 0, l2 ? lanes.both("*", value, l2) : 0);
      store(gradient, lanes.both("+", load(gradient), cost));
    });
  });
}

function clearRoutine(kernels, vector) {
  return kernels.assembly.routine(2, null, (code) => {
    eachNumber(code, kernels.lanes(code), [0, 1], (load, store) => store(vector, 0));
  });
}

// 0 if all numbers are finite, else NaN.
function finiteRoutine(kernels, values) {
  kernels.assembly.routine(
    2,
    F64,
    (code) => {
      const lanes = kernels.lanes(code);
      lanes.push(0);
      const sum = lanes.made();
      eachNumber(code, lanes, [0, 1], (load) => {
        lanes.push(lanes.both("+", sum, lanes.both("*", load(values), 0)));
        code.set(sum.local);
      });
      for (const lane of [0, 1]) {
        code.get(sum.local);
        code.pair("extract", lane);
      }
      code.op(OP.addNumbers);
    },
    "finite",
  );
}
