// SPDX-License-Identifier: ISC
/**
 * longpoll.js: follows one resource by long polling. One ES module, no dependencies; for
 * browsers, their workers, and Node.
 *
 * @example
 * import {follow} from './longpoll.js';
 *
 * for await (const {status, value} of follow('/live/news')) {
 *   if (status === 200) show(value);    // the document: JSON is parsed, anything else is text
 *   else hide();                        // 404: there is no such resource, yet or any more
 * }
 *
 * @example
 * // With a sign of how it goes, and an end.
 * const stop = new AbortController();
 * const onstate = (state, {error, seconds}) => {
 *   badge.textContent = state === 'retrying' ? `${error.message}, again in ${seconds} s` : state;
 *   if (error?.status === 403) stop.abort();     // nothing that trying again would help
 * };
 * for await (const {value} of follow('/live/news', {signal: stop.signal, onstate})) show(value);
 *
 * Each round of the loop is a change: the first is the present state, then one for each change
 * that was seen. Several changes in quick succession can be seen as one; the last is never
 * missed. An expired wait is no change, and makes no round. The loop ends when it is left or
 * `signal` is aborted, and at no other time: what goes wrong is tried again.
 *
 * The resource's path and its index travel in the address (?index=7&wait=50s), so a resource of
 * another origin needs no CORS preflight. That server has to send
 * Access-Control-Expose-Headers: X-Polling-Index, Retry-After.
 *
 * A browser opens six connections to a site over HTTP/1.1, all its tabs together, and each
 * resource that is followed keeps one. Put what belongs together into one resource, or serve
 * HTTP/2.
 */

/**
 * @typedef {object} Change
 * @property {number} status   200; 404 (or 410): the resource does not exist, and is waited for
 * @property {string} index    names this state; to be compared for equality only
 * @property {*} value         the document; null if there is none
 */

/**
 * @typedef {object} Options
 * @property {AbortSignal} [signal]  stops everything at once, the request under way included
 * @property {(state: string, detail: object) => void} [onstate]  is told the state:
 *     'asking'    whether all is well is not known yet, or again
 *     'waiting'   all is well; detail.changed: a change has just come; detail.expired: a wait
 *                 has expired without one, and the next has begun
 *     'retrying'  something went wrong; detail is {error, seconds until the next try};
 *                 error.status is the answer's, if there was one
 *     'paused'    the page is hidden: nothing is asked until it is visible again
 * @property {number} [wait]  seconds that a request may be held (50; below the 60 at which many
 *     proxies cut)
 * @property {string|number} [index]  of the state that the page has already: the first round is
 *     then the first change after it
 * @property {boolean} [background]  true: go on while the page is hidden
 * @property {RequestInit} [init]  options for fetch(): {headers: {...}, credentials: 'include'}
 * @property {number} [gap]  least milliseconds between two requests (50), however fast the
 *     answers come
 * @property {number} [grace]  seconds that an answer may be late, document and all, before its
 *     connection counts as dead (20)
 * @property {number} [retryFirst]  seconds of the first back-off (1); each is twice the last,
 *     less up to half of it by chance
 * @property {number} [retryMost]  seconds of the longest back-off (30)
 */

/**
 * Follows the resource at `url`.
 *
 * @param {string|URL} url  relative to the page's base
 * @param {Options} [options]
 * @returns {AsyncGenerator<Change, void, void>}
 */
export async function* follow(url, {
  signal, onstate = () => {}, wait = 50, index, background = false, init = {}, gap = 50,
  grace = 20, retryFirst = 1, retryMost = 30,
} = {}) {
  if (!(wait > 0 && wait <= 3600)) throw new RangeError(`wait is ${wait}, not seconds up to 3600`);
  const target = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
  const hidden = () => !background && globalThis.document?.hidden === true;
  const within = (ms, work) => interruptible(work, ms, {signal, background});
  let failures = 0;             // in a row
  let notBefore = 0;            // when the next request may start
  let serverWants = 0;          // the same, as the server asked for it with Retry-After

  // After a pause or a failure the first answer has to come at once, so that the page can tell
  // again whether all is well. Only then a request is held.
  let sure = false;

  // Somebody looks again, or the network is back: no need to finish our own back-off.
  const startOver = () => {
    notBefore = serverWants;
    sure = false;
    if (!signal?.aborted && !hidden()) onstate('asking', {});
  };

  onstate('asking', {});
  while (!signal?.aborted) {
    if (hidden()) onstate('paused', {});
    const pause = hidden() ? Infinity : notBefore - now();
    if (pause > 0) {
      if (await within(pause, forever) === INTERRUPTED) startOver();
      continue;
    }

    const asked = now();
    const held = sure ? wait : 0;
    const answer = await within(1000 * (held + grace),
      stop => ask(target, {...init, signal: stop}, index, held));
    if (answer === INTERRUPTED) {
      startOver();
      continue;
    }

    // A server without news holds the request. One that says "no news" at once does not wait,
    // for whatever reason, and would keep us spinning.
    const changed = !answer.error && answer.status !== 304 && answer.index !== `${index}`;
    const early = now() - asked < 1000 * Math.min(1, held / 2);
    if (!answer.error && !changed && early) answer.error = new Error('the server does not wait');

    if (answer.error) {
      const {error, retryAfter = 0} = answer;
      const seconds = retryAfter + backOff(failures++, retryFirst, retryMost);
      serverWants = now() + 1000 * retryAfter;
      notBefore = now() + 1000 * seconds;
      sure = false;
      onstate('retrying', {error, seconds});
      continue;
    }

    if (sure || changed) failures = 0;
    notBefore = asked + gap;
    onstate('waiting', {changed, expired: sure && !changed});
    sure = true;
    if (changed && !signal?.aborted) {
      index = answer.index;
      yield {status: answer.status, index, value: answer.value};
    }
  }
}

// One request. Its result is {status, index, value}, or {error, retryAfter}.
async function ask(target, init, index, wait) {
  const address = new URL(target);
  if (index !== undefined) {    // without an index the answer comes at once
    address.searchParams.set('index', index);
    address.searchParams.set('wait', duration(wait));
  }
  // no-store: the browser's cache would turn a 304 into the 200 that it remembers.
  const response = await fetch(address, {...init, cache: 'no-store'});
  const {status} = response;
  const latest = response.headers.get('X-Polling-Index');
  if (status === 304) return {status};
  if (response.ok && latest !== null) {
    return {status, index: latest, value: await content(response)};
  }
  await response.text();        // read to its end, a connection can be used again
  const missing = status === 404 || status === 410;
  if (missing && latest !== null) return {status, index: latest, value: null};

  const error = new Error(response.ok || missing
    ? `${status} without X-Polling-Index: nothing to wait for at this address`
    : `the server answered ${status}`);
  error.status = status;
  return {error, retryAfter: seconds(response.headers.get('Retry-After'))};
}

function content(response) {
  const json = /[/+]json\b/i.test(response.headers.get('Content-Type') ?? '');
  return json ? response.json() : response.text();
}

const INTERRUPTED = Symbol('interrupted');

// Runs work(stop) until it is done, `signal` is aborted, the page is hidden or visible again, or
// the network is back, which is when connections from before are dead: then the result is
// INTERRUPTED. When it fails or takes longer than `ms`, the result is {error}. What is still
// under way then is told to stop.
async function interruptible(work, ms, {signal, background}) {
  if (signal?.aborted) return INTERRUPTED;
  const controller = new AbortController();
  const page = background ? undefined : globalThis.document;
  const interrupts = [[signal, 'abort'], [page, 'visibilitychange'], [globalThis, 'online']];
  let timer;
  let interrupt;
  const interrupted = new Promise(resolve => { interrupt = () => resolve(INTERRUPTED); });
  const late = new Promise(resolve => {
    if (ms === Infinity) return;
    timer = setTimeout(() => resolve({error: new Error('no answer in time')}), ms);
  });
  interrupts.forEach(([target, type]) => target?.addEventListener?.(type, interrupt));
  try {
    const done = work(controller.signal).catch(error => ({error}));
    return await Promise.race([done, interrupted, late]);
  } finally {
    interrupts.forEach(([target, type]) => target?.removeEventListener?.(type, interrupt));
    clearTimeout(timer);
    controller.abort();
  }
}

const forever = () => new Promise(() => {});

// As the server reads it: whole numbers, with a unit.
function duration(seconds) {
  return Number.isInteger(seconds) ? `${seconds}s` : `${Math.ceil(1000 * seconds)}ms`;
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
