// SPDX-License-Identifier: ISC
// longpoll.js behind rest-api.conf: fcgiwait says when, and an API that knows nothing of it what.
import assert from 'node:assert/strict';
import {once} from 'node:events';
import {readFile} from 'node:fs/promises';
import http from 'node:http';
import {after, afterEach, before, test} from 'node:test';
import {isDeepStrictEqual} from 'node:util';
import {Stack, until} from './stack.mjs';

const text = await readFile(new URL('../../nginx-examples/www/longpoll.js', import.meta.url), 'utf8');
const {follow, followAll} = await import(`data:text/javascript,${encodeURIComponent(text)}`);

const LIMIT = {timeout: 120000};
const posts = new Map();
let stops = [];
let api, stack, broken = false;

function answer(request, response) {
  const [, collection, id] = request.url.split('/');
  const send = (status, value) => {
    response.writeHead(broken ? 500 : status, {'Content-Type': 'application/json; charset=utf-8'});
    response.end(JSON.stringify(value));
  };
  let body = '';
  request.on('data', data => { body += data; });
  request.on('end', () => {
    if (request.method === 'PUT') posts.set(id, JSON.parse(body));
    if (request.method === 'DELETE') send(posts.delete(id) ? 200 : 404, {});
    else if (collection !== 'posts') send(404, {});
    else if (id === undefined) send(200, [...posts.values()]);
    else send(posts.has(id) ? 200 : 404, posts.get(id) ?? {});
  });
}

before(async () => {
  api = http.createServer(answer).listen(0, '127.0.0.1');
  await once(api, 'listening');
  stack = await Stack.start({conf: 'rest-api.conf', health: '/fcgiwait/health',
    replace: [['server 127.0.0.1:3000;', `server 127.0.0.1:${api.address().port};`]]});
});
afterEach(async () => {
  stops.forEach(stop => stop.abort());
  stops = [];
  await waiting(0);
  broken = false;
  for (const id of posts.keys()) await fetch(`${stack.url}/posts/${id}`, {method: 'DELETE'});
});
after(async () => {
  await stack?.stop();
  api.closeAllConnections();
  api.close();
});

function start(url, stream) {
  const stop = new AbortController();
  const seen = {rounds: [], retries: [], streams: new Set()};
  stops.push(stop);
  const onstate = (state, detail) => {
    if (state === 'retrying') seen.retries.push(detail);
    if (state === 'waiting') seen.streams.add(detail.stream);
  };
  (async () => {
    const options = {stream, signal: stop.signal, onstate, retryFirst: 0.1, retryMost: 0.4};
    for await (const {status, value} of follow(`${stack.url}${url}`, options)) {
      seen.rounds.push([status, value]);
    }
  })();
  return seen;
}

// A copy of all posts, as a page keeps it that hears of paths alone.
function startCopy(stream) {
  const stop = new AbortController();
  const seen = {copy: {}, gone: []};
  stops.push(stop);
  (async () => {
    const options = {stream, signal: stop.signal, retryFirst: 0.1, retryMost: 0.4};
    for await (const {path, status} of followAll(`${stack.url}/changes/posts`, options)) {
      if (status === 404) seen.gone.push(path);
      const answer = await fetch(`${stack.url}${path}`);
      if (answer.ok) seen.copy[path] = (await answer.json()).n;
      else delete seen.copy[path];
    }
  })();
  return async expected => {
    await until(() => isDeepStrictEqual(seen.copy, expected), `the copy is ${JSON.stringify(expected)}`)
      .catch(error => { throw new Error(`${error.message}; it is ${JSON.stringify(seen.copy)}`); });
    assert.deepEqual(seen.gone, []);
  };
}

const send = (method, value, id = 1) =>
  fetch(`${stack.url}/posts/${id}`, {method, body: value && JSON.stringify(value)});
const waiting = count => until(async () =>
  (await (await fetch(`${stack.url}/fcgiwait/status`)).json()).waiting === count, `${count} wait`);

for (const stream of [false, true]) {
  const by = stream ? 'by a stream' : 'by polls';

  test(`a page follows an API that stays as it is, ${by}`, LIMIT, async () => {
    const [post, list] = [start('/posts/1', stream), start('/posts', stream)];
    await until(() => post.rounds.length === 1 && list.rounds.length === 1, 'the present state');
    await waiting(2);
    assert.deepEqual([post.rounds, list.rounds], [[[404, null]], [[200, []]]]);

    await send('PUT', {n: 1});
    await until(() => post.rounds.length === 2 && list.rounds.length === 2, 'both see it');
    await waiting(2);
    assert.deepEqual([post.rounds[1], list.rounds[1]], [[200, {n: 1}], [200, [{n: 1}]]]);

    await send('DELETE');
    await until(() => post.rounds.length === 3 && list.rounds.length === 3, 'both see it');
    await waiting(2);
    assert.deepEqual([post.rounds[2], list.rounds[2]], [[404, null], [200, []]]);
    assert.deepEqual([...post.retries, ...list.retries], []);
    assert.deepEqual([...post.streams, ...list.streams], [stream, stream]);
  });

  test(`an API that fails is asked again until it has recovered, ${by}`, LIMIT, async () => {
    const post = start('/posts/1', stream);
    await until(() => post.rounds.length === 1, 'the present state');
    await waiting(1);
    await send('PUT', {n: 2});
    await until(() => post.rounds.length === 2, 'the change');

    broken = true;
    posts.set('1', {n: 3});
    await fetch(`${stack.url}/fcgiwait/publish/posts/1`, {method: 'POST'});
    await until(() => post.retries.length >= 2, 'two failures');
    assert.ok(post.retries.every(({error}) => error.status === 500));
    assert.equal(post.rounds.length, 2);
    broken = false;
    await until(() => post.rounds.length === 3, 'the change');
    assert.deepEqual(post.rounds[2], [200, {n: 3}]);
  });

  // Nobody but the API knows what exists: each path that was heard of is asked for.
  test(`a copy of all posts is right after a DELETE and a restart, ${by}`, LIMIT, async () => {
    await send('PUT', {n: 1}, 1);
    await send('PUT', {n: 2}, 2);
    const isCopied = startCopy(stream);
    await isCopied({'/posts/1': 1, '/posts/2': 2});
    await waiting(1);
    await send('DELETE', undefined, 2);
    await isCopied({'/posts/1': 1});
    await send('PUT', {n: 3}, 3);
    await isCopied({'/posts/1': 1, '/posts/3': 3});
    await stack.stopFcgiwait();
    posts.set('1', {n: 4});
    posts.delete('3');
    await stack.startFcgiwait();
    await isCopied({'/posts/1': 4});
  });
}
