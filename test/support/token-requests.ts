import type { AuthorizationServer } from '../../src/demo/authorization-server.ts';

export interface TokenAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into as the test at hand likes
  readonly json: any;
}

type Parameters = Record<string, string> | string;

/** A refresh by the default public client, or by whoever the headers and parameters name. */
export const refresh = (
  server: AuthorizationServer,
  refreshToken: string,
  parameters: Record<string, string> = {},
  headers: Record<string, string> = {},
): Promise<TokenAnswer> =>
  postForm(
    server.tokenEndpoint,
    {
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      ...('authorization' in headers ? {} : { client_id: server.clientId }),
      ...parameters,
    },
    headers,
  );

/** A POST with a form; a string goes out as it is. */
export const postForm = async (
  url: string,
  parameters: Parameters,
  headers: Record<string, string> = {},
): Promise<TokenAnswer> => {
  const response = await fetch(url, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: typeof parameters === 'string' ? parameters : new URLSearchParams(parameters).toString(),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
  const { status } = response;
  return {
    status,
    headers: response.headers,
    json: isJson && text !== '' ? JSON.parse(text) : text,
  };
};

/** RFC 6749 section 2.3.1. */
export const basic = (clientId: string, clientSecret: string): { authorization: string } => {
  const [id, secret] = [clientId, clientSecret].map((half) =>
    new URLSearchParams([['', half]]).toString().slice(1),
  );
  return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` };
};

/** What the protected resource says to an access token. */
export const callResource = async (
  server: AuthorizationServer,
  accessToken: string,
): Promise<number> => {
  const response = await fetch(server.resource, {
    headers: { authorization: `Bearer ${accessToken}` },
  });
  await response.body?.cancel();
  return response.status;
};
