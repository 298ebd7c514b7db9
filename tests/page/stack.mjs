// SPDX-License-Identifier: ISC
// fcgiwait, spawn-fcgi and nginx, real ones, with an example as it is but for addresses.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {access, chmod, cp, mkdtemp, readFile, readdir, rm, writeFile} from 'node:fs/promises';
import net from 'node:net';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';

export const examples = fileURLToPath(new URL('../../nginx-examples/', import.meta.url));
export const fcgiwait = path.resolve(process.env.FCGIWAIT
  ?? fileURLToPath(new URL('../../src/fcgiwait', import.meta.url)));
const env = {...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`};

async function isFree(port) {
  const server = net.createServer().listen(port, '127.0.0.1');
  const free = await Promise.race([once(server, 'listening').then(() => true),
    once(server, 'error').then(() => false)]);
  if (free) {
    server.close();
    await once(server, 'close');
  }
  return free;
}

// `count` of them in a row, below those that the kernel gives to clients: one of these would have it
// before it is listened on, or while who listened there is started anew.
let next = process.pid * 64;
export async function freePort(count = 1) {
  for (let tries = 0; tries < 10000; tries++) {
    const port = 10240 + next % 20480;
    next += count;
    let free = 0;
    while (free < count && await isFree(port + free)) free++;
    if (free === count) return port;
  }
  throw new Error('no port is free');
}

export async function until(fact, what, seconds = 30) {
  const end = performance.now() + 1000 * seconds;
  for (;;) {
    const result = await fact();
    if (result) return result;
    assert.ok(performance.now() < end, `this did not happen: ${what}`);
    await sleep(20);
  }
}

export class Stack {
  // `replace` holds pairs, of a text in the example and what to write in its place. `prepare`
  // is called with the stack before anything is started.
  static async start({conf = 'longpoll.conf', health = '/health', replace = [],
    prepare = () => {}, store = 'store = { type = "memory"; };'} = {}) {
    await access(fcgiwait).catch(() => assert.fail(`build ${fcgiwait} first, or set FCGIWAIT`));
    const stack = new this();
    stack.dir = await mkdtemp(path.join(tmpdir(), 'fcgiwait-page-'));
    stack.port = await freePort();
    stack.url = `http://127.0.0.1:${stack.port}`;
    stack.health = `${stack.url}${health}`;
    try {
      await chmod(stack.dir, 0o755);        // nginx's worker is another user when we are root
      for (const folder of ['www', 'nginx']) {
        await cp(path.join(examples, folder), path.join(stack.dir, folder), {recursive: true});
      }
      let text = await readFile(path.join(examples, conf), 'utf8');
      for (const [from, to] of [
        ['listen 127.0.0.1:8080;', `listen 127.0.0.1:${stack.port};`],
        ['server unix:/run/fcgiwait/fcgiwait.sock;', `server unix:${stack.dir}/fcgiwait.sock;`],
        ...replace]) {
        assert.ok(text.includes(from), `${conf} has no ${from}`);
        text = text.replaceAll(from, to);
      }
      await writeFile(path.join(stack.dir, 'nginx.conf'), text);
      await writeFile(path.join(stack.dir, 'fcgiwait.conf'), `${store}\n`);
      await prepare(stack);
      stack.startNginx();
      await stack.startFcgiwait();
    } catch (error) {
      await stack.stop();
      throw error;
    }
    return stack;
  }

  startNginx() {
    this.nginx = run('nginx', ['-p', this.dir, '-c', `${this.dir}/nginx.conf`, '-g', 'daemon off;']);
  }

  // More lines for the configuration, for the next start.
  async configure(lines) {
    await writeFile(path.join(this.dir, 'fcgiwait.conf'), `store = { type = "memory"; };\n${lines}\n`);
  }

  async startFcgiwait() {
    const socket = `${this.dir}/fcgiwait.sock`;
    await rm(socket, {force: true});
    this.daemon = run('spawn-fcgi',
      ['-s', socket, '-M', '0666', '-n', '--', fcgiwait, '-c', `${this.dir}/fcgiwait.conf`]);
    await this.awaitHealth();
  }

  async awaitHealth() {
    await until(async () => (await fetch(this.health).catch(() => ({}))).ok,
      'fcgiwait answers through nginx');
  }

  async stopFcgiwait() {
    await end(this.daemon);
    this.daemon = undefined;
  }

  async stop() {
    await end(this.nginx);
    await end(this.daemon);
    await rm(this.dir, {recursive: true, force: true});
  }

  async publish(name, document, type = 'application/json') {
    const body = type === 'application/json' ? JSON.stringify(document) : document;
    const response = await fetch(`${this.url}/publish/live/${name}`,
      {method: 'PUT', headers: {'Content-Type': type}, body});
    assert.ok(response.ok, `publishing was answered with ${response.status}`);
    return response;
  }

  async awaitWaiting(count) {
    await this.awaitStatus('waiting', count);
  }

  async awaitStatus(name, value) {
    await until(async () => (await (await fetch(`${this.url}/status`)).json())[name] === value,
      `${name} is ${value}`);
  }
}

// Starts a command. Its output is shown when it is asked for with VERBOSE=1.
export function run(command, args, options = {}) {
  const stdio = ['ignore', ...Array(2).fill(process.env.VERBOSE ? 'inherit' : 'ignore')];
  const child = spawn(command, args, {env, stdio, ...options});
  child.ended = once(child, 'exit').catch(error => [error]);
  return child;
}

export async function end(child, signal = 'SIGTERM') {
  if (child === undefined) return;
  if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  await child.ended;
}

// The command lines that name it.
export async function alive(name) {
  const lines = await Promise.all((await readdir('/proc')).filter(name => /^\d+$/.test(name))
    .map(pid => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.map(line => line.replaceAll('\0', ' ')).filter(line => line.includes(name));
}
