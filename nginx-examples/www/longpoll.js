// longpoll.js: follows one resource by long polling. One ES module, no dependencies.
//
//   import {follow} from './longpoll.js';
//
//   for await (const {status, index, value} of follow('/live/news')) {
//     if (status === 200) show(value);      // the document: JSON is parsed, the rest is text
//     else hide();                          // 404: there is no such resource (yet, or any more)
//   }
//
// Each round of the loop is a change: the first is the present state, then one for each change
// that was seen. Several changes in quick succession can be seen as one; the last is never
// missed. The loop ends when `signal` is aborted, and at no other time: what goes wrong is tried
// again, and told to `onstate`.
//
// Options:
//   signal      an AbortSignal; stops everything at once, the request under way included
//   onstate     (state, detail) => {...}, for a sign on the page; the states are
//                 'asking'    whether all is well is not known yet, or again
//                 'waiting'   all is well; detail.changed: a change has just come;
//                             detail.expired: a wait expired without one, and goes on
//                 'retrying'  something went wrong; detail is {error, seconds until the next try}
//                 'paused'    the page is hidden: nothing is asked until it is visible again
//   wait        seconds that a request may be held (50; below the 60 at which many proxies cut)
//   index       the index of the state that the page has already; the first round is then the
//               first change after it
//   background  true: go on while the page is hidden
//   init        options for fetch(), such as {headers: {...}, credentials: 'include'}
//   gap         least milliseconds between two requests (50), however fast the answers come
//   grace       seconds beyond `wait` after which no answer means a dead connection (20)
//   retryFirst, retryMost   seconds of the first and the longest back-off (1 and 30)
//
// A browser opens six connections to a site over HTTP/1.1, all its tabs together, and each
// resource that is followed keeps one. Put what belongs together into one resource, or serve
// HTTP/2. For a resource of another origin, that server has to send
// Access-Control-Expose-Headers: X-Polling-Index, Retry-After.

export async function* follow(url, {
  signal, onstate = () => {}, wait = 50, index, background = false, init = {}, gap = 50,
  grace = 20, retryFirst = 1, retryMost = 30,
} = {}) {
  const target = new URL(url, globalThis.document?.baseURI);
  const hidden = () => !background && globalThis.document?.hidden === true;
  const pause = ms => until(() => new Promise(() => {}), {signal, background, ms});
  let failures = 0;             // in a row
  let notBefore = 0;            // when the next request may start
  let serverWants = 0;          // the same, as the server asked for it with Retry-After

  // After a pause or a failure the first answer has to come at once, so that the page can tell
  // again whether all is well. Only then a request is held.
  let sure = false;

  onstate('asking', {});
  while (!signal?.aborted) {
    if (hidden()) {
      onstate('paused', {});
      await pause();
      if (signal?.aborted) return;
      if (!hidden()) onstate('asking', {});
      notBefore = serverWants;  // somebody looks again: no need to finish our own back-off
      sure = false;
      continue;
    }
    if (now() < notBefore) {
      await pause(notBefore - now());
      continue;
    }

    const asked = now();
    const answer = await until(stop => ask(target, {index, wait: sure ? wait : 0, init, stop}),
      {signal, background, ms: (wait + grace) * 1000});
    if (answer === INTERRUPTED) continue;       // aborted, or hidden: see above

    const changed = !answer.error && answer.status !== 304 && answer.index !== `${index}`;

    // A server without news holds the request. One that says "no news" at once does not wait,
    // for whatever reason, and would keep us spinning.
    const held = now() - asked >= 1000 * Math.min(1, wait / 2);
    if (!answer.error && !changed && sure && !held) {
      answer.error = new Error('the server does not wait');
    }

    if (answer.error) {
      const ms = 1000 * (backOff(failures++, retryFirst, retryMost) + (answer.retryAfter ?? 0));
      notBefore = now() + ms;
      serverWants = answer.retryAfter ? notBefore : 0;
      sure = false;
      onstate('retrying', {error: answer.error, seconds: ms / 1000});
      continue;
    }

    if (sure || changed) failures = 0;
    notBefore = asked + gap;
    onstate('waiting', {changed, expired: sure && !changed});
    sure = true;
    if (changed) {
      index = answer.index;
      yield {status: answer.status, index, value: answer.value};
    }
  }
}

// One request. Its result is {status, index, value}, or {error, retryAfter}.
async function ask(target, {index, wait, init, stop}) {
  const address = new URL(target);
  if (index !== undefined) {    // without an index the answer comes at once
    address.searchParams.set('index', index);
    address.searchParams.set('wait', wait);
  }
  // no-store: the browser's cache would turn a 304 into the 200 that it remembers.
  const response = await fetch(address, {...init, cache: 'no-store', signal: stop});
  const {status} = response;
  if (status === 304) return {status};

  const latest = response.headers.get('X-Polling-Index');
  if (status === 200 && latest !== null) {
    const json = /[/+]json\b/i.test(response.headers.get('Content-Type') ?? '');
    return {status, index: latest, value: json ? await response.json() : await response.text()};
  }
  await response.text();        // read to its end, a connection can be used again
  if (status === 404 && latest !== null) return {status, index: latest, value: null};
  return {
    error: new Error(status === 200 || status === 404
      ? `${status} without X-Polling-Index: nothing to wait for at this address`
      : `the server answered ${status}`),
    retryAfter: seconds(response.headers.get('Retry-After')),
  };
}

const INTERRUPTED = Symbol('interrupted');

// Runs work(stop) until it is done, `signal` is aborted or the page's visibility changes: then
// the result is INTERRUPTED. When it fails or takes longer than `ms`, the result is {error}.
// What is still under way then is told to stop.
async function until(work, {signal, background, ms}) {
  const controller = new AbortController();
  const page = background ? undefined : globalThis.document;
  let interrupt;
  const interrupted = new Promise(resolve => { interrupt = () => resolve(INTERRUPTED); });
  let timer;
  const late = new Promise(resolve => {
    if (ms !== undefined) {
      timer = setTimeout(() => resolve({error: new Error('no answer in time')}), ms);
    }
  });
  signal?.addEventListener('abort', interrupt);
  page?.addEventListener('visibilitychange', interrupt);
  try {
    const done = work(controller.signal).catch(error => ({error}));
    return await Promise.race([done, interrupted, late]);
  } finally {
    signal?.removeEventListener('abort', interrupt);
    page?.removeEventListener('visibilitychange', interrupt);
    clearTimeout(timer);
    controller.abort();
  }
}

// How many seconds to back off after so many failures: twice as long each time, up to `most`,
// and by chance up to half of that less, so that clients that failed together do not come back
// together.
function backOff(failures, first, most) {
  return Math.min(most, first * 2 ** failures) * (1 - Math.random() / 2);
}

// Retry-After holds seconds or a date. An hour is the most that we believe.
function seconds(retryAfter) {
  if (retryAfter === null) return 0;
  const value = /^\d+$/.test(retryAfter) ? Number(retryAfter)
    : (Date.parse(retryAfter) - Date.now()) / 1000;
  return Math.min(Math.max(value || 0, 0), 3600);
}

// Milliseconds that no change of the clock moves.
function now() {
  return performance.now();
}
