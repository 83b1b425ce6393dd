// The peer of the page's engine: the algorithm of TensorFlow Playground (Apache License 2.0, Smilkov and Carter 2016),
// written anew and plainly. A network is an object for each unit and one for each link; each sample goes through them
// forward and back by itself, and links add up what they are to change by until the end of the batch.

class PeerNode {
  constructor() {
    Object.assign(this, { inputs: [], outputs: [], bias: 0.1, sum: 0, output: 0, outputSlope: 0, sumSlope: 0 });
    Object.assign(this, { total: 0, count: 0 });
  }

  update(activation) {
    this.sum = this.bias;
    for (const link of this.inputs) this.sum += link.weight * link.source.output;
    this.output = activation.output(this.sum);
    return this.output;
  }
}

class PeerLink {
  constructor(source, target) {
    Object.assign(this, { source, target, weight: Math.random() - 0.5, slope: 0, total: 0, count: 0 });
    source.outputs.push(this);
    target.inputs.push(this);
  }
}

const PEER_TANH = { output: (x) => Math.tanh(x), slope: (x) => 1 - Math.tanh(x) ** 2 };

function peerNetwork(sizes) {
  const layers = sizes.map((size) => Array.from({ length: size }, () => new PeerNode()));
  for (let k = 1; k < layers.length; k += 1) {
    for (const node of layers[k]) for (const before of layers[k - 1]) new PeerLink(before, node);
  }
  return layers;
}

function peerForward(layers, inputs) {
  layers[0].forEach((node, k) => {
    node.output = inputs[k];
  });
  for (const layer of layers.slice(1)) for (const node of layer) node.update(PEER_TANH);
  return layers.at(-1)[0].output;
}

// Half the squared error.
function peerBackward(layers, target) {
  const [output] = layers.at(-1);
  output.outputSlope = output.output - target;
  for (let k = layers.length - 1; k > 0; k -= 1) {
    for (const node of layers[k]) {
      node.sumSlope = node.outputSlope * PEER_TANH.slope(node.sum);
      node.total += node.sumSlope;
      node.count += 1;
    }
    for (const node of layers[k]) {
      for (const link of node.inputs) {
        link.slope = node.sumSlope * link.source.output;
        link.total += link.slope;
        link.count += 1;
      }
    }
    if (k === 1) continue;
    for (const node of layers[k - 1]) {
      node.outputSlope = 0;
      for (const link of node.outputs) node.outputSlope += link.weight * link.target.sumSlope;
    }
  }
}

function peerUpdate(layers, rate) {
  for (const layer of layers.slice(1)) {
    for (const node of layer) {
      if (node.count > 0) {
        node.bias -= (rate * node.total) / node.count;
        Object.assign(node, { total: 0, count: 0 });
      }
      for (const link of node.inputs) {
        if (link.count === 0) continue;
        link.weight -= (rate / link.count) * link.total;
        Object.assign(link, { total: 0, count: 0 });
      }
    }
  }
}

// Train for so many samples, in batches.
function peerTrain(layers, rows, targets, samples, batch, rate) {
  for (let sample = 0; sample < samples; sample += 1) {
    const k = sample % rows.length;
    peerForward(layers, rows[k]);
    peerBackward(layers, targets[k]);
    if ((sample + 1) % batch === 0) peerUpdate(layers, rate);
  }
}
