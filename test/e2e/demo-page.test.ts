import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { startSetup } from '../../demo/setup.ts';
import { browserMissing, launchBrowser } from '../support/clients/browser.ts';

/** Sends a request by its button and reads the newest response. */
async function press(
  page: Page,
  label: string,
): Promise<{ status: string | null; text: string | null; failed: string }> {
  const before = await page.locator('#responses > li').count();
  await page.getByRole('button', { name: label, exact: true }).click();
  await page.locator('#responses > li').nth(before).waitFor();
  const newest = page.locator('#responses > li').first();
  return {
    status: await newest.locator('.status').textContent(),
    text: await newest.textContent(),
    failed: (await newest.locator('.steps .failed').allTextContents()).join(),
  };
}

async function logIn(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.locator('#access_token').waitFor();
}

t.test('a user tries the demo page in a browser', { skip: browserMissing }, async (t) => {
  const setup = await startSetup({ familiarPorts: false, logGateway: () => {}, logBackend: () => {} });
  t.teardown(() => setup.close());
  const browser = await launchBrowser();
  t.teardown(() => browser.close());
  const url = `${setup.gatewayUrl}/demo`;

  const troubles: string[] = [];
  const strangers: string[] = [];
  async function open(t: Test, options: Parameters<typeof browser.newContext>[0] = {}): Promise<Page> {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    page.on('pageerror', (error) => troubles.push(error.message));
    page.on('console', (message) => {
      if (message.text().includes('Content Security')) troubles.push(message.text());
    });
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      const known = [setup.gatewayUrl, setup.provider.issuer].includes(origin) || protocol === 'data:';
      if (!known) strangers.push(request.url());
    });
    t.teardown(() => context.close());
    await page.goto(url);
    await page.locator('[data-ready]').waitFor();
    return page;
  }

  await t.test('without a login only requests without a token can be sent', async (t) => {
    const page = await open(t);

    t.ok(await page.getByRole('button', { name: 'Read orders' }).isDisabled());
    t.match(await press(page, 'Without a token'), { status: '401 token_missing', failed: /token/ });
    t.match(await press(page, 'A public route'), { status: '200', text: /no identity headers/, failed: '' });
  });

  await t.test('after the login each decision is shown with its reason', async (t) => {
    const page = await open(t);
    await logIn(page, 'zoë');

    t.equal(new URL(page.url()).search, '', 'the code does not stay in the address');
    t.match(await page.locator('#id_token').textContent(), /"zoë"/);
    t.match(await page.locator('#access_token').textContent(), /at\+jwt[\s\S]*orders:read/);
    t.match(await page.locator('#exchanges').textContent(), /code_challenge[\s\S]*code_verifier/);

    const read = await press(page, 'Read orders');
    t.match(read, { status: '200', failed: '', text: /x-user-id: zo%C3%AB/ });
    const spoofed = await press(page, 'Spoof an identity header');
    t.match(spoofed, { status: '200', text: /x-user-id: zo%C3%AB/ });

    const refusals = [
      ['Write an order', '403 insufficient_scope', 'scopes'],
      ['With the ID token', '401 audience_mismatch', 'audience'],
      ['With the refresh token', '401 token_malformed', 'form'],
      ['With one character changed', '401 signature_invalid', 'signature'],
    ] as const;
    for (const [label, status, failed] of refusals) {
      t.match(await press(page, label), { status, failed: new RegExp(failed) }, label);
    }
  });

  await t.test('requesting the scope at login allows what was refused without it', async (t) => {
    const page = await open(t);
    await page.getByLabel('orders:write').check();
    await logIn(page, 'bob');

    t.match(await press(page, 'Write an order'), {
      status: '200',
      text: /x-user-scopes: orders:read orders:write/,
    });

    const before = (await page.locator('#access_token .raw').textContent()) ?? '';
    await page.getByRole('button', { name: 'Refresh the access token' }).click();
    await page.locator('#access_token .raw', { hasNotText: before }).waitFor();
    t.match(await press(page, 'Read orders'), { status: '200' });
  });

  await t.test('a refused login leaves no tokens and shows the refusal', async (t) => {
    const page = await open(t);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('button', { name: 'Refuse' }).click();

    t.match(await page.getByRole('alert').textContent(), /refused by the user/);
    t.ok(await page.getByRole('button', { name: 'Read orders' }).isDisabled());
  });

  await t.test('a response to another login is not used', async (t) => {
    const page = await open(t);
    const pending = JSON.stringify({ verifier: 'v', state: 'mine', request: {} });
    await page.evaluate(`sessionStorage.setItem('sealgate-demo-login', '${pending}')`);
    await page.goto(`${url}?code=stolen&state=theirs&iss=${encodeURIComponent(setup.provider.issuer)}`);

    t.match(await page.getByRole('alert').textContent(), /another login/);
  });

  await t.test(
    'the page finds the provider of an MCP server, and steps up for a tool that needs it',
    async (t) => {
      const page = await open(t);
      const mcp = page.locator('#mcp');
      const newest = mcp.locator('li').first();
      const use = async (label: string) => {
        const before = await mcp.locator('.responses > li').count();
        await mcp.getByRole('button', { name: label, exact: true }).click();
        await mcp.locator('.responses > li').nth(before).waitFor();
        return newest.textContent();
      };
      const logInFor = async (scope: string) => {
        await newest.getByRole('button', { name: `Log in for ${scope}`, exact: true }).click();
        const name = page.getByLabel('Your name');
        await page.getByRole('button', { name: 'Allow' }).waitFor();
        if (await name.isVisible()) await name.fill('zoë');
        await page.getByRole('button', { name: 'Allow' }).click();
        await newest.waitFor();
      };

      t.match(
        await use('List the tools'),
        /401 token_missing[\s\S]*resource_metadata=[\s\S]*authorization_servers/,
      );
      await logInFor('orders:read');
      t.match(await newest.textContent(), /Tools for you:\n {2}orders_search\n {2}whoami$/);
      t.match(await use('Search orders'), /200[\s\S]*two orders with "tea"/);
      t.match(await use('Delete all orders'), /403 mcp_denied[\s\S]*there is no challenge/);
      t.match(await use('Cancel an order'), /403 insufficient_scope[\s\S]*error="insufficient_scope"/);
      await logInFor('orders:read orders:write');
      t.match(await newest.textContent(), /orders_search\n {2}orders_cancel\n {2}whoami$/);
      t.match(await use('Cancel an order'), /200[\s\S]*order 7 is canceled/);
      t.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
    },
  );

  await t.test('nothing overflows a phone screen, in light and dark mode', async (t) => {
    const page = await open(t, { viewport: { width: 390, height: 844 }, colorScheme: 'light' });
    await logIn(page, 'alice');
    await press(page, 'Spoof an identity header');

    const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    t.equal(await page.evaluate('document.documentElement.scrollWidth'), 390);
    t.equal(await ground(), 'rgb(244, 245, 247)');
    await page.emulateMedia({ colorScheme: 'dark' });
    t.equal(await ground(), 'rgb(18, 20, 24)');
  });

  t.same(troubles, [], 'the page ran without errors');
  t.same(strangers, [], 'and sent requests only to the gateway and the provider');
});
