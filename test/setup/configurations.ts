import fc from 'fast-check';
import { stringify } from 'yaml';
import { cargo } from '../../src/setup/cargo.ts';
import { docker } from '../../src/setup/docker.ts';
import { git } from '../../src/setup/git.ts';
import { kubectl } from '../../src/setup/kubectl.ts';
import type { Format, Want } from '../../src/setup/tool.ts';

/** Of each tool: how its files may look, and what may be wanted of them. */
export interface Kind {
  readonly format: Format;
  readonly text: fc.Arbitrary<string>;
  readonly wants: readonly Want[];
  /** What a person may add at the end of any of these files. */
  readonly addition: string;
  /** Where what is written first would say something else, or change something else too. */
  readonly tangled: readonly string[];
  /** What is none. */
  readonly garbage: readonly string[];
}

const eol = fc.constantFrom('\n', '\r\n');
const end = fc.constantFrom('', '\n', '\n\n');
const bom = fc.constantFrom('', '', '\ufeff');
const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
const comment = fc.stringMatching(/^[ -~é]{0,20}$/).map((text) => `# ${text}`);
const space = fc.constantFrom('', ' ', '  ', '\t');

const asFile = (lines: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(bom, lines, end, eol)
    .map(([mark, text, tail, line]) => (mark + text + tail).replaceAll('\n', line));

const gitLine = fc.oneof(
  fc.tuple(space, word, word).map(([indent, key, value]) => `${indent}${key} = ${value}`),
  fc.tuple(space, word).map(([indent, key]) => `${indent}${key}`),
  fc.tuple(space, comment).map(([indent, text]) => indent + text),
  fc.constant('\tlong = a \\\n  b'),
  fc.constant('\tquoted = "x # y \\" z"'),
  fc.constant('\thelper = store'),
  fc.constant(''),
);
const gitSection = fc
  .tuple(
    fc.constantFrom(
      '[user]',
      '[core] ; yes',
      '[credential]',
      '[credential "https://a.example"]',
      '[x "Y z"]',
    ),
    fc.array(gitLine, { maxLength: 4 }),
  )
  .map(([header, lines]) => [header, ...lines].join('\n'));

/** JSON with white space wherever it may be. */
const loose = (value: unknown): fc.Arbitrary<string> => {
  const gap = fc.constantFrom('', '', ' ', '\n', '\n  ', '\t');
  if (typeof value !== 'object' || value === null) {
    return fc.constant(JSON.stringify(value));
  }
  const isList = Array.isArray(value);
  const members = Object.entries(value).map(([key, member]) =>
    fc
      .tuple(gap, gap, gap, loose(member))
      .map(([a, b, c, text]) =>
        isList ? a + text + b : `${a}${JSON.stringify(key)}${b}:${c}${text}`,
      ),
  );
  const [open, close] = isList ? '[]' : '{}';
  return fc
    .tuple(fc.tuple(...members), gap)
    .map(([all, a]) => `${open}${all.join(',')}${a}${close}`);
};
const dockerData = fc.record(
  {
    auths: fc.dictionary(word, fc.record({ auth: fc.base64String() })),
    credHelpers: fc.dictionary(word, word),
    HttpHeaders: fc.dictionary(word, fc.string()),
    detachKeys: fc.string(),
    list: fc.array(fc.integer()),
  },
  { requiredKeys: [] },
);
const json = (data: fc.Arbitrary<object>) =>
  fc.oneof(
    data.chain(loose),
    fc
      .tuple(data, fc.constantFrom(0, 1, 2, 4, '\t'))
      .map(([value, indent]) => JSON.stringify(value, null, indent)),
    fc.constantFrom('', '{}', ' ', '{\n}', '{"credHelpers": null, "auths": null, "users": null}'),
  );

const kubeData = fc
  .tuple(
    fc.array(fc.record({ name: word, user: fc.record({ token: fc.base64String() }) }), {
      maxLength: 3,
    }),
    fc.option(word),
    fc.constantFrom('none', 'empty', 'null', 'some'),
  )
  .map(([users, user, how]) => ({
    apiVersion: 'v1',
    ...(how === 'none' ? {} : { users: how === 'empty' ? [] : how === 'null' ? null : users }),
    contexts: [
      { name: 'ours', context: { cluster: 'c', ...(user === null ? {} : { user }) } },
      { context: { cluster: 'd', namespace: 'e' }, name: 'other' },
    ],
    clusters: [{ name: 'c', cluster: { server: 'https://k8s.example.com:6443' } }],
  }));
const kubeText = fc.oneof(
  fc
    .tuple(
      kubeData,
      fc.constantFrom(2, 4),
      fc.boolean(),
      fc.constantFrom('any', 'block', 'flow'),
      fc.array(fc.tuple(fc.nat(), comment), { maxLength: 4 }),
    )
    .map(([data, indent, indentSeq, collectionStyle, comments]) => {
      const lines = stringify(data, { indent, indentSeq, collectionStyle, lineWidth: 0 })
        // As it writes an empty list in this style, it cannot read it.
        .replace(/users:\n *\[\]/, 'users: []')
        .trimEnd()
        .split('\n');
      for (const [at, text] of comments) {
        const where = at % (lines.length + 1);
        const indentation = /^ */.exec(lines[where] ?? '')?.[0] ?? '';
        lines.splice(where, 0, `${indentation}${text}`, ...(at % 3 === 0 ? [''] : []));
      }
      return lines.join('\n');
    }),
  json(kubeData),
);

const cargoPart = fc.oneof(
  fc.tuple(space, comment).map(([indent, text]) => indent + text),
  fc.constantFrom(
    '[net]\ngit-fetch-with-cli = true',
    '[large]\nnumber = 9223372036854775807',
    '[build]\njobs = 2 # two\nrustflags = [\n  "-C", # a\n  "x",\n]',
    '[alias]\nb = "build"\nlong = """\n[registries.none]\nindex = "x"\n"""',
    '',
  ),
);
const INDEX = '"sparse+https://crates.example.com/index/"';
const cargoRegistry = fc.constantFrom(
  `[registries.acme]\nindex = ${INDEX}`,
  `[registries.acme] # ours\n  # why\n  index = ${INDEX} # here\n  token-is = "no"`,
  `[registries."acme"]\n"index"=${INDEX}`,
  `[registries]\nacme.index = ${INDEX}`,
  `[registries]\nacme = { index = ${INDEX} }\nzed = {}`,
  `[registries.acme]\nindex = ${INDEX}\ncredential-provider = "cargo:token"`,
  `[registries.acme]\ncredential-provider = ['cargo:token'] # old\nindex = ${INDEX}`,
  '',
);
const cargoText = fc
  .tuple(
    fc.uniqueArray(cargoPart, { maxLength: 4 }),
    cargoRegistry,
    fc.uniqueArray(comment, { maxLength: 2 }),
  )
  .map(([before, registry, after]) => [...before, registry, ...after].join('\n'));

const wants = <W extends Want>(...all: readonly W[]): readonly Want[] => all;

const helper = '!tokenctl credential git';
const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'tokenctl' };
const args = ['credential', 'kubectl'];
const provider = ['cargo-credential-tokenctl'];
const at = (host: string) => ({ slot: host, host });
const forGit = (host: string, more: object = {}) => {
  const url = `https://${host}`;
  return { slot: url, url, helper, usePath: false, ...more };
};

export const KINDS: Readonly<Record<string, Kind>> = {
  git: {
    format: git.format,
    text: asFile(fc.array(gitSection, { maxLength: 4 }).map((all) => all.join('\n'))),
    wants: [
      forGit('a.example'),
      forGit('b.example:8443', {
        helper: "!'/odd \"dir\"/o'\\''k; #é' credential git",
        usePath: true,
      }),
      forGit('c.example', { helper: `${helper} --login work` }),
    ],
    addition: '[added]\n\tby = person\n',
    tangled: ['[a]\n\tb = c \\'],
    garbage: ['[user\n', '[a]\nb = "c\n', '[a]\n\t= b\n'],
  },
  docker: {
    format: docker.format,
    text: asFile(json(dockerData)),
    wants: [at('a.example'), at('b.example:5000'), at('127.0.0.1:5000')],
    addition: '\n \n',
    tangled: [
      '{"credHelpers": {"a": "x"}, "credHelpers": {"b": "y"}}',
      '{"credHelpers": {"a": "x"}, "credH\\u0065lpers": {"b": "y"}}',
    ],
    garbage: ['{', '[]', '{"credHelpers": []}', '{"a": 1,}', '{} // no', '"x"', '{"auths": 1}'],
  },
  kubectl: {
    format: kubectl.format,
    text: asFile(kubeText),
    wants: wants(
      { slot: 'user tokenctl', kind: 'user', name: 'tokenctl', ...exec, args },
      { slot: 'context ours', kind: 'context', name: 'ours', user: 'tokenctl', previous: null },
      { slot: 'user b', kind: 'user', name: 'b@c', ...exec, args: [...args, '--login', '1'] },
    ),
    addition: '# by a person\n',
    tangled: [
      'contexts:\n- name: b\n  context: &c\n    cluster: c\n- name: ours\n  context: *c\n',
      'contexts:\n- name: ours\n  context: &c {cluster: c}\n- name: b\n  context: *c\n',
      'a: &a\n- {name: x}\nusers: *a\ncontexts:\n- name: ours\n  context: {}\n',
      'contexts:\n- name: ours\n...\n',
    ],
    garbage: [
      'a: [',
      'users: 1\n',
      '- a\n',
      'a: 1\na: 2\n',
      'users:\n- 1\n',
      'x',
      '--- {}\n--- {}\n',
      // For kubectl these are two lines, and users are there already.
      ...['\r', '\u0085', '\u2028', '\u2029'].map((end) => `# x${end}users: [{name: a}]\n`),
    ],
  },
  cargo: {
    format: cargo.format,
    text: asFile(cargoText),
    wants: wants(
      { slot: 'acme', registry: 'acme', index: INDEX.slice(1, -1), provider },
      { slot: 'new', registry: 'new', index: 'sparse+https://b.example/', provider },
      {
        slot: 'odd',
        registry: 'odd',
        index: 'sparse+https://c.example/',
        provider: ['C:\\"é', 'x'],
      },
    ),
    addition: '# by a person\n',
    tangled: [
      `registries = { zed = { index = ${INDEX} } }`,
      `[registries.acme]\nindex = """\nsparse+x"""`,
      `[registries]\nacme.index = ${INDEX}\nacme.credential-provider = [\n"x" ]`,
    ],
    garbage: [
      '[a',
      'a = ',
      'registries = 1',
      '[[registries.acme]]\nindex = "x"',
      '[registries]\na = 1',
      'a = 1\na = 2',
    ],
  },
};
