// SPDX-License-Identifier: ISC
/**
 * longpoll.js: follows one resource, or everything below a path, by long polling or by a stream.
 * One ES module, no dependencies; for browsers, their workers, and Node.
 *
 * @example
 * import {follow, followAll} from './longpoll.js';
 *
 * for await (const {status, value} of follow('/live/news')) {
 *   if (status === 200) show(value);    // the document: JSON is parsed, anything else is text
 *   else hide();                        // 404: there is no such resource, yet or any more
 * }
 *
 * @example
 * // A list and all its members with one request, where nginx says FCGIWAIT_SCOPE below.
 * for await (const {path, status, value, all} of followAll('/live/')) {
 *   if (status === 200) draw(path, value); else erase(path);
 *   title.textContent = `${all.size} resources`;     // a Map of all there are now, by path
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
 * Behind an API, or with Prefer: return=minimal, followAll() tells paths without documents. After
 * a change of everything, as each start of fcgiwait is one, a round for each path that it ever told
 * says to ask again; a GET finds out which of them are gone.
 *
 * The resource's path and its index travel in the address (?index=7&wait=50s), so a resource of
 * another origin needs no CORS preflight. That server has to send
 * Access-Control-Expose-Headers: X-Polling-Index, Retry-After.
 *
 * A browser opens six connections to a site over HTTP/1.1, all its tabs together, and each
 * follow() or followAll() keeps one. Follow what belongs together with one followAll(), or serve
 * HTTP/2.
 */

/**
 * @typedef {object} Change
 * @property {number} status   200; 404 (or 410): the resource does not exist, and is waited for
 * @property {string} index    names this state; to be compared for equality only
 * @property {*} value         the document; null if there is none. Of followAll(): bytes (a
 *     Uint8Array) where it is neither JSON nor text; undefined where the document was not told
 *     (behind an API, or with Prefer: return=minimal): GET the path, which may be gone
 * @property {string} [path]   of followAll(): which resource
 * @property {string} [type]   of followAll(): the document's media type
 * @property {Map<string, Change>} [all]  of followAll(): the last change of each resource that
 *     exists, this one taken in already. Behind an API, or with Prefer: return=minimal: of each
 *     that was told
 */

/**
 * @typedef {object} Options
 * @property {AbortSignal} [signal]  stops everything at once, the request under way included
 * @property {(state: string, detail: object) => void} [onstate]  is told the state:
 *     'asking'    whether all is well is not known yet, or again
 *     'waiting'   all is well; detail.changed: a change has just come; detail.expired: a wait
 *                 has expired without one, and the next has begun; detail.stream: whether
 *                 changes come by a stream
 *     'retrying'  something went wrong; detail is {error, seconds until the next try};
 *                 error.status is the answer's, if there was one
 *     'paused'    the page is hidden: nothing is asked until it is visible again
 * @property {boolean} [stream]  true: one answer that goes on, instead of one for each change.
 *     Where nothing of it comes within `grace`, something on the way collects answers before it
 *     hands them on; then, and where streams are refused, it is long polling after all. One that
 *     says nothing for `wait` + `grace` counts as dead, so these are together more than the
 *     server's stream.heartbeat (20 s)
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
export async function* follow(url, options = {}) {
  yield* new Run(url, new Resource(), options).rounds();
}

/**
 * Follows everything below `url`, with one request at a time.
 *
 * @param {string|URL} url  relative to the page's base
 * @param {Options & {only?: string[]}} [options]  only: names below the path, as in
 *     ['a', 'b/c'], that are followed; without it all are
 * @returns {AsyncGenerator<Change, void, void>}
 */
export async function* followAll(url, {only, ...options} = {}) {
  yield* new Run(url, new Below(only), options).rounds();
}

// The requests, one after the other. What is followed says what an answer means.
class Run {
  #failures = 0;        // in a row
  #notBefore = 0;       // when the next request may start
  #serverWants = 0;     // the same, as the server asked for it with Retry-After

  // After a pause or a failure the first answer has to come at once, so that the page can tell
  // again whether all is well. Only then a request is held.
  #sure = false;

  // Nothing of a stream has come. Where a poll brings an answer, something collects streams; where
  // it brings none either, the network was to blame, and not the stream.
  #doubted = false;

  // The network has come back, and nobody has seen to it.
  #back = false;

  constructor(url, followed, {
    signal, onstate = () => {}, stream = false, wait = 50, index, background = false, init = {},
    gap = 50, grace = 20, retryFirst = 1, retryMost = 30,
  }) {
    if (!(wait > 0 && wait <= 3600)) throw new RangeError(`wait is ${wait}, not seconds up to 3600`);
    this.target = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
    Object.assign(this, {
      followed, signal, onstate, stream, wait, index, background, init, gap, grace, retryFirst,
      retryMost,
    });
  }

  async* rounds() {
    const back = () => { this.#back = true; };      // while the loop's body is busy, too
    globalThis.addEventListener?.('online', back);
    try {
      yield* this.#turns();
    } finally {
      globalThis.removeEventListener?.('online', back);
    }
  }

  async* #turns() {
    this.onstate('asking', {});
    while (!this.signal?.aborted) {
      const hidden = this.#hidden();
      if (hidden) this.onstate('paused', {});
      const pause = hidden ? Infinity : this.#notBefore - now();
      if (pause <= 0) yield* this.stream ? this.#streamed() : this.#polled();
      else if (await this.#within(pause, forever) === INTERRUPTED) this.#startOver();
    }
  }

  async* #polled() {
    const asked = now();
    const held = this.#sure ? this.wait : 0;
    const answer = await this.#within(1000 * (held + this.grace),
      stop => this.#ask(stop, this.index, held));
    if (answer === INTERRUPTED) {
      this.#startOver();
      return;
    }

    // A server without news holds the request. One that says "no news" at once does not wait,
    // for whatever reason, and would keep us spinning.
    const changed = !answer.error && answer.status !== 304 && answer.index !== `${this.index}`;
    const early = now() - asked < 1000 * Math.min(1, held / 2);
    if (!answer.error && !changed && early) answer.error = new Error('the server does not wait');
    if (answer.error) {
      if (this.#doubted) this.stream = true;
      this.#retry(answer);
      return;
    }

    this.#doubted = false;
    if (this.#sure || changed) this.#failures = 0;
    this.#notBefore = asked + this.gap;
    this.onstate('waiting', {changed, expired: this.#sure && !changed, stream: false});
    this.#sure = true;
    if (changed) {
      this.index = answer.index;
      yield* this.#each(answer.rounds);
    }
  }

  async* #streamed() {
    const asked = now();
    const connection = new AbortController();
    // The page may have been hidden while it looked at what came.
    const within = (seconds, work) => this.#hidden() ? INTERRUPTED
      : this.#within(1000 * seconds, work, connection);
    try {
      let read = await within(this.grace, stop => this.#open(stop));
      this.stream = !read.late && !read.refused;
      this.#doubted = Boolean(read.late);
      while (read.lines) {
        if (now() - asked >= 1000) this.#failures = 0;
        const failed = yield* this.#told(read.lines, within);
        if (this.signal?.aborted) return;
        read = failed ?? await within(this.wait + this.grace, read.next);
      }
      if (read === INTERRUPTED) this.#startOver();
      else if (read.error && this.stream) this.#retry(read);
      // From time to time a stream ends, and is asked for anew. One that ends at once is none.
      else if (this.stream && now() - asked < 1000) this.#retry({error: new Error('the stream ended at once')});
      else this.#notBefore = now() + this.gap;
    } finally {
      connection.abort();
    }
  }

  // What some lines of a stream say. Returns what went wrong, if anything did.
  async* #told(lines, within) {
    if (lines.length === 0) this.onstate('waiting', {changed: false, expired: false, stream: true});
    for (const line of lines) {
      let said = this.followed.line(line, this.index);
      if (said.ask) {                   // it has changed, and the API has the document
        said = await within(this.grace, stop => this.#ask(stop));
        if (said === INTERRUPTED || said.error) return said;
      }
      this.index = said.index ?? this.index;
      this.onstate('waiting', {changed: said.rounds.length > 0, expired: false, stream: true});
      yield* this.#each(said.rounds);
    }
    return undefined;
  }

  async* #each(rounds) {
    for (const round of rounds) {
      if (this.signal?.aborted) return;
      yield round;
    }
  }

  // One request. Its result is {status, index, rounds}, or {error, retryAfter}.
  async #ask(stop, index, wait) {
    // Without an index the answer comes at once.
    const own = index === undefined ? {} : {index, wait: duration(wait)};
    const response = await this.#fetch(stop, own);
    const {status} = response;
    const latest = response.headers.get('X-Polling-Index');
    if (status === 304) return {status};
    if (response.ok && latest !== null) {
      return {status, ...this.followed.answer(status, latest, await content(response))};
    }
    await response.text();      // read to its end, a connection can be used again
    const missing = status === 404 || status === 410;
    if (missing && latest !== null) return {status, ...this.followed.answer(status, latest, null)};
    return this.#refusal(response);
  }

  #refusal({status, ok, headers}) {
    const error = new Error(ok || status === 404 || status === 410
      ? `${status} without X-Polling-Index: nothing to wait for at this address`
      : `the server answered ${status}`);
    error.status = status;
    return {error, retryAfter: seconds(headers.get('Retry-After'))};
  }

  // Begins a stream. Its result is that of its first reading, which is there at once even where
  // there is nothing to say: {lines, next} or {done}, {refused} where this server has no streams
  // here, or {error, retryAfter}.
  async #open(stop) {
    const own = this.index === undefined ? {} : {index: this.index};
    const response = await this.#fetch(stop, own, {Accept: 'application/x-ndjson'});
    if (response.status === 406) return {refused: true};
    const type = response.headers.get('Content-Type') ?? '';
    if (response.ok && /^application\/x-ndjson\b/i.test(type)) return linesOf(response)();
    if (response.ok || response.status === 404) return {refused: true};
    await response.text();
    return this.#refusal(response);
  }

  #fetch(stop, own, headers = {}) {
    const target = new URL(this.target);
    for (const [name, value] of Object.entries(own)) target.searchParams.set(name, value);
    const {url, ...asked} = this.followed.request(target);
    const all = new Headers(this.init.headers);
    for (const [name, value] of Object.entries({...asked.headers, ...headers})) all.set(name, value);
    // no-store: the browser's cache would turn a 304 into the 200 that it remembers.
    return fetch(url, {...this.init, ...asked, headers: all, signal: stop, cache: 'no-store'});
  }

  // Somebody looks again, or the network is back: no need to finish our own back-off.
  #startOver() {
    this.#notBefore = this.#serverWants;
    this.#sure = false;
    if (!this.signal?.aborted && !this.#hidden()) this.onstate('asking', {});
  }

  #retry({error, retryAfter = 0}) {
    const seconds = retryAfter + backOff(this.#failures++, this.retryFirst, this.retryMost);
    this.#serverWants = now() + 1000 * retryAfter;
    this.#notBefore = now() + 1000 * seconds;
    this.#sure = false;
    this.onstate('retrying', {error, seconds});
  }

  #hidden() {
    return !this.background && globalThis.document?.hidden === true;
  }

  async #within(ms, work, connection) {
    const result = this.#back ? INTERRUPTED
      : await interruptible(work, ms, this.signal, this.background, connection);
    if (result === INTERRUPTED) this.#back = false;
    return result;
  }
}

// One resource.
class Resource {
  request(url) {
    return {url};
  }

  answer(status, index, value) {
    return {index, rounds: [{status, index, value}]};
  }

  line({index: latest, deleted, document, encoding}, present) {
    const index = latest === undefined ? undefined : `${latest}`;
    if (index === undefined || index === `${present}`) return {rounds: []};
    if (deleted) return this.answer(404, index, null);
    return document === undefined ? {ask: true} : this.answer(200, index, decode(document, encoding));
  }
}

// The longest list of names that goes into an address.
const NAMES_MOST = 2000;

// Everything below a path, or some of it.
class Below {
  #all = new Map();
  #told;                // the paths told since the server began anew; undefined: it has not
  #step;                // {index, paths}: the last that was told, and what of it
  #part;                // the index that a stream is telling; undefined: nothing is told in part

  constructor(only) {
    this.only = only;
  }

  request(url) {
    this.#part = undefined;
    if (this.only === undefined) return {url};
    const names = this.only.map(name => name.split('/').map(encodeURIComponent).join('/')).join(',');
    if (names.length > NAMES_MOST) {
      const headers = {'Content-Type': 'application/json'};
      return {url, method: 'QUERY', headers, body: JSON.stringify(this.only)};
    }
    url.search += `${url.search ? '&' : '?'}only=${names}`;
    return {url};
  }

  answer(status, index, value) {
    if (!Array.isArray(value?.changes)) {
      throw new Error('this address tells nothing of what is below it: FCGIWAIT_SCOPE below is missing');
    }
    if (value.reset) this.#beginAnew();
    const rounds = value.changes.flatMap(change => this.#takeOnce(change));
    if (!value.more) rounds.push(...this.#drop(index));
    return {index, rounds};
  }

  // Much can change at once, under one index. It is no place to go on from until all of it is there:
  // once a line says something else, or nothing.
  line(line) {
    const told = this.#part;
    this.#part = line.path === undefined ? undefined : `${line.index}`;
    if (line.reset) this.#beginAnew();
    if (line.current !== undefined) {
      const index = `${line.current}`;
      return {index, rounds: this.#drop(index)};
    }
    if (line.path === undefined) return {index: told, rounds: []};
    return {index: told === this.#part ? undefined : told, rounds: this.#takeOnce(line)};
  }

  #beginAnew() {
    this.#told = new Set();
    this.#step = undefined;
  }

  // A stream that broke within what changed at once tells all of that again.
  #takeOnce(change) {
    if (this.#step?.index !== change.index) this.#step = {index: change.index, paths: new Set()};
    if (this.#step.paths.has(change.path)) return [];
    this.#step.paths.add(change.path);
    return [this.#take(change)];
  }

  #take({path, index, type, deleted, document, encoding}) {
    const round = {path, status: deleted ? 404 : 200, index: `${index}`, all: this.#all};
    if (!deleted) this.#told?.add(path);
    if (deleted) {
      this.#all.delete(path);
      return {...round, value: null};
    }
    Object.assign(round, {type, value: decode(document, encoding)});
    this.#all.set(path, round);
    return round;
  }

  // After a new beginning: what was not named does not exist any more. Where documents are not
  // told nobody knows what does, and it has to be asked for.
  #drop(index) {
    if (this.#told === undefined) return [];
    const others = [...this.#all.values()].filter(({path}) => !this.#told.has(path));
    this.#told = undefined;
    return others.map(({path, value}) => this.#take({path, index, deleted: value !== undefined}));
  }
}

function decode(document, encoding) {
  if (encoding !== 'base64') return document;
  return Uint8Array.from(atob(document), letter => letter.charCodeAt(0));
}

// Gives a function for the next lines of a stream, parsed: {lines, next}, or {done}. An empty line
// is {}.
function linesOf(response) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  const next = async () => {
    const {done, value} = await reader.read();
    if (done) return {done};
    const lines = (rest + decoder.decode(value, {stream: true})).split('\n');
    rest = lines.pop();
    return {lines: lines.map(line => line === '' ? {} : JSON.parse(line)), next};
  };
  return next;
}

function content(response) {
  const json = /[/+]json\b/i.test(response.headers.get('Content-Type') ?? '');
  return json ? response.json() : response.text();
}

const INTERRUPTED = Symbol('interrupted');

// Runs work(stop) until it is done, `signal` is aborted, the page is hidden or visible again, or
// the network is back, which is when connections from before are dead: then the result is
// INTERRUPTED. When it fails or takes longer than `ms`, the result is {error}. What is still
// under way then is told to stop; where it goes on afterwards, as a stream does, its own
// `connection` is the caller's to stop.
async function interruptible(work, ms, signal, background, connection) {
  if (signal?.aborted) return INTERRUPTED;
  const controller = connection ?? new AbortController();
  const page = background ? undefined : globalThis.document;
  const interrupts = [[signal, 'abort'], [page, 'visibilitychange'], [globalThis, 'online']];
  let timer;
  let interrupt;
  const interrupted = new Promise(resolve => { interrupt = () => resolve(INTERRUPTED); });
  const late = new Promise(resolve => {
    if (ms === Infinity) return;
    timer = setTimeout(() => resolve({late: true, error: new Error('no answer in time')}), ms);
  });
  interrupts.forEach(([target, type]) => target?.addEventListener?.(type, interrupt));
  try {
    const done = work(controller.signal).catch(error => ({error}));
    return await Promise.race([done, interrupted, late]);
  } finally {
    interrupts.forEach(([target, type]) => target?.removeEventListener?.(type, interrupt));
    clearTimeout(timer);
    if (connection === undefined) controller.abort();
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
