// SPDX-License-Identifier: ISC
// Debian's chromium, or that which CHROMIUM names.
import {chromium} from 'playwright-core';

export function launch(more = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ...more,
  });
}
