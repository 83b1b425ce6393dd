// Initial values, as in builtins/initializers.py; each array has random numbers of its own.

const uniformWithin = (bound) => (random, count) => random.uniform(-bound, bound, count);
const normalOf = (deviation) => (random, count) => random.normal(0, deviation, count);

const INITIALIZERS = {
  zeros: () => (random, count) => random.uniform(0, 0, count),
  constant: (fans, { value }) => (random, count) => random.uniform(value, value, count),
  normal: (fans, { mean, deviation }) => (random, count) => random.normal(mean, deviation, count),
  uniform: (fans, { low, high }) => (random, count) => random.uniform(low, high, count),
  glorot_uniform: ([inputs, outputs]) => uniformWithin(Math.sqrt(6 / (inputs + outputs))),
  glorot_normal: ([inputs, outputs]) => normalOf(Math.sqrt(2 / (inputs + outputs))),
  he_uniform: ([inputs]) => uniformWithin(Math.sqrt(6 / inputs)),
  he_normal: ([inputs]) => normalOf(Math.sqrt(2 / inputs)),
  lecun_normal: ([inputs]) => normalOf(Math.sqrt(1 / inputs)),
  torch_linear: ([inputs]) => uniformWithin(1 / Math.sqrt(inputs)),
};
// Those that draw biases too; with the others these begin at 0.
const DRAWS_BIASES = ["torch_linear"];

// The numbers of one array, in float32 as on every backend.
function initialValues(chosen, what, seed, array, fans, catalog) {
  if (what === "bias" && !DRAWS_BIASES.includes(chosen.name)) return new Float32Array(array.size);
  const params = { ...catalog.initializers[chosen.name].params, ...chosen.params };
  const random = new Stream(seed, "init", array.name);
  return Float32Array.from(INITIALIZERS[chosen.name](fans, params)(random, array.size));
}
