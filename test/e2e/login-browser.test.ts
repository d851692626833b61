import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  artefact,
  fillSignIn,
  hasChromium,
  openChromium,
  signInOnPages,
} from '../support/chromium.ts';
import { need } from '../support/need.ts';
import { OIDC_CLIENTS, startOidcProvider } from '../support/oidc-provider.ts';
import { startLogin } from '../support/sign-in.ts';
import { createHome } from '../support/tokenctl.ts';

const start = async (...more: string[]) => {
  const provider = await startOidcProvider({ accessTokenLifetime: 60 });
  onTestFinished(() => provider.stop());
  const home = createHome();
  const args = ['--issuer', provider.issuer, '--scope', 'openid offline_access', ...more];
  const clientId = OIDC_CLIENTS.none.clientId;
  const login = startLogin(home, [
    ...['login', 'work', ...args, '--client-id', clientId],
    ...['--param', 'prompt=consent', '--no-browser'],
  ]);
  return { provider, home, login };
};

const startDevice = async () => {
  const provider = await startOidcProvider({
    accessTokenLifetime: 60,
    clients: [
      {
        client_id: 'device',
        token_endpoint_auth_method: 'none',
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    features: { deviceFlow: { enabled: true } },
  });
  onTestFinished(() => provider.stop());
  const home = createHome();
  const args = ['--issuer', provider.issuer, '--client-id', 'device', '--device'];
  const login = startLogin(home, [
    ...['login', 'work', ...args, '--scope', 'openid offline_access', '--param', 'prompt=consent'],
  ]);
  return { home, login };
};

describe('a real browser', () => {
  test.for(['light', 'dark'] as const)(
    'walks from the address to the page at the end (%s)',
    async (colorScheme, context) => {
      need(context, hasChromium, 'chromium');
      const { home, login } = await start();
      const browser = await openChromium();
      const messages: string[] = [];
      const page = await signInOnPages(browser, await login.url, 'alice', {
        colorScheme,
        viewport: { width: 900, height: 600 },
      });
      page.on('console', (message) => messages.push(message.text()));
      await page.getByRole('heading', { name: 'Signed in' }).waitFor();
      const address = new URL(page.url());
      expect([address.hostname, address.search]).toEqual(['127.0.0.1', '']);
      await page.screenshot({ path: artefact(`signed-in-${colorScheme}.png`) });
      // It is whole although nothing may be loaded: the style has an effect.
      expect(await page.getByRole('status').count()).toBe(1);
      const [ink, back] = await page.evaluate<string[]>(
        `[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]`,
      );
      expect(ink).not.toBe(back);
      expect(messages).toEqual([]);
      expect((await login.result).code).toBe(0);
      // The code is spent, and where it was is not in the history: back leads to the provider.
      await page.goBack().catch(() => {});
      expect(page.url()).not.toContain('code=');
      expect((await home.run(['get', 'work', '--force'])).code).toBe(0);
    },
  );

  test('confirms a device code', async (context) => {
    need(context, hasChromium, 'chromium');
    const { login, home } = await startDevice();
    await login.says(/user_code=\S+ /);
    const [, address = ''] = /open (\S+user_code=\S+)/.exec(login.said()) ?? [];
    const [, code = ''] = /enter the code {2}(\S+)/.exec(login.said()) ?? [];
    const page = await (await openChromium()).newPage();
    await page.goto(address);
    // What is to be compared with the terminal is there.
    await page.getByText(code).waitFor();
    await page.getByRole('button', { name: /continue/i }).click();
    await fillSignIn(page, 'alice');
    await page.getByText(/sign-in success/i).waitFor();
    const { code: exit, stdout } = await login.result;
    expect([exit, stdout]).toEqual([0, expect.stringContaining('as alice')]);
    expect((await home.run(['get', 'work', '--force'])).code).toBe(0);
  });

  test('shows a refusal, with whatever the server says as text', async (context) => {
    need(context, hasChromium, 'chromium');
    const { login } = await start();
    const url = await login.url;
    const redirect = new URL(url.searchParams.get('redirect_uri') ?? '');
    redirect.search = new URLSearchParams({
      error: 'invalid_scope',
      error_description: '<img src=x onerror="document.title=1"><script>document.title=2</script>',
      state: url.searchParams.get('state') ?? '',
      iss: url.origin,
    }).toString();
    const page = await (await openChromium()).newPage({ viewport: { width: 900, height: 600 } });
    await page.goto(redirect.href);
    await page.getByRole('heading', { name: 'Not signed in' }).waitFor();
    expect(await page.title()).toBe('Not signed in · tokenctl');
    expect(await page.locator('img, script').count()).toBe(0);
    await page.screenshot({ path: artefact('not-signed-in.png') });
    expect((await login.result).code).toBe(6);
  });

  test('on a page of another site cannot answer, even knowing the state', async (context) => {
    need(context, hasChromium, 'chromium');
    const { login } = await start();
    const url = await login.url;
    const target = new URL(url.searchParams.get('redirect_uri') ?? '');
    const state = url.searchParams.get('state') ?? '';
    target.search = new URLSearchParams({ code: 'stolen', state, iss: url.origin }).toString();
    const evil = createServer((_, response) =>
      response.setHeader('content-type', 'text/html').end(`<body>
        <img src="${target.href}"><iframe src="${target.href}"></iframe>
        <script>
          fetch('${target.href}', { mode: 'no-cors' }).catch(() => {});
          fetch('${target.href}').catch(() => {});
          navigator.sendBeacon('${target.href}');
        </script>`),
    );
    await new Promise<void>((resolve) => evil.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void evil.close());
    const browser = await openChromium();
    const page = await browser.newPage();
    const asked: string[] = [];
    const statuses: number[] = [];
    page.on('request', (request) => {
      if (request.url() === target.href) {
        asked.push(request.resourceType());
      }
    });
    page.on('response', (response) => {
      if (response.url() === target.href) {
        statuses.push(response.status());
      }
    });
    // Another site by its name.
    await page.goto(`http://localhost:${(evil.address() as AddressInfo).port}/`);
    await page.waitForLoadState('networkidle');
    expect(asked).toEqual(expect.arrayContaining(['image', 'document', 'fetch', 'ping']));
    expect(statuses.filter((status) => status < 400)).toEqual([]);
    await signInOnPages(browser, url, 'alice');
    expect((await login.result).code).toBe(0);
  });
});
