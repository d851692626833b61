import { createHash, timingSafeEqual } from 'node:crypto';
import { Refusal } from './answer.ts';
import { type Form, formDecode, splitOnce } from './form.ts';

export interface RegisteredClient {
  readonly clientId: string;
  readonly clientSecret?: string | undefined;
  readonly authMethod: 'none' | 'client_secret_basic' | 'client_secret_post';
}

/**
 * RFC 6749 section 2.3: a client authenticates exactly by its registered method. A right secret
 * sent in another way is refused as well, as many servers do.
 */
export const authenticateClient = (
  clients: ReadonlyMap<string, RegisteredClient>,
  authorization: string | undefined,
  form: Form,
): RegisteredClient => {
  const claimed = authorization === undefined ? inBody(form) : inHeader(authorization, form);
  const client = clients.get(claimed.clientId);
  if (
    client === undefined ||
    client.authMethod !== claimed.authMethod ||
    !sameSecret(client.clientSecret ?? '', claimed.clientSecret ?? '')
  ) {
    throw rejected('client authentication failed');
  }
  return client;
};

const inBody = (form: Form): RegisteredClient => {
  const clientId = form.get('client_id');
  if (clientId === undefined) {
    throw rejected('the request says nothing about the client');
  }
  const clientSecret = form.get('client_secret');
  const authMethod = clientSecret === undefined ? 'none' : 'client_secret_post';
  return { clientId, clientSecret, authMethod };
};

const inHeader = (authorization: string, form: Form): RegisteredClient => {
  if (form.has('client_secret')) {
    throw new Refusal('invalid_request', 'the client authenticates in more than one way');
  }
  const encoded = /^basic +([a-z0-9+/]+={0,2})$/i.exec(authorization)?.[1];
  const credentials = Buffer.from(encoded ?? '', 'base64').toString('latin1');
  // RFC 6749 section 2.3.1: both halves are form-encoded before they are joined.
  const [clientId, clientSecret] = splitOnce(credentials, ':').map(formDecode);
  if (encoded === undefined || clientId === undefined || clientSecret === undefined) {
    throw rejected('the Authorization header holds no form-encoded Basic credentials');
  }
  if ((form.get('client_id') ?? clientId) !== clientId) {
    throw new Refusal('invalid_request', 'client_id names another client than the header');
  }
  return { clientId, clientSecret, authMethod: 'client_secret_basic' };
};

const rejected = (description: string): Refusal =>
  new Refusal('invalid_client', description, {
    status: 401,
    headers: { 'www-authenticate': 'Basic realm="demo", charset="UTF-8"' },
  });

/** Digests are compared because `timingSafeEqual` wants equal lengths. */
const sameSecret = (one: string, other: string): boolean =>
  timingSafeEqual(digest(one), digest(other));

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** The clients by id. A registration that could never authenticate is a mistake of the caller. */
export const registerClients = (
  clients: readonly RegisteredClient[],
): ReadonlyMap<string, RegisteredClient> => {
  for (const { clientId, clientSecret, authMethod } of clients) {
    if ((authMethod === 'none') !== (clientSecret === undefined) || clientSecret === '') {
      throw new TypeError(`${clientId}: a secret belongs to every method but none`);
    }
  }
  const byId = new Map(clients.map((client) => [client.clientId, client]));
  if (byId.size !== clients.length) {
    throw new TypeError('a client id is registered twice');
  }
  return byId;
};
