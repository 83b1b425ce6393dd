// Elements, numbers and scales: what all parts of the page are made with.

const COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#B8A800", "#777777"];
const color = (k) => COLORS[k % COLORS.length];

function element(tag, parent, attributes = {}, text = "") {
  const made = document.createElement(tag);
  return place(made, parent, attributes, text);
}

function shape(tag, parent, attributes = {}, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  return place(made, parent, attributes, text);
}

function place(made, parent, attributes, text) {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== "") made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

// Six digits: what a float32 holds, nearly.
function written(value) {
  if (value === null || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  return String(Number(value.toPrecision(6))).replaceAll("-", "−");
}

function short(value) {
  return value === null ? "–" : String(Number(value.toPrecision(3))).replaceAll("-", "−");
}

function percent(value) {
  return `${Number((100 * value).toPrecision(4))}%`;
}

function numbers(base64, type) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return new type(bytes.buffer);
}

// From values to places on the screen; `logarithmic` where values span a wide range above 0.
function scale([low, high], [start, end], logarithmic = false) {
  const of = logarithmic ? Math.log10 : (x) => x;
  const from = of(low);
  const width = of(high) - from || 1;
  const made = (value) => start + ((of(value) - from) / width) * (end - start);
  made.back = (where) => from + ((where - start) / (end - start)) * width;
  return made;
}

// A few round numbers from `low` to `high`, two numbers of any size: equal, far apart, or nearly equal, too.
function ticks(low, high, logarithmic, count = 4) {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [];
  if (low >= high) return [low];
  if (logarithmic && low > 0) {
    const found = [];
    const step = Math.max(1, Math.ceil((Math.log10(high) - Math.log10(low)) / count));
    for (let k = Math.ceil(Math.log10(low)); k <= Math.log10(high); k += step) found.push(10 ** k);
    return found.length ? found : [low];
  }
  // The difference may be beyond the largest number, and the power beneath the smallest that is exact.
  const rough = Math.max(high / count - low / count, 1e-300);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((k) => k * power >= rough * 0.999);
  const first = Math.ceil(low / step);
  // Neighbors may be the same number.
  const found = new Set(Array.from({ length: count + 2 }, (_, k) => Number(((first + k) * step).toPrecision(12))));
  const slack = 1e-9 * Math.min(step, high - low), end = Math.min(high + slack, Number.MAX_VALUE);
  const within = [...found].filter((tick) => tick >= low - slack && tick <= end);
  return within.length ? within : [low];
}

// Ticks as they are written: with three digits where these tell them apart.
function tickWords(found) {
  const words = found.map(short);
  return new Set(words).size < words.length ? found.map(written) : words;
}

// One note that follows the pointer.
const tip = {
  show(event, text) {
    const note = document.getElementById("tip");
    note.textContent = text;
    note.hidden = false;
    const { width, height } = note.getBoundingClientRect();
    note.style.left = `${Math.min(event.clientX + 14, window.innerWidth - width - 8)}px`;
    note.style.top = `${Math.max(event.clientY - height - 10, 4)}px`;
  },
  hide() {
    document.getElementById("tip").hidden = true;
  },
};

function noted(target, text) {
  target.addEventListener("pointermove", (event) => tip.show(event, text()));
  target.addEventListener("pointerleave", tip.hide);
}
