import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openBrowser } from '../../src/login/browser.ts';

test.each(['%s', ''])('a browser is given the address to the letter (%j)', async (place) => {
  const directory = mkdtempSync(join(tmpdir(), 'tokenctl-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const seen = join(directory, 'seen');
  const script = `require('fs').writeFileSync('${seen}', JSON.stringify(process.argv.slice(1)))`;
  // What a server may have in its address, and a shell or a replacement would make something of.
  const url = "https://id.example.com/$&/$'/;$(id)/%73?a=%20&b=`x`";
  const command = `${process.execPath} -e "${script}" ${place}`;
  expect(await openBrowser(url, command, process.env)).toBeNull();
  await vi.waitFor(() => expect(JSON.parse(readFileSync(seen, 'utf8'))).toEqual([url]));
});
