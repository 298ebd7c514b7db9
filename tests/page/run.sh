#!/bin/bash
# SPDX-License-Identifier: ISC
# Runs the tests of nginx-examples/www, quickstart.sh and postgres.sh, and of what Prometheus and
# Grafana are given. Arguments go to node --test. Needs Debian's nodejs, npm, chromium, nginx,
# spawn-fcgi, curl, openssl, postgresql and prometheus, and fcgiwait, built. FCGIWAIT names it if it
# isn't src/fcgiwait.
set -eu
cd "$(dirname "$0")"
cmp -s package-lock.json node_modules/.installed || {
    npm ci --no-audit --no-fund || npm ci --no-audit --no-fund  # a registry may fail once
    cp package-lock.json node_modules/.installed
}
exec node --test --test-concurrency=1 "$@" longpoll.test.mjs origin.test.mjs cors.test.mjs page.test.mjs live.test.mjs streams.test.mjs database.test.mjs quickstart.test.mjs postgres.test.mjs ../ops/ops.test.mjs
