import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach } from 'vitest';

export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

/** A certificate authority that no system trusts, and what it issued. */
export interface Authority {
  /** The directory all of it is in. */
  readonly directory: string;
  /** Path of its certificate. */
  readonly file: string;
  /** Path of the certificate of another authority. */
  readonly unrelated: string;
  /** A server's key and certificate for these names (`DNS:localhost`, `IP:127.0.0.1`), for two days or so many. */
  readonly issue: (names: string, days?: number) => KeyPair;
  /** The same, by that other authority. */
  readonly issueByUnrelated: (names: string) => KeyPair;
  /** Issued by nobody but itself. */
  readonly selfSigned: (names: string) => KeyPair;
}

const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/**
 * An authority made by the `openssl` command for the tests of this file. Where there is none they
 * are skipped, or fail if TOKENCTL_TEST_NO_SKIP says that nothing may be skipped.
 */
export const withAuthority = (): (() => Authority) => {
  let authority: Authority | undefined;
  beforeAll(() => {
    authority = hasOpenssl() || process.env.TOKENCTL_TEST_NO_SKIP ? createAuthority() : undefined;
  });
  beforeEach((context) => {
    if (authority === undefined) {
      context.skip('the openssl command is missing');
    }
  });
  afterAll(() => {
    if (authority !== undefined) {
      rmSync(authority.directory, { recursive: true });
    }
  });
  return () => authority as Authority;
};

const hasOpenssl = (): boolean => {
  try {
    openssl('version');
    return true;
  } catch {
    return false;
  }
};

const createAuthority = (): Authority => {
  const directory = mkdtempSync(join(tmpdir(), 'tokenctl-ca-'));
  const at = (name: string) => join(directory, name);
  const to = (name: string) => ['-keyout', at(`${name}.key`), '-subj', `/CN=tokenctl ${name}`];
  for (const name of ['ca', 'unrelated']) {
    openssl('req', '-x509', ...EC_KEY, ...to(name), '-out', at(`${name}.pem`), '-days', '2');
  }
  let count = 0;
  const makePair = (make: (name: string) => void): KeyPair => {
    count += 1;
    const name = `server${count}`;
    make(name);
    return {
      key: readFileSync(at(`${name}.key`), 'utf8'),
      cert: readFileSync(at('cert'), 'utf8'),
    };
  };
  const issueBy =
    (issuer: string) =>
    (names: string, days = 2): KeyPair =>
      makePair((name) => {
        writeFileSync(at('names'), `subjectAltName=${names}\n`);
        openssl('req', '-new', ...EC_KEY, ...to(name), '-out', at('request'));
        openssl(
          ...['x509', '-req', '-in', at('request'), '-CA', at(`${issuer}.pem`)],
          ...['-CAkey', at(`${issuer}.key`), '-set_serial', `${count}`, '-days', `${days}`],
          ...['-extfile', at('names'), '-out', at('cert')],
        );
      });
  const selfSigned = (names: string): KeyPair =>
    makePair((name) => {
      const extension = ['-addext', `subjectAltName=${names}`];
      openssl('req', '-x509', ...EC_KEY, ...to(name), ...extension, '-out', at('cert'));
    });
  return {
    directory,
    file: at('ca.pem'),
    unrelated: at('unrelated.pem'),
    issue: issueBy('ca'),
    issueByUnrelated: issueBy('unrelated'),
    selfSigned,
  };
};

const openssl = (...args: string[]): void => {
  execFileSync('openssl', args, { stdio: 'pipe' });
};
