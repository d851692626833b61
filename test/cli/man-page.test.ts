import { beforeAll, expect, test } from 'vitest';

let pages: Map<string, string>;
beforeAll(async () => {
  Object.assign(globalThis, { TOKENCTL_VERSION: '1.2.3' });
  const { manPages } = await import('../../src/cli/man-page.ts');
  pages = await manPages('1.2.3');
});

test('there is a page for every command, which the first page names', () => {
  const names = [...pages.keys()];
  expect(names).toContain('tokenctl.1');
  expect(names).toContain('tokenctl-get.1');
  for (const name of names.filter((each) => each !== 'tokenctl.1')) {
    expect(pages.get('tokenctl.1')).toContain(name.replace('.1', '').replaceAll('-', '\\-'));
  }
});

test('a page tells its options and examples, as something to copy', () => {
  const page = pages.get('tokenctl-get.1') ?? '';
  expect(page).toMatch(/^\.TH TOKENCTL-GET 1 "" "tokenctl 1\.2\.3"/);
  expect(page).toContain('\\fB\\-\\-min\\-ttl <DURATION>\\fR');
  expect(page).toContain('.SH EXAMPLES');
  expect(page).toContain('tokenctl get work \\-\\-min\\-ttl 10m');
});

test('a page has what --help tells before its examples too', () => {
  expect(pages.get('tokenctl-store.1')).toContain('.SH NOTES\n.nf\nPlaces:\n');
  expect(pages.get('tokenctl-setup.1')).toContain('What is written, and where:');
  expect(pages.get('tokenctl-import.1')).toContain('token_endpoint_auth_method, hosts.');
});

test('no line is taken for a request that is none', () => {
  const requests = /^\.(TH|SH|TP|B|BR|nf|fi)( |$)/;
  for (const page of pages.values()) {
    expect(page.split('\n').filter((line) => /^[.']/.test(line) && !requests.test(line))).toEqual(
      [],
    );
  }
});
