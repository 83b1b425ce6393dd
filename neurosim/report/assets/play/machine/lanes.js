// Arithmetic on pairs of numbers: each operation writes its instruction and gives what holds the result. What is known
// already, a number or whether something is so, is worked out at once.

// The functions of Cephes for exp, and of fdlibm for log.
const EXP_P = [1.26177193074810590878e-4, 3.0299440770744196130e-2, 9.9999999999999999991e-1];
const EXP_Q = [3.00198505138664455042e-6, 2.52448340349684104192e-3, 2.27265548208155028766e-1, 2];
const LN2 = [6.93145751953125e-1, 1.42860682030941723212e-6];
const LOG = [
  1.479819860511658591e-1, 1.531383769920937332e-1, 1.818357216161805012e-1, 2.222219843214978396e-1,
  2.857142874366239149e-1, 3.99999999994094190800e-1, 6.666666666666735130e-1,
];
const ERF = Array.from({ length: 90 }, () => 2 / Math.sqrt(Math.PI));
for (let n = 1; n < ERF.length; n += 1) ERF[n] = (2 * ERF[n - 1]) / (2 * n + 1);
ERF.reverse();
const LN2_OF_LOG = [6.93147180369123816490e-1, 1.90821492927058770002e-10];

const KNOWN = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  min: Math.min,
  max: Math.max,
  pmin: (a, b) => (b < a ? b : a),
  pmax: (a, b) => (a < b ? b : a),
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  "<": (a, b) => a < b,
  ">": (a, b) => a > b,
  "<=": (a, b) => a <= b,
  ">=": (a, b) => a >= b,
};
const COMPARED = new Set(["==", "!=", "<", ">", "<=", ">="]);

class Lanes {
  // `pool` gives the address of a number in memory; `fused` whether a product and a sum are one instruction.
  constructor(code, pool, fused) {
    Object.assign(this, { code, pool, fused });
  }

  push(value) {
    const { code } = this;
    if (typeof value === "object") code.get(value.local);
    else code.load(null, this.pool(Number(value)));
  }

  // What was left on the stack.
  made(mask = false) {
    const local = this.code.local();
    this.code.set(local);
    return { local, mask };
  }

  write(name, values, mask = false) {
    for (const value of values) this.push(value);
    this.code.pair(name);
    return this.made(mask);
  }

  // From memory.
  load(base, offset, how = "load") {
    this.code.load(base, offset, how);
    return this.made();
  }

  store(base, offset, value) {
    this.code.store(base, offset, () => this.push(this.number(value)));
  }

  // True and false as 1 and 0.
  number(value) {
    return value.mask ? this.write("and", [value, 1]) : value;
  }

  // Whether something is so: a boolean, or a pair with all bits of a lane set where it is.
  truth(value) {
    if (typeof value === "boolean") return value;
    if (typeof value === "number") return value !== 0;
    return value.mask ? value : this.both("!=", value, 0);
  }

  both(name, left, right) {
    const [a, b] = [left, right].map((value) => this.number(value));
    if (typeof a !== "object" && typeof b !== "object") return KNOWN[name](Number(a), Number(b));
    if ((name === "*" || name === "/") && b === 1) return a;
    if (name === "*" && a === 1) return b;
    // A power of two divides exactly.
    if (name === "/" && typeof b === "number" && Number.isInteger(Math.log2(b))) return this.both("*", a, 1 / b);
    return this.write(name, [a, b], COMPARED.has(name));
  }

  one(name, value) {
    const known = { neg: (x) => -x, nearest: Math.round }[name] ?? Math[name];
    return typeof value === "object" ? this.write(name, [this.number(value)]) : known(Number(value));
  }

  // a * b + c.
  multiplied(a, b, c) {
    return this.fused ? this.write("fused", [a, b, c]) : this.both("+", this.both("*", a, b), c);
  }

  polynomial(x, factors) {
    return factors.slice(1).reduce((sum, factor) => this.multiplied(sum, x, factor), factors[0]);
  }

  select(test, yes, no) {
    if (typeof test === "boolean") return test ? yes : no;
    if (yes === no) return yes;
    return this.write("select", [this.number(yes), this.number(no), test]);
  }

  not(test) {
    return typeof test === "boolean" ? !test : this.write("not", [test], true);
  }

  all(name, tests) {
    const decided = name === "or";
    if (tests.includes(decided)) return decided;
    const open = tests.filter((test) => typeof test === "object");
    return open.length ? open.reduce((a, b) => this.write(name, [a, b], true)) : !decided;
  }

  // The bits of pairs shifted by so many places.
  shifted(name, value, places) {
    this.push(value);
    this.code.whole(places);
    this.code.pair(name);
    return this.made();
  }

  // Two to the power of a whole number: its bits are put where the exponent is.
  power(n) {
    return this.shifted("shiftLeft", this.both("+", n, 2 ** 52 + 1023), 52);
  }

  // x = n log 2 + r; exp(r) = (q + p) / (q - p).
  reduced(x) {
    const n = this.one("nearest", this.both("*", x, Math.LOG2E));
    const r = LN2.reduce((rest, part) => this.multiplied(n, -part, rest), x);
    const square = this.both("*", r, r);
    const p = this.both("*", r, this.polynomial(square, EXP_P));
    const q = this.polynomial(square, EXP_Q);
    return { n, p, q, divisor: this.both("-", q, p) };
  }

  // In two factors, so that numbers close to zero come out as they are.
  exponential({ n, p, q, divisor }) {
    const half = this.one("floor", this.both("*", n, 0.5));
    const first = this.both("*", this.both("/", this.both("+", q, p), divisor), this.power(half));
    return this.both("*", first, this.power(this.both("-", n, half)));
  }

  limited(x) {
    return this.both("pmax", this.both("pmin", x, 710), -746);
  }

  exp(x) {
    return typeof x === "object" ? this.exponential(this.reduced(this.limited(x))) : Math.exp(x);
  }

  expm1(x) {
    if (typeof x !== "object") return Math.expm1(x);
    const parts = this.reduced(this.limited(x));
    const small = this.both("/", this.both("+", parts.p, parts.p), parts.divisor);
    const isSmall = this.both("<", this.one("abs", x), 0.34);
    return this.select(isSmall, small, this.both("-", this.exponential(parts), 1));
  }

  // With e = exp(2 |x|) - 1 it is e / (e + 2); e is a quotient with the divisor d.
  tanh(x) {
    if (typeof x !== "object") return Math.tanh(x);
    const size = this.both("pmin", this.one("abs", x), 20);
    const { n, p, divisor } = this.reduced(this.both("+", size, size));
    const scale = this.power(n);
    const twice = this.both("+", p, p);
    const e = this.multiplied(scale, twice, this.both("*", this.both("-", scale, 1), divisor));
    return this.signed(this.both("/", e, this.both("+", e, this.both("+", divisor, divisor))), x);
  }

  // The size of one number with the sign of another.
  signed(size, sign) {
    return this.write("select", [sign, size, -0]);
  }

  // x = 2^k m; log(m) by s = f / (2 + f), where f = m - 1.
  log(x) {
    if (typeof x !== "object") return Math.log(x);
    const root = 0.7071067811865476;
    // Numbers too small for a full exponent are made larger.
    const tiny = this.both("<", x, 2 ** -1000);
    const large = this.select(tiny, this.both("*", x, 2 ** 100), x);
    const k = this.shifted("shiftRight", this.write("subWhole", [large, root]), 52);
    const m = this.write("subWhole", [large, this.shifted("shiftLeft", k, 52)]);
    const shift = 1.5 * 2 ** 52;
    const whole = this.both("-", this.write("addWhole", [k, shift]), shift);
    const exponent = this.both("-", whole, this.select(tiny, 100, 0));
    const f = this.both("-", m, 1);
    const s = this.both("/", f, this.both("+", f, 2));
    const square = this.both("*", s, s);
    const rest = this.both("*", square, this.polynomial(square, LOG));
    const half = this.both("*", this.both("*", f, f), 0.5);
    const low = this.multiplied(exponent, LN2_OF_LOG[1], this.both("*", s, this.both("+", half, rest)));
    const found = this.multiplied(exponent, LN2_OF_LOG[0], this.both("-", f, this.both("-", half, low)));
    const normal = this.all("and", [this.both(">", x, 0), this.both("<", x, Infinity)]);
    const other = this.select(this.both("==", x, 0), -Infinity, this.select(this.both(">", x, 0), x, NaN));
    return this.select(normal, found, other);
  }

  log1p(x) {
    if (typeof x !== "object") return Math.log1p(x);
    const u = this.both("+", x, 1);
    const lost = this.both("-", x, this.both("-", u, 1));
    const found = this.both("+", this.log(u), this.both("/", lost, u));
    const normal = this.all("and", [this.both(">", u, 0), this.both("<", u, Infinity)]);
    return this.select(normal, found, this.log(u));
  }

  // The series of `lacking.erf`, with as many terms as 6 needs.
  erf(x) {
    if (typeof x !== "object") return lacking.erf(x);
    const square = this.both("*", x, x);
    const series = this.both("*", this.polynomial(square, ERF), this.exp(this.both("*", square, -1)));
    const found = this.both("*", x, series);
    return this.select(this.both(">=", this.one("abs", x), 6), this.signed(1, x), found);
  }

  pow(x, exponent) {
    if (exponent === 0.5) return this.one("sqrt", x);
    if (typeof x !== "object" && typeof exponent !== "object") return x ** exponent;
    if (!Number.isInteger(exponent) || exponent < 1 || exponent > 8) throw new Unknown("pow");
    let power = x;
    for (let k = 1; k < exponent; k += 1) power = this.both("*", power, x);
    return power;
  }
}
