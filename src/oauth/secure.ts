import { request } from 'node:https';
import { checkServerIdentity } from 'node:tls';

/** What a request over TLS needs; a module of its own, for Node.js takes a while to load it. */
export const secure = {
  request,
  options: (host: string) => ({
    // NODE_TLS_REJECT_UNAUTHORIZED=0, exported for some other program, does not count here.
    rejectUnauthorized: true,
    // Through a tunnel, Node would take an IP address in the URL for absent and compare the proxy's name.
    checkServerIdentity: (_: string, certificate: Parameters<typeof checkServerIdentity>[1]) =>
      checkServerIdentity(host, certificate),
  }),
};

export type Secure = typeof secure;
