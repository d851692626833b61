import { TokenctlError } from '../errors.ts';
import type { Page } from './page.ts';
import type { Saved } from './save-grant.ts';

export const failedPage = (error: unknown): Page => ({
  kind: 'failed',
  title: 'Not signed in',
  lines: [
    error instanceof TokenctlError ? sentence(error.message) : 'Something unforeseen happened.',
    ...(error instanceof TokenctlError && error.hint !== undefined
      ? [`What helps: ${error.hint}`]
      : []),
    'You can close this window; the terminal says the same.',
  ],
});

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

export const donePage = (login: string, { account }: Saved): Page => ({
  kind: 'done',
  title: 'Signed in',
  lines: [
    account === null
      ? `The login ${login} is ready.`
      : `The login ${login} is ready, as ${account.name}.`,
    'You can close this window and go back to the terminal.',
    `From now on "tokenctl get ${login}" prints a valid access token.`,
  ],
});
