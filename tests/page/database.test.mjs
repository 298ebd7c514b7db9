// SPDX-License-Identifier: ISC
// Every way to write to a database wakes exactly those who wait for what it changed, at whichever
// machine, with the body that the API then gives.
import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';
import {Api, Database, Machine, setUp} from './database.mjs';
import {until} from './stack.mjs';

const LIMIT = {timeout: 120000};
const MARK = "SELECT pg_logical_emit_message(true, 'fcgiwait', '/mark')";

const schema = `
CREATE TABLE posts (id int PRIMARY KEY, author text, title text, body text) WITH (toast_tuple_target = 128);
ALTER TABLE posts ALTER body SET STORAGE EXTERNAL;
CREATE TABLE comments (id int PRIMARY KEY, post int REFERENCES posts ON DELETE CASCADE, words text);
CREATE TABLE audit (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, post int);
CREATE TABLE events (at int, id int, name text, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE events_0 PARTITION OF events FOR VALUES FROM (0) TO (10);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (10) TO (20);
CREATE TABLE files (name text PRIMARY KEY, size int);
CREATE TABLE secrets (id int PRIMARY KEY, word text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO audit (post) VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER note AFTER UPDATE OF title ON posts FOR EACH ROW EXECUTE FUNCTION note();
INSERT INTO posts VALUES (1, 'ann', 'One', repeat('long', 40)), (2, 'ben', 'Two', ''), (3, NULL, 'Three', '');
INSERT INTO comments VALUES (11, 1, 'yes'), (12, 1, 'no'), (20, 2, 'well');
INSERT INTO events VALUES (5, 1, 'first'), (15, 2, 'second');
INSERT INTO files VALUES ('a b/c%', 1), ('plain', 2);
`;
const tables = `(
  { name = "public.posts"; path = "/posts/{id}"; also = ( "/users/{author}/posts" ); },
  { name = "comments"; path = "/posts/{post}/comments/{id}"; },
  { name = "audit"; path = "/audit/{id}"; },
  { name = "events"; path = "/events/{at}/{id}"; },
  { name = "files"; path = "/files/{name}"; }
)`;

// Path and the query that its body comes from; one row or a list.
const routes = [
  [/^\/posts$/, 'SELECT * FROM posts ORDER BY id', true],
  [/^\/posts\/(\d+)$/, 'SELECT * FROM posts WHERE id = $1'],
  [/^\/posts\/(\d+)\/comments$/, 'SELECT * FROM comments WHERE post = $1 ORDER BY id', true],
  [/^\/posts\/\d+\/comments\/(\d+)$/, 'SELECT * FROM comments WHERE id = $1'],
  [/^\/users\/(\w+)\/posts$/, 'SELECT id, title FROM posts WHERE author = $1 ORDER BY id', true],
  [/^\/audit$/, 'SELECT * FROM audit ORDER BY id', true],
  [/^\/events$/, 'SELECT * FROM events ORDER BY at, id', true],
  [/^\/events\/(\d+)\/(\d+)$/, 'SELECT * FROM events WHERE at = $1 AND id = $2'],
  [/^\/files\/(.+)$/, 'SELECT * FROM files WHERE name = $1'],
];

let database, api, machines;

async function answer(method, url, body) {
  const {pool} = database;
  if (method === 'PATCH') {
    await pool.query('UPDATE posts SET title = $1 WHERE id = $2', [body.title, url.split('/')[2]]);
    return [200, {}];
  }
  if (method === 'POST') {
    await pool.query('INSERT INTO posts VALUES ($1, $2, $3)', [body.id, body.author, body.title]);
    return [201, {}];
  }
  const route = routes.find(([pattern]) => pattern.test(url));
  if (route === undefined) return [404, {}];
  const values = route[0].exec(url).slice(1).map(decodeURIComponent);
  const {rows} = await pool.query(route[1], values);
  return route[2] ? [200, rows] : rows.length > 0 ? [200, rows[0]] : [404, {}];
}

before(async () => {
  database = await Database.start(schema);
  api = await Api.start(answer);
  await setUp(database, tables);
  machines = [await Machine.start(database, api, tables), await Machine.start(database, api, tables)];
  // A start counts as a change of everything. Who has heard of a mark has heard of both.
  await database.psql(MARK);
  const index = async (machine, at) =>
    Number((await fetch(`${machine.url}${at}`)).headers.get('x-polling-index'));
  for (const machine of machines) {
    await until(async () => await index(machine, '/mark') > await index(machine, '/elsewhere'),
      'both machines have heard of both starts');
  }
});
after(async () => {
  for (const machine of machines ?? []) await machine.stop();
  await api?.stop();
  try {         // the server's end of each connection ends a moment later
    await until(async () => await database.psql('SELECT count(*) FROM pg_replication_slots') === '0',
      'no slot is left');
  } finally {
    await database?.stop();
  }
});

// Whom each write may wake. An index is taken at one machine, and waited with at the other.
const watched = ['/posts', '/posts/1', '/posts/2', '/posts/3', '/posts/4', '/posts/1/comments',
  '/posts/1/comments/11', '/posts/2/comments/20', '/users/ann/posts', '/users/ben/posts',
  '/users/eve/posts', '/audit', '/events', '/events/5/1', '/events/15/1', '/events/15/2',
  '/files/a%20b%2Fc%25', '/files/plain', '/elsewhere'];

async function waiter(machine, at) {
  const url = `${machines[machine].url}${at}`;
  const first = await fetch(`${machines[1 - machine].url}${at}`);
  await first.arrayBuffer();
  const index = first.headers.get('x-polling-index');
  const wait = {at, abort: new AbortController(), response: undefined, body: undefined};
  wait.done = fetch(`${url}?index=${index}&wait=50`, {signal: wait.abort.signal})
    .then(async response => { wait.body = await response.text(); wait.response = response; })
    .catch(() => {});                   // aborted, or seen as not woken
  return wait;
}

// What was written before a mark has arrived once the mark has.
async function all(write, expected) {
  const list = (await Promise.all([0, 1].map(machine =>
    Promise.all([...watched, '/mark'].map(at => waiter(machine, at)))))).flat();
  try {
    await write();
    await database.psql(MARK);
    const due = list.filter(wait => wait.at === '/mark' || expected.includes(wait.at));
    await until(() => due.every(wait => wait.response !== undefined), 'all are woken')
      .catch(error => assert.fail(`${error.message}; not ${due.filter(wait =>
        wait.response === undefined).map(wait => wait.at)}`));
  } finally {
    for (const wait of list) wait.abort.abort();
    await Promise.all(list.map(wait => wait.done));
  }
  const woken = list.filter(wait => wait.response !== undefined && wait.at !== '/mark');
  assert.deepEqual(woken.map(wait => wait.at).sort(), [...expected, ...expected].sort());
  for (const wait of woken) {
    const direct = await fetch(`${api.url}${wait.at}`);
    assert.equal(wait.response.status, direct.status, wait.at);
    const body = await direct.text();
    assert.ok(wait.body === body,
      `${wait.at} was answered with ${wait.body.slice(0, 500)}, and is ${body.slice(0, 500)}`);
  }
}
const sql = text => () => database.psql(text);

const writes = [
  ['nothing', async () => {}, []],
  ['the API, through nginx', () => fetch(`${machines[0].url}/posts`, {method: 'POST',
    body: JSON.stringify({id: 4, author: 'eve', title: 'Four'})}),
    ['/posts', '/posts/4', '/users/eve/posts']],
  ['psql', sql("UPDATE posts SET body = 'b' WHERE id = 2"),
    ['/posts', '/posts/2', '/users/ben/posts']],
  ['a trigger', () => fetch(`${machines[1].url}/posts/3`, {method: 'PATCH',
    body: JSON.stringify({title: 'Drei'})}), ['/posts', '/posts/3', '/audit']],
  ['a large value that stays as it is', sql("UPDATE posts SET title = 'Eins' WHERE id = 1"),
    ['/posts', '/posts/1', '/users/ann/posts', '/audit']],
  ['a row that goes to another list', sql("UPDATE posts SET author = 'ben' WHERE id = 1"),
    ['/posts', '/posts/1', '/users/ann/posts', '/users/ben/posts']],
  ['a comment, deep below', sql("UPDATE comments SET words = 'more' WHERE id = 11"),
    ['/posts', '/posts/1', '/posts/1/comments', '/posts/1/comments/11']],
  ['a key that changes', sql('UPDATE comments SET post = 2 WHERE id = 11'),
    ['/posts', '/posts/1', '/posts/2', '/posts/1/comments', '/posts/1/comments/11']],
  ['COPY', () => database.psql('COPY posts (id, author, title) FROM STDIN',
    '101\tann\tA\n102\tann\tB\n'), ['/posts', '/users/ann/posts']],
  ['a transaction of several', sql("BEGIN; UPDATE posts SET body = 'x' WHERE id = 3;" +
    "DELETE FROM events WHERE id = 2; COMMIT"), ['/posts', '/posts/3', '/events', '/events/15/2']],
  ['one that is rolled back', sql("BEGIN; UPDATE posts SET title = 'no'; DELETE FROM comments;" +
    "SELECT pg_logical_emit_message(true, 'fcgiwait', '/elsewhere'); ROLLBACK"), []],
  ['a part that is rolled back', sql("BEGIN; UPDATE posts SET body = 'y' WHERE id = 3; SAVEPOINT s;" +
    "UPDATE posts SET title = 'no' WHERE id = 1; ROLLBACK TO s; COMMIT"), ['/posts', '/posts/3']],
  ['one that is prepared', sql(['BEGIN', "UPDATE posts SET body = 'z' WHERE id = 3",
    "PREPARE TRANSACTION 'p'"]),
    []],
  ['and committed', sql("COMMIT PREPARED 'p'"), ['/posts', '/posts/3']],
  ['one that is prepared and rolled back', sql(['BEGIN',
    "UPDATE posts SET body = 'q' WHERE id = 3", "PREPARE TRANSACTION 'p'", "ROLLBACK PREPARED 'p'"]), []],
  ['ON CONFLICT, that finds one', sql("INSERT INTO posts VALUES (4, 'eve', 'x') ON CONFLICT (id) " +
    "DO UPDATE SET body = 'again'"), ['/posts', '/posts/4', '/users/eve/posts']],
  ['a partition', sql("INSERT INTO events VALUES (15, 1, 'new')"), ['/events', '/events/15/1']],
  ['a row that goes to another partition', sql('UPDATE events SET at = 15, id = 2 WHERE at = 5'),
    ['/events', '/events/5/1', '/events/15/2']],
  ['a partition that is new', sql('CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (20) TO (30);' +
    "INSERT INTO events VALUES (25, 1, 'later')"), ['/events']],
  ['a partition that is emptied', sql('TRUNCATE events_2'),
    ['/events', '/events/5/1', '/events/15/1', '/events/15/2']],
  ['a name that URLs have otherwise', sql("UPDATE files SET size = 3 WHERE name = 'a b/c%'"),
    ['/files/a%20b%2Fc%25']],
  ['a table that nobody has mapped', sql("INSERT INTO secrets VALUES (1, 'x')"), []],
  ['a change that changes nothing', sql('UPDATE posts SET title = title WHERE id = 99'), []],
  ['a message', sql("SELECT pg_logical_emit_message(true, 'fcgiwait', '/elsewhere')"), ['/elsewhere']],
  ['a message of its own', sql("SELECT pg_logical_emit_message(false, 'fcgiwait', '/elsewhere')"),
    ['/elsewhere']],
  ['a message of somebody else', sql("SELECT pg_logical_emit_message(true, 'other', '/elsewhere')"), []],
  ['everything below', sql("SELECT pg_logical_emit_message(true, 'fcgiwait', '/files/*')"),
    ['/files/a%20b%2Fc%25', '/files/plain']],
  ['a cascade', sql('DELETE FROM posts WHERE id = 2'), ['/posts', '/posts/2',
    '/posts/2/comments/20', '/users/ben/posts']],
  ['very many rows', sql("INSERT INTO posts SELECT n, 'many', 'x' FROM generate_series(1000, 9000) AS n"),
    ['/posts', '/posts/1', '/posts/2', '/posts/3', '/posts/4', '/posts/1/comments', '/posts/1/comments/11',
      '/posts/2/comments/20', '/users/ann/posts', '/users/ben/posts', '/users/eve/posts']],
  ['TRUNCATE', sql('TRUNCATE posts CASCADE'), ['/posts', '/posts/1', '/posts/2', '/posts/3', '/posts/4',
    '/posts/1/comments', '/posts/1/comments/11', '/posts/2/comments/20', '/users/ann/posts',
    '/users/ben/posts', '/users/eve/posts']],
];

for (const [name, write, expected] of writes) {
  test(name, LIMIT, () => all(write, expected));
}
