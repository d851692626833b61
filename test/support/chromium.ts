import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { onTestFinished } from 'vitest';

const EXECUTABLE =
  process.env.TOKENCTL_TEST_CHROMIUM ??
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

export const hasChromium = EXECUTABLE !== undefined;

/** Pictures for people to look at; not part of the repository. */
const ARTEFACTS = resolve(import.meta.dirname, '../../test-artefacts');
export const artefact = (name: string): string => join(ARTEFACTS, name);

/** A real browser without a window, for one test. */
export const openChromium = async (): Promise<Browser> => {
  const browser = await chromium.launch({
    executablePath: EXECUTABLE ?? '',
    // Its own sandbox does not work as root in a container; what it visits here is ours.
    args: ['--no-sandbox'],
    // What a proxy of this environment would make of 127.0.0.1 is not the question.
    env: { PATH: process.env.PATH ?? '', HOME: '/tmp' },
  });
  onTestFinished(() => browser.close());
  return browser;
};

/** Signs in on the provider's pages as a person does, and consents, until the browser is sent back. */
export const signInOnPages = async (
  browser: Browser,
  url: URL,
  user: string,
  look: BrowserContextOptions = {},
): Promise<Page> => {
  const page = await (await browser.newContext(look)).newPage();
  await page.goto(url.href);
  await fillSignIn(page, user);
  return page;
};

export const fillSignIn = async (page: Page, user: string): Promise<void> => {
  await page.getByPlaceholder('Enter any login').fill(user);
  await page.getByPlaceholder('and password').fill('any');
  await page.getByRole('button', { name: /sign-in/i }).click();
  await page.getByRole('button', { name: /continue/i }).click();
};
