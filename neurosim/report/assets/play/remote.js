// The server behind the page, where there is one: it stays for as long as a page is connected. With an engine of its
// own it trains in the place of the worker, and takes the same messages.

// Milliseconds before a connection that was lost is tried again, and how often.
const AGAIN = 2000;
const MOST_TRIES = 20;

class Remote {
  constructor(doubles) {
    Object.assign(this, { doubles, onmessage: () => {}, waiting: [], tries: 0 });
    this.connect();
  }

  connect() {
    const address = new URL("stream", location.href);
    address.protocol = "ws:";
    address.hash = "";
    this.socket = new WebSocket(address);
    this.socket.onopen = () => {
      this.tries = 0;
      for (const message of this.waiting.splice(0)) this.socket.send(message);
    };
    this.socket.onmessage = ({ data }) => this.hear(JSON.parse(data));
    this.socket.onclose = () => {
      this.tries += 1;
      if (this.tries < MOST_TRIES) setTimeout(() => this.connect(), AGAIN);
    };
  }

  // JSON has no numbers that are not finite, and those of a network come as bytes.
  hear(told) {
    const { state } = told;
    if (state) {
      if (state.ended) this.tries = MOST_TRIES;
      for (const name of ["values", "statistics"]) if (state[name]) state[name] = this.doubles(state[name]);
      for (const measures of Object.values(state.measures)) measures.loss ??= NaN;
    }
    this.onmessage({ data: told.refused ? { failed: told.refused } : told });
  }

  // The server has the rows and the formulas itself.
  postMessage({ splits, inputs, catalog, ...order }) {
    if (order.do === "build") order.evaluates ??= true;
    if (order.values) order.values = Array.from(order.values);
    const message = JSON.stringify(order);
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(message);
    else this.waiting.push(message);
  }
}
