import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as tls from 'node:tls';
import { printable } from '../errors.ts';
import type { Failure } from './route.ts';
import type { ClientCertificate } from './transport.ts';

/**
 * The usual certificate authorities and those in `file`, if there is one (`SSL_CERT_FILE`, as OpenSSL, curl and Python
 * know it). Added, not replaced: a company's own authority seldom comes with the public ones.
 */
export const trustFile = (
  file: string | undefined,
  env: NodeJS.ProcessEnv,
  own?: ClientCertificate | undefined,
): { readonly secureContext: tls.SecureContext } | Failure => {
  let shown: tls.SecureContextOptions;
  try {
    shown = own === undefined ? {} : { cert: own.certificate, key: own.key.reveal() };
    // Throws here on a certificate that is none, so that it is not taken for a fault of the file.
    const secureContext = tls.createSecureContext(shown);
    if (!file) {
      return { secureContext };
    }
  } catch {
    return {
      code: 'invalid_certificate',
      message: 'the client certificate or its key is unusable',
    };
  }
  try {
    const added = readFileSync(file, 'utf8');
    if (!added.includes('-----BEGIN')) {
      return unreadable(file, 'invalid_ca_file', 'it holds no PEM certificate');
    }
    // Throws on a broken certificate, which createSecureContext would leave out in silence.
    new X509Certificate(added);
    return {
      secureContext: tls.createSecureContext({
        ...shown,
        ca: [...defaultAuthorities(env), added],
      }),
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown error';
    return unreadable(file, 'invalid_ca_file', reason);
  }
};

const unreadable = (file: string, code: string, reason: string): Failure => ({
  code,
  message: printable(`SSL_CERT_FILE (${file}) cannot be used: ${reason}`),
});

/** What Node trusts by itself. Any `ca` of ours replaces it, NODE_EXTRA_CA_CERTS included. */
const defaultAuthorities = ({ NODE_EXTRA_CA_CERTS }: NodeJS.ProcessEnv): string[] => {
  const { getCACertificates } = tls as { getCACertificates?: (type: 'default') => string[] };
  if (getCACertificates !== undefined) {
    return getCACertificates('default');
  }
  // Before Node 22.15.
  return [
    ...tls.rootCertificates,
    ...(NODE_EXTRA_CA_CERTS ? readIfPossible(NODE_EXTRA_CA_CERTS) : []),
  ];
};

/** Node itself only warns of a file that it cannot read. */
const readIfPossible = (file: string): string[] => {
  try {
    return [readFileSync(file, 'utf8')];
  } catch {
    return [];
  }
};
