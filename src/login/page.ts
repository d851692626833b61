import { createHash } from 'node:crypto';

/** What the browser shows in the end. */
export interface Page {
  readonly kind: 'done' | 'failed';
  readonly title: string;
  /** Plain text, one paragraph each. */
  readonly lines: readonly string[];
}

const STYLE = `
:root{color-scheme:light dark;--back:#f6f7f9;--card:#fff;--ink:#1b1f24;--dim:#57606a;--line:#d8dee4;--ok:#1a7f37;--no:#b42318}
@media (prefers-color-scheme:dark){:root{--back:#0d1117;--card:#161b22;--ink:#e6edf3;--dim:#9aa4af;--line:#30363d;--ok:#3fb950;--no:#ff7b72}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--back);color:var(--ink);font:1.0625rem/1.55 system-ui,sans-serif}
main{width:100%;max-width:34rem;padding:2.25rem 2.5rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem}
h1{margin:0 0 1rem;font-size:1.5rem;line-height:1.25}
.mark{display:block;margin-bottom:.5rem;font-size:2.25rem;line-height:1}
.done{color:var(--ok)}.failed{color:var(--no)}
p{margin:.5rem 0;overflow-wrap:anywhere}
footer{margin-top:1.5rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--dim);font-size:.875rem}
`;

/** The page whole in itself, and no text of others in it that is not escaped. */
export const renderPage = ({ kind, title, lines }: Page): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)} · tokenctl</title>
<style>${STYLE}</style>
</head>
<body>
<main role="${kind === 'done' ? 'status' : 'alert'}">
<h1><span class="mark ${kind}" aria-hidden="true">${kind === 'done' ? '✓' : '✗'}</span>${escapeHtml(title)}</h1>
${lines.map((line) => `<p>${escapeHtml(line)}</p>`).join('\n')}
<footer>tokenctl on this computer</footer>
</main>
</body>
</html>
`;

/** Nothing is loaded, nothing runs, nobody frames it, nothing is kept. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Also what makes text run backwards, so that a message cannot be made to look like another. */
const escapeHtml = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, ' ')
    .replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
