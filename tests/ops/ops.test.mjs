// SPDX-License-Identifier: ISC
// What those who run it look at: a real Prometheus scrapes a real fcgiwait through nginx, and each
// query of the dashboard and each alert has something to say of it.
import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {connect} from 'node:net';
import {copyFile, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {after, before, test} from 'node:test';
import {fileURLToPath} from 'node:url';
import {setTimeout as sleep} from 'node:timers/promises';
import {promisify} from 'node:util';
import {Stack, end, freePort, run, until} from '../page/stack.mjs';

const LIMIT = {timeout: 120000};
const conf = fileURLToPath(new URL('../../conf/', import.meta.url));
const promtool = (...args) => promisify(execFile)('promtool', args);
let dir, stack, redis, prometheus, api;

before(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'fcgiwait-ops-'));
  await copyFile(`${conf}alerts.yml`, path.join(dir, 'alerts.yml'));
  await copyFile(new URL('alerts_test.yml', import.meta.url), path.join(dir, 'alerts_test.yml'));
});
after(async () => {
  await end(prometheus);
  await stack?.stop();
  await end(redis);
  await rm(dir, {recursive: true, force: true});
});

test('promtool accepts the alerts, and each fires for what it is there for', LIMIT, async () => {
  await promtool('check', 'rules', path.join(dir, 'alerts.yml'));
  await promtool('test', 'rules', path.join(dir, 'alerts_test.yml'));
});

async function startPrometheus() {
  const port = await freePort();
  await writeFile(path.join(dir, 'prometheus.yml'), `
global: {scrape_interval: 500ms, evaluation_interval: 500ms}
rule_files: [alerts.yml]
scrape_configs:
  - job_name: fcgiwait
    static_configs: [{targets: ['127.0.0.1:${stack.port}']}]
`);
  prometheus = run('prometheus', [`--config.file=${dir}/prometheus.yml`,
    `--storage.tsdb.path=${dir}/data`, `--web.listen-address=127.0.0.1:${port}`]);
  api = `http://127.0.0.1:${port}/api/v1`;
}

async function query(expression) {
  const response = await fetch(`${api}/query?${new URLSearchParams({query: expression})}`)
    .catch(() => ({ok: false}));
  return response.ok ? (await response.json()).data.result : [];
}

// An engine, since some of the numbers are its own.
async function startRedis() {
  const port = await freePort();
  redis = run('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', dir]);
  await until(() => new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
    socket.on('close', () => socket.destroy()).end();
  }), 'Redis answers');
  return `store = { type = "redis"; url = "redis://127.0.0.1:${port}"; };`;
}

// A stream, and whoever follows a list.
async function others() {
  const aborted = new AbortController();
  const stream = await fetch(`${stack.url}/live/thing`,
    {headers: {Accept: 'text/event-stream'}, signal: aborted.signal});
  assert.equal(stream.headers.get('Content-Type'), 'text/event-stream');
  assert.equal((await fetch(`${stack.url}/live/?only=thing`)).status, 200);
  aborted.abort();
}

// One wait that a change ends, and one that expires.
async function live(turn) {
  const index = (await fetch(`${stack.url}/live/thing`)).headers.get('X-Polling-Index');
  const held = fetch(`${stack.url}/live/thing?index=${index}&wait=50s`);
  await stack.awaitWaiting(1);
  await stack.publish('thing', {turn});
  assert.equal((await held).status, 200);
  await fetch(`${stack.url}/live/nothing?index=0&wait=10ms`);
  await others();
}

async function givesData(title, expr) {
  const asked = expr.replaceAll('$__rate_interval', '10s').replaceAll(/=~"\$(job|instance)"/g, '=~".+"');
  const result = await until(async () => {
    const found = await query(asked);
    return found.length > 0 && found.every(({value}) => value[1] !== 'NaN') && found;
  }, `${title}: ${asked} gives data`);
  assert.ok(Number(result[0].value[1]) >= 0);
}

test('each query of the dashboard gives data, and no alert fires', LIMIT, async () => {
  stack = await Stack.start({store: await startRedis()});
  await startPrometheus();
  await until(async () => (await query('up{job="fcgiwait"}')).some(({value}) => value[1] === '1'),
    'Prometheus has scraped fcgiwait', 30);
  // All the time: the dashboard looks back no further than some seconds.
  let ended = false;
  const lives = (async () => {
    for (let turn = 0; !ended; turn++) {
      await live(turn);
      await sleep(600);
    }
  })();
  const {panels} = JSON.parse(await readFile(`${conf}grafana-fcgiwait.json`, 'utf8'));
  const expressions = panels.flatMap(({title, targets}) => targets.map(({expr}) => [title, expr]));
  assert.ok(expressions.length > 20);
  const all = (async () => {
    for (const [title, expr] of expressions) await givesData(title, expr);
  })();
  try {
    await Promise.race([all, lives]);   // who lives ends early only with an error
  } finally {
    ended = true;
  }
  await lives;
  const firing = await query('ALERTS{alertstate="firing"}');
  assert.deepEqual(firing.map(({metric}) => metric.alertname), []);
});
