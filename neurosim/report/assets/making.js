// Inputs that are made of the features of a row, by steps on a stack: data/making.py.

const FUNCTIONS = {
  "-": (x) => -x,
  abs: Math.abs,
  cos: Math.cos,
  exp: Math.exp,
  log: Math.log,
  sin: Math.sin,
  sqrt: Math.sqrt,
  tanh: Math.tanh,
};
const OPERATIONS = { "+": (x, y) => x + y, "-": (x, y) => x - y, "*": (x, y) => x * y, "/": (x, y) => x / y };

// The inputs of a row, each made by its own steps.
function madeInputs(made, row) {
  return made.map((steps) => {
    const stack = [];
    for (const [kind, value] of steps) {
      if (kind === "feature") stack.push(row[value]);
      else if (kind === "number") stack.push(value);
      else if (kind === "operation") {
        const right = stack.pop();
        stack.push(OPERATIONS[value](stack.pop(), right));
      } else if (kind === "power") {
        const base = stack.pop();
        let power = base;
        for (let k = 1; k < value; k += 1) power *= base;
        stack.push(power);
      } else stack.push(FUNCTIONS[value](stack.pop()));
    }
    return stack[0];
  });
}
