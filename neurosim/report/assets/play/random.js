// Random numbers as in randomness.py: each is a hash of (seed, purpose, index), so there is no state to keep.

// A word of 64 bits, in two halves: JavaScript's integers have 32. What follows works on it in place.
let high = 0;
let low = 0;

function add(more, less) {
  const sum = low + less;
  high = (high + more + (sum > 0xffffffff ? 1 : 0)) >>> 0;
  low = sum >>> 0;
}

function shiftAndXor(count) {
  low = (low ^ ((high << (32 - count)) | (low >>> count))) >>> 0;
  high = (high ^ (high >>> count)) >>> 0;
}

function multiply(more, less) {
  const a = low & 0xffff;
  const b = low >>> 16;
  const c = less & 0xffff;
  const d = less >>> 16;
  const ac = a * c;
  const ad = a * d;
  const bc = b * c;
  const middle = (ac >>> 16) + (ad & 0xffff) + (bc & 0xffff);
  const carried = b * d + (ad >>> 16) + (bc >>> 16) + (middle >>> 16);
  high = (carried + (Math.imul(high, less) >>> 0) + (Math.imul(low, more) >>> 0)) >>> 0;
  low = ((middle << 16) | (ac & 0xffff)) >>> 0;
}

const GOLDEN = [0x9e3779b9, 0x7f4a7c15];

// The finalizer of SplitMix64.
function mix() {
  shiftAndXor(30);
  multiply(0xbf58476d, 0x1ce4e5b9);
  shiftAndXor(27);
  multiply(0x94d049bb, 0x133111eb);
  shiftAndXor(31);
}

function load(more, less) {
  high = more >>> 0;
  low = less >>> 0;
}

function loadNumber(number) {
  load(Math.floor(number / 2 ** 32), number % 2 ** 32);
}

// The key of a seed and a purpose of words and numbers.
function randomKey(seed, ...purpose) {
  loadNumber(seed);
  add(...GOLDEN);
  mix();
  for (const part of purpose) {
    if (typeof part === "number") {
      foldWord(part);
    } else {
      foldWord([...part].length);
      for (const byte of new TextEncoder().encode(part)) foldWord(byte);
    }
  }
  return [high, low];
}

function foldWord(word) {
  high = (high ^ Math.floor(word / 2 ** 32)) >>> 0;
  low = (low ^ word % 2 ** 32) >>> 0;
  add(...GOLDEN);
  mix();
}

// Word number `index` of a stream, from 0, as `high` and `low`.
function word(key, index) {
  loadNumber(index + 1);
  multiply(...GOLDEN);
  add(key[0], key[1]);
  mix();
}

// Fisher and Yates: swap number i by word i.
function permutation(key, count) {
  const order = Int32Array.from({ length: count }, (_, k) => k);
  for (let last = count - 1; last > 0; last -= 1) {
    word(key, last);
    const other = Math.floor((high * (last + 1)) / 2 ** 32);
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

// What decides about dropout: 32 bits for each unit of a row.
function uniformBits(key, row, units, bits) {
  word(key, row);
  const first = high;
  const second = low;
  for (let unit = 0; unit < units; unit += 1) {
    let value = (unit + first) >>> 0;
    value = Math.imul(value ^ (value >>> 16), 0x7feb352d);
    value = Math.imul(value ^ (value >>> 15) ^ second, 0x846ca68b);
    bits[unit] = value ^ (value >>> 16);
  }
}

// Numbers for one purpose, drawn one after another.
class Stream {
  constructor(seed, ...purpose) {
    this.key = randomKey(seed, ...purpose);
    this.place = 0;
  }

  uniform(from, to, count) {
    return Float64Array.from({ length: count }, () => from + (to - from) * this.unit());
  }

  // Box and Muller: all radii first, then all angles.
  normal(mean, deviation, count) {
    const radii = Float64Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(1 - this.unit())));
    return radii.map((radius) => mean + deviation * radius * Math.cos(2 * Math.PI * this.unit()));
  }

  permutation(count) {
    word(this.key, this.place);
    this.place += 1;
    return permutation([high, low], count);
  }

  unit() {
    word(this.key, this.place);
    this.place += 1;
    return (high * 2 ** 21 + (low >>> 11)) * 2 ** -53;
  }
}
