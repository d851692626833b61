import type { ServerResponse } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The error codes of RFC 6749 section 5.2. */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope';

/** Thrown where a request is found wanting; becomes the error answer of RFC 6749 section 5.2. */
export class Refusal extends Error {
  readonly code: OAuthErrorCode;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: OAuthErrorCode,
    description: string,
    { status = 400, headers = {} }: { status?: number; headers?: Record<string, string> } = {},
  ) {
    super(description);
    this.code = code;
    this.status = status;
    this.headers = headers;
  }

  get answer(): Answer {
    const body = { error: this.code, error_description: this.message };
    return jsonAnswer(this.status, body, this.headers);
  }
}

/** RFC 6749 section 5.1: answers of the token endpoint must not be cached. */
export const jsonAnswer = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Answer => ({
  status,
  headers: {
    'content-type': 'application/json;charset=UTF-8',
    'cache-control': 'no-store',
    pragma: 'no-cache',
    ...headers,
  },
  body: JSON.stringify(body),
});

export const send = (response: ServerResponse, answer: Answer): void => {
  writeHead(response, answer);
  response.end(answer.body);
};

export const writeHead = (response: ServerResponse, { status, headers, body }: Answer): void => {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers });
};
