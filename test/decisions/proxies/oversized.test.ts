import t from 'tap';
import { type AskingHarness, bearer, startAsking } from './asking-harness.ts';
import { throughEach } from './programs.ts';

const ALLOWED = 'GET /orders HTTP/1.1';

/** Whatever becomes of such a request, the program must live on. */
async function statusOf({ send }: AskingHarness, line: string, headers: readonly string[]): Promise<number> {
  const { status } = await send(line, [bearer(), ...headers]);
  return status;
}

throughEach(t, 'a request with too much in it', async (t, proxy) => {
  const harness = await startAsking(t, proxy);
  const alive = async (what: string) => t.equal(await statusOf(harness, ALLOWED, []), 200, what);

  t.comment('fields');
  // Up to the limit of the gateway, and around the limits of the programs: HAProxy 2.6 crashes with a question of more than 101 fields.
  for (const count of [90, 94, 95, 98, 99, 101, 125, 126, 300]) {
    for (const nameOf of [(at: number) => `X-A${at}`, () => 'X-A']) {
      const headers = Array.from({ length: count }, (_, at) => `${nameOf(at)}: b, c`);
      const status = await statusOf(harness, ALLOWED, headers);
      t.ok([200, 400, 431].includes(status), `${count} fields: ${status}`);
      if (count <= 90) t.equal(status, 200, `${count} fields`);
      if (count > 125) t.not(status, 200, `${count} fields`);
    }
    await alive(`after ${count} fields`);
  }

  t.comment('bytes');
  for (const bytes of [31_000, 47_000, 48_500, 70_000]) {
    const statuses = [
      await statusOf(harness, ALLOWED, [`X-Long: ${'a'.repeat(bytes)}`]),
      await statusOf(harness, `GET /orders?${'a'.repeat(bytes)} HTTP/1.1`, []),
    ];
    for (const status of statuses) t.ok([200, 400, 414, 431].includes(status), `${bytes} bytes: ${status}`);
    await alive(`after ${bytes} bytes`);
  }
});
