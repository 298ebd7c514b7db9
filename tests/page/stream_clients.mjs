// SPDX-License-Identifier: ISC
// Clients of streams that nobody here wrote, and longpoll.js. Each gives a function for what it has
// seen so far; of an event that is what tell(event, data) gives, which runs in pages, too.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {readFile} from 'node:fs/promises';
import {EventSource as PackagedEventSource} from 'eventsource';
import {launch} from './browser.mjs';

const EVENTS = ['message', 'missing', 'reset', 'current'];
let browser, ends = [];

export async function openBrowser() {
  browser = await launch();
}

export async function closeBrowser() {
  await browser?.close();
}

// All that were started since the last time.
export async function endClients() {
  for (const each of ends.reverse()) await each();
  ends = [];
}

export function atEnd(end) {
  ends.push(end);
}

const modules = new URL('node_modules/', import.meta.url);
const longpoll = await readFile(new URL('../../nginx-examples/www/longpoll.js', import.meta.url), 'utf8');
const longpollHere = `data:text/javascript,${encodeURIComponent(longpoll)}`;

// A quiet page of the site, which keeps what its client sees in window.seen.
export async function open(site) {
  const page = await browser.newPage({ignoreHTTPSErrors: true});
  atEnd(() => page.close());
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

// A page that knows what to tell of an event.
async function openTelling(site, tell) {
  const page = await open(site);
  await page.evaluate(tell => {
    const told = (0, eval)(`(${tell})`);
    window.tell = (event, data) => window.seen.push(told(event, JSON.parse(data)));
  }, tell.toString());
  return page;
}

export async function eventSourceInChromium(site, address, tell) {
  const page = await openTelling(site, tell);
  await page.evaluate(([address, events]) => {
    const source = new EventSource(address);
    for (const event of events) {
      source.addEventListener(event, ({data}) => window.tell(event, data));
    }
  }, [address, EVENTS]);
  return () => page.evaluate(() => window.seen);
}

// It sees what the page shows.
export async function htmxInChromium(site, address, tell) {
  const page = await openTelling(site, tell);
  await page.addScriptTag({url: `${site}/modules/htmx.org/dist/htmx.min.js`});
  await page.addScriptTag({url: `${site}/modules/htmx-ext-sse/sse.js`});
  await page.evaluate(([address, events]) => {
    document.body.innerHTML = `<div hx-ext="sse" sse-connect="${address}">
      <p id="thing" sse-swap="${events}"></p></div>`;
    document.body.addEventListener('htmx:sseMessage', ({detail}) => {
      window.tell(detail.type, document.getElementById('thing').textContent);
    });
    window.htmx.process(document.body);
  }, [address, EVENTS.join()]);
  return () => page.evaluate(() => window.seen);
}

export async function fetchEventSourceInChromium(site, address, tell) {
  const page = await openTelling(site, tell);
  await page.evaluate(async ([site, address]) => {
    const {fetchEventSource} =
      await import(`${site}/modules/@microsoft/fetch-event-source/lib/esm/index.js`);
    fetchEventSource(address, {
      openWhenHidden: true,
      onmessage: ({event, data}) => {         // it tells comments, too
        if (data !== '') window.tell(event || 'message', data);
      },
      onclose: () => { throw new Error('ended'); },     // it comes back only then
    });
  }, [site, address]);
  return () => page.evaluate(() => window.seen);
}

export async function eventsourcePackage(site, address, tell) {
  const seen = [], source = new PackagedEventSource(address);
  atEnd(() => source.close());
  for (const event of EVENTS) {
    source.addEventListener(event, ({data}) => seen.push(tell(event, JSON.parse(data))));
  }
  return () => seen;
}

// curl -N, started anew with the last id whenever it ends, as a script does.
export async function curl(site, address, tell) {
  const seen = [];
  let id, child, ended = false;
  const take = ({id: its, event = 'message', data}) => {
    id = its ?? id;
    if (data !== undefined) seen.push(tell(event, JSON.parse(data)));
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
    child.on('close', () => setTimeout(() => { if (!ended) start(); }, 300));
  };
  start();
  atEnd(() => { ended = true; child.kill(); });
  return () => seen;
}

// --- longpoll.js ---

// Stands alone: pages are given its text.
export function followed(follow, address, seen, options) {
  return (async () => {
    for await (const {status, value} of follow(address, {stream: true, ...options})) {
      seen.push(status === 200 ? value.n : 'missing');
    }
  })();
}

export async function longpollInChromium(site, address) {
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

export async function longpollInNode(site, address) {
  const {follow} = await import(longpollHere);
  const seen = [], stop = new AbortController();
  const done = followed(follow, address, seen, {signal: stop.signal});
  atEnd(async () => { stop.abort(); await done; });
  return () => seen;
}

// Everything below the address.
export async function longpollBelow(site, address) {
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
  atEnd(async () => { stop.abort(); await done; });
  return () => seen;
}
