// SPDX-License-Identifier: ISC
// quickstart.sh, in a terminal where it matters: how it ends, and that nothing is left of it.
import assert from 'node:assert/strict';
import {chmod, cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile} from 'node:fs/promises';
import net from 'node:net';
import {once} from 'node:events';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterEach, beforeEach, test} from 'node:test';
import {alive, end, examples, fcgiwait, freePort, run, until} from './stack.mjs';

const LIMIT = {timeout: 120000};
const script = path.join(examples, 'quickstart.sh');
let place, port, children;

beforeEach(async () => {
  place = await mkdtemp(path.join(tmpdir(), 'fcgiwait-quickstart-'));
  await chmod(place, 0o755);
  await mkdir(path.join(place, 'tmp'), {mode: 0o755});
  port = await freePort();
  children = [];
});
afterEach(async () => {
  for (const child of children) await end(child, 'SIGKILL');
  await rm(place, {recursive: true, force: true});
});

// With what it says in `said`.
function start(command, args, more = {}) {
  const env = {...process.env, TMPDIR: path.join(place, 'tmp'), PORT: `${port}`,
    FCGIWAIT: fcgiwait, ...more};
  const child = run(command, args, {env, stdio: 'pipe'});
  child.said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', data => { child.said += data; });
  }
  child.stdin.on('error', () => {});
  children.push(child);
  return child;
}

// In a terminal of its own, which ends with `script`.
const startInTerminal = (file, more) =>
  start('script', ['-qec', `'${file}'`, '/dev/null'], {SHELL: '/bin/sh', ...more});
const ctrlC = child => child.stdin.write('\x03');

const runs = child => until(() => child.said.includes('Ctrl-C stops it'), 'it runs');

// All that was started has `place` in its command line.
async function nothingIsLeft() {
  await until(async () => (await alive(place)).length === 0, 'every process ends')
    .catch(async error => { throw new Error(`${error.message}: ${await alive(place)}`); });
  await until(async () => (await readdir(path.join(place, 'tmp'))).length === 0,
    'the folder is removed');
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`));
}

// Readings come once a second. Gathered, they would take minutes.
async function streams(address, count) {
  const response = await fetch(address, {headers: {Accept: 'text/event-stream'}});
  assert.equal(response.headers.get('Content-Type'), 'text/event-stream');
  let events = 0;
  for await (const piece of response.body) {
    events += Buffer.from(piece).toString().match(/^id: /gm)?.length ?? 0;
    if (events >= count) return;
  }
  assert.fail(`the stream ended after ${events} events`);
}

test('Ctrl-C stops it', LIMIT, async () => {
  const quickstart = startInTerminal(script);
  await runs(quickstart);
  assert.equal((await fetch(`http://127.0.0.1:${port}/live/machine`)).status, 200);
  await streams(`http://127.0.0.1:${port}/live/machine`, 3);
  ctrlC(quickstart);
  assert.deepEqual(await quickstart.ended, [130, null]);
  await nothingIsLeft();
});

test('it ends with its terminal', LIMIT, async () => {
  const quickstart = startInTerminal(script);
  await runs(quickstart);
  quickstart.kill('SIGKILL');
  await quickstart.ended;
  await nothingIsLeft();
});

for (const [signal, code] of [['SIGHUP', 129], ['SIGINT', 130], ['SIGPIPE', 141], ['SIGTERM', 143]]) {
  test(`${signal} stops it`, LIMIT, async () => {
    const quickstart = start(script, []);
    await runs(quickstart);
    quickstart.kill(signal);
    assert.deepEqual(await quickstart.ended, [code, null]);
    await nothingIsLeft();
  });
}

// A program that notes that it was started, and takes long.
async function takesLong(file) {
  await writeFile(file, `#!/bin/sh\necho x >>'${place}/started'\nsleep 1000 # ${place}\n`, {mode: 0o755});
}
const started = () => until(() => readFile(`${place}/started`).catch(() => undefined), 'it starts');

test('Ctrl-C while it builds', LIMIT, async () => {
  const clone = path.join(place, 'clone');
  await cp(examples, path.join(clone, 'nginx-examples'), {recursive: true});
  await writeFile(path.join(clone, 'configure.ac'), '');
  await takesLong(path.join(clone, 'autogen.sh'));
  const bin = await commands({'dpkg-query': 'echo installed'});
  const quickstart = startInTerminal(path.join(clone, 'nginx-examples/quickstart.sh'),
    {FCGIWAIT: '', PATH: `${bin}:${process.env.PATH}`});
  await started();
  ctrlC(quickstart);
  assert.deepEqual(await quickstart.ended, [130, null]);
  await nothingIsLeft();
});

test('Ctrl-C while packages are installed', LIMIT, async () => {
  const clone = path.join(place, 'clone');
  await cp(examples, path.join(clone, 'nginx-examples'), {recursive: true});
  await writeFile(path.join(clone, 'configure.ac'), '');
  const bin = await commands({'dpkg-query': 'exit 1', 'id': 'echo 0'});
  await takesLong(path.join(bin, 'apt-get'));
  const quickstart = startInTerminal(path.join(clone, 'nginx-examples/quickstart.sh'),
    {FCGIWAIT: '', PATH: `${bin}:${process.env.PATH}`});
  await started();
  ctrlC(quickstart);
  assert.deepEqual(await quickstart.ended, [130, null]);
  assert.equal(await readFile(`${place}/started`, 'utf8'), 'x\n', 'it went on after Ctrl-C');
  await nothingIsLeft();
});

// Commands that stand before the real ones.
async function commands(bodies) {
  const bin = path.join(place, 'bin');
  await mkdir(bin);
  for (const [name, body] of Object.entries(bodies)) {
    await writeFile(path.join(bin, name), `#!/bin/sh\n${body}\n`, {mode: 0o755});
  }
  return bin;
}

test('what is missing is named to whoever may not install it', LIMIT, async () => {
  const clone = path.join(place, 'clone');
  await cp(examples, path.join(clone, 'nginx-examples'), {recursive: true});
  await writeFile(path.join(clone, 'configure.ac'), '');
  const bin = await commands({'dpkg-query': 'exit 1', 'id': 'echo 1000'});
  const quickstart = start(path.join(clone, 'nginx-examples/quickstart.sh'), [],
    {FCGIWAIT: '', PATH: `${bin}:${process.env.PATH}`});
  assert.deepEqual(await quickstart.ended, [1, null]);
  assert.match(quickstart.said, /apt-get install .*libfcgi-dev/);
  await nothingIsLeft();
});

for (const [name, engine, library] of [['many.sh', 'hiredis', 'libhiredis-dev'],
  ['postgres.sh', 'libpq', 'libpq-dev']]) {
  test(`what was built without ${engine} is built anew for ${name}`, LIMIT, async () => {
    const clone = path.join(place, 'clone');
    await cp(examples, path.join(clone, 'nginx-examples'), {recursive: true});
    await mkdir(path.join(clone, 'include'));
    await mkdir(path.join(clone, 'src'));
    await writeFile(path.join(clone, 'configure.ac'), '');
    await writeFile(path.join(clone, 'src/fcgiwait'),
      `#!/bin/sh\necho this fcgiwait was built without ${engine} >&2\nexit 78\n`, {mode: 0o755});
    const bin = await commands({'dpkg-query': 'exit 1', 'id': 'echo 1000'});
    const script = start(path.join(clone, 'nginx-examples', name), [],
      {FCGIWAIT: '', PATH: `${bin}:${process.env.PATH}`, PORT: `${await freePort(2)}`});
    assert.deepEqual(await script.ended, [1, null]);
    assert.match(script.said, new RegExp(`apt-get install .*${library}`));
    await nothingIsLeft();
  });
}

test('it stops by itself', LIMIT, async () => {
  const quickstart = start(script, [], {QUICKSTART_SECONDS: '2'});
  assert.deepEqual(await quickstart.ended, [0, null]);
  await nothingIsLeft();
});

test('it ends when fcgiwait does, and shows its last words', LIMIT, async () => {
  const dies = path.join(place, 'dies');
  await writeFile(dies, '#!/bin/sh\necho these are my last words >&2\nexit 3\n', {mode: 0o755});
  const quickstart = start(script, [], {FCGIWAIT: dies});
  assert.deepEqual(await quickstart.ended, [1, null]);
  assert.match(quickstart.said, /these are my last words/);
  assert.match(quickstart.said, /does not answer through nginx/);
  await nothingIsLeft();
});

// sudo would not hand on what stands before it.
for (const [who, SUDO_USER, sudo] of [['', '', ''], [' behind sudo', 'ann', 'sudo ']]) {
  test(`a port that is taken is said, and another proposed${who}`, LIMIT, async () => {
    const other = net.createServer().listen(port, '127.0.0.1');
    await once(other, 'listening');
    const quickstart = start(script, [], {SUDO_USER});
    assert.deepEqual(await quickstart.ended, [1, null]);
    assert.match(quickstart.said,
      new RegExp(`port ${port} is taken.*: ${sudo}PORT=${port + 1} \\S*quickstart.sh\n`));
    other.close();
  });
}
