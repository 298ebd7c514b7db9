// SPDX-License-Identifier: ISC
// A stack that serves HTTP/2, too, and behind a proxy that gathers answers before it hands them on;
// whose store survives; and whose socket stays open while fcgiwait is started anew, as with systemd's
// socket unit.
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {readFile, writeFile} from 'node:fs/promises';
import {Stack, end, fcgiwait, freePort, run, until} from './stack.mjs';

export class SecureStack extends Stack {
  static async start() {
    const port = await freePort(), gatheringPort = await freePort();
    const stack = await super.start({prepare: async stack => {
      certify(stack.dir);
      await addServers(`${stack.dir}/nginx.conf`, stack.port, port, gatheringPort);
      await writeFile(`${stack.dir}/fcgiwait.conf`,
        `store = { type = "sqlite"; file = "${stack.dir}/store.db"; };\n`);
    }});
    stack.secureUrl = `https://127.0.0.1:${port}`;
    stack.gatheringUrl = `http://127.0.0.1:${gatheringPort}`;
    return stack;
  }

  // A shell has the socket, and starts fcgiwait whenever it ends.
  async startFcgiwait() {
    this.daemon = run('spawn-fcgi', ['-s', `${this.dir}/fcgiwait.sock`, '-M', '0666', '-n', '--',
      '/bin/bash', '-c', 'while :; do "$@"; done', '-', fcgiwait, '-c', `${this.dir}/fcgiwait.conf`],
    {detached: true});
    await this.awaitHealth();
  }

  async #processId() {
    const {pid} = this.daemon;
    return Number(await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8'));
  }

  async restartFcgiwait() {
    const before = await this.#processId();
    process.kill(before);
    await until(async () => ![0, before].includes(await this.#processId()), 'a new fcgiwait');
    await this.awaitHealth();
  }

  async restartNginx() {
    await end(this.nginx);
    this.startNginx();
    await this.awaitHealth();
  }

  async stopFcgiwait() {
    if (this.daemon?.exitCode === null && this.daemon.signalCode === null) {
      process.kill(-this.daemon.pid);           // the shell's group
    }
    await super.stopFcgiwait();
  }

  async stop() {
    await this.stopFcgiwait();
    await super.stop();
  }
}

async function addServers(conf, port, securePort, gatheringPort) {
  const text = await readFile(conf, 'utf8'), first = 'server {\n        listen';
  assert.ok(text.includes(first));
  await writeFile(conf, text.replace(first, `
    ssl_certificate cert.pem;
    ssl_certificate_key key.pem;
    server {
        listen 127.0.0.1:${gatheringPort};
        proxy_ignore_headers X-Accel-Buffering;
        location / { proxy_pass http://127.0.0.1:${port}; }
    }
    server {
        listen 127.0.0.1:${securePort} ssl http2;
        listen`));
}

function certify(dir) {
  const {status, stderr} = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
    'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1',
    '-keyout', `${dir}/key.pem`, '-out', `${dir}/cert.pem`], {encoding: 'utf8'});
  assert.equal(status, 0, stderr);
}
