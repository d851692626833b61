import { describe, expect, test } from 'vitest';
import { discover } from '../../src/login/discover.ts';

const ISSUER = 'https://id.example.com';

const told = (more: object) =>
  discover(ISSUER, async () =>
    Response.json({
      issuer: ISSUER,
      authorization_endpoint: `${ISSUER}/authorize`,
      token_endpoint: `${ISSUER}/token`,
      ...more,
    }),
  );

describe('what a server says of itself', () => {
  test.each([
    ['authorization_endpoint', 'javascript:alert(1)'],
    ['authorization_endpoint', 'file:///etc/passwd'],
    ['authorization_endpoint', 'http://id.example.com/authorize'],
    ['authorization_endpoint', 'authorize'],
    ['authorization_endpoint', { a: 1 }],
    ['token_endpoint', 7],
    ['token_endpoint', 'https://user:password@id.example.com/token'],
  ])(
    'is refused where its %s is %j: a browser would be sent there, or a code',
    async (name, value) => {
      await expect(told({ [name]: value })).rejects.toMatchObject({
        code: 'refused',
        message: expect.stringContaining(`the ${name} in the metadata at id.example.com is `),
        hint: expect.stringContaining('--authorization-endpoint'),
      });
    },
  );

  test.each([
    ['revocation_endpoint', 'nonsense'],
    ['registration_endpoint', 'file:///x'],
    ['device_authorization_endpoint', {}],
    ['pushed_authorization_request_endpoint', 9],
    ['code_challenge_methods_supported', 5],
    ['token_endpoint_auth_methods_supported', [9]],
    ['authorization_endpoint', null],
  ])('counts as unsaid where its %s is %j', async (name, value) => {
    const metadata = await told({ [name]: value });
    expect(Object.hasOwn(metadata, name)).toBe(false);
    expect(metadata.token_endpoint).toBe(`${ISSUER}/token`);
  });

  test('is taken as it is otherwise', async () => {
    const more = {
      revocation_endpoint: `${ISSUER}/revoke`,
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    };
    expect(await told(more)).toMatchObject(more);
  });
});
