// SPDX-License-Identifier: ISC
// The page in Debian's chromium, before real nginx, spawn-fcgi and fcgiwait.
import assert from 'node:assert/strict';
import {access} from 'node:fs/promises';
import path from 'node:path';
import {after, afterEach, before, beforeEach, test} from 'node:test';
import {launch} from './browser.mjs';
import {Stack, end, examples, fcgiwait, freePort, run, until} from './stack.mjs';

const LIMIT = {timeout: 120000};
let browser, stack, page, broken;

before(async () => {
  browser = await launch({ignoreDefaultArgs: ['--disable-back-forward-cache']});
});
after(() => browser?.close());

beforeEach(async () => {
  stack = await Stack.start();
  broken = [];
  page = await browser.newPage();
  page.setDefaultTimeout(40000);
  page.on('pageerror', error => broken.push(error.message));
});
afterEach(async () => {
  await page?.close();
  await stack?.stop();
  assert.deepEqual(broken, [], 'the page had errors');
});

// A mark that a reload would wipe out.
async function open(url) {
  await page.goto(url);
  await page.evaluate(() => { window.mark = true; });
}
const sameVisit = async () => assert.equal(await page.evaluate(() => window.mark), true);

const shows = (id, text) => page.waitForFunction(
  ([id, text]) => document.getElementById(id).textContent.includes(text), [id, text]);

const turn = hidden => page.evaluate(hidden => {
  Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}, hidden);

const reading = (time, more = {}) => ({
  time, name: 'testbox', processors: 2, processor_seconds: 100 + time / 2, load: [0.5, 0.25, 0.1],
  memory: {total: 8e9, available: 2e9}, network: {received: 3e6 * time, sent: 5e3 * time}, ...more,
});

test('a change appears without a reload', LIMIT, async () => {
  await open(stack.url);
  await shows('note', 'There is none yet.');
  await stack.awaitWaiting(1);

  await stack.publish('note', 'Hello <b>there</b>', 'text/plain');
  await shows('note', 'Hello <b>there</b>');
  await stack.publish('note', {as: 'JSON'});
  await shows('note', '{"as":"JSON"}');
  await fetch(`${stack.url}/publish/live/note`, {method: 'DELETE'});
  await shows('note', 'There is none yet.');
  await sameVisit();
});

test('the readings are drawn', LIMIT, async () => {
  await stack.publish('machine', reading(1000));
  await open(stack.url);
  await shows('name', 'testbox');
  await stack.awaitWaiting(1);
  await stack.publish('machine', reading(1002, {load: [1.5, 0.25, 0.1]}));

  await shows('load-now', '1.50');
  await shows('state', 'live');
  await shows('received', '3.0 MB/s');
  await shows('sent', '5.0 kB/s');
  await shows('memory-now', '75 %');
  await shows('changes', '2');
  await shows('top', '2 processors');
  await shows('since', '10 s ago');
  assert.equal(await page.getAttribute('#memory', 'aria-valuenow'), '75');
  assert.equal(await page.getAttribute('#load', 'd'), 'M48.00 76.00L60.00 28.00');
  assert.equal(await page.getAttribute('#busy', 'd'), 'M60.00 100.00L60.00 76.00L60.00 100.00Z');
  await shows('state', 'waiting');      // when nothing has come for a while
  await sameVisit();
});

test('it shows what goes over the wire', LIMIT, async () => {
  await open(stack.url);
  await stack.awaitWaiting(1);
  await stack.publish('note', 'Hello', 'text/plain');
  await shows('note', 'Hello');
  await page.waitForFunction(() => {
    const rows = [...document.querySelectorAll('#wire tr')].map(row => row.textContent);
    return rows.some(row => /^GET \/live\/\?index=\d+&wait=50s\d+\.\d\d s200$/.test(row))
      && rows.filter(row => /^GET \/live\/\?index=\d+&wait=50s\d+ swaiting$/.test(row))
        .length === 1;
  });
});

test('it needs nothing from elsewhere', LIMIT, async () => {
  const asked = [];
  page.on('request', request => asked.push(request.url()));
  await stack.publish('machine', reading(1000));
  await open(stack.url);
  await shows('name', 'testbox');
  await stack.awaitWaiting(1);
  const elsewhere = asked.filter(url => !url.startsWith(`${stack.url}/`) && !url.startsWith('data:'));
  assert.deepEqual(elsewhere, []);
});

test('it fits a phone', LIMIT, async () => {
  await page.setViewportSize({width: 320, height: 640});
  await stack.publish('machine', reading(1000, {name: 'a-machine-with-a-rather-long-name.example'}));
  await stack.publish('note', 'x'.repeat(100), 'text/plain');
  await open(stack.url);
  await shows('name', 'a-machine');
  await shows('note', 'xxx');
  await stack.awaitWaiting(1);
  const [wide, shown] = await page.evaluate(() => [
    document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(wide <= shown, `${wide} pixels on a screen of ${shown}`);
});

test('it survives fcgiwait', LIMIT, async () => {
  await stack.publish('note', 'before', 'text/plain');
  await open(stack.url);
  await shows('note', 'before');
  await stack.awaitWaiting(1);

  await stack.stopFcgiwait();
  await shows('state', 'retrying');
  await shows('why', 'the server answered 502');
  await stack.startFcgiwait();
  await shows('note', 'There is none yet.');        // its memory is gone
  await stack.publish('note', 'after', 'text/plain');
  await shows('note', 'after');
  await page.waitForFunction(() => document.getElementById('state').textContent !== 'retrying');
  await sameVisit();
});

test('a hidden page lets go of its requests', LIMIT, async () => {
  await stack.publish('note', 'first', 'text/plain');
  await open(stack.url);
  await shows('note', 'first');
  await stack.awaitWaiting(1);

  await turn(true);
  await shows('state', 'paused');
  await stack.awaitWaiting(0);
  await stack.publish('note', 'second', 'text/plain');
  assert.equal(await page.textContent('#note'), 'first');

  await turn(false);
  await shows('note', 'second');
  await stack.awaitWaiting(1);
  await sameVisit();
});

test('a page that one comes back to goes on', LIMIT, async () => {
  await stack.publish('note', 'first', 'text/plain');
  await open(stack.url);
  await shows('note', 'first');
  await stack.awaitWaiting(1);

  await page.goto(`${stack.url}/longpoll.js`);
  await stack.awaitWaiting(0);
  await stack.publish('note', 'second', 'text/plain');

  await page.goBack({waitUntil: 'commit'});
  await page.waitForFunction(() => document.getElementById('note')?.textContent === 'second');
  await stack.awaitWaiting(1);
  await sameVisit();                    // as it was, from the browser's memory
});

test('when the network is back, a page asks at once', LIMIT, async () => {
  await stack.publish('thing', {n: 1});
  await open(`${stack.url}/longpoll.js`);       // a page that follows nothing by itself
  await page.evaluate(() => {
    window.seen = [];
    import('/longpoll.js').then(async ({follow}) => {
      const options = {
        retryFirst: 1000, retryMost: 1000, onstate: state => { window.state = state; },
      };
      for await (const {value} of follow('/live/thing', options)) window.seen.push(value.n);
    });
  });
  const seen = () => page.evaluate(() => window.seen);
  await until(async () => (await seen()).length === 1, 'the present state');
  await page.context().setOffline(true);
  await stack.publish('thing', {n: 2});         // whether or not the held request still gets it
  await page.waitForFunction(() => window.state === 'retrying');
  await stack.publish('thing', {n: 3});
  await page.context().setOffline(false);
  await until(async () => (await seen()).includes(3), 'the change');
});

test('in a browser, an expiry is no change', LIMIT, async () => {
  await stack.publish('thing', {n: 1});
  await open(`${stack.url}/longpoll.js`);       // a page that follows nothing by itself
  await page.evaluate(() => {
    window.seen = [];
    window.stop = new AbortController();
    window.ended = import('/longpoll.js').then(async ({follow}) => {
      const options = {
        wait: 0.5, signal: window.stop.signal,
        onstate: (state, {expired}) => { if (expired) window.seen.push('expired'); },
      };
      for await (const {value} of follow('/live/thing', options)) window.seen.push(value.n);
      window.seen.push('ended');
    });
  });
  const seen = () => page.evaluate(() => window.seen);
  await until(async () => (await seen()).length >= 3, 'two expiries');
  await stack.publish('thing', {n: 2});
  await until(async () => (await seen()).includes(2), 'the change');
  await stack.awaitWaiting(1);
  await page.evaluate(() => { window.stop.abort(); return window.ended; });
  assert.deepEqual((await seen()).filter(each => each !== 'expired'), [1, 2, 'ended']);
  assert.deepEqual((await seen()).slice(0, 3), [1, 'expired', 'expired']);
  await stack.awaitWaiting(0);
});

test('where one reads, one cannot publish', LIMIT, async () => {
  const response = await fetch(`${stack.url}/live/note`, {method: 'PUT', body: 'no'});
  assert.equal(response.status, 405);
  assert.equal((await fetch(`${stack.url}/live/note`)).status, 404);
});

test('quickstart.sh shows this machine', LIMIT, async () => {
  const port = await freePort();
  const env = {...process.env, PORT: `${port}`, FCGIWAIT: fcgiwait, TMPDIR: stack.dir};
  const quickstart = run(path.join(examples, 'quickstart.sh'), [],
    {env, stdio: ['ignore', 'pipe', 'inherit']});
  try {
    let said = '';
    quickstart.stdout.on('data', data => { said += data; });
    await until(() => said.includes('Ctrl-C stops it'), 'it runs');
    await open(`http://127.0.0.1:${port}/`);
    await shows('state', 'live');
    await page.waitForFunction(() => document.getElementById('changes').textContent >= 3);
    await shows('received', 'B/s');
    await sameVisit();
    const [dir] = said.match(/(?<=removes )\S+(?=\.\n)/);
    await access(dir);

    await end(quickstart);
    assert.equal(quickstart.exitCode, 143);
    await assert.rejects(access(dir), 'its folder is still there');
    await assert.rejects(fetch(`http://127.0.0.1:${port}/`), 'nginx still runs');
  } finally {
    await end(quickstart);
  }
});
