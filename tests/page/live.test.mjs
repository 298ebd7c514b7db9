// SPDX-License-Identifier: ISC
// The live page in Debian's chromium, before real nginx, spawn-fcgi and fcgiwait, under a policy that
// nginx adds to fcgiwait's own.
import assert from 'node:assert/strict';
import {after, afterEach, before, beforeEach, test} from 'node:test';
import {launch} from './browser.mjs';
import {Stack, until} from './stack.mjs';

const LIMIT = {timeout: 120000};
let browser, stack, page, broken, away;

before(async () => {
  browser = await launch();
});
after(() => browser?.close());

beforeEach(async () => {
  stack = await Stack.start({replace: [['location = /page {',
    `location = /page { add_header Content-Security-Policy "default-src 'self'; require-trusted-types-for 'script'" always;`]]});
  broken = [];
  away = false;
});
afterEach(async () => {
  await page?.context().close();
  await stack?.stop();
  assert.deepEqual(broken, [], 'the page had errors');
});

async function open(options = {}) {
  const context = await browser.newContext({viewport: {width: 1200, height: 900}, ...options});
  page = await context.newPage();
  page.setDefaultTimeout(40000);
  page.on('pageerror', error => broken.push(error.message));
  page.on('console', message => {
    if (!away || !message.text().includes('502 (Bad Gateway)')) broken.push(message.text());
  });
  await page.goto(`${stack.url}/page`);
  await page.waitForSelector('#all:not([hidden])');
}

// The page as it is, with numbers that a test makes: told(sample) tells them.
async function openToTell() {
  page = await (await browser.newContext()).newPage();
  page.on('pageerror', error => broken.push(error.message));
  await page.addInitScript(() => {
    window.EventSource = class {
      static CLOSED = 2;
      constructor() { window.stub = this; }
      close() {}
    };
  });
  await page.goto(`${stack.url}/page`);
  const made = {ms: 1e6, host: 'here', pid: 1, store: 'memory', answers: true, targets: 0, seen: 0, most: [],
    status: {...await status(), uptime: 100}};
  return (seconds, change, status = {}) => {
    Object.assign(made, change, {ms: made.ms + 1000 * seconds});
    Object.assign(made.status, {uptime: made.status.uptime + seconds}, status);
    return page.evaluate(data => window.stub.onmessage({data}), JSON.stringify(made));
  };
}

const shows = (selector, text) => page.waitForFunction(
  ([selector, text]) => [...document.querySelectorAll(selector)].some(found => found.textContent.includes(text)),
  [selector, text]);

const status = async () => (await fetch(`${stack.url}/status`)).json();
const viewers = count => until(async () => (await status()).viewers === count, `${count} look`);

// Polls that wait; they end with the stack.
function wait(path, count) {
  for (let i = 0; i < count; i++) fetch(`${stack.url}/live/${path}?index=0&wait=60`).catch(() => {});
}

test('it shows who waits for what, and follows', LIMIT, async () => {
  wait('news', 3);
  await stack.awaitWaiting(3);
  await open();
  await shows('#tiles section', 'Waiting3of 10,000');
  await shows('#most tr', '/live/news3');
  await shows('#most-caption', '1 of 1 path');
  await page.evaluate(() => { window.mark = true; });
  wait('weather', 5);
  await shows('#most tr:first-child', '/live/weather5');
  assert.equal(await page.title(), '8 waiting · fcgiwait');
  await stack.publish('news', {n: 1});
  await shows('#ended tr', 'a change33');
  await shows('#tiles section', 'Waiting5of 10,000');
  assert.match(await page.textContent('#tiles section:nth-child(4)'), /≤ [0-9.]+ m?s/);
  assert.equal(await page.evaluate(() => window.mark), true);
});

test('a path is text, whatever it looks like', LIMIT, async () => {
  const name = '<img src=x onerror=alert(1)>"&amp;';
  wait(encodeURIComponent(name), 1);
  await stack.awaitWaiting(1);
  await open();
  await shows('#most .path', `/live/${name}`);
  assert.equal(await page.locator('img').count(), 0);
});

test('trouble is shown with what to do about it', LIMIT, async () => {
  await open();
  assert.ok(await page.isVisible('#calm'));
  assert.ok(!await page.isVisible('#troubles'));
  away = true;                  // for longer than the page takes to ask again, it may be
  await stack.stopFcgiwait();
  await stack.configure('max_waiting = 1;');
  await stack.startFcgiwait();
  wait('a', 1);
  await stack.awaitWaiting(1);
  assert.equal((await fetch(`${stack.url}/live/a?index=0&wait=60`)).status, 503);
  await shows('#trouble tr', 'Refused with 503max_waiting is reached');
  assert.ok(!await page.isVisible('#calm'));
});

test('it comes back after a restart, and says meanwhile that nobody answers', LIMIT, async () => {
  await open();
  await shows('#state', 'live');
  const before = await page.textContent('#process');
  away = true;                  // for longer than the page takes to ask again, it may be
  await stack.stopFcgiwait();
  await shows('#state', 'no answer');
  await stack.startFcgiwait();
  await shows('#state', 'live');
  assert.notEqual(await page.textContent('#process'), before);
});

test('a process that is started anew is another one, also with the same number', LIMIT, async () => {
  const tell = await openToTell();
  const kept = () => page.evaluate('samples.length');
  await tell(0, {}, {held_changed: 50, changes: 50});
  await tell(1, {}, {uptime: 102});             // of whole seconds one may be longer
  await tell(2, {}, {uptime: 102});
  assert.equal(await kept(), 3);
  await tell(2, {}, {uptime: 0, held_changed: 0, changes: 0});
  assert.equal(await kept(), 1);
  assert.deepEqual((await page.locator('td, .number').allTextContents()).filter(text => text.startsWith('-')), []);
  await tell(1, {});
  await tell(40, {}, {uptime: 30});             // older than the one before, but begun later
  assert.equal(await kept(), 1);
});

test('what has not changed stays where it is, and can be marked', LIMIT, async () => {
  const tell = await openToTell();
  await tell(0, {targets: 2, seen: 2, most: [{path: '/live/a', watchers: 3}, {path: '/live/b', watchers: 2, below: true}]});
  const paths = await page.locator('#most .path').elementHandles();
  await tell(1, {most: [{path: '/live/a', watchers: 4}, {path: '/live/b', watchers: 2, below: true}]});
  await shows('#most tr', '/live/a4');
  for (const path of paths) assert.ok(await path.evaluate(node => node.isConnected));
  await tell(1, {most: [{path: '/live/c', watchers: 4}, {path: '/live/b', watchers: 2}]});
  assert.deepEqual(await page.locator('#most th').allTextContents(), ['/live/c', '/live/b']);
});

test('what is delivered after all bounds is drawn above the rest', LIMIT, async () => {
  const tell = await openToTell();
  const {delivery_seconds} = await status();
  await tell(0, {});
  delivery_seconds.buckets.at(-1)[1] += 6;
  await tell(1, {}, {delivery_seconds});
  await shows('#tiles section:nth-child(4)', '> 10 s');
  assert.match(await page.getAttribute('#tiles section:nth-child(4) polyline', 'points'), /,39\.0 [0-9]+,3\.0$/);
});

test('a stream that ends when it is to end is no trouble', LIMIT, async () => {
  await stack.stopFcgiwait();
  await stack.configure('stream = { max = "100ms"; };');
  await stack.startFcgiwait();
  await open();
  await page.evaluate(() => {
    const state = document.getElementById('state');
    window.said = [];
    new MutationObserver(() => window.said.push(state.textContent)).observe(state, {childList: true});
  });
  await page.waitForFunction(() => samples.length >= 3);
  assert.ok(!(await page.evaluate('said')).includes('no answer'));
});

test('who does not look costs nothing: hidden, paused, closed', LIMIT, async () => {
  const turn = hidden => page.evaluate(hidden => {
    Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  await open();
  await viewers(1);
  await turn(true);
  await viewers(0);
  await turn(false);
  await viewers(1);
  await page.click('#pause');
  await viewers(0);
  await shows('#state', 'paused');
  assert.equal(await page.getAttribute('#pause', 'aria-pressed'), 'true');
  await page.click('#pause');
  await viewers(1);
  await page.context().close();
  await viewers(0);
});

test('it is read on a phone, with the longest path', LIMIT, async () => {
  wait('x'.repeat(900), 1);
  await stack.awaitWaiting(1);
  await open({viewport: {width: 320, height: 640}});
  await shows('#most .path', '…');
  await page.click('summary');
  await shows('#status tr', 'max_waiting10000');
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'it is too wide');
});

// WCAG 2: 4.5 to 1 for text.
function contrast(front, back) {
  const light = ([r, g, b]) => [r, g, b].map(one => one / 255)
    .map(one => (one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, i) => sum + one * [0.2126, 0.7152, 0.0722][i], 0);
  const [a, b] = [light(front), light(back)].sort((one, other) => other - one);
  return (a + 0.05) / (b + 0.05);
}

for (const colorScheme of ['light', 'dark']) {
  test(`it has contrast, names and headings (${colorScheme})`, LIMIT, async () => {
    wait('a', 1);
    await open({colorScheme});
    await shows('#most tr', '/live/a1');
    const colors = await page.evaluate(() => [...document.querySelectorAll('h1, h2, p, th, td, caption, button, summary, footer')]
      .filter(found => found.checkVisibility() && found.textContent !== '')
      .map(found => {
        let behind = found;
        const ground = () => getComputedStyle(behind).backgroundColor;
        while (ground() === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
        const digits = color => color.match(/\d+/g).map(Number);
        return [found.textContent, digits(getComputedStyle(found).color), digits(ground())];
      }));
    assert.ok(colors.length > 30);
    const dark = ([r, g, b]) => r + g + b < 384;
    for (const [text, front, back] of colors) {
      assert.ok(contrast(front, back) >= 4.5, `${text}: ${front} on ${back}`);
      assert.equal(dark(back), colorScheme === 'dark');
    }
    assert.equal(await page.getByRole('region', {name: 'Who waits for what'}).count(), 2);
    assert.equal(await page.getByRole('rowheader', {name: '/live/a'}).count(), 1);
    assert.equal(await page.getByRole('button', {name: 'Pause'}).count(), 1);
    assert.equal(await page.getByRole('status').count(), 1);
    assert.equal(await page.getByRole('heading', {level: 1}).count(), 1);
    assert.ok(await page.getByRole('heading', {level: 2}).count() >= 9);
  });
}
