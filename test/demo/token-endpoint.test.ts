import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from '../../src/demo/authorization-server.ts';
import {
  basic,
  callResource,
  postForm,
  refresh,
  type TokenAnswer,
} from '../support/token-requests.ts';

const SECRET = 'p+ss%wörd & co=:';
const CONFIDENTIAL = { clientId: 'a client:1', clientSecret: SECRET } as const;

let server: AuthorizationServer;

beforeEach(async () => {
  server = await startAuthorizationServer({
    scope: 'read write admin',
    clients: [
      { clientId: 'public', authMethod: 'none' },
      { ...CONFIDENTIAL, authMethod: 'client_secret_basic' },
      { clientId: 'poster', clientSecret: SECRET, authMethod: 'client_secret_post' },
    ],
  });
});

afterEach(() => server.close());

const expectError = (answer: TokenAnswer, status: number, error: string) => {
  expect(answer.json).toEqual({ error, error_description: expect.any(String) });
  expect(answer.status).toBe(status);
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(server.requests.at(-1)).toMatchObject({ outcome: error, status });
};

describe('the form of a request', () => {
  const form = (token: string) =>
    `grant_type=refresh_token&client_id=public&refresh_token=${token}`;

  test('only POST is allowed', async () => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const response = await fetch(server.tokenEndpoint, { method });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
    }
  });

  test('other content types than the form encoding are refused', async () => {
    const body = form(server.grant().refresh_token);
    for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x', '']) {
      const answer = await postForm(server.tokenEndpoint, body, { 'content-type': type });
      expectError(answer, 400, 'invalid_request');
    }
  });

  test('the charset may be named if it is UTF-8', async () => {
    const post = (charset: string) =>
      postForm(server.tokenEndpoint, form(server.grant().refresh_token), {
        'content-type': `application/x-www-form-urlencoded;charset=${charset}`,
      });
    expect((await post('UTF-8')).status).toBe(200);
    expectError(await post('iso-8859-1'), 400, 'invalid_request');
  });

  test('a parameter must not be given twice, even with the same or no value', async () => {
    const body = form(server.grant().refresh_token);
    for (const extra of ['grant_type=refresh_token', 'client_id=', 'x=1&x=2', '%67rant_type=']) {
      expectError(await postForm(server.tokenEndpoint, `${body}&${extra}`), 400, 'invalid_request');
    }
  });

  test('parameters in the address are refused', async () => {
    const body = form(server.grant().refresh_token);
    const answer = await postForm(`${server.tokenEndpoint}?scope=read`, body);
    expectError(answer, 400, 'invalid_request');
  });

  test('what no encoder writes is refused', async () => {
    for (const body of ['grant_type=%', 'grant_type=%zz', 'a b=c', 'x=%ff', 'x=é']) {
      expectError(await postForm(server.tokenEndpoint, body), 400, 'invalid_request');
    }
  });

  test('a body over 64 KB is refused', async () => {
    const body = form('x'.repeat(70_000));
    expectError(await postForm(server.tokenEndpoint, body), 413, 'invalid_request');
  });

  test('parameters without a value count as omitted, unknown ones are ignored', async () => {
    const body = form(server.grant().refresh_token);
    const answer = await postForm(server.tokenEndpoint, `${body}&scope=&client_secret=&new=thing`);
    expect(answer.status).toBe(200);
  });

  test('grant_type and refresh_token are required', async () => {
    expectError(
      await postForm(server.tokenEndpoint, { client_id: 'public' }),
      400,
      'invalid_request',
    );
    const withoutToken = { client_id: 'public', grant_type: 'refresh_token' };
    expectError(await postForm(server.tokenEndpoint, withoutToken), 400, 'invalid_request');
  });

  test('other grant types are not supported', async () => {
    for (const grantType of ['authorization_code', 'password', 'REFRESH_TOKEN']) {
      const parameters = { client_id: 'public', grant_type: grantType };
      expectError(await postForm(server.tokenEndpoint, parameters), 400, 'unsupported_grant_type');
    }
  });

  test('a malformed request never costs the refresh token', async () => {
    const { refresh_token: token } = server.grant();
    await postForm(server.tokenEndpoint, `${form(token)}&grant_type=x`);
    await refresh(server, token, { scope: 'more' });
    await refresh(server, token, { client_id: 'nobody' });
    expect((await refresh(server, token)).status).toBe(200);
  });

  test('a request that breaks off is logged as aborted', async () => {
    const sending = request(server.tokenEndpoint, {
      method: 'POST',
      headers: { 'content-length': 100 },
    });
    sending.on('error', () => {});
    sending.write('grant_type=');
    await expect.poll(() => server.tokenRequests).toBe(1);
    sending.destroy();
    await expect.poll(() => server.requests[0]?.outcome).toBe('aborted');
    expect(server.requests[0]).toMatchObject({ status: null });
  });

  test('other addresses are not found', async () => {
    expect((await fetch(`${server.url}/`)).status).toBe(404);
  });
});

describe('the refresh token', () => {
  test('an unknown one is an invalid grant', async () => {
    expectError(await refresh(server, 'unknown'), 400, 'invalid_grant');
  });

  test('another client is refused, even with a spent one, and cannot revoke the family', async () => {
    const { refresh_token: token } = server.grant({ clientId: 'poster' });
    expectError(await refresh(server, token), 400, 'invalid_grant');
    const credentials = { client_id: 'poster', client_secret: SECRET };
    expect((await refresh(server, token, credentials)).status).toBe(200);
    expectError(await refresh(server, token), 400, 'invalid_grant');
    expect(server).toMatchObject({ reuseDetections: 0, familiesRevoked: 0 });
  });
});

describe('scope', () => {
  test('may be narrowed, which does not narrow the grant', async () => {
    const granted = server.grant({ scope: 'read write' });
    const narrow = await refresh(server, granted.refresh_token, { scope: 'read' });
    expect(narrow.json.scope).toBe('read');
    const whole = await refresh(server, narrow.json.refresh_token);
    expect(whole.json.scope).toBe('read write');
  });

  test('may not be widened or malformed', async () => {
    const { refresh_token: token } = server.grant({ scope: 'read' });
    for (const scope of ['write', 'read write', 'read admin', 'read  read', ' read', 'READ']) {
      expectError(await refresh(server, token, { scope }), 400, 'invalid_scope');
    }
  });
});

describe('client authentication', () => {
  const expectRejected = (answer: TokenAnswer) => {
    expectError(answer, 401, 'invalid_client');
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm=/);
  };
  const right = basic(CONFIDENTIAL.clientId, SECRET);
  const inBody = { client_id: 'poster', client_secret: SECRET };

  test('each client gets in by its own method', async () => {
    const tokenOf = (clientId: string) => server.grant({ clientId }).refresh_token;
    expect((await refresh(server, tokenOf('public'))).status).toBe(200);
    expect((await refresh(server, tokenOf(CONFIDENTIAL.clientId), {}, right)).status).toBe(200);
    expect((await refresh(server, tokenOf('poster'), inBody)).status).toBe(200);
  });

  test('a wrong, empty or missing secret is rejected', async () => {
    const { refresh_token: token } = server.grant();
    expectRejected(await refresh(server, token, {}, basic(CONFIDENTIAL.clientId, 'wrong')));
    expectRejected(await refresh(server, token, {}, basic(CONFIDENTIAL.clientId, '')));
    expectRejected(await refresh(server, token, { ...inBody, client_secret: 'wrong' }));
    expectRejected(await refresh(server, token, { client_id: 'poster' }));
  });

  test('an unknown or missing client is rejected', async () => {
    const { refresh_token: token } = server.grant();
    expectRejected(await refresh(server, token, { client_id: 'nobody' }));
    expectRejected(await refresh(server, token, { client_id: '' }));
    expectRejected(await refresh(server, token, {}, basic('nobody', SECRET)));
  });

  test('the right secret by another method is rejected', async () => {
    const { refresh_token: token } = server.grant();
    expectRejected(await refresh(server, token, {}, basic('poster', SECRET)));
    const posted = { client_id: CONFIDENTIAL.clientId, client_secret: SECRET };
    expectRejected(await refresh(server, token, posted));
    expectRejected(await refresh(server, token, { client_id: 'public', client_secret: 'any' }));
    expectRejected(await refresh(server, token, {}, basic('public', '')));
  });

  test('Basic credentials must be form-encoded before they are joined', async () => {
    const { refresh_token: token } = server.grant({ clientId: CONFIDENTIAL.clientId });
    const plain = Buffer.from(`${CONFIDENTIAL.clientId}:${SECRET}`).toString('base64');
    expectRejected(await refresh(server, token, {}, { authorization: `Basic ${plain}` }));
  });

  test('other and malformed Authorization headers are rejected', async () => {
    const { refresh_token: token } = server.grant();
    const noColon = Buffer.from('public').toString('base64');
    for (const header of [`Bearer ${token}`, 'Basic', 'Basic !!!', `Basic ${noColon}`, 'x']) {
      expectRejected(await refresh(server, token, {}, { authorization: header }));
    }
  });

  test('two methods at once are refused', async () => {
    const { refresh_token: token } = server.grant({ clientId: CONFIDENTIAL.clientId });
    const both = await refresh(server, token, { client_secret: SECRET }, right);
    expectError(both, 400, 'invalid_request');
  });

  test('a client_id beside Basic credentials must name the same client', async () => {
    const { refresh_token: token } = server.grant({ clientId: CONFIDENTIAL.clientId });
    const other = await refresh(server, token, { client_id: 'public' }, right);
    expectError(other, 400, 'invalid_request');
    const same = { client_id: CONFIDENTIAL.clientId };
    expect((await refresh(server, token, same, right)).status).toBe(200);
  });

  test('a registration that could never authenticate is a mistake of the caller', async () => {
    const register = (client: object) =>
      startAuthorizationServer({ clients: [{ clientId: 'x', authMethod: 'none', ...client }] });
    await expect(register({ clientSecret: 's' })).rejects.toThrow(TypeError);
    await expect(register({ authMethod: 'client_secret_post' })).rejects.toThrow(TypeError);
    const twice = [1, 2].map(() => ({ clientId: 'x', authMethod: 'none' }) as const);
    await expect(startAuthorizationServer({ clients: twice })).rejects.toThrow(TypeError);
    expect(() => server.grant({ clientId: 'nobody' })).toThrow(TypeError);
  });
});

describe('client credentials', () => {
  const ask = (parameters: Record<string, string>) =>
    postForm(server.tokenEndpoint, { grant_type: 'client_credentials', ...parameters });
  const poster = { client_id: 'poster', client_secret: SECRET };

  test('give an access token, and no refresh token, to a client with a secret', async () => {
    const { status, json } = await ask({ ...poster, scope: 'read' });
    expect(status).toBe(200);
    expect(json).not.toHaveProperty('refresh_token');
    expect(json.scope).toBe('read');
    expect(await callResource(server, json.access_token)).toBe(200);
    expect(server.requests[0]?.outcome).toBe('client_credentials_issued');
    expectError(await ask({ ...poster, scope: 'everything' }), 400, 'invalid_scope');
  });

  test('are nothing for a public client', async () => {
    expectError(await ask({ client_id: 'public' }), 400, 'unauthorized_client');
  });
});

describe('revocation', () => {
  const revoke = (token: string, parameters: Record<string, string> = {}) =>
    postForm(server.revocationEndpoint, { token, client_id: 'public', ...parameters });

  test.each(['access_token', 'refresh_token'] as const)(
    'by the %s ends the family',
    async (kind) => {
      const [granted, other] = [server.grant(), server.grant()];
      expect((await revoke(granted[kind], { token_type_hint: 'refresh_token' })).status).toBe(200);
      expect((await refresh(server, granted.refresh_token)).json.error).toBe('invalid_grant');
      expect(await callResource(server, granted.access_token)).toBe(401);
      expect(await callResource(server, other.access_token)).toBe(200);
      expect(server).toMatchObject({ familiesRevoked: 1, revocationRequests: 1, tokenRequests: 1 });
    },
  );

  test('of an unknown token succeeds, without any token it does not', async () => {
    expect((await revoke('unknown')).status).toBe(200);
    expect((await revoke('')).json.error).toBe('invalid_request');
  });

  test('asks for client authentication, and refuses the tokens of another client', async () => {
    const granted = server.grant({ clientId: 'poster' });
    const credentials = { client_id: 'poster', client_secret: SECRET };
    expect((await revoke(granted.refresh_token)).status).toBe(400);
    const wrong = await revoke(granted.refresh_token, { ...credentials, client_secret: 'wrong' });
    expect([wrong.status, wrong.json.error]).toEqual([401, 'invalid_client']);
    expect(server.familiesRevoked).toBe(0);
    expect((await revoke(granted.refresh_token, credentials)).status).toBe(200);
    expect(server.familiesRevoked).toBe(1);
  });

  test('is only for POST', async () => {
    expect((await fetch(server.revocationEndpoint)).status).toBe(405);
  });
});
