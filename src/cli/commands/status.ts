import { Command } from 'commander';
import { type Credential, expiresAtMs, freshness, isRenewed } from '../../credential.ts';
import { printable, TokenctlError } from '../../errors.ts';
import type { Place } from '../../kept.ts';
import { noSuchLogin } from '../../messages.ts';
import { findPaths } from '../../paths.ts';
import { type Moment, systemClock } from '../../platform/clock.ts';
import { listLogins, loginStore } from '../../store/file.ts';
import { formatDuration } from '../duration.ts';
import { print, say, wantsColor } from '../io.ts';
import { leftoverWarning } from '../place.ts';
import { reportWarnings } from '../report.ts';

export const command = (): Command =>
  new Command('status')
    .alias('list')
    .summary('what is held, how fresh, what needs a person')
    .description('Show what is held, how fresh it is, and what needs a person. Asks no provider.')
    .argument('[NAME]', 'one login only')
    .option('--json', 'print JSON: one object for NAME, else a list')
    .addHelpText('after', '\nExamples:\n  tokenctl status\n  tokenctl status work --json')
    .action(run);

interface Line {
  readonly login: string;
  readonly provider: string | null;
  readonly expires_at: string | null;
  readonly state: string;
  readonly needs: string | null;
  readonly refreshable: boolean;
  readonly scope: string | null;
  /** Where the refresh token is kept. */
  readonly store: Place;
  /** Who may be given the access token. */
  readonly hosts: readonly string[];
}

const run = async (name: string | undefined, { json }: { json?: true }): Promise<void> => {
  const names = name === undefined ? await listLogins(findPaths().credentials) : [name];
  const lines: Line[] = [];
  // One for all: to ask the clock costs more than to judge a record by it.
  const now = systemClock();
  for (const login of names) {
    lines.push(await describe(login, now, name !== undefined));
  }
  if (json) {
    await print(`${JSON.stringify(name === undefined ? lines : lines[0], null, 2)}\n`);
  } else if (lines.length === 0) {
    say(
      'No logins yet. Sign in with: tokenctl login NAME; or take one over with: tokenctl import NAME < tokens.json\n',
    );
  } else {
    await print(table(lines));
    if (name !== undefined) {
      await print(lines.map(hostsOf).join(''));
    }
  }
};

const describe = async (login: string, now: Moment, mustExist: boolean): Promise<Line> => {
  try {
    const store = loginStore(login);
    const stored = await store.read();
    if (stored === null) {
      throw noSuchLogin(login);
    }
    reportWarnings(login, stored.warnings);
    const foreign = await store.whyForeign(stored.record);
    return foreign === null
      ? lineOf(login, stored.record, now)
      : {
          ...lineOf(login, stored.record, now),
          state: 'copied',
          needs: `${foreign}: tokenctl adopt ${login}`,
        };
  } catch (error) {
    // One damaged login must not hide the others.
    if (mustExist || !(error instanceof TokenctlError)) {
      throw error;
    }
    return {
      login,
      provider: null,
      expires_at: null,
      state: 'unreadable',
      needs: error.message,
      refreshable: false,
      scope: null,
      store: 'file',
      hosts: [],
    };
  }
};

const lineOf = (login: string, record: Credential, now: Moment): Line => {
  const expiresAt = expiresAtMs(record);
  const { tokenEndpoint } = record.client;
  return {
    login,
    provider: record.provider ?? (tokenEndpoint === null ? null : new URL(tokenEndpoint).host),
    expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    state: stateOf(record, now),
    needs: needsOf(login, record),
    refreshable: isRenewed(record),
    scope: record.scope,
    store: record.kept?.place ?? 'file',
    hosts: record.hosts,
  };
};

const stateOf = (record: Credential, now: Moment): string => {
  if (record.state.kind !== 'active') {
    return record.state.kind === 'dead' ? 'login required' : 'paused';
  }
  if (record.rejected) {
    return 'rejected';
  }
  const fresh = freshness(record, now);
  return fresh === 'window' ? 'due' : fresh;
};

/** What a person must do; null if tokenctl gets along alone. */
const needsOf = (login: string, record: Credential): string | null => {
  const { state, lastAttempt } = record;
  if (state.kind === 'dead') {
    return `${state.reason ?? 'the refresh token is dead'}: tokenctl login ${login}`;
  }
  if (state.kind === 'paused') {
    return state.reason;
  }
  const failed = lastAttempt !== null && lastAttempt.verdict !== 'refreshed';
  const why = [lastAttempt?.error, lastAttempt?.description].filter(Boolean).join(': ');
  if (record.lifeboat !== null) {
    return `the new token is in '${record.lifeboat}': the next get takes it from there`;
  }
  if (record.kept !== null && record.kept.place !== 'file' && !record.kept.stowed) {
    return `the refresh token is in the file: it could not be put in its place (${record.kept.place})`;
  }
  if ((record.kept?.leftovers.length ?? 0) > 0) {
    return leftoverWarning(login, record);
  }
  if (failed) {
    return lastAttempt.verdict === 'unavailable' ? `last refresh failed: ${why}` : why;
  }
  return null;
};

const table = (lines: readonly Line[]): string => {
  const color = wantsColor(process.stdout);
  // Said where there is something to say.
  const apart = lines.some(({ store }) => store !== 'file');
  const rows = lines.map(({ login, provider, expires_at, state, store, needs }) => [
    login,
    provider ?? '-',
    expires_at === null ? '-' : expiresIn(expires_at),
    state,
    ...(apart ? [store] : []),
    printable(needs ?? '', 300),
  ]);
  const header = ['NAME', 'PROVIDER', 'EXPIRES', 'STATE', ...(apart ? ['KEPT IN'] : []), ''];
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [header, ...rows]
    .map((row, index) => {
      const text = row
        .map((cell, column) =>
          column === header.length - 1 ? cell : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd();
      return color ? paint(text, index === 0 ? 'header' : (row[3] ?? '')) : text;
    })
    .join('\n')
    .concat('\n');
};

/** Only where one login is asked for: there may be a hundred. */
const hostsOf = ({ hosts }: Line): string =>
  hosts.length === 0 ? '' : `\nGiven to ${hosts.map((host) => printable(host)).join(', ')}\n`;

const expiresIn = (at: string): string => {
  const ms = Date.parse(at) - Date.now();
  return ms <= 0 ? `${formatDuration(-ms)} ago` : `in ${formatDuration(ms)}`;
};

/** SGR codes (ECMA-48 8.3.117): bold, red for what needs a person, yellow for what is due. */
const paint = (text: string, state: string): string => {
  const code =
    {
      header: 1,
      'login required': 31,
      unreadable: 31,
      paused: 31,
      copied: 31,
      due: 33,
      expired: 33,
      rejected: 33,
    }[state] ?? null;
  return code === null ? text : `\u001b[${code}m${text}\u001b[0m`;
};
