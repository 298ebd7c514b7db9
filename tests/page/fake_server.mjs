// SPDX-License-Identifier: ISC
// A server that answers what a test tells it, and remembers what it was asked.
import http from 'node:http';
import {once} from 'node:events';

export class FakeServer {
  requests = [];        // {method, accept, index, wait, query, at, gone}: gone once the client
                        // has hung up; text, once the body is there
  #script = [];
  #otherwise;
  #server = http.createServer((request, response) => this.#serve(request, response));

  // Each request is answered by the next function of `script`, then by `otherwise`:
  // (response, request) => {...}. The helpers below make such functions.
  static async start(script, otherwise = hold) {
    const fake = new FakeServer();
    fake.#script = [...script];
    fake.#otherwise = otherwise;
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    fake.url = `http://127.0.0.1:${fake.#server.address().port}/live/thing`;
    return fake;
  }

  #serve(request, response) {
    const query = new URL(request.url, 'http://host').searchParams;
    const seen = {
      method: request.method, accept: request.headers.accept, search: request.url.split('?')[1] ?? '',
      index: query.get('index'), wait: query.get('wait'), query, at: performance.now(), gone: false,
      text: '',
    };
    request.setEncoding('utf8').on('data', piece => { seen.text += piece; });
    this.requests.push(seen);
    response.on('close', () => { seen.gone = !response.writableFinished; });
    (this.#script.shift() ?? this.#otherwise)(response, seen);
  }

  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export const hold = () => {};
export const beat = () => {};

export const found = (index, value, type = 'application/json') => response => {
  response.writeHead(200, {'X-Polling-Index': index, 'Content-Type': type});
  response.end(type === 'application/json' ? JSON.stringify(value) : value);
};

// What is below a path, changed since the client's index.
export const below = (index, changes, more = {}) => found(index, {index, ...more, changes});

// A stream: each line is an object, a number of milliseconds to wait, or `beat`, an empty line. Ends
// after the last unless that is `hold`.
export const stream = (...lines) => async (response, seen) => {
  response.writeHead(200, {'X-Polling-Index': 1, 'Content-Type': 'application/x-ndjson'});
  response.write('\n');
  for (const line of lines) {
    if (line === hold) return;
    if (typeof line === 'number') await new Promise(resolve => setTimeout(resolve, line));
    else if (!seen.gone) response.write(line === beat ? '\n' : `${JSON.stringify(line)}\n`);
  }
  response.end();
};

export const missing = index => response => {
  response.writeHead(404, {'X-Polling-Index': index}).end('{}');
};

export const expired = response => response.writeHead(304).end();

export const refuse = (status, headers = {}) => response => {
  response.writeHead(status, headers).end('<h1>no</h1>');
};

export const hangUp = response => response.destroy();

export const after = (ms, answer) => (response, seen) => {
  setTimeout(() => { if (!seen.gone) answer(response, seen); }, ms);
};
