// What JavaScript's Math lacks.
const lacking = {
  copysign: (x, y) => (y < 0 || Object.is(y, -0) ? -Math.abs(x) : Math.abs(x)),
  entry: (values, k) => values[k < 0 ? k + values.length : k] ?? NaN,
  floormod: (x, y) => x - y * Math.floor(x / y),
  // Abramowitz and Stegun 7.1.6: all terms are positive, so none cancel.
  erf(x) {
    if (Math.abs(x) > 6) return Math.sign(x);
    let term = x;
    let sum = x;
    for (let n = 1; n < 200 && Math.abs(term) > 1e-17 * Math.abs(sum); n += 1) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  },
  // 7.1.14, the continued fraction, where 1 - erf(x) would cancel.
  erfc(x) {
    if (x < 2) return 1 - lacking.erf(x);
    let fraction = x;
    for (let k = 60; k > 0; k -= 1) fraction = x + k / 2 / fraction;
    return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
  },
};
