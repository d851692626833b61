import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/secret.ts';
import { classify, everythingIn, SENT, verdictIn } from './answers.ts';

const NEW = { access_token: 'new-access', token_type: 'Bearer', refresh_token: 'new-refresh' };
const microsoft = (number: number, listed = true) => ({
  error: 'invalid_grant',
  error_description: `AADSTS${number}: because. Trace ID: 1`,
  ...(listed ? { error_codes: [number] } : {}),
});

/** INCIDENTS, "When is a refresh token dead?", row by row. */
const DEAD: [string, number, unknown][] = [
  ['invalid_grant with 400', 400, { error: 'invalid_grant' }],
  ['invalid_grant with 401', 401, { error: 'invalid_grant' }],
  ['invalid_grant with 403 (Auth0, Atlassian)', 403, { error: 'invalid_grant' }],
  ['invalid_grant inside 200', 200, { error: 'invalid_grant' }],
  ['GitHub bad_refresh_token inside 200', 200, { error: 'bad_refresh_token' }],
  ['Slack ok:false inside 200', 200, { ok: false, error: 'invalid_refresh_token' }],
  ['refresh_token_reused', 400, { error: 'refresh_token_reused' }],
  ['OpenAI nested refresh_token_reused', 401, { error: { code: 'refresh_token_reused' } }],
  ['refresh_token_already_used', 400, { error: 'refresh_token_already_used' }],
  ['Supabase error_code', 400, { code: 400, error_code: 'refresh_token_already_used', msg: 'x' }],
  ['Supabase code', 400, { code: 'refresh_token_already_used', message: 'x' }],
  ['refresh_token_invalidated', 401, { error: 'refresh_token_invalidated' }],
  ['AADSTS700082', 400, microsoft(700082)],
  ['AADSTS50173', 400, microsoft(50173)],
  ['AADSTS70008, in the description only', 400, microsoft(70008, false)],
  ['AADSTS700082 beside 50076', 400, { ...microsoft(700082), error_codes: [50076] }],
];

const INTERACTION: [string, number, unknown][] = [
  ['AADSTS50076 within invalid_grant', 400, microsoft(50076)],
  ['AADSTS50076 in the description only', 400, microsoft(50076, false)],
  ['AADSTS50079 in the numbers only', 400, { error: 'invalid_grant', error_codes: [50079] }],
  ['interaction_required', 400, { error: 'interaction_required' }],
  ['consent_required', 400, { error: 'consent_required' }],
  ['login_required', 401, { error: 'login_required' }],
  ['insufficient_scope', 403, { error: 'insufficient_scope' }],
  ['interaction_required inside 200', 200, { error: 'interaction_required' }],
];

const CONFIGURATION: [string, number, unknown][] = [
  ['invalid_client', 401, { error: 'invalid_client' }],
  ['unauthorized_client', 400, { error: 'unauthorized_client' }],
  ['unsupported_grant_type', 400, { error: 'unsupported_grant_type' }],
  ['invalid_scope', 400, { error: 'invalid_scope' }],
  ['invalid_request', 400, { error: 'invalid_request' }],
  ['a code nobody knows', 400, { error: 'you_must_be_kidding' }],
  [
    'GitHub incorrect_client_credentials inside 200',
    200,
    { error: 'incorrect_client_credentials' },
  ],
];

const NOT_NOW: [string, number, unknown][] = [
  ['a redirect', 302, ''],
  ['a permanent redirect', 308, ''],
  ['404', 404, '<html>'],
  ['404 that says invalid_grant', 404, { error: 'invalid_grant' }],
  ['405', 405, ''],
  ['407', 407, ''],
  ['408', 408, ''],
  ['425', 425, ''],
  ['429', 429, { error: 'invalid_grant' }],
  ['500', 500, { error: 'invalid_grant' }],
  ['502', 502, '<html>bad gateway</html>'],
  ['503', 503, { error: 'temporarily_unavailable' }],
  ['temporarily_unavailable with 400', 400, { error: 'temporarily_unavailable' }],
  ['slow_down with 400', 400, { error: 'slow_down' }],
  ['server_error with 400', 400, { error: 'server_error' }],
  ['Slack ratelimited inside 200', 200, { ok: false, error: 'ratelimited' }],
  ['400 with HTML', 400, '<html>invalid_grant</html>'],
  ['401 with text', 401, 'invalid_grant'],
  ['403 of a firewall', 403, { message: 'Forbidden' }],
  ['400 with an array', 400, '["invalid_grant"]'],
  ['400 with truncated JSON', 400, '{"error":"invalid_grant"'],
  ['200 with HTML', 200, '\n <!doctype html><title>maintenance</title>'],
];

const AMBIGUOUS: [string, number, unknown][] = [
  ['an empty 200', 200, ''],
  ['204', 204, ''],
  ['200 with truncated JSON', 200, '{"access_token":"a","refresh_tok'],
  ['200 with a JSON string', 200, '"ok"'],
  ['200 with an empty object', 200, {}],
  ['200 with nothing well-formed', 200, { access_token: 'a b', refresh_token: '' }],
];

describe('classifyTokenResponse', () => {
  it.each(DEAD)('says dead: %s', (_, status, body) => {
    expect(verdictIn(classify(status, body))).toBe('dead');
  });

  it.each(INTERACTION)('says that a person is needed: %s', (_, status, body) => {
    expect(verdictIn(classify(status, body))).toBe('interaction');
  });

  it.each(CONFIGURATION)('says configuration: %s', (_, status, body) => {
    expect(verdictIn(classify(status, body))).toBe('configuration');
  });

  it.each(NOT_NOW)('says not now, without a rotation: %s', (_, status, body) => {
    expect(verdictIn(classify(status, body))).toBe('answered');
  });

  it.each(AMBIGUOUS)('says that the server may have rotated: %s', (_, status, body) => {
    expect(verdictIn(classify(status, body))).toBe('ambiguous');
  });

  it('does not look into a body that was cut off', () => {
    const cut = { truncated: true };
    expect(verdictIn(classify(200, NEW, cut))).toBe('ambiguous');
    expect(verdictIn(classify(400, { error: 'invalid_grant' }, cut))).toBe('answered');
  });

  it('takes tokens from any 2xx, whatever the content type says', () => {
    for (const status of [200, 201, 203, 299]) {
      const result = classify(status, `\uFEFF${JSON.stringify(NEW)}`, { headers: {} });
      expect(result).toMatchObject({ kind: 'granted', accessTokenUsable: true, problems: [] });
    }
  });

  it('is granted with an access token alone, and with a refresh token alone', () => {
    expect(verdictIn(classify(200, { access_token: 'a' }))).toBe('granted');
    expect(verdictIn(classify(200, { refresh_token: 'r' }))).toBe('granted');
  });

  it('does not take an empty or absent error for one', () => {
    for (const error of [null, '', false]) {
      expect(verdictIn(classify(200, { ...NEW, error }))).toBe('granted');
    }
  });

  it('keeps a new refresh token even if the answer also states an error', () => {
    const result = classify(200, { ...NEW, error: 'server_error' });
    expect(result).toMatchObject({ kind: 'granted', accessTokenUsable: false });
    expect(everythingIn(result)).toContain('server_error');
    expect(result.kind === 'granted' && result.tokens.refreshToken?.reveal()).toBe('new-refresh');
  });

  it('is not deceived by the refresh token that it sent itself', () => {
    const echoed = { error: 'invalid_grant', refresh_token: SENT };
    expect(verdictIn(classify(200, echoed))).toBe('dead');
  });

  it('lets the last of two members of one name win', () => {
    const result = classify(200, '{"refresh_token":"first","refresh_token":"second"}');
    expect(result.kind === 'granted' && result.tokens.refreshToken?.reveal()).toBe('second');
  });

  it('reads form-encoded answers', () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
    const granted = classify(200, 'access_token=a%2Bb&expires_in=28800&token_type=bearer', {
      headers,
    });
    expect(granted).toMatchObject({ kind: 'granted', tokens: { lifetime: 28800 } });
    expect(granted.kind === 'granted' && granted.tokens.accessToken?.reveal()).toBe('a+b');
    const refused = classify(200, 'error=bad_refresh_token&error_description=It+is+gone.', {
      headers,
    });
    expect(refused).toMatchObject({ verdict: 'dead', description: 'It is gone.' });
    expect(verdictIn(classify(400, 'error=invalid_client', { headers }))).toBe('configuration');
    expect(verdictIn(classify(200, 'hello', { headers }))).toBe('ambiguous');
  });
});

describe('what a classified answer says', () => {
  it('names the code, or the status where there is none', () => {
    expect(classify(400, { error: 'invalid_grant' })).toMatchObject({ error: 'invalid_grant' });
    expect(classify(503, '')).toMatchObject({ error: 'http_503', description: null });
  });

  it('hands on the description in one printable line', () => {
    const error_description = 'gone\r\n\u001b[31mred\u202e';
    expect(classify(400, { error: 'invalid_grant', error_description })).toMatchObject({
      description: 'gone [31mred',
    });
    const long = classify(400, { error: 'x'.repeat(999), error_description: 'y'.repeat(9999) });
    expect(everythingIn(long).length).toBeLessThan(1000);
  });

  it('never repeats the refresh token that was sent, in whatever form', () => {
    for (const echo of [SENT, `x${SENT}x`, `${SENT.slice(0, 5)}\u0000${SENT.slice(5)}`]) {
      const result = classify(400, { error: `bad ${SENT}`, error_description: `token ${echo}` });
      expect(everythingIn(result)).not.toContain(SENT);
      expect(everythingIn(result)).toContain('[redacted]');
    }
  });

  it('never repeats a refresh token of odd characters, as it was or as it would be printed', () => {
    for (const [token, echo] of [
      ['begin middle end', 'begin\u0007middle\nend'],
      ['begin\u200emiddle\u200eend', 'begin\u200emiddle\u200eend'],
    ] as const) {
      const result = classify(503, { message: `got ${echo}` }, { sent: [new Secret(token)] });
      expect(result).toMatchObject({ description: 'got [redacted]' });
    }
  });

  it('never repeats the refresh token as it was form-encoded', () => {
    const sent = [new Secret('begin+middle/end')];
    const result = classify(503, { message: 'got begin%2Bmiddle%2Fend' }, { sent });
    expect(result).toMatchObject({ description: 'got [redacted]' });
  });

  it('never repeats a token of the answer', () => {
    const tokens = { access_token: 'AAAA-secret', id_token: 'IIII-secret' };
    const error_description = 'AAAA-secret and IIII-secret';
    const result = classify(400, { ...tokens, error: 'nope', error_description });
    expect(everythingIn(result)).not.toContain('-secret');
  });
});

describe('what a classified answer says about a second try', () => {
  it.each([408, 425, 429, 500, 502, 503, 504])('%i may be over in a second', (status) => {
    expect(classify(status, '')).toMatchObject({ fault: 'answered', transient: true });
  });

  it.each([302, 307, 404, 405, 407])('%i will be the same in a second', (status) => {
    expect(classify(status, '')).toMatchObject({ fault: 'answered', transient: false });
  });

  it('a stated passing error may be over, a web page will still be there', () => {
    expect(classify(400, { error: 'slow_down' })).toMatchObject({ transient: true });
    expect(classify(200, '<html>')).toMatchObject({ fault: 'answered', transient: false });
  });
});

describe('Retry-After', () => {
  const cases: [string | undefined, number | null][] = [
    [undefined, null],
    ['0', 0],
    ['120', 120_000],
    [' 7 ', 7_000],
    ['99999999', 3_600_000],
    ['-5', null],
    ['1.5', null],
    ['soon', null],
    ['Thu, 15 Jan 2026 12:00:30 GMT', 30_000],
    ['Thursday, 15-Jan-26 12:00:30 GMT', 30_000],
    ['Thu Jan 15 12:00:30 2026', 30_000],
    ['Thu, 15 Jan 2026 11:00:00 GMT', 0],
    ['Fri, 16 Jan 2026 12:00:00 GMT', 3_600_000],
  ];
  it.each(cases)('of %j means %j ms', (value, expected) => {
    const headers: Record<string, string> = value === undefined ? {} : { 'retry-after': value };
    for (const status of [429, 503]) {
      expect(classify(status, '', { headers })).toMatchObject({ retryAfterMs: expected });
    }
  });

  it('counts for passing errors that come with 400, too', () => {
    const headers = { 'retry-after': '3' };
    expect(classify(400, { error: 'slow_down' }, { headers })).toMatchObject({
      retryAfterMs: 3000,
    });
  });
});
