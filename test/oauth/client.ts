import type { Client } from '../../src/credential.ts';

export const CLIENT: Client = {
  tokenEndpoint: null,
  revocationEndpoint: null,
  issuer: null,
  clientId: 'client',
  clientSecret: null,
  authMethod: 'none',
  quirks: [],
};
