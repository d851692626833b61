export interface Written {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface RequestQuirk {
  readonly words: string;
  readonly documentation: string;
  /** The request as this provider wants it, from what RFC 6749 would send. */
  readonly rewrite: (request: Written) => Written;
}

/** `grant_type=refresh_token` becomes `{"grantType":"refresh_token"}`, and scopes are a list. */
const camelCaseJson = ({ headers, body }: Written): Written => ({
  headers: { ...headers, 'content-type': 'application/json' },
  body: JSON.stringify(
    Object.fromEntries(
      Array.from(new URLSearchParams(body), ([name, value]) => [
        name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
        name === 'scope' ? value.split(' ') : value,
      ]),
    ),
  ),
});

export const requestQuirks = {
  'camel-case-json': {
    words: 'Requests and answers are JSON with names in camel case.',
    documentation:
      'https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html',
    rewrite: camelCaseJson,
  },
} satisfies Record<string, RequestQuirk>;

/** The request as this provider wants it. */
export const rewriteRequest = (request: Written, names: readonly string[]): Written =>
  Object.entries<RequestQuirk>(requestQuirks)
    .filter(([name]) => names.includes(name))
    .reduce((written, [, { rewrite }]) => rewrite(written), request);
