// longpoll.js by itself, against a server that plays the good and the bad ones.
import assert from 'node:assert/strict';
import {readFile} from 'node:fs/promises';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterEach, test} from 'node:test';
import {FakeServer, after, expired, found, hangUp, hold, missing, refuse} from './fake_server.mjs';

// By its text: it lies in no package that would tell node that it is a module.
const text = await readFile(new URL('../../nginx-examples/www/longpoll.js', import.meta.url), 'utf8');
const {follow} = await import(`data:text/javascript,${encodeURIComponent(text)}`);

const LIMIT = {timeout: 20000};
const quick = {wait: 0.2, gap: 1, retryFirst: 0.1, retryMost: 0.4};

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

// Follows the server in the background. What it yields, and its states, are in arrays.
function start(server, options = {}) {
  const stop = new AbortController();
  const seen = {rounds: [], states: [], stop};
  seen.done = (async () => {
    const onstate = (state, detail) => seen.states.push({state, at: performance.now(), ...detail});
    for await (const round of follow(server.url, {...quick, signal: stop.signal, onstate, ...options})) {
      seen.rounds.push(round);
    }
  })();
  clean.push(async () => { stop.abort(); await seen.done; });
  return seen;
}

async function until(fact, what) {
  const end = performance.now() + 5000;
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

const retries = seen => seen.states.filter(({state}) => state === 'retrying');
const pauses = server => server.requests.slice(1).map(({at}, i) => at - server.requests[i].at);

test('a change is yielded, an expiry is not', LIMIT, async () => {
  const server = await serve([found(7, {a: 1}), after(150, expired), after(150, found(9, {a: 2}))]);
  const seen = start(server);
  await until(() => server.requests.length === 4, 'a fourth request');
  assert.deepEqual(seen.rounds, [
    {status: 200, index: '7', value: {a: 1}}, {status: 200, index: '9', value: {a: 2}}]);
  assert.deepEqual(server.requests.map(({index}) => index), [null, '7', '7', '9']);
  assert.deepEqual(server.requests.map(({wait}) => wait), [null, '0.2', '0.2', '0.2']);
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
    [['7', '0'], ['7', '0.2'], ['7', '0.2']]);
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
  assert.deepEqual([server.requests[4].index, server.requests[4].wait], ['7', '0']);
});

test('Retry-After is honoured', LIMIT, async () => {
  const server = await serve([refuse(503, {'Retry-After': '1'}), found(7, 1)]);
  const seen = start(server);
  await until(() => seen.rounds.length === 1, 'a round');
  const [pause] = pauses(server);
  assert.ok(pause >= 995 && pause < 1500, `asked again after ${pause} ms`);
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
  const seen = start(server, {grace: 0.1});
  await until(() => seen.rounds.length === 2, 'a second round');
  assert.match(retries(seen)[0].error.message, /no answer in time/);
  assert.ok(server.requests[1].gone, 'the request was left open');
});

for (const [name, answer] of [
  ['304', expired], ['200 with the same index', found(7, 1)], ['404 with the same index', missing(7)],
]) {
  test(`a server that answers ${name} at once does not make it spin`, LIMIT, async () => {
    const server = await serve([found(7, 1)], answer);
    const seen = start(server);
    await sleep(1500);
    // Pairs of requests, one with wait 0 and one that should have been held, and then
    // 0.05 to 0.1, 0.1 to 0.2 and then 0.2 to 0.4 seconds of back-off.
    assert.ok(server.requests.length >= 6 && server.requests.length <= 20,
      `${server.requests.length} requests in 1.5 s`);
    assert.equal(seen.rounds.length, 1);
    assert.match(retries(seen)[0].error.message, /does not wait/);
    assert.ok(retries(seen)[2].seconds > 0.2 - 1e-6, 'the back-off does not grow');
  });
}

test('changes without end are taken at a bearable rate', LIMIT, async () => {
  let index = 7;
  const server = await serve([], response => found(index++, 1)(response));
  const seen = start(server, {gap: 50});
  await sleep(1000);
  assert.ok(seen.rounds.length >= 10 && server.requests.length <= 21,
    `${server.requests.length} requests in 1 s`);
  assert.ok(Math.min(...pauses(server)) > 40);
});

test('an abort ends the loop and the request under way', LIMIT, async () => {
  const server = await serve([found(7, 1)]);
  const seen = start(server, {wait: 50});
  await until(() => server.requests.length === 2, 'a second request');
  const at = performance.now();
  seen.stop.abort();
  await seen.done;
  assert.ok(performance.now() - at < 100);
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
  assert.ok(performance.now() - at < 100);
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
  assert.ok(server.requests[2].at - at < 100);
  assert.deepEqual([server.requests[2].index, server.requests[2].wait], ['7', '0']);
  assert.deepEqual([server.requests[3].index, server.requests[3].wait], ['7', '50']);
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
  await until(() => retries(seen).length === 1, 'a failure');
  page.turn(true);
  await sleep(20);
  page.turn(false);
  await until(() => retries(seen).length === 2, 'the second request, at once');
  page.turn(true);
  await sleep(20);
  page.turn(false);
  await sleep(200);
  assert.equal(server.requests.length, 2);
});

test('with background: true a hidden page goes on', LIMIT, async () => {
  const page = fakeDocument();
  page.hidden = true;
  const server = await serve([found(7, 1), after(150, found(8, 2))]);
  const seen = start(server, {background: true});
  await until(() => seen.rounds.length === 2, 'two rounds');
});

test('an address that is none is an error, not something to try again', LIMIT, async () => {
  await assert.rejects(follow('http://').next(), TypeError);
});
