// SPDX-License-Identifier: ISC
// postgres.sh: what psql writes arrives in a browser, at whichever machine it looks, and nothing is
// left of it.
import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {chmod, mkdtemp, readdir, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {test} from 'node:test';
import {promisify} from 'node:util';
import {launch} from './browser.mjs';
import {alive, end, examples, fcgiwait, freePort, run, until} from './stack.mjs';

const LIMIT = {timeout: 180000};

test('what psql writes arrives at both machines', LIMIT, async () => {
  const place = await mkdtemp(path.join(tmpdir(), 'fcgiwait-postgres-'));
  const port = await freePort(2);
  const env = {...process.env, PORT: `${port}`, FCGIWAIT: fcgiwait, TMPDIR: place,
    npm_config_fetch_retries: '5', SUDO_USER: 'ann'};
  await chmod(place, 0o755);
  const script = run(path.join(examples, 'postgres.sh'), [], {env, stdio: 'pipe'});
  let said = '', browser;
  for (const stream of [script.stdout, script.stderr]) {
    stream.on('data', data => { said += data; });
  }
  try {
    await until(() => said.includes('Ctrl-C stops it') || script.exitCode !== null, 'it runs', 120);
    assert.equal(script.exitCode, null, said);
    assert.match(said, /^\{"id":1,"title":"Hello"/m, 'curl did not get what psql wrote');
    const shown = said.match(/^ .*psql -h .*$/gm);
    assert.equal(shown.length, 3);
    for (const line of shown) assert.match(line, /^  sudo psql -h /, 'the folder is www-data\'s alone');
    const [, dir] = said.match(/removes (\S+)\.\n/);
    const psql = sql => promisify(execFile)('psql',
      ['-X', '-q', '-h', dir, '-U', 'api', '-v', 'ON_ERROR_STOP=1', '-c', sql, 'app']);

    browser = await launch();
    const pages = await Promise.all([port, port + 1].map(async one => {
      const page = await browser.newPage();
      page.setDefaultTimeout(40000);
      await page.goto(`http://127.0.0.1:${one}/`);
      return page;
    }));
    const show = (id, text) => Promise.all(pages.map(page => page.waitForFunction(
      ([id, text]) => (document.getElementById(id)?.textContent ?? '').includes(text), [id, text])));
    await show('post-1', 'Hello');
    await psql("UPDATE posts SET title = 'Seen by both' WHERE id = 1");
    await show('post-1', 'Seen by both');
    await psql("INSERT INTO posts (id, title) VALUES (7, 'Seven')");
    await show('post-7', 'Seven');
    await psql('TRUNCATE posts');
    await Promise.all(pages.map(page => page.waitForFunction(
      () => document.getElementById('posts').rows.length === 0)));

    script.kill('SIGTERM');
    assert.deepEqual(await script.ended, [143, null]);
    await until(async () => (await alive(place)).length === 0, 'every process ends');
    await until(async () => (await readdir(place)).length === 0, 'the folder is removed');
  } finally {
    await browser?.close();
    await end(script);
    await rm(place, {recursive: true, force: true});
  }
});
