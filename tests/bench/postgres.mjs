// SPDX-License-Identifier: ISC
// What following a PostgreSQL costs the application that writes to it, beside what one would use
// instead, and how long a change takes from COMMIT to a client's 200:
//
//   tests/page/run.sh --test-name-pattern=nothing      # brings the packages, once
//   FCGIWAIT=src/fcgiwait node tests/bench/postgres.mjs
//
//   ROUNDS=5 SECONDS=6    each way to write, in turns; medians are printed
//   WAYS='nobody|one'     only the ways that have this in their names
//   RATE=8000             transactions/s, paced; as many as go otherwise
//   CHANGES=400           for the time to a 200
//   SETTINGS=fsync=off    of the server, parted by commas; its defaults otherwise
import {execFile, spawn} from 'node:child_process';
import {readFile, readdir, writeFile} from 'node:fs/promises';
import {once} from 'node:events';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import {Api, Database, Machine, programs, setUp} from '../page/database.mjs';

const rounds = Number(process.env.ROUNDS ?? 5);
const seconds = Number(process.env.SECONDS ?? 6);
const changes = Number(process.env.CHANGES ?? 400);
const rate = process.env.RATE ? ['-R', process.env.RATE] : [];
const WRITERS = 16, ROWS = 10000;
const here = import.meta.dirname ?? path.dirname(fileURLToPath(import.meta.url));
const tables = '( { name = "public.posts"; path = "/posts/{id}"; } )';

const schema = `
CREATE TABLE posts (id int PRIMARY KEY, title text);
INSERT INTO posts SELECT n, 'x' FROM generate_series(1, ${ROWS}) AS n;
CREATE TABLE outbox (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, path text);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_notify('changes', '/posts/' || NEW.id); RETURN NULL; END $$;
CREATE FUNCTION put() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO outbox (path) VALUES ('/posts/' || NEW.id); RETURN NULL; END $$;
`;

const quantile = (values, share) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];
const median = values => quantile(values, 0.5);

const database = await Database.start(schema, (process.env.SETTINGS ?? '').split(',').filter(Boolean));
const api = await Api.start(async (method, url) => {
  const {rows} = await database.pool.query('SELECT * FROM posts WHERE id = $1', [url.split('/')[2]]);
  return [200, rows[0]];
});
await setUp(database, tables);
const bin = await programs();
let machines = [], peer;       // `peer` follows in place of fcgiwait

async function follow(count) {
  while (machines.length > count) await machines.pop().stop();
  while (machines.length < count) machines.push(await Machine.start(database, api, tables));
}

// Microseconds that processes have had so far, those that have ended included: [the server's, fcgiwait's].
async function cpu() {
  const ours = [...machines.map(machine => machine.daemon), peer].map(process => process?.pid);
  const used = [0, 0];
  for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name)).map(Number)) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number);
    const ticks = fields[11] + fields[12];
    if (pid === database.server.pid) used[0] += ticks + fields[13] + fields[14];
    else if (fields[1] === database.server.pid) used[0] += ticks;
    else if (ours.includes(pid)) used[1] += ticks;
  }
  return used.map(ticks => ticks * 10000);
}

async function write() {
  const script = `${database.dir}/write.sql`;
  await writeFile(script, `\\set id random(1, ${ROWS})\n` +
    "UPDATE posts SET title = md5(random()::text) WHERE id = :id;\n");
  const before = await cpu();
  const {stdout} = await promisify(execFile)(`${bin}/pgbench`, ['-n', '-c', WRITERS, '-j', 2, '-T', seconds,
    '-M', 'prepared', ...rate, '-f', script, '-h', database.dir, '-U', 'postgres', 'postgres'].map(String));
  const after = await cpu();
  const count = Number(/actually processed: (\d+)/.exec(stdout)[1]);
  return {tps: Number(/tps = ([\d.]+)/.exec(stdout)[1]), server: (after[0] - before[0]) / count,
    ours: (after[1] - before[1]) / count};
}

// Whoever listens has to be there, too.
async function listen() {
  const child = spawn('psql', ['-X', '-q', '-h', database.dir, '-U', 'postgres', 'postgres'],
    {stdio: ['pipe', 'ignore', 'ignore']});
  child.stdin.write('LISTEN changes;\n');
  const timer = setInterval(() => child.stdin.write('SELECT 1;\n'), 200);
  return async () => { clearInterval(timer); child.stdin.end('\\q\n'); await once(child, 'exit'); };
}

async function with_trigger(name, more) {
  await database.psql(`CREATE TRIGGER t AFTER UPDATE ON posts FOR EACH ROW EXECUTE FUNCTION ${name}()`);
  const stop = await more?.();
  const result = await write();
  await stop?.();
  await database.psql('DROP TRIGGER t ON posts; TRUNCATE outbox');
  return result;
}

// The floor: the same stream, read by who does nothing with it.
async function with_peer(program, args, ready) {
  await follow(0);
  peer = spawn(program, args, {stdio: ['ignore', 'pipe', 'ignore']});
  await ready();
  const result = await write();
  const exit = once(peer, 'exit');
  peer.kill('SIGINT');
  await exit;
  peer = undefined;
  return result;
}

const where = `host=${database.dir} user=postgres dbname=postgres`;
const throw_away = rest =>
  with_peer(`${database.dir}/logical`, [where, 'fcgiwait', String(rest)], () => once(peer.stdout, 'data'));

async function record() {
  const recvlogical = [`${bin}/pg_recvlogical`, '-d', where, '-S', 'recorded'];
  const call = (...args) => promisify(execFile)(recvlogical[0], [...recvlogical.slice(1), ...args]);
  await call('--create-slot', '-P', 'pgoutput');
  const options = ['proto_version=2', 'publication_names=fcgiwait', 'messages=true'];
  const result = await with_peer(recvlogical[0], [...recvlogical.slice(1), '--start', '-f', '/dev/null',
    ...options.flatMap(option => ['-o', option])], async () => {
    while (await database.psql('SELECT count(*) FROM pg_stat_replication') === '0') await sleep(50);
  });
  await call('--drop-slot');
  return result;
}

async function compile() {
  const run = promisify(execFile);
  const {stdout} = await run('pkg-config', ['--cflags', '--libs', 'libpq']);
  await run('cc', ['-O2', '-o', `${database.dir}/logical`, `${here}/peers/logical.c`, ...stdout.trim().split(/\s+/)]);
}

const ways = {
  'nobody follows': async () => { await follow(0); return write(); },
  'one machine follows': async () => { await follow(1); return write(); },
  'two machines follow': async () => { await follow(2); return write(); },
  'pg_recvlogical follows': record,
  'the stream is thrown away': () => throw_away(0),
  'the same each 2 ms': () => throw_away(2000),
  'a trigger with NOTIFY': async () => { await follow(0); return with_trigger('tell', listen); },
  'a trigger with an outbox': async () => { await follow(0); return with_trigger('put'); },
};

async function costs() {
  const wanted = Object.entries(ways).filter(([name]) => RegExp(process.env.WAYS ?? '').test(name));
  const results = Object.fromEntries(wanted.map(([name]) => [name, []]));
  if (rounds === 0) return;
  await compile();
  await write();
  for (let round = 0; round < rounds; round++) {
    for (const [name, way] of wanted) {
      await database.psql('CHECKPOINT');
      results[name].push(await way());
    }
  }
  const tps = name => median(results[name].map(result => result.tps));
  for (const [name, values] of Object.entries(results)) {
    console.log(`${name.padEnd(26)} ${tps(name).toFixed(0).padStart(6)} transactions/s  ` +
      `${(tps(name) / tps(wanted[0][0])).toFixed(2)}  ` +
      `(${values.map(value => value.tps.toFixed(0)).join(' ')})  CPU us each: the server ` +
      `${median(values.map(value => value.server)).toFixed(0)}, fcgiwait ` +
      `${median(values.map(value => value.ours)).toFixed(0)}`);
  }
}

// When the 200 with this title has come. The machine may still have had the change before it to tell.
async function wait(url, title) {
  for (let index = 0;;) {
    const response = await fetch(`${url}?index=${index}&wait=30`);
    const at = performance.now();
    index = response.headers.get('x-polling-index');
    if (response.status === 200 && (await response.json()).title === title) return at;
  }
}

// From before the UPDATE is sent, and from when it was answered, to the 200.
async function delays(client) {
  const sent = [], committed = [];
  if (changes === 0) return;
  await follow(2);
  for (let i = 0; i < changes; i++) {
    const title = `change ${i}`;
    const got = wait(`${machines[i % 2].url}/posts/1`, title);
    await sleep(50);
    const from = performance.now();
    await client.query('UPDATE posts SET title = $1 WHERE id = 1', [title]);
    const to = performance.now();
    const at = await got;
    sent.push(at - from);
    committed.push(at - to);
  }
  const polled = [];
  for (let i = 0; i < changes / 10; i++) {
    await sleep(1000 * Math.random());
    const title = `polled ${i}`;
    const told = client.query('UPDATE posts SET title = $1 WHERE id = 1', [title])
      .then(() => performance.now());
    await sleep(1000 * Math.random());      // who polls each second asks some time within it
    for (;;) {
      const {title: seen} = await (await fetch(`${api.url}/posts/1`)).json();
      if (seen === title) break;
      await sleep(1000);
    }
    polled.push(performance.now() - await told);
  }
  for (const [name, values] of Object.entries({'UPDATE sent to 200': sent, 'COMMIT answered to 200': committed,
    'a poll each second': polled})) {
    console.log(`${name.padEnd(28)} ${quantile(values, 0.5).toFixed(1)} ms, 99 of 100 ` +
      `${quantile(values, 0.99).toFixed(1)} ms  (${values.length})`);
  }
}

try {
  await costs();
  const client = await database.pool.connect();
  await delays(client).finally(() => client.release());
} finally {
  await follow(0);
  await api.stop();
  await database.stop();
}
