// A module of WebAssembly, written byte by byte: routines that work on one memory, two numbers at once.

// What has no machine code; the engine in JavaScript does it.
class Unknown extends Error {}

const [I32, I64, F64, V128] = [0x7f, 0x7e, 0x7c, 0x7b];
const WORD = 8;
const PAIR = 16;

// Instructions on whole numbers, on single ones and about what comes next.
const OP = {
  nothing: 0x40, loop: 0x03, if: 0x04, else: 0x05, end: 0x0b, again: 0x0d, call: 0x10, choose: 0x1b, get: 0x20, set: 0x21,
  tee: 0x22, load: 0x28, loadWide: 0x29, loadNumber: 0x2b, store: 0x36, storeNumber: 0x39, whole: 0x41, wide: 0x42,
  isZero: 0x45, below: 0x49, notBelow: 0x4f, add: 0x6a, subtract: 0x6b, multiply: 0x6c, xor: 0x73, left: 0x74, right: 0x76,
  wideAdd: 0x7c, wideMultiply: 0x7e, wideXor: 0x85, wideRight: 0x88, addNumbers: 0xa0,
  narrowed: 0xa7, widened: 0xad,
};
// Instructions on a pair of numbers, behind the prefix 0xfd.
const PAIRS = {
  load: 0x00, splat: 0x0a, store: 0x0b, shuffle: 0x0d, extract: 0x21,
  "==": 0x47, "!=": 0x48, "<": 0x49, ">": 0x4a, "<=": 0x4b, ">=": 0x4c,
  not: 0x4d, and: 0x4e, or: 0x50, select: 0x52, storeLane: 0x5b, loadZero: 0x5d,
  ceil: 0x74, floor: 0x75, trunc: 0x7a, nearest: 0x94, shiftLeft: 0xcb, shiftRight: 0xcc, addWhole: 0xce, subWhole: 0xd1,
  abs: 0xec, neg: 0xed, sqrt: 0xef, "+": 0xf0, "-": 0xf1, "*": 0xf2, "/": 0xf3, min: 0xf4, max: 0xf5, pmin: 0xf6, pmax: 0xf7,
  fused: 0x107,
};

function leb(number) {
  const bytes = [];
  let rest = number;
  do {
    bytes.push((rest & 127) | (rest > 127 ? 128 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return bytes;
}

function signedLeb(number) {
  const bytes = [];
  let rest = BigInt(number);
  for (;;) {
    const part = Number(rest & 127n);
    rest >>= 7n;
    const done = (rest === 0n && !(part & 64)) || (rest === -1n && part & 64);
    bytes.push(part | (done ? 0 : 128));
    if (done) return bytes;
  }
}

// A function of 32-bit numbers; its locals are counted behind them.
class Routine {
  constructor(place, params, result) {
    Object.assign(this, { place, params, result, locals: [], bytes: [] });
  }

  local(type = V128) {
    this.locals.push(type);
    return this.params + this.locals.length - 1;
  }

  op(...bytes) {
    this.bytes.push(...bytes);
  }

  get(local) {
    this.op(OP.get, ...leb(local));
  }

  set(local) {
    this.op(OP.set, ...leb(local));
  }

  // A whole number.
  whole(number) {
    this.op(OP.whole, ...signedLeb(number));
  }

  call(routine) {
    this.op(OP.call, ...leb(routine.place));
  }

  pair(name, ...rest) {
    this.op(0xfd, ...leb(PAIRS[name]), ...rest);
  }

  // An address: what is in a local, or nothing.
  address(base) {
    if (base === null) this.whole(0);
    else this.get(base);
  }

  // From memory: `load` a pair, `splat` one number for both.
  load(base, offset, how = "load") {
    this.address(base);
    this.pair(how, 0, ...leb(offset));
  }

  store(base, offset, value) {
    this.address(base);
    value();
    this.pair("store", 0, ...leb(offset));
  }

  // The first of a pair alone.
  storeFirst(base, offset, value) {
    this.address(base);
    value();
    this.pair("storeLane", 0, ...leb(offset), 0);
  }

  // A single number, to a pair's place or from it.
  loadNumber(base, offset) {
    this.address(base);
    this.op(OP.loadNumber, 0, ...leb(offset));
  }

  storeNumber(base, offset, value) {
    this.address(base);
    value();
    this.op(OP.storeNumber, 0, ...leb(offset));
  }

  // A local that holds a whole number.
  pointer(start) {
    const local = this.local(I32);
    this.whole(start);
    this.set(local);
    return local;
  }

  advance(local, bytes) {
    this.get(local);
    this.whole(bytes);
    this.op(OP.add);
    this.set(local);
  }

  // `body` so many times.
  repeat(times, body) {
    if (times === 1) body();
    if (times < 2) return;
    const left = this.pointer(times);
    this.op(OP.loop, OP.nothing);
    body();
    this.get(left);
    this.whole(1);
    this.op(OP.subtract, OP.tee, ...leb(left), OP.again, 0, OP.end);
  }

  // `body` while local `at` is below local `end`, which `body` sees to; once at least.
  until(at, end, body) {
    this.op(OP.loop, OP.nothing);
    body();
    this.get(at);
    this.get(end);
    this.op(OP.below, OP.again, 0, OP.end);
  }

  encoded() {
    const locals = this.locals.flatMap((type) => [1, type]);
    const code = [...leb(this.locals.length), ...locals, ...this.bytes, OP.end];
    return [...leb(code.length), ...code];
  }
}

// Several routines; `names` are called from outside.
class Assembly {
  constructor() {
    this.routines = [];
    this.names = {};
  }

  routine(params, result, write, name = null) {
    const made = new Routine(this.routines.length, params, result);
    this.routines.push(made);
    write(made);
    if (name) this.names[name] = made;
    return made;
  }

  // The routines as functions on a memory.
  start(memory) {
    const { routines, names } = this;
    const vector = (items) => [].concat(leb(items.length), ...items);
    const section = (kind, bytes) => [kind, ...leb(bytes.length), ...bytes];
    const text = (letters) => vector([...letters].map((letter) => letter.charCodeAt(0)));
    const types = routines.map(({ params, result }) => [0x60, ...vector(new Array(params).fill(I32)), ...vector(result ? [result] : [])]);
    const bytes = [
      0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
      ...section(1, vector(types)),
      ...section(2, [1, ...text("m"), ...text("m"), 2, 0, 1]),
      ...section(3, vector(routines.map(({ place }) => leb(place)))),
      ...section(7, vector(Object.entries(names).map(([name, { place }]) => [...text(name), 0, ...leb(place)]))),
    ];
    const code = vector(routines.map((routine) => routine.encoded()));
    const all = Uint8Array.from(bytes.concat(section(10, code)));
    return new WebAssembly.Instance(new WebAssembly.Module(all), { m: { m: memory } }).exports;
  }
}
