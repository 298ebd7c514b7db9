// SPDX-License-Identifier: ISC
// Clients that nobody here wrote, and longpoll.js, follow one resource by streams, over HTTP/1.1
// and HTTP/2, while nginx and fcgiwait are restarted: each sees each state once, in order.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {readFile} from 'node:fs/promises';
import {after, afterEach, before, test} from 'node:test';
import {EventSource as PackagedEventSource} from 'eventsource';
import {launch} from './browser.mjs';
import {SecureStack} from './secure_stack.mjs';
import {until} from './stack.mjs';

const LIMIT = {timeout: 120000};
const MANY = 12;        // more than the six connections that a browser opens to a host
let browser, stack, ends = [];

before(async () => {
  browser = await launch();
  stack = await SecureStack.start();
});
afterEach(async () => {
  for (const each of ends.reverse()) await each();
  ends = [];
  await stack.awaitStatus('streams', 0);
});
after(async () => {
  await browser?.close();
  await stack?.stop();
});

const modules = new URL('node_modules/', import.meta.url);
const longpoll = await readFile(new URL('../../nginx-examples/www/longpoll.js', import.meta.url), 'utf8');

// A quiet page of the site, which keeps what its client sees in window.seen.
async function open(site) {
  const page = await browser.newPage({ignoreHTTPSErrors: true});
  ends.push(() => page.close());
  // As a bundler would find them.
  await page.route(`${site}/modules/**`, async route => {
    const [, name] = route.request().url().split('/modules/');
    const file = new URL(name.endsWith('.js') ? name : `${name}.js`, modules);
    await route.fulfill({contentType: 'text/javascript', body: await readFile(file, 'utf8')});
  });
  await page.goto(`${site}/longpoll.js`);
  await page.evaluate(() => { window.seen = []; });
  return page;
}

// --- the clients: each gives a function for what it has seen so far, numbers and 'missing' ---

async function eventSourceInChromium(site, address) {
  const page = await open(site);
  await page.evaluate(address => {
    const source = new EventSource(address);
    source.onmessage = ({data}) => window.seen.push(JSON.parse(data).n);
    source.addEventListener('missing', () => window.seen.push('missing'));
  }, address);
  return () => page.evaluate(() => window.seen);
}

async function htmxInChromium(site, address) {
  const page = await open(site);
  await page.addScriptTag({url: `${site}/modules/htmx.org/dist/htmx.min.js`});
  await page.addScriptTag({url: `${site}/modules/htmx-ext-sse/sse.js`});
  await page.evaluate(address => {
    document.body.innerHTML = `<div hx-ext="sse" sse-connect="${address}">
      <p id="thing" sse-swap="message,missing"></p></div>`;
    const thing = document.getElementById('thing');
    new MutationObserver(() => {
      window.seen.push(JSON.parse(thing.textContent).n ?? 'missing');
    }).observe(thing, {childList: true});
    window.htmx.process(document.body);
  }, address);
  return () => page.evaluate(() => window.seen);
}

async function fetchEventSourceInChromium(site, address) {
  const page = await open(site);
  await page.evaluate(async ([site, address]) => {
    const {fetchEventSource} =
      await import(`${site}/modules/@microsoft/fetch-event-source/lib/esm/index.js`);
    fetchEventSource(address, {
      openWhenHidden: true,
      onmessage: ({event, data}) => {         // it tells comments, too
        if (data !== '') window.seen.push(event === 'missing' ? event : JSON.parse(data).n);
      },
      onclose: () => { throw new Error('ended'); },     // it comes back only then
    });
  }, [site, address]);
  return () => page.evaluate(() => window.seen);
}

const longpollHere = `data:text/javascript,${encodeURIComponent(longpoll)}`;

function followed(follow, address, seen, options) {
  return (async () => {
    for await (const {status, value} of follow(address, {stream: true, ...options})) {
      seen.push(status === 200 ? value.n : 'missing');
    }
  })();
}

async function longpollInChromium(site, address) {
  const page = await open(site);
  await page.evaluate(async ([followed, address]) => {
    const {follow} = await import('/longpoll.js');
    const onstate = (state, {stream}) => { window.streams = stream ?? window.streams; };
    (0, eval)(`(${followed})`)(follow, address, window.seen, {onstate, background: true});
  }, [followed.toString(), address]);
  return async () => {
    const {seen, streams} = await page.evaluate(() => ({seen: window.seen, streams: window.streams}));
    assert.notEqual(streams, false, 'it polls');
    return seen;
  };
}

async function longpollInNode(site, address) {
  const {follow} = await import(longpollHere);
  const seen = [], stop = new AbortController();
  const done = followed(follow, address, seen, {signal: stop.signal});
  ends.push(async () => { stop.abort(); await done; });
  return () => seen;
}

async function eventsourcePackage(site, address) {
  const seen = [], source = new PackagedEventSource(address);
  ends.push(() => source.close());
  source.onmessage = ({data}) => seen.push(JSON.parse(data).n);
  source.addEventListener('missing', () => seen.push('missing'));
  return () => seen;
}

// curl -N, started anew with the last id whenever it ends, as a script does.
async function curl(site, address) {
  const seen = [];
  let id, child, ended = false;
  const take = fields => {
    id = fields.id ?? id;
    if (fields.data !== undefined) seen.push(fields.event ?? JSON.parse(fields.data).n);
  };
  const start = () => {
    let rest = '', fields = {};
    const resume = id === undefined ? [] : ['-H', `Last-Event-ID: ${id}`];
    child = spawn('curl', ['-skN', '-H', 'Accept: text/event-stream', ...resume, address]);
    child.stdout.setEncoding('utf8').on('data', piece => {
      const lines = (rest + piece).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        const [, name, value] = /^(\w+): (.*)$/.exec(line) ?? [];
        if (line === '') {
          take(fields);
          fields = {};
        } else if (name) fields[name] = value;
      }
    });
    child.on('exit', () => setTimeout(() => { if (!ended) start(); }, 300));
  };
  start();
  ends.push(() => { ended = true; child.kill(); });
  return () => seen;
}

// --- the story ---

// Gives a function that waits until all have seen these states more, and nothing else.
function witnesses(saw) {
  const expected = [];
  return async (...states) => {
    expected.push(...states);
    for (const [name, seen] of Object.entries(saw)) {
      await until(async () => (await seen()).length >= expected.length,
        `${name} sees ${states}`, 30).catch(async error => {
        throw new Error(`${error.message}; it saw ${await seen()}`);
      });
      assert.deepEqual(await seen(), expected, name);
    }
  };
}

const clients = {
  'EventSource in Chromium': eventSourceInChromium,
  'EventSource in Chromium, HTTP/2': eventSourceInChromium,
  'htmx with its SSE extension': htmxInChromium,
  '@microsoft/fetch-event-source': fetchEventSourceInChromium,
  '@microsoft/fetch-event-source, HTTP/2': fetchEventSourceInChromium,
  'eventsource of npm': eventsourcePackage,
  'curl -N': curl,
  'curl -N, HTTP/2': curl,
  'longpoll.js in Chromium': longpollInChromium,
  'longpoll.js in Chromium, HTTP/2': longpollInChromium,
  'longpoll.js in Node': longpollInNode,
};

test('each client sees each state once, restarts included', LIMIT, async () => {
  const names = Object.keys(clients), saw = {}, path = '/live/thing';
  await stack.publish('thing', {n: 1});
  for (const name of names) {
    const site = name.endsWith('HTTP/2') ? stack.secureUrl : stack.url;
    saw[name] = await clients[name](site, `${site}${path}`);
  }
  const allSee = witnesses(saw);
  const remove = () => fetch(`${stack.url}/publish${path}`, {method: 'DELETE'});

  await allSee(1);
  await stack.publish('thing', {n: 2});
  await allSee(2);
  await remove();
  await allSee('missing');
  await stack.publish('thing', {n: 3});
  await allSee(3);
  await stack.restartNginx();           // what happens while they are away is not missed
  await stack.publish('thing', {n: 4});
  await allSee(4);
  await stack.restartFcgiwait();
  await remove();
  await allSee('missing');
  await stack.restartNginx();
  await stack.restartFcgiwait();        // and nothing is told twice
  await stack.awaitStatus('streams', names.length);
  await stack.publish('thing', {n: 5});
  await allSee(5);
});

// --- everything below a path ---

async function eventSourceBelow(address) {
  const page = await open(stack.url);
  await page.evaluate(address => {
    const source = new EventSource(address);
    source.onmessage = ({data}) => {
      const {path, deleted, document} = JSON.parse(data);
      window.seen.push(`${path} ${deleted ? 'missing' : document.n}`);
    };
    for (const name of ['reset', 'current']) {
      source.addEventListener(name, () => {
        if (window.seen.at(-1) !== name) window.seen.push(name);
      });
    }
  }, address);
  return () => page.evaluate(() => window.seen.filter(seen => seen !== 'current'));
}

async function followAllBelow(address) {
  const {followAll} = await import(longpollHere);
  const seen = [], stop = new AbortController();
  const onstate = (state, {stream}) => { if (stream === false) seen.push('polls'); };
  const done = (async () => {
    const options = {stream: true, signal: stop.signal, onstate};
    for await (const {path, status, value, all} of followAll(address, options)) {
      assert.equal(all.has(path), status === 200);
      seen.push(`${path} ${status === 200 ? value.n : 'missing'}`);
    }
  })();
  ends.push(async () => { stop.abort(); await done; });
  return () => seen;
}

test('each change below a path is seen once, restarts included', LIMIT, async () => {
  const address = `${stack.url}/live/`;
  const remove = name => fetch(`${stack.url}/publish/live/${name}`, {method: 'DELETE'});
  await remove('thing');
  await stack.publish('a', {n: 1});
  await stack.publish('b/c', {n: 1});
  const source = await eventSourceBelow(address);
  const saw = {
    // It is told to drop what it has, once: what comes after a restart goes on where it was.
    'EventSource in Chromium': async () => {
      const [reset, ...rest] = await source();
      assert.equal(reset ?? 'reset', 'reset');
      return rest;
    },
    'longpoll.js in Node': await followAllBelow(address),
  };
  const allSee = witnesses(saw);
  await allSee('/live/a 1', '/live/b/c 1');
  await stack.publish('a', {n: 2});
  await allSee('/live/a 2');
  await remove('b/c');
  await allSee('/live/b/c missing');
  await stack.restartNginx();
  await stack.publish('b/c', {n: 2});
  await stack.publish('a', {n: 3});
  await allSee('/live/b/c 2', '/live/a 3');
  await stack.restartFcgiwait();
  await remove('a');
  await allSee('/live/a missing');
  await remove('b/c');
  await allSee('/live/b/c missing');
});

// --- what is in the way ---

test('behind a proxy that gathers, longpoll.js polls and says so', LIMIT, async () => {
  await stack.publish('thing', {n: 1});
  const page = await open(stack.gatheringUrl);
  await page.evaluate(async followed => {
    const {follow} = await import('/longpoll.js');
    window.streams = [];
    const onstate = (state, {stream}) => { if (state === 'waiting') window.streams.push(stream); };
    (0, eval)(`(${followed})`)(follow, '/live/thing', window.seen, {onstate, grace: 2});
  }, followed.toString());
  const allSee = witnesses({'longpoll.js': () => page.evaluate(() => window.seen)});
  await allSee(1);
  await stack.publish('thing', {n: 2});
  await allSee(2);
  const streams = await page.evaluate(() => window.streams);
  assert.ok(streams.every(stream => stream === false), `${streams}`);
});

test('a hidden page leaves its stream, and goes on where it was', LIMIT, async () => {
  await stack.publish('thing', {n: 1});
  const page = await open(stack.url);
  await page.evaluate(async followed => {
    const {follow} = await import('/longpoll.js');
    (0, eval)(`(${followed})`)(follow, '/live/thing', window.seen, {});
  }, followed.toString());
  const turn = hidden => page.evaluate(hidden => {
    Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  const allSee = witnesses({'longpoll.js': () => page.evaluate(() => window.seen)});
  await allSee(1);
  await turn(true);
  await stack.awaitStatus('streams', 0);
  await stack.publish('thing', {n: 2});
  await turn(false);
  await allSee(2);
  await turn(true);
  await stack.awaitStatus('streams', 0);
  await turn(false);
  await stack.awaitStatus('streams', 1);
  await stack.publish('thing', {n: 3});
  await allSee(3);
});

test('EventSource outlives an fcgiwait that is away for a while', LIMIT, async () => {
  await stack.publish('thing', {n: 1});
  const page = await open(stack.url);
  await page.evaluate(() => {
    window.errors = 0;
    const source = new EventSource('/live/thing');
    source.onmessage = ({data}) => window.seen.push(JSON.parse(data).n);
    source.onerror = () => window.errors++;
  });
  const allSee = witnesses({EventSource: () => page.evaluate(() => window.seen)});
  await allSee(1);
  await stack.stopFcgiwait();
  await until(() => page.evaluate(() => window.errors >= 2), 'it has come in vain');
  await stack.startFcgiwait();
  await stack.publish('thing', {n: 2});
  await allSee(2);
});

// --- how many ---

test('over HTTP/1.1 a page has six streams, and the seventh waits', LIMIT, async () => {
  const page = await open(stack.url);
  await page.evaluate(() => {
    window.sources = [...Array(7).keys()].map(i => new EventSource(`/live/many/${i}`));
  });
  await stack.awaitStatus('streams', 6);
  const states = () => page.evaluate(() => window.sources.map(({readyState}) => readyState).sort());
  await until(async () => (await states()).join('') === '0111111', 'six are open');
  await page.evaluate(() => window.sources[0].close());
  await until(async () => (await states()).join('') === '1111112', 'the seventh is open');
});

test('onopen fires where there is nothing to say yet', LIMIT, async () => {
  await stack.publish('thing', {n: 1});
  const response = await fetch(`${stack.url}/live/thing`);
  const page = await open(stack.url);
  const messages = await page.evaluate(address => new Promise(resolve => {
    let messages = 0;
    const source = new EventSource(address);
    source.onmessage = () => messages++;
    source.onopen = () => setTimeout(() => resolve(messages), 100);
  }), `${stack.url}/live/thing?index=${response.headers.get('X-Polling-Index')}`);
  assert.equal(messages, 0);
});

test('over HTTP/2 a page has more streams than six', LIMIT, async () => {
  const page = await open(stack.secureUrl);
  await page.evaluate(many => {
    for (let i = 0; i < many; i++) {
      new EventSource(`/live/many/${i}`).onmessage = ({data}) => window.seen.push(JSON.parse(data));
    }
  }, MANY);
  await stack.awaitStatus('streams', MANY);
  for (let i = 0; i < MANY; i++) await stack.publish(`many/${i}`, i);
  const numbers = [...Array(MANY).keys()];
  await until(async () => (await page.evaluate(() => window.seen.length)) === MANY, 'all are told');
  assert.deepEqual((await page.evaluate(() => window.seen)).sort((a, b) => a - b), numbers);
  const protocol = await page.evaluate(
    () => performance.getEntriesByType('navigation')[0].nextHopProtocol);
  assert.equal(protocol, 'h2');
});
