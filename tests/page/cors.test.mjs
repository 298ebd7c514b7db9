// SPDX-License-Identifier: ISC
// A page of another origin, in Chromium, before longpoll.conf and rest-api.conf: it reads the index,
// waits, and asks with Prefer or with QUERY, for which the browser asks first.
import assert from 'node:assert/strict';
import {readFile} from 'node:fs/promises';
import http from 'node:http';
import {once} from 'node:events';
import {after, before, test} from 'node:test';
import {launch} from './browser.mjs';
import {Stack, until} from './stack.mjs';

const LIMIT = {timeout: 120000};
const script = await readFile(new URL('../../nginx-examples/www/longpoll.js', import.meta.url), 'utf8');
let browser, site, origin, api;

before(async () => {
  browser = await launch();
  // The page's own site, which has nothing but longpoll.js.
  site = http.createServer((request, response) => {
    const js = request.url === '/longpoll.js';
    response.writeHead(200, {'Content-Type': js ? 'text/javascript' : 'text/html'});
    response.end(js ? script : '<!DOCTYPE html><title>elsewhere</title>');
  }).listen(0, '127.0.0.1');
  await once(site, 'listening');
  origin = `http://localhost:${site.address().port}`;
  api = http.createServer((request, response) => {
    response.writeHead(200, {'Content-Type': 'application/json'}).end('{"from": "the API"}');
  }).listen(0, '127.0.0.1');
  await once(api, 'listening');
});
after(async () => {
  await browser?.close();
  for (const server of [site, api]) {
    server.closeAllConnections();
    server.close();
  }
});

async function open(stack) {
  const page = await browser.newPage();
  await page.goto(origin);
  return page;
}

const ask = (page, url, options = {}) => page.evaluate(async ([url, options]) => {
  try {
    const response = await fetch(url, options);
    return {status: response.status, index: response.headers.get('X-Polling-Index')};
  } catch (error) {
    return {error: error.message};
  }
}, [url, options]);

async function readAndWait(stack, path, change) {
  const page = await open(stack);
  const url = `${stack.url}${path}`;
  const first = await ask(page, url);
  assert.match(first.index, /^\d+$/);
  const held = ask(page, url, {headers: {Prefer: `wait=20; index=${first.index}`}});
  await change();
  const second = await held;
  assert.equal(second.status, 200);
  assert.notEqual(second.index, first.index);
  const seen = await page.evaluate(async url => {
    const {follow} = await import('/longpoll.js');
    for await (const {status} of follow(url)) return status;
  }, url);
  assert.equal(seen, 200);
  await page.close();
}

// So many names that they are no address any more; one of them changes.
async function followMany(stack, path, name, change) {
  const page = await open(stack);
  const seen = page.evaluate(async ([url, name]) => {
    const {followAll} = await import('/longpoll.js');
    const only = [name, ...Array.from({length: 300}, (_, i) => `another-${i}`)];
    const stop = new AbortController();
    const onstate = (state, {error}) => {
      window.state = state;
      if (error) stop.abort(window.wrong = error.message);
    };
    for await (const {path} of followAll(url, {only, onstate, signal: stop.signal})) return path;
    return window.wrong;
  }, [`${stack.url}${path}`, name]);
  await until(() => page.evaluate(() => window.wrong ?? window.state === 'waiting'), 'it waits');
  await change();
  assert.equal(await seen, `${path.replace('/changes', '').replace(/\/$/, '')}/${name}`);
  await page.close();
}

test('longpoll.conf lets the page that it names read and wait', LIMIT, async () => {
  const stack = await Stack.start({replace: [['"https://app.example.com"', `"${origin}"`]]});
  try {
    await stack.publish('thing', {n: 1});
    await readAndWait(stack, '/live/thing', async () => {
      await stack.awaitWaiting(1);
      await stack.publish('thing', {n: 2});
    });
    await followMany(stack, '/live/', 'other', () => stack.publish('other', {n: 1}));
  } finally {
    await stack.stop();
  }
});

test('longpoll.conf lets no other page read', LIMIT, async () => {
  const stack = await Stack.start();
  try {
    const page = await open(stack);
    assert.match((await ask(page, `${stack.url}/live/thing`)).error, /fetch/i);
    await page.close();
  } finally {
    await stack.stop();
  }
});

test('rest-api.conf lets the page that it names read and wait', LIMIT, async () => {
  const stack = await Stack.start({conf: 'rest-api.conf', health: '/fcgiwait/health', replace: [
    ['"https://app.example.com"', `"${origin}"`],
    ['server 127.0.0.1:3000;', `server 127.0.0.1:${api.address().port};`]]});
  try {
    await readAndWait(stack, '/posts/1', async () => {
      await new Promise(resolve => setTimeout(resolve, 300));
      await fetch(`${stack.url}/posts/1`, {method: 'PUT', body: '{}'});
    });
    await followMany(stack, '/changes/posts', '2',
      () => fetch(`${stack.url}/posts/2`, {method: 'PUT', body: '{}'}));
  } finally {
    await stack.stop();
  }
});
