// SPDX-License-Identifier: ISC
// A private PostgreSQL, and machines over it: postgres.conf as it is but for addresses, with an
// fcgiwait each, and an API that knows nothing of them.
import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {chmod, chown, mkdtemp, readdir, rm, writeFile} from 'node:fs/promises';
import http from 'node:http';
import {once} from 'node:events';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import pg from 'pg';
import {Stack, end, fcgiwait, run, until} from './stack.mjs';

const NOBODY = 65534;           // PostgreSQL refuses to be root
const command = promisify(execFile);

// POSTGRES_BIN names their folder; without it the newest of Debian's is taken.
export async function programs() {
  if (process.env.POSTGRES_BIN) return process.env.POSTGRES_BIN;
  const versions = (await readdir('/usr/lib/postgresql')).filter(name => /^\d+$/.test(name));
  return `/usr/lib/postgresql/${Math.max(...versions)}/bin`;
}

export class Database {
  static async start(schema, settings = ['fsync=off']) {
    const database = new this();
    database.dir = await mkdtemp(path.join(tmpdir(), 'fcgiwait-database-'));
    database.as = process.getuid() === 0 ? {uid: NOBODY, gid: NOBODY} : {};
    if (database.as.uid) await chown(database.dir, NOBODY, NOBODY);
    await chmod(database.dir, 0o755);
    const bin = await programs();
    await command(`${bin}/initdb`, ['-D', `${database.dir}/data`, '-A', 'trust', '-U', 'postgres',
      '-E', 'UTF8', '--no-sync'], database.as);
    database.server = run(`${bin}/postgres`, ['-D', `${database.dir}/data`, '-k', database.dir,
      ...['listen_addresses=', 'wal_level=logical', 'max_prepared_transactions=5', ...settings]
        .flatMap(setting => ['-c', setting])], database.as);
    await until(() => command(`${bin}/pg_isready`, ['-q', '-h', database.dir])
      .then(() => true, () => false), 'PostgreSQL answers', 60);
    await database.psql(schema);
    database.pool = new pg.Pool({host: database.dir, user: 'postgres', database: 'postgres', max: 4});
    database.pool.on('error', () => {});
    return database;
  }

  // As an administrator does: in a process of its own, which knows only SQL. Several commands in a
  // list are parted by more than a semicolon.
  async psql(sql, input = '') {
    const child = execFile('psql', ['-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-h', this.dir, '-U',
      'postgres', ...[sql].flat().flatMap(one => ['-c', one]), 'postgres']);
    let said = '', failed = '';
    child.stdout.on('data', data => { said += data; });
    child.stderr.on('data', data => { failed += data; });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const [code] = await once(child, 'close');
    assert.equal(code, 0, failed);
    return said.trim();
  }

  async stop() {
    await this.pool?.end();
    await end(this.server, 'SIGINT');
    await rm(this.dir, {recursive: true, force: true});
  }
}

// An API of the test's own: `answer` gets method, path and body, and gives [status, value].
export class Api {
  static async start(answer) {
    const api = new this();
    api.server = http.createServer(async (request, response) => {
      let text = '';
      for await (const piece of request) text += piece;
      const [status, value] = await answer(request.method, request.url.split('?')[0],
        text && JSON.parse(text)).catch(error => [500, {error: error.message}]);
      response.writeHead(status, {'Content-Type': 'application/json'});
      response.end(JSON.stringify(value));
    }).listen(0, '127.0.0.1');
    await once(api.server, 'listening');
    api.port = api.server.address().port;
    api.url = `http://127.0.0.1:${api.port}`;
    return api;
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

const storeIn = (database, tables) => `store = { type = "postgres";
  url = "host=${database.dir} user=postgres dbname=postgres"; tables = ${tables}; };`;

export class Machine extends Stack {
  static async start(database, api, tables) {
    return super.start({conf: 'postgres.conf', store: storeIn(database, tables),
      replace: [['server 127.0.0.1:3000;', `server 127.0.0.1:${api.port};`]]});
  }
}

// What fcgiwait needs, as it says itself.
export async function setUp(database, tables) {
  const file = path.join(database.dir, 'setup.conf');
  await writeFile(file, `${storeIn(database, tables)}\n`);
  const {stdout} = await command(fcgiwait, ['--postgres-setup', '-c', file]);
  const script = path.join(database.dir, 'setup.sql');
  await writeFile(script, stdout);
  await command('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', database.dir, '-U', 'postgres',
    '-f', script, 'postgres']);
}
