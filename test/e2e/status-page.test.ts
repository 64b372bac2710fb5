import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createAdmin } from '../../src/admin/app.ts';
import {
  ASKED_FACTS,
  ASKED_REPORT,
  adminSources,
  BUSY_REPORT,
  decision,
  FACTS,
} from '../support/admin/admin-sources.ts';
import { browserMissing, launchBrowser } from '../support/clients/browser.ts';

/** Set to keep pictures of the page. */
const SCREENSHOTS = process.env.SEALGATE_SCREENSHOTS;

const VIEWS = [
  { name: 'desktop', width: 1280, height: 900, colorScheme: 'light' },
  { name: 'desktop-dark', width: 1280, height: 900, colorScheme: 'dark' },
  { name: 'phone', width: 390, height: 844, colorScheme: 'light' },
] as const;

for (const view of VIEWS) {
  t.test(
    `the status page shows an operator what matters at ${view.width} px, ${view.colorScheme}`,
    { skip: browserMissing },
    async (t) => {
      let decisions = BUSY_REPORT.decisions;
      const admin = createAdmin(adminSources({ decisions: async () => decisions }));
      const url = await admin.listen({ host: '127.0.0.1', port: 0 });
      const browser = await launchBrowser();
      t.teardown(async () => {
        await browser.close();
        await admin.close();
      });
      const { width, height, colorScheme } = view;
      const page = await browser.newPage({ viewport: { width, height }, colorScheme });
      const pageErrors: string[] = [];
      const asked: string[] = [];
      page.on('console', (message) => pageErrors.push(message.text()));
      page.on('pageerror', (error) => pageErrors.push(error.message));
      page.on('request', (request) => asked.push(request.url()));
      await page.goto(url);
      if (SCREENSHOTS !== undefined) {
        mkdirSync(SCREENSHOTS, { recursive: true });
        await page.screenshot({ path: join(SCREENSHOTS, `${view.name}.png`), fullPage: true });
      }

      const shown = async (selector: string) =>
        ((await page.locator(selector).first().textContent()) ?? '').trim();
      t.equal(await shown('body > header .pill'), 'ready');
      t.match(await shown('[data-live=routes]'), /read-orders[\s\S]*48\.2k[\s\S]*token_expired 312/);
      t.match(await shown('[data-live=routes]'), /report only/);
      t.match(
        await shown('[data-live=issuers]'),
        /partner\s*stale, still used[\s\S]*2 h[\s\S]*in 21 s[\s\S]*503/,
      );
      t.match(await shown('[data-live=upstreams]'), /partner[\s\S]*unhealthy/);
      t.match(await shown('[data-live=decisions]'), /insufficient_scope[\s\S]*lacks orders:write/);
      t.match(await shown('[data-live=reloads]'), /applied[\s\S]*because a file changed/);

      const overflow = await page.evaluate(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      );
      t.equal(overflow, 0, 'no horizontal scrolling');
      const ground = String(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
      const brightness = Number(/\d+/.exec(ground)?.[0]);
      t.equal(brightness > 128, view.colorScheme === 'light', ground);

      await page.locator('#refusals-only').check();
      t.equal(await page.locator('.allowed-row').first().isVisible(), false);
      t.equal(await page.getByText('insufficient_scope').last().isVisible(), true);

      decisions = [decision({ code: 'token_expired', status: 401, requestId: 'a-new-one' }), ...decisions];
      await page.getByText('a-new-one').waitFor({ timeout: 5000 });
      t.equal(await page.locator('#refusals-only').isChecked(), true, 'an update keeps the filter');

      t.ok(
        asked.every((address) => address.startsWith(url) || address.startsWith('data:')),
        'requests nothing elsewhere',
      );
      t.same(pageErrors, [], 'nothing is blocked or breaks');
    },
  );
}

for (const view of [
  ...VIEWS,
  { name: 'phone-dark', width: 390, height: 844, colorScheme: 'dark' } as const,
]) {
  t.test(
    `questions of other proxies at ${view.width} px, ${view.colorScheme}`,
    { skip: browserMissing },
    async (t) => {
      const admin = createAdmin(adminSources({ report: ASKED_REPORT, facts: ASKED_FACTS }));
      const url = await admin.listen({ host: '127.0.0.1', port: 0 });
      const browser = await launchBrowser();
      t.teardown(async () => {
        await browser.close();
        await admin.close();
      });
      const { width, height, colorScheme } = view;
      const page = await browser.newPage({ viewport: { width, height }, colorScheme });
      await page.goto(url);
      if (SCREENSHOTS !== undefined) {
        mkdirSync(SCREENSHOTS, { recursive: true });
        await page.screenshot({ path: join(SCREENSHOTS, `asked-${view.name}.png`), fullPage: true });
      }
      const rows = page.locator('[data-live=questions] tbody tr');
      t.equal(await rows.count(), 3);
      t.match(await rows.nth(1).textContent(), /auth-request\s*39\.4k\s*310\s*6/);
      t.equal(await page.getByText('via auth-request').first().isVisible(), true);
      const overflow = await page.evaluate(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      );
      t.equal(overflow, 0, 'no horizontal scrolling');
    },
  );
}

t.test('the page shows when the gateway no longer responds', { skip: browserMissing }, async (t) => {
  const admin = createAdmin(adminSources({ facts: { ...FACTS, draining: true } }));
  const url = await admin.listen({ host: '127.0.0.1', port: 0 });
  const browser = await launchBrowser();
  t.teardown(() => browser.close());
  const page = await browser.newPage();
  await page.goto(url);
  t.equal(await page.locator('body > header .pill').textContent(), 'draining');
  await admin.close();
  await page.locator('body.lost').waitFor({ timeout: 8000 });
});
