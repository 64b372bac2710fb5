import { setTimeout as delay } from 'node:timers/promises';

/** Resolves once `url` returns a success; rejects after `withinMs`. */
export async function waitUntilOk(url: string, withinMs = 15_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (Date.now() < deadline) {
    const response = await fetch(url).catch(() => undefined);
    await response?.body?.cancel();
    if (response?.ok) return;
    await delay(25);
  }
  throw new Error(`${url} was not available within ${withinMs / 1000} s`);
}
