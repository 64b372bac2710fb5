import { createHmac, timingSafeEqual } from 'node:crypto';
import { after } from '../../core/after.ts';
import type { ReplayStore } from './replay-store.ts';

/** How long a nonce is good. */
const NONCE_LIFE_MS = 300_000;
/** From this age on responses bring the next one. */
const RENEWAL_MS = NONCE_LIFE_MS / 2;
/** A secret makes nonces for this long, and is then known for as long as they live. */
const EPOCH_MS = 3_600_000;
/** How far the clock of another gateway with the same store may be ahead. */
const MAX_SKEW_MS = 30_000;
const MAC_BYTES = 16;

/** `down`: the secret cannot be read. */
export type NonceState = 'fresh' | 'aging' | 'unknown' | 'down';

/** Makes and checks the nonces of RFC 9449 §9. They hold the moment at which they were made, and nothing of them is kept. */
export interface Nonces {
  issue(nowMs: number): string | undefined | Promise<string | undefined>;
  check(nonce: unknown, nowMs: number): NonceState | Promise<NonceState>;
}

/** Makes the nonces of all gateways that share the store. */
export function createNonces(store: Pick<ReplayStore, 'secretOf' | 'secretAgain'>): Nonces {
  return {
    issue(nowMs) {
      const madeMs = Math.floor(nowMs);
      return after(store.secretOf(epochOf(madeMs)), (secret) =>
        secret === undefined ? undefined : writeNonce(madeMs, secret),
      );
    },
    check(nonce, nowMs) {
      if (typeof nonce !== 'string' || !FORM.test(nonce)) return 'unknown';
      const madeMs = Number.parseInt(nonce.slice(0, nonce.indexOf('.')), 36);
      const ageMs = nowMs - madeMs;
      // Before a secret is asked for, so that made-up nonces ask for none but those of now.
      if (ageMs > NONCE_LIFE_MS || ageMs < -MAX_SKEW_MS) return 'unknown';
      return after(store.secretOf(epochOf(madeMs)), (secret) => {
        if (secret === undefined) return 'down';
        const state = ageMs >= RENEWAL_MS ? 'aging' : 'fresh';
        if (isBy(secret, madeMs, nonce)) return state;
        // Another gateway may have made another secret since, in a store that had lost the one known here.
        if (store.secretAgain === undefined) return 'unknown';
        return after(store.secretAgain(epochOf(madeMs)), (again) =>
          again !== undefined && isBy(again, madeMs, nonce) ? state : 'unknown',
        );
      });
    },
  };
}

const FORM = /^[0-9a-z]{1,11}\.[A-Za-z0-9_-]{22}$/;

function epochOf(ms: number): number {
  return Math.floor(ms / EPOCH_MS);
}

function isBy(secret: Buffer, madeMs: number, nonce: string): boolean {
  const expected = Buffer.from(writeNonce(madeMs, secret), 'latin1');
  const given = Buffer.from(nonce, 'latin1');
  return expected.length === given.length && timingSafeEqual(expected, given);
}

function writeNonce(madeMs: number, secret: Buffer): string {
  const moment = madeMs.toString(36);
  const mac = createHmac('sha256', secret).update(`dpop-nonce ${moment}`).digest().subarray(0, MAC_BYTES);
  return `${moment}.${mac.toString('base64url')}`;
}
