// Axes: where the trials lie on them, from 0 to 1, and which of them are within the limits.

// Share of an axis that is left beneath its numbers for trials that have none.
const BENEATH = 0.14;
// With more values, limits move in even steps.
const MOST_STOPS = 60;
// So few numbers are drawn as bands where many trials share each: as wide as the share of an axis.
const FEW = 12, BAND = 0.025;
const NONE = "none";

// How far a trial is to the side of its place, from -0.5 to 0.5.
const aside = (k) => ((k * 0.618034) % 1) - 0.5;

class Axis {
  // `values`: of each trial a number, or the place of its category, or null; `without`: what a trial has that has none.
  constructor({ name, short, kind, categories, flipped = false, shares = false, without = NONE }, values) {
    const some = values.some((value) => value !== null), lacking = values.some((value) => value === null);
    Object.assign(this, { name, short, values, flipped, shares, without, lacking, limit: null, shown: true });
    this.logarithmic = kind === "log";
    if (kind === "category") this.categorize(categories, values);
    else this.spread(values, some);
  }

  categorize(categories, values) {
    this.categories = this.lacking ? [this.without, ...categories] : categories;
    this.codes = values.map((value) => (value === null ? 0 : value + Number(this.lacking)));
    // Lines of one category run beside each other.
    this.at = this.drawn = Float32Array.from(this.codes, (code, k) => this.center(code) + (0.5 * aside(k)) / this.categories.length);
  }

  spread(values, some) {
    // A logarithmic axis has 0 beneath its numbers, too.
    const beneath = (value) => value === null || (this.logarithmic && value <= 0);
    const there = values.filter((value) => !beneath(value));
    if (values.some((value) => value !== null && beneath(value))) this.under = this.lacking ? `${this.without}, 0` : "0";
    this.lacking = there.length < values.length;
    const least = there.reduce((a, b) => Math.min(a, b), Infinity), most = there.reduce((a, b) => Math.max(a, b), -Infinity);
    this.low = some ? least : 0;
    this.high = some ? most : 1;
    const bottom = this.lacking ? BENEATH : 0;
    // A single value is in the middle.
    const ends = this.low === this.high ? [(bottom + 1) / 2, (bottom + 1) / 2] : this.flipped ? [1, bottom] : [bottom, 1];
    this.place = scale([this.low, this.high], ends, this.logarithmic);
    this.at = Float32Array.from(values, (value) => (beneath(value) ? 0 : this.place(value)));
    const different = new Map();
    values.forEach((value, k) => different.set(this.at[k], value));
    const sorted = [...different.keys()].sort((a, b) => a - b);
    const crowded = sorted.length <= FEW && values.length > 5 * sorted.length;
    this.drawn = crowded ? this.at.map((at, k) => at + BAND * aside(k)) : this.at;
    this.few = sorted.length <= MOST_STOPS;
    const even = Array.from({ length: MOST_STOPS + 1 }, (_, k) => bottom + ((1 - bottom) * k) / MOST_STOPS);
    this.stops = (this.few ? sorted : this.lacking ? [0, ...even] : even).map((at) => ({
      at, text: at === 0 && this.under ? this.under : this.text(different.has(at) && this.few ? different.get(at) : this.value(at)),
    }));
  }

  center(code) {
    return (code + 0.5) / this.categories.length;
  }

  // The number at a place.
  value(at) {
    if (this.lacking && at < BENEATH / 2) return null;
    const back = this.place.back(at);
    return this.logarithmic ? 10 ** back : back;
  }

  text(value) {
    if (value === null) return this.without;
    if (this.categories) return this.categories[value + Number(this.lacking)];
    return this.shares ? percent(value) : written(Number(value.toPrecision(5)));
  }

  // Where something is written beside the axis, and what.
  marks(most) {
    if (this.categories) {
      const every = Math.ceil(this.categories.length / most);
      return this.categories.map((text, code) => [this.center(code), text]).filter((_, code) => code % every === 0);
    }
    const none = this.lacking ? [[0, this.under ?? this.without]] : [];
    if (this.few && this.stops.length <= Math.min(most, 7)) return this.stops.map((stop) => [stop.at, stop.text]);
    const found = ticks(this.low, this.high, this.logarithmic, 6);
    const words = this.shares ? found.map(percent) : tickWords(found);
    return [...none, ...found.map((value, k) => [this.place(value), words[k]])];
  }

  allows(k) {
    if (!this.limit) return true;
    if (this.categories) return this.limit[this.codes[k]];
    return this.at[k] >= this.limit[0] - 1e-6 && this.at[k] <= this.limit[1] + 1e-6;
  }

  // Limits from one place to another, or none where everything or nothing is within.
  between(one, other) {
    const [low, high] = [Math.min(one, other), Math.max(one, other)];
    if (this.categories) this.only(this.categories.map((_, code) => this.center(code) >= low && this.center(code) <= high));
    else this.limit = low <= 0 && high >= 1 ? null : [Math.max(low, 0), Math.min(high, 1)];
  }

  only(allowed) {
    this.limit = allowed.every(Boolean) || !allowed.some(Boolean) ? null : allowed;
  }
}
