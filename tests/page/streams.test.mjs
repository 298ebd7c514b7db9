// SPDX-License-Identifier: ISC
// Clients that nobody here wrote, and longpoll.js, follow one resource by streams, over HTTP/1.1
// and HTTP/2, while nginx and fcgiwait are restarted: each sees each state once, in order.
import assert from 'node:assert/strict';
import {after, afterEach, before, test} from 'node:test';
import {SecureStack} from './secure_stack.mjs';
import {Stack, until} from './stack.mjs';
import {atEnd, closeBrowser, curl, endClients, eventSourceInChromium, eventsourcePackage,
  fetchEventSourceInChromium, followed, htmxInChromium, longpollBelow, longpollInChromium,
  longpollInNode, open, openBrowser} from './stream_clients.mjs';

const LIMIT = {timeout: 120000};
const MANY = 12;        // more than the six connections that a browser opens to a host
let stack;

before(async () => {
  await openBrowser();
  stack = await SecureStack.start();
});
afterEach(async () => {
  await endClients();
  await stack.awaitStatus('streams', 0);
});
after(async () => {
  await closeBrowser();
  await stack?.stop();
});

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

// Of one resource: its numbers, and 'missing'.
const ofOne = (event, {n}) => event === 'missing' ? event : n;

// Gives the name of each with the function that tells what it saw.
async function start(clients, path, tell) {
  const saw = {};
  for (const [name, client] of Object.entries(clients)) {
    const site = name.endsWith('HTTP/2') ? stack.secureUrl : stack.url;
    saw[name] = await client(site, `${site}${path}`, tell);
  }
  return saw;
}

const foreign = {
  'EventSource in Chromium': eventSourceInChromium,
  'EventSource in Chromium, HTTP/2': eventSourceInChromium,
  'htmx with its SSE extension': htmxInChromium,
  '@microsoft/fetch-event-source': fetchEventSourceInChromium,
  '@microsoft/fetch-event-source, HTTP/2': fetchEventSourceInChromium,
  'eventsource of npm': eventsourcePackage,
  'curl -N': curl,
  'curl -N, HTTP/2': curl,
};
const clients = {
  ...foreign,
  'longpoll.js in Chromium': longpollInChromium,
  'longpoll.js in Chromium, HTTP/2': longpollInChromium,
  'longpoll.js in Node': longpollInNode,
};

test('each client sees each state once, restarts included', LIMIT, async () => {
  const path = '/live/thing';
  await stack.publish('thing', {n: 1});
  const allSee = witnesses(await start(clients, path, ofOne));
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
  await stack.awaitStatus('streams', Object.keys(clients).length);
  await stack.publish('thing', {n: 5});
  await allSee(5);
});

// --- everything below a path ---

const ofAll = (event, {path, deleted, document}) =>
  event === 'message' ? `${path} ${deleted ? 'missing' : document.n}` : event;

// Without what is told of the copy that a client keeps: it is to drop what it has, once, since what
// comes after a restart goes on where it was; and after the list, and whatever was missed, has it all.
function onlyChanges(seen, listed) {
  const [reset, ...rest] = seen, changes = rest.filter(each => each !== 'current');
  assert.equal(reset ?? 'reset', 'reset');
  if (changes.length > listed) assert.equal(rest[listed], 'current');
  return changes;
}

test('each change below a path is seen once, restarts included', LIMIT, async () => {
  const path = '/live/', remove = name => fetch(`${stack.url}/publish/live/${name}`, {method: 'DELETE'});
  await remove('thing');
  await stack.publish('a', {n: 1});
  await stack.publish('b/c', {n: 1});
  const told = await start(foreign, path, ofAll), saw = {};
  for (const [name, seen] of Object.entries(told)) {
    saw[name] = async () => onlyChanges(await seen(), 2);
  }
  const allSee = witnesses({...saw, ...await start({'longpoll.js in Node': longpollBelow}, path)});
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
  await stack.restartFcgiwait();        // and nothing is told twice
  await stack.restartNginx();
  await stack.awaitStatus('streams', Object.keys(saw).length + 1);
  await remove('b/c');
  await allSee('/live/b/c missing');
  for (const [name, seen] of Object.entries(told)) {    // nginx, fcgiwait, and both in one go
    await until(async () => (await seen()).filter(each => each === 'current').length >= 4,
      `${name} is told that it is current after each`);
  }
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

test('EventSource outlives a full server, which tells others that it is', LIMIT, async () => {
  const full = await Stack.start({store: 'store = { type = "memory"; };\nmax_waiting = 1;'});
  atEnd(() => full.stop());
  await full.publish('thing', {n: 1});
  const first = new AbortController(), headers = {Accept: 'text/event-stream'};
  const held = await fetch(`${full.url}/live/thing`, {headers, signal: first.signal});
  const index = held.headers.get('X-Polling-Index');
  const poll = await fetch(`${full.url}/live/thing?index=${index}&wait=5`);
  assert.equal(poll.status, 503);
  assert.ok(Number(poll.headers.get('Retry-After')) > 0);
  assert.equal((await poll.json()).status, 503);
  const sees = [];
  for (const address of ['/live/thing', '/live/']) {
    const page = await open(full.url);
    await page.evaluate(address => {
      window.errors = 0;
      window.source = new EventSource(address);
      window.source.onmessage = ({data}) => window.seen.push(data);
      window.source.onerror = () => window.errors++;
    }, address);
    sees.push([address, page]);
  }
  for (const [address, page] of sees) {
    await until(() => page.evaluate(() => window.errors >= 2), `${address} has come in vain`);
  }
  first.abort();
  while (sees.length > 0) { // there is one place: who has it leaves it to the other
    let at;
    await until(async () => {
      const told = await Promise.all(sees.map(([, page]) =>
        page.evaluate(() => window.seen.length > 0)));
      at = told.indexOf(true);
      return at >= 0;
    }, `${sees.map(([address]) => address)} is told`);
    await sees.splice(at, 1)[0][1].evaluate(() => window.source.close());
  }
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
