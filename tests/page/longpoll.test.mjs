// SPDX-License-Identifier: ISC
// longpoll.js by itself, against a server that plays the good and the bad ones.
import assert from 'node:assert/strict';
import {readFile} from 'node:fs/promises';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterEach, test} from 'node:test';
import {FakeServer, after, beat, below, expired, found, hangUp, hold, missing, refuse, stream} from './fake_server.mjs';

// By its text: it lies in no package that would tell node that it is a module.
const text = await readFile(new URL('../../nginx-examples/www/longpoll.js', import.meta.url), 'utf8');
const {follow, followAll} = await import(`data:text/javascript,${encodeURIComponent(text)}`);

const LIMIT = {timeout: 60000};
const quick = {wait: 0.2, gap: 1, retryFirst: 0.1, retryMost: 0.4};
const SOON = 10000;     // milliseconds: at once, on a machine that is busy; not a wait of 50 s

let clean = [];
afterEach(async () => {
  for (const each of clean.reverse()) await each();
  clean = [];
});

async function serve(script, otherwise) {
  const server = await FakeServer.start(script, otherwise);
  clean.push(() => server.stop());
  return server;
}

// Follows the server in the background. What it yields, and its states, are in arrays. After a
// round it is busy until `seen.busy` is done, if there is one.
function start(server, options = {}, how = follow) {
  const stop = new AbortController();
  const seen = {rounds: [], states: [], stop};
  seen.done = (async () => {
    const onstate = (state, detail) => seen.states.push({state, at: performance.now(), ...detail});
    for await (const round of how(server.url, {...quick, signal: stop.signal, onstate, ...options})) {
      seen.rounds.push(round);
      await seen.busy;
    }
  })();
  clean.push(async () => { stop.abort(); await seen.done; });
  return seen;
}

// Gives the function that ends it.
function occupy(seen) {
  let ready;
  seen.busy = new Promise(resolve => { ready = resolve; });
  return ready;
}

async function until(fact, what) {
  const end = performance.now() + 30000;
  while (!fact()) {
    assert.ok(performance.now() < end, `this did not happen: ${what}`);
    await sleep(2);
  }
}

function fakeDocument() {
  const page = new EventTarget();
  page.hidden = false;
  page.baseURI = undefined;
  page.turn = hidden => {
    page.hidden = hidden;
    page.dispatchEvent(new Event('visibilitychange'));
  };
  globalThis.document = page;
  clean.push(() => { delete globalThis.document; });
  return page;
}

function fakeNetwork() {
  const network = new EventTarget();
  const names = ['addEventListener', 'removeEventListener'];
  for (const name of names) globalThis[name] = network[name].bind(network);
  clean.push(() => { for (const name of names) delete globalThis[name]; });
  return network;
}

const retries = seen => seen.states.filter(({state}) => state === 'retrying');
const pauses = server => server.requests.slice(1).map(({at}, i) => at - server.requests[i].at);

test('a change is yielded, an expiry is not', LIMIT, async () => {
  const server = await serve([found(7, {a: 1}), after(150, expired), after(150, found(9, {a: 2}))]);
  const seen = start(server);
  await until(() => server.requests.length === 4, 'a fourth request');
  assert.deepEqual(seen.rounds, [
    {status: 200, index: '7', value: {a: 1}}, {status: 200, index: '9', value: {a: 2}}]);
  assert.deepEqual(server.requests.map(({index}) => index), [null, '7', '7', '9']);
  assert.deepEqual(server.requests.map(({wait}) => wait), [null, '200ms', '200ms', '200ms']);
  assert.deepEqual(seen.states.map(({state, changed, expired}) => [state, changed, expired]), [
    ['asking', undefined, undefined], ['waiting', true, false], ['waiting', false, true],
    ['waiting', true, false]]);
});

test('the query of the address is kept', LIMIT, async () => {
  const server = await serve([found(7, 1)]);
  server.url += '?lang=en';
  start(server);
  await until(() => server.requests.length === 2, 'a second request');
  assert.equal(server.requests[1].query.get('lang'), 'en');
  assert.equal(server.requests[1].index, '7');
});

test('a page that has a state already waits for the next one', LIMIT, async () => {
  const server = await serve([found(7, 'old'), after(150, expired), after(150, found(8, 'new'))]);
  const seen = start(server, {index: 7});
  await until(() => seen.rounds.length === 1, 'a change');
  assert.deepEqual(server.requests.slice(0, 3).map(({index, wait}) => [index, wait]),
    [['7', '0s'], ['7', '200ms'], ['7', '200ms']]);
  assert.equal(retries(seen).length, 0);
});

test('text is given as it is', LIMIT, async () => {
  const seen = start(await serve([found(7, 'Hello', 'text/plain')]));
  await until(() => seen.rounds.length === 1, 'a round');
  assert.equal(seen.rounds[0].value, 'Hello');
});

test('what does not exist is waited for, created, deleted', LIMIT, async () => {
  const server = await serve([missing(0), after(150, expired), after(150, found(5, 1)), after(150, missing(6))]);
  const seen = start(server);
  await until(() => server.requests.length === 5, 'a fifth request');
  assert.deepEqual(seen.rounds.map(({status, index, value}) => [status, index, value]),
    [[404, '0', null], [200, '5', 1], [404, '6', null]]);
  assert.deepEqual(server.requests.map(({index}) => index), [null, '0', '0', '5', '6']);
  assert.equal(retries(seen).length, 0);
});

test('failures are tried again, later each time, up to a limit', LIMIT, async () => {
  const server = await serve([refuse(503), hangUp, refuse(502), refuse(500), refuse(504),
    found(7, 1)]);
  const seen = start(server);
  await until(() => seen.rounds.length === 1, 'a round');
  const waits = retries(seen).map(({seconds}) => seconds);
  assert.equal(waits.length, 5);
  [0.1, 0.2, 0.4, 0.4, 0.4].forEach((most, i) => {
    assert.ok(waits[i] > most / 2 - 1e-6 && waits[i] <= most, `back-off ${i} was ${waits[i]} s`);
    assert.ok(pauses(server)[i] >= 1000 * waits[i] - 5, `request ${i + 1} came too early`);
  });
  assert.ok(new Set(waits.slice(2)).size > 1, 'there is no jitter');
  assert.match(retries(seen)[0].error.message, /503/);
});

test('after a success the back-off starts anew', LIMIT, async () => {
  const server = await serve([refuse(503), refuse(503), found(7, 1), refuse(503)]);
  const seen = start(server);
  await until(() => server.requests.length === 5, 'a fifth request');
  assert.ok(retries(seen)[2].seconds <= 0.1);
  // With wait 0: to know at once whether all is well again.
  assert.deepEqual([server.requests[4].index, server.requests[4].wait], ['7', '0s']);
});

test('Retry-After is honoured', LIMIT, async () => {
  const server = await serve([refuse(503, {'Retry-After': '1'}), found(7, 1)]);
  const seen = start(server);
  await until(() => seen.rounds.length === 1, 'a round');
  const [pause] = pauses(server);
  assert.ok(pause >= 995 && pause < 1000 + SOON, `asked again after ${pause} ms`);
});

test('an answer from before the restart of a server is not the present one', LIMIT, async () => {
  const server = await serve([found(900, 'old'), hangUp, found(5, 'new')]);
  const seen = start(server);
  await until(() => seen.rounds.length === 2, 'the state after the restart');
  assert.deepEqual(server.requests.slice(0, 3).map(({index, wait}) => [index, wait]),
    [[null, null], ['900', '200ms'], ['900', '0s']]);
  assert.deepEqual(seen.rounds[1], {status: 200, index: '5', value: 'new'});
});

test('what an API answers behind the index: gone, nothing, broken', LIMIT, async () => {
  const answer = (status, index) => refuse(status, {'X-Polling-Index': index});
  const nothing = response => response.writeHead(204, {'X-Polling-Index': 8}).end();
  const server = await serve([answer(410, 7), nothing, answer(500, 9), found(9, 1)]);
  const seen = start(server);
  await until(() => seen.rounds.length === 3, 'three rounds');
  assert.deepEqual(seen.rounds.map(({status, index, value}) => [status, index, value]),
    [[410, '7', null], [204, '8', ''], [200, '9', 1]]);
  assert.deepEqual(server.requests.slice(2, 4).map(({index}) => index), ['8', '8']);
  assert.deepEqual(retries(seen).map(({error}) => error.status), [500]);
});

test('a 404 or a 200 without an index is a failure', LIMIT, async () => {
  const server = await serve([refuse(404), refuse(200), found(7, 1)]);
  const seen = start(server);
  await until(() => seen.rounds.length === 1, 'a round');
  assert.deepEqual(retries(seen).map(({error}) => error.message.slice(0, 27)),
    ['404 without X-Polling-Index', '200 without X-Polling-Index']);
});

test('a broken document is asked for again', LIMIT, async () => {
  const broken = response => {
    response.writeHead(200, {'X-Polling-Index': 7, 'Content-Type': 'application/json'}).end('{"a');
  };
  const server = await serve([broken, found(7, {a: 1})]);
  const seen = start(server);
  await until(() => seen.rounds.length === 1, 'a round');
  assert.deepEqual(seen.rounds[0].value, {a: 1});
  assert.equal(server.requests[1].index, null);
});

test('an answer that never comes is given up', LIMIT, async () => {
  const server = await serve([found(7, 1), hold, found(8, 2)]);
  const seen = start(server, {grace: 3});
  await until(() => seen.rounds.length === 2, 'a second round');
  assert.match(retries(seen)[0].error.message, /no answer in time/);
  await until(() => server.requests[1].gone, 'the request ends');
});

test('a first answer has to come without a wait', LIMIT, async () => {
  const server = await serve([hold, found(7, 1)]);
  const seen = start(server, {wait: 3600, grace: 0.5});
  await until(() => retries(seen).length === 1, 'it is given up');
  assert.match(retries(seen)[0].error.message, /no answer in time/);
});

for (const [name, answer] of [
  ['304', expired], ['200 with the same index', found(7, 1)], ['404 with the same index', missing(7)],
]) {
  test(`a server that answers ${name} at once does not make it spin`, LIMIT, async () => {
    const server = await serve([found(7, 1)], answer);
    const seen = start(server);
    await sleep(1500);
    // Pairs of requests, one with wait 0 and one that should have been held, and then
    // 0.05 to 0.1, 0.1 to 0.2 and then 0.2 to 0.4 seconds of back-off. It begins anew after an
    // answer that a busy machine had held for it.
    assert.ok(server.requests.length <= 40, `${server.requests.length} requests in 1.5 s`);
    await until(() => retries(seen).some(({seconds}) => seconds > 0.2 + 1e-6), 'the back-off grows');
    assert.equal(seen.rounds.length, 1);
    assert.match(retries(seen)[0].error.message, /does not wait/);
  });
}

test('changes without end are taken at a bearable rate', LIMIT, async () => {
  let index = 7;
  const server = await serve([], response => found(index++, 1)(response));
  const began = performance.now();
  const seen = start(server, {gap: 50});
  await until(() => seen.rounds.length >= 10, 'ten rounds');
  const least = 49 * (server.requests.length - 1);      // a timer may be early by one
  const took = performance.now() - began;
  assert.ok(took >= least - 1, `${server.requests.length} requests in ${took} ms`);
});

test('an abort ends the loop and the request under way', LIMIT, async () => {
  const server = await serve([found(7, 1)]);
  const seen = start(server, {wait: 50});
  await until(() => server.requests.length === 2, 'a second request');
  const at = performance.now();
  seen.stop.abort();
  await seen.done;
  assert.ok(performance.now() - at < SOON);
  await until(() => server.requests[1].gone, 'the request ends');
  await sleep(100);
  assert.equal(server.requests.length, 2);
});

test('an abort ends a back-off', LIMIT, async () => {
  const seen = start(await serve([], refuse(503, {'Retry-After': '100'})));
  await until(() => retries(seen).length === 1, 'a failure');
  const at = performance.now();
  seen.stop.abort();
  await seen.done;
  assert.ok(performance.now() - at < SOON);
});

test('an abort before the first request', LIMIT, async () => {
  const server = await serve([]);
  for await (const round of follow(server.url, {signal: AbortSignal.abort()})) assert.fail(round);
  assert.equal(server.requests.length, 0);
});

test('leaving the loop ends it', LIMIT, async () => {
  const server = await serve([found(7, 1)]);
  for await (const {value} of follow(server.url, quick)) {
    assert.equal(value, 1);
    break;
  }
  await sleep(100);
  assert.equal(server.requests.length, 1);
});

test('a hidden page asks nothing, a visible one at once', LIMIT, async () => {
  const page = fakeDocument();
  const server = await serve([found(7, 1), hold, expired, hold, after(10, found(8, 2))]);
  const seen = start(server, {wait: 50});
  await until(() => server.requests.length === 2, 'a held request');

  page.turn(true);
  await until(() => server.requests[1].gone, 'the request ends');
  await sleep(300);
  assert.equal(server.requests.length, 2);
  assert.equal(seen.states.at(-1).state, 'paused');

  const at = performance.now();
  page.turn(false);
  await until(() => server.requests.length === 4, 'the next held request');
  assert.ok(server.requests[2].at - at < SOON);
  assert.deepEqual([server.requests[2].index, server.requests[2].wait], ['7', '0s']);
  assert.deepEqual([server.requests[3].index, server.requests[3].wait], ['7', '50s']);
  assert.deepEqual(seen.states.slice(-3).map(({state}) => state), ['paused', 'asking', 'waiting']);
  assert.equal(retries(seen).length, 0);

  page.turn(true);
  page.turn(false);
  await until(() => seen.rounds.length === 2, 'the change');
});

test('a page that starts hidden waits for somebody to look', LIMIT, async () => {
  const page = fakeDocument();
  page.hidden = true;
  const server = await serve([found(7, 1)]);
  const seen = start(server);
  await sleep(100);
  assert.equal(server.requests.length, 0);
  page.turn(false);
  await until(() => seen.rounds.length === 1, 'a round');
});

test('looking again ends our own back-off, not the one the server asked for', LIMIT, async () => {
  const page = fakeDocument();
  const server = await serve([refuse(503), refuse(503, {'Retry-After': '1'}), found(7, 1)]);
  const seen = start(server, {retryFirst: 100, retryMost: 100});
  const lookAgain = async () => {
    page.turn(true);
    await sleep(20);
    page.turn(false);
  };
  await until(() => retries(seen).length === 1, 'a failure');
  await lookAgain();
  await until(() => retries(seen).length === 2, 'the second request, at once');
  await lookAgain();
  await until(() => seen.rounds.length === 1, 'the third request');
  const [, pause] = pauses(server);
  assert.ok(pause >= 995 && pause < 1000 + SOON, `asked again after ${pause} ms`);
});

test('an abort while the page is hidden', LIMIT, async () => {
  const page = fakeDocument();
  page.hidden = true;
  const stop = new AbortController();
  const onstate = state => { if (state === 'paused') stop.abort(); };
  for await (const round of follow('http://127.0.0.1/', {signal: stop.signal, onstate})) {
    assert.fail(round);
  }
});

test('with background: true a hidden page goes on', LIMIT, async () => {
  const page = fakeDocument();
  page.hidden = true;
  const server = await serve([found(7, 1), after(150, found(8, 2))]);
  const seen = start(server, {background: true});
  await until(() => seen.rounds.length === 2, 'two rounds');
});

test('when the network is back it asks at once, on a new connection', LIMIT, async () => {
  const network = fakeNetwork();
  const server = await serve([refuse(503), found(7, 1), hold, after(10, found(8, 2))]);
  const seen = start(server, {wait: 50, retryFirst: 100, retryMost: 100});
  await until(() => retries(seen).length === 1, 'a failure');
  network.dispatchEvent(new Event('online'));
  await until(() => server.requests.length === 3, 'a held request');
  network.dispatchEvent(new Event('online'));
  await until(() => seen.rounds.length === 2, 'the change');
  await until(() => server.requests[2].gone, 'the request from before ends');
  assert.deepEqual([server.requests[3].index, server.requests[3].wait], ['7', '0s']);
});

test('the network may be back while the page is busy', LIMIT, async () => {
  const network = fakeNetwork();
  const server = await serve([found(7, 1), after(10, found(8, 2))]);
  const seen = start(server, {wait: 50});
  const ready = occupy(seen);
  await until(() => seen.rounds.length === 1, 'a round');
  network.dispatchEvent(new Event('online'));
  ready();
  await until(() => seen.rounds.length === 2, 'the change');
  assert.equal(server.requests[1].wait, '0s');
});

test('a stream from before the network was back is left, even by a page that was busy', LIMIT, async () => {
  const network = fakeNetwork();
  const server = await serve([stream(is('/live/thing', 7, 1), hold), stream({current: 7}, hold)]);
  const seen = start(server, {stream: true, grace: 50});
  const ready = occupy(seen);
  await until(() => seen.rounds.length === 1, 'a round');
  network.dispatchEvent(new Event('online'));
  ready();
  await until(() => server.requests.length === 2, 'another one');
  assert.equal(server.requests[1].index, '7');
});

test('a wait that is none is an error', LIMIT, async () => {
  for (const wait of [0, -1, NaN, Infinity, '50s']) {
    await assert.rejects(follow('http://127.0.0.1/', {wait}).next(), RangeError);
  }
});

test('an address that is none is an error, not something to try again', LIMIT, async () => {
  await assert.rejects(follow('http://').next(), TypeError);
});

// --- everything below a path ---

const is = (path, index, document) => ({path, index, type: 'application/json', document});
const was = (path, index) => ({path, index, deleted: true});
const told = seen => seen.rounds.map(({path, status, index, value}) => [path, status, index, value]);
const startAll = (server, options) => start(server, options, followAll);

test('all below a path is told, then each change', LIMIT, async () => {
  const server = await serve([
    below(7, [is('/live/a', 3, {n: 1}), is('/live/b', 7, 'text')], {reset: true}),
    after(150, expired),
    after(150, below(9, [is('/live/a', 8, {n: 2}), was('/live/b', 9)])),
  ]);
  const seen = startAll(server);
  await until(() => server.requests.length === 4, 'a fourth request');
  assert.deepEqual(told(seen), [['/live/a', 200, '3', {n: 1}], ['/live/b', 200, '7', 'text'],
    ['/live/a', 200, '8', {n: 2}], ['/live/b', 404, '9', null]]);
  assert.deepEqual(server.requests.map(({index, wait}) => [index, wait]),
    [[null, null], ['7', '200ms'], ['7', '200ms'], ['9', '200ms']]);
  assert.deepEqual([...seen.rounds[0].all.keys()], ['/live/a']);
  assert.equal(seen.rounds[0].all.get('/live/a').value.n, 2);
  assert.equal(retries(seen).length, 0);
});

test('pages follow each other without a wait', LIMIT, async () => {
  const server = await serve([
    below(3, [is('/live/a', 3, 1)], {reset: true, more: true}),
    below(5, [is('/live/b', 5, 2)], {more: true}),
    below(6, [is('/live/c', 6, 3)]),
  ]);
  const seen = startAll(server);
  await until(() => seen.rounds.length === 3, 'three rounds');
  assert.deepEqual(server.requests.slice(0, 3).map(({index}) => index), [null, '3', '5']);
  assert.deepEqual([...seen.rounds[2].all.keys()], ['/live/a', '/live/b', '/live/c']);
});

test('after a new beginning what is not named is gone, once all pages are there', LIMIT, async () => {
  const server = await serve([
    below(9, [is('/live/a', 3, 1), is('/live/b', 5, 2), is('/live/c', 9, 3)], {reset: true}),
    below(2, [is('/live/b', 2, 4)], {reset: true, more: true}),
    below(4, [is('/live/c', 4, 5)]),
  ]);
  const seen = startAll(server);
  await until(() => seen.rounds.length === 6, 'six rounds');
  assert.deepEqual(told(seen).slice(3), [['/live/b', 200, '2', 4], ['/live/c', 200, '4', 5],
    ['/live/a', 404, '4', null]]);
  assert.deepEqual([...seen.rounds[0].all.keys()], ['/live/b', '/live/c']);
});

test('bytes are bytes, and what an API has is not told', LIMIT, async () => {
  const server = await serve([below(7, [
    {path: '/live/p', index: 6, type: 'image/png', encoding: 'base64', document: 'iVBO'},
    {path: '/live/q', index: 7},
  ], {reset: true})]);
  const seen = startAll(server);
  await until(() => seen.rounds.length === 2, 'two rounds');
  assert.deepEqual([...seen.rounds[0].value], [0x89, 0x50, 0x4e]);
  assert.equal(seen.rounds[0].type, 'image/png');
  assert.equal(seen.rounds[1].value, undefined);
  assert.equal(seen.rounds[1].status, 200);
});

test('after a new beginning behind an API what was not named has to be asked for', LIMIT, async () => {
  const of = (name, index) => ({path: `/live/${name}`, index});
  const server = await serve([
    below(6, [of('p', 5), of('q', 6)], {reset: true}),
    below(9, [of('r', 9)], {reset: true}),
    below(12, [], {reset: true}),
  ]);
  const seen = startAll(server);
  await until(() => seen.rounds.length === 8, 'eight rounds');
  assert.deepEqual(told(seen).slice(2), [['/live/r', 200, '9', undefined],
    ['/live/p', 200, '9', undefined], ['/live/q', 200, '9', undefined],
    ...['p', 'q', 'r'].map(name => [`/live/${name}`, 200, '12', undefined])]);
  assert.deepEqual([...seen.rounds[7].all.keys()], ['/live/p', '/live/q', '/live/r']);
});

test('only some names are asked for, whatever stands in them', LIMIT, async () => {
  const server = await serve([below(7, [], {reset: true})]);
  startAll(server, {only: ['a', 'b/c d', 'e,f', 'ü%']});
  await until(() => server.requests.length === 2, 'a second request');
  assert.equal(server.requests[0].search, 'only=a,b/c%20d,e%2Cf,%C3%BC%25');
  assert.equal(server.requests[1].search, 'index=7&wait=200ms&only=a,b/c%20d,e%2Cf,%C3%BC%25');
});

test('a long list of names goes into a body', LIMIT, async () => {
  const only = Array.from({length: 500}, (_, i) => `name/${i}`);
  const server = await serve([below(7, [], {reset: true})]);
  startAll(server, {only});
  await until(() => server.requests.length === 2, 'a second request');
  // Debian 13's Node has no name for what its parser calls QUERY; it has for all others.
  assert.ok(['QUERY', undefined].includes(server.requests[1].method));
  assert.equal(server.requests[1].search, 'index=7&wait=200ms');
  assert.deepEqual(JSON.parse(server.requests[1].text), only);
});

test('an address that tells of one resource alone is a failure', LIMIT, async () => {
  const seen = startAll(await serve([found(7, {a: 1})]));
  await until(() => retries(seen).length === 1, 'a failure');
  assert.match(retries(seen)[0].error.message, /FCGIWAIT_SCOPE below/);
});

// --- streams ---

test('a stream is followed, and asked for again where it ends', LIMIT, async () => {
  const server = await serve([
    stream(is('/live/thing', 7, {a: 1}), {current: 7}, 1100, is('/live/thing', 8, {a: 2})),
    stream({current: 8}, 50, was('/live/thing', 9), hold),
  ]);
  const seen = start(server, {stream: true, grace: 5});
  await until(() => seen.rounds.length === 3, 'three rounds');
  assert.deepEqual(seen.rounds.map(({status, index, value}) => [status, index, value]),
    [[200, '7', {a: 1}], [200, '8', {a: 2}], [404, '9', null]]);
  assert.deepEqual(server.requests.map(({index, wait}) => [index, wait]), [[null, null], ['8', null]]);
  assert.equal(server.requests[0].accept, 'application/x-ndjson');
  assert.ok(seen.states.some(({state, stream}) => state === 'waiting' && stream === true));
  assert.equal(retries(seen).length, 0);
});

test('lines that are cut anywhere are put together', LIMIT, async () => {
  const bytes = Buffer.from(`\n${JSON.stringify(is('/live/thing', 7, 'Grüße'))}\n`);
  const server = await serve([async response => {
    response.writeHead(200, {'X-Polling-Index': 1, 'Content-Type': 'application/x-ndjson'});
    for (const byte of bytes) {
      response.write(Buffer.from([byte]));
      await sleep(1);
    }
  }]);
  const seen = start(server, {stream: true, grace: 5});
  await until(() => seen.rounds.length === 1, 'a round');
  assert.equal(seen.rounds[0].value, 'Grüße');
});

test('all below a path by a stream, a new beginning included', LIMIT, async () => {
  const server = await serve([
    stream({reset: true}, is('/live/a', 3, 1), is('/live/b', 5, 2), {current: 5}, 1100),
    stream({reset: true}, is('/live/b', 4, 3), {current: 4}, hold),
  ]);
  const seen = startAll(server, {stream: true, grace: 5});
  await until(() => seen.rounds.length === 4, 'four rounds');
  assert.deepEqual(told(seen), [['/live/a', 200, '3', 1], ['/live/b', 200, '5', 2],
    ['/live/b', 200, '4', 3], ['/live/a', 404, '4', null]]);
});

// What is told again is no round.
test('a stream that is cut within what changed together goes on before it', LIMIT, async () => {
  let cut;
  const streamToCut = (...lines) => async (response, seen) => {
    cut = () => response.destroy();
    await stream(...lines, hold)(response, seen);
  };
  const [a, x, b, c, d, e] = [is('/live/a', 50, 1), was('/live/x', 50), is('/live/b', 50, 2),
    is('/live/c', 51, 3), is('/live/d', 52, 4), is('/live/e', 53, 5)];
  const server = await serve([
    streamToCut({current: 5}, a, x),
    streamToCut(a, x, b, c),
    streamToCut(c, d, beat),
    streamToCut(e),
    refuse(406), below(53, [e]), below(54, [was('/live/e', 54)])]);
  const seen = startAll(server, {stream: true});
  const tells = async (count, index) => {
    await until(() => seen.rounds.length === count, `${count} rounds`);
    cut();
    await until(() => server.requests.at(-1).index === index, `a request with ${index}`);
  };
  await tells(2, '5');
  await tells(4, '50');
  await until(() => seen.rounds.length === 5 && seen.states.at(-1).changed === false, 'a beat');
  await tells(5, '52');
  await tells(6, '52');
  await until(() => seen.rounds.length === 7, 'the last round');
  assert.deepEqual(told(seen).map(([path, status, index]) => [path, status, index]),
    [['/live/a', 200, '50'], ['/live/x', 404, '50'], ['/live/b', 200, '50'], ['/live/c', 200, '51'],
      ['/live/d', 200, '52'], ['/live/e', 200, '53'], ['/live/e', 404, '54']]);
  assert.deepEqual(server.requests.slice(0, 7).map(({index}) => index),
    [null, '5', '50', '52', '52', '52', '53']);
});

test('behind an API a stream says that there is something to ask for', LIMIT, async () => {
  const server = await serve([
    stream({path: '/live/thing', index: 7}, {current: 7}, hold), found(8, {a: 1}), hold]);
  const seen = start(server, {stream: true, grace: 5});
  await until(() => seen.rounds.length === 1, 'a round');
  assert.deepEqual(seen.rounds[0], {status: 200, index: '8', value: {a: 1}});
});

for (const [name, answer] of [
  ['nothing of it comes', response => response.writeHead(200, {'Content-Type': 'application/x-ndjson'})],
  ['streams are refused', refuse(406)],
  ['the answer is an ordinary one', found(7, 'plain')],
]) {
  test(`where ${name} it is long polling after all`, LIMIT, async () => {
    const server = await serve([answer, found(7, {a: 1}), after(100, found(8, {a: 2}))]);
    const seen = start(server, {stream: true, grace: 3});
    await until(() => seen.rounds.length === 2, 'two rounds');
    assert.deepEqual(server.requests.slice(1, 3).map(({index, wait}) => [index, wait]),
      [[null, null], ['7', '200ms']]);
    assert.ok(server.requests.slice(1).every(({accept}) => accept !== 'application/x-ndjson'));
    assert.equal(seen.states.at(-1).stream, false);
    assert.equal(retries(seen).length, 0);
  });
}

test('where nothing comes at all, it is the network, and streams are tried again', LIMIT, async () => {
  const server = await serve([hold, hangUp, stream(is('/live/thing', 7, {a: 1}), hold)]);
  const seen = start(server, {stream: true, grace: 3});
  await until(() => seen.rounds.length === 1, 'a round');
  assert.deepEqual(server.requests.map(({accept}) => accept === 'application/x-ndjson'),
    [true, false, true]);
  assert.equal(seen.states.at(-1).stream, true);
});

test('a stream that falls silent counts as dead', LIMIT, async () => {
  const server = await serve([stream(is('/live/thing', 7, 1), hold), stream({current: 7}, hold)]);
  const seen = start(server, {stream: true, wait: 1, grace: 2});
  await until(() => server.requests.length === 2, 'a second stream');
  assert.match(retries(seen)[0].error.message, /no answer in time/);
  await until(() => server.requests[0].gone, 'the first is left');
  assert.equal(server.requests[1].index, '7');
});

test('a stream that ends at once does not make it spin', LIMIT, async () => {
  const server = await serve([], stream({current: 1}));
  const seen = start(server, {stream: true, grace: 5});
  await sleep(1500);
  assert.ok(server.requests.length <= 20, `${server.requests.length} requests in 1.5 s`);
  await until(() => retries(seen).some(({seconds}) => seconds > 0.2 + 1e-6), 'the back-off grows');
  assert.match(retries(seen)[0].error.message, /ended at once/);
});

test('a stream that is refused for now is asked for again when the server says', LIMIT, async () => {
  const server = await serve([refuse(503, {'Retry-After': 1}), stream(is('/live/thing', 7, 1), hold)]);
  const seen = start(server, {stream: true, grace: 5});
  await until(() => seen.rounds.length === 1, 'a round');
  assert.ok(pauses(server)[0] >= 995, `${pauses(server)}`);
  assert.equal(retries(seen)[0].error.status, 503);
  assert.equal(seen.states.at(-1).stream, true);
});

test('a stream that is cut goes on where it was', LIMIT, async () => {
  const cut = async response => {
    await stream(is('/live/thing', 7, 1), hold)(response, {});
    setTimeout(() => response.destroy(), 50);
  };
  const server = await serve([cut, stream(is('/live/thing', 8, 2), hold)]);
  const seen = start(server, {stream: true, grace: 5});
  await until(() => seen.rounds.length === 2, 'two rounds');
  assert.equal(server.requests[1].index, '7');
  assert.equal(retries(seen).length, 1);
  assert.equal(seen.states.at(-1).stream, true);
});

test('a line that is no JSON is a failure, and what came before it is kept', LIMIT, async () => {
  const server = await serve([response => {
    response.writeHead(200, {'X-Polling-Index': 1, 'Content-Type': 'application/x-ndjson'});
    response.write(`${JSON.stringify(is('/live/thing', 7, 1))}\n`);
    setTimeout(() => response.write('<html>\n'), 50);
  }, stream(is('/live/thing', 8, 2), hold)]);
  const seen = start(server, {stream: true, grace: 5});
  await until(() => seen.rounds.length === 2, 'two rounds');
  assert.equal(server.requests[1].index, '7');
  assert.equal(retries(seen).length, 1);
});

test('an abort ends a stream', LIMIT, async () => {
  const server = await serve([stream(is('/live/thing', 7, 1), hold)]);
  const seen = start(server, {stream: true, grace: 5});
  await until(() => seen.rounds.length === 1, 'a round');
  seen.stop.abort();
  await seen.done;
  await until(() => server.requests[0].gone, 'the request ends');
});

test('a hidden page leaves its stream, a visible one takes it up again', LIMIT, async () => {
  const page = fakeDocument();
  const server = await serve([stream(is('/live/thing', 7, 1), hold), stream({current: 7}, hold)]);
  const seen = start(server, {stream: true, grace: 5});
  await until(() => seen.rounds.length === 1, 'a round');
  page.turn(true);
  await until(() => server.requests[0].gone, 'the stream is left');
  page.turn(false);
  await until(() => server.requests.length === 2, 'another one');
  assert.equal(server.requests[1].index, '7');
});

for (const [what, ...more] of [
  ['is left'],
  ['asks for nothing', {path: '/live/thing', index: 8}],
]) {
  test(`a stream ${what} when the page was hidden while it was busy`, LIMIT, async () => {
    const page = fakeDocument();
    // In one piece: what comes next is there already.
    const lines = [is('/live/thing', 7, 1), ...more];
    const server = await serve([response => {
      response.writeHead(200, {'X-Polling-Index': 1, 'Content-Type': 'application/x-ndjson'});
      response.write(lines.map(line => `${JSON.stringify(line)}\n`).join(''));
    }, stream({current: 7}, hold)]);
    const seen = start(server, {stream: true, grace: 50});
    const ready = occupy(seen);
    await until(() => seen.rounds.length === 1, 'a round');
    page.turn(true);
    ready();
    await until(() => server.requests[0].gone, 'the stream is left');
    await until(() => seen.states.at(-1).state === 'paused', 'a pause');
    assert.equal(server.requests.length, 1);
    assert.equal(retries(seen).length, 0);
    page.turn(false);
    await until(() => server.requests.length === 2, 'another one');
    assert.equal(server.requests[1].index, '7');
  });
}
