import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';

/** Why a test with a browser can't run here; false if it can. For a test's `skip`. */
export const browserMissing: string | false = existsSync(CHROMIUM) ? false : `${CHROMIUM} is not installed`;

/** Starts Debian's Chromium, without a window and with a profile of its own; it talks to nobody by itself. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
