import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';
import { changeRecord } from '../../src/change-record.ts';
import type { AuthorizationServerOptions } from '../../src/demo/authorization-server.ts';
import { loginStore } from '../../src/store/file.ts';
import { createSharedLogin } from './login.ts';

const BIN = resolve(import.meta.dirname, '../../bin');

/** A program that `.ci/tools` brought along, else the system's of that name. */
export const tool = (name: string): string => {
  const unpacked = join(process.env.TOKENCTL_TEST_TOOLS ?? '/nonexistent', 'bin', name);
  return existsSync(unpacked) ? unpacked : name;
};

/** What it prints, or nothing if it fails or is not there. */
export const outputOf = (program: string, ...args: string[]): string => {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return '';
  }
};

/** The login `work`, and a person whose programs find tokenctl and nothing of whoever runs the test. */
export const createClientUser = async (options: AuthorizationServerOptions = {}) => {
  const login = await createSharedLogin(options);
  const { access_token } = await login.importGrant('work');
  const user = join(login.home, '..', 'user');
  mkdirSync(user);
  const env = {
    PATH: [BIN, dirname(process.execPath), process.env.PATH].join(delimiter),
    HOME: user,
    TOKENCTL_HOME: login.home,
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_NOSYSTEM: '1',
    KUBECONFIG: join(user, 'kubeconfig'),
    CARGO_HOME: join(user, '.cargo'),
    RUSTUP_HOME: process.env.RUSTUP_HOME ?? join(homedir(), '.rustup'),
  };
  const run = (program: string, ...args: string[]) =>
    execa(program, args, { cwd: user, env, extendEnv: false, reject: false, stdin: 'ignore' });
  return {
    ...{ ...login, token: access_token, user, env },
    runAs: run,
    /** What the server says of a token; a password that no header can carry is none. */
    isLive: async (token: string): Promise<boolean> => {
      const authorization = `Bearer ${token}`;
      return (
        /^\w+$/.test(token) &&
        (await fetch(login.server.resource, { headers: { authorization } })).ok
      );
    },
    /** The access token is over, here and at the server. */
    expire: async (): Promise<void> => {
      login.server.expireAccessTokens();
      const store = loginStore('work', { TOKENCTL_HOME: login.home });
      await changeRecord(store, 5_000, (record) => record && { ...record, lifetime: 0 });
    },
  };
};

/** Until the test is over, on a port of its own. */
export const listening = async (server: Server): Promise<number> => {
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
};
