import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { TokenctlError } from '../errors.ts';
import { about, type PreparedChange, prepareChange, readText } from './change-file.ts';
import { changing, type SetupOutcome, type SetupRequest, toolOf } from './changing.ts';
import { ambiguousHosts, hostsToWire } from './hosts.ts';
import type { SetupRecord } from './record.ts';
import type { Asked, AskedHost, Surroundings, Tool, Wiring } from './tool.ts';
import type { Entry } from './wire.ts';

/** Wires a tool to tokenctl: what is there stays, what is missing is written, and that is written down. */
export const setUp = async (request: SetupRequest): Promise<SetupOutcome> => {
  const { login, replace, user, registry, index } = request;
  const { takesLogin } = toolOf(request.tool);
  const logins = request.logins.filter((one) => login === undefined || one.login === login);
  const hosts = hostsToWire(request.hosts, logins, login);
  const isNamed = request.hosts.length > 0;
  const asked: Asked = { hosts, isNamed, login, replace, user, registry, index };
  const ambiguous = ambiguousHosts(hosts, takesLogin ? logins : request.logins);
  const unclear = ambiguous.map(
    (host) =>
      `several logins are bound to ${host}, and none answers for it${takesLogin ? '; choose one: --login NAME' : ''}`,
  );
  if (login !== undefined && ambiguous.length > 0) {
    throw new TokenctlError(
      'refused',
      `${request.tool} cannot be told which login is meant, and ${unclear[0]}`,
      {
        hint: `tokenctl hosts OTHER remove ${ambiguous[0]}`,
      },
    );
  }
  return changing(request, (tool, record) => {
    const plan = tool.plan(asked, surroundingsOf(request, tool));
    const wired = new Set(plan.wirings.flatMap((wiring) => wiring.hosts));
    return {
      hosts: [...wired],
      notes: [...unclear, ...plan.notes],
      prepare: eachFile(plan.wirings, (file, wirings, before) =>
        wireFile(file, wirings, tool, request.tool, before),
      )(record),
    };
  });
};

/** Takes out what setup wrote: all of it, or what it wrote for these hosts. */
export const undoSetup = (
  request: SetupRequest,
  hosts: readonly AskedHost[] | null,
): Promise<SetupOutcome> =>
  changing(request, (tool, record) => {
    const gone = hosts?.map(({ host }) => host);
    const concerned = record.entries.filter(
      (entry) =>
        entry.tool === request.tool &&
        (gone === undefined || entry.hosts.some((host) => gone.includes(host))),
    );
    return {
      hosts: [...new Set(concerned.flatMap((entry) => entry.hosts))].filter(
        (host) => gone?.includes(host) ?? true,
      ),
      notes: [],
      prepare: eachFile(concerned, (file, _, before) => unwireFile(file, gone, tool, before))(
        record,
      ),
    };
  });

/** Each file's change is prepared on the record that the one before leaves. */
const eachFile =
  <T extends { readonly file: string }>(
    all: readonly T[],
    prepare: (file: string, of: readonly T[], record: SetupRecord) => PreparedChange,
  ) =>
  (before: SetupRecord): PreparedChange[] => {
    let record = before;
    return [...new Set(all.map(({ file }) => file))].map((file) => {
      const of = all.filter((one) => one.file === file);
      const prepared = prepare(file, of, record);
      record = prepared.kind === 'prepared' ? prepared.change.record : record;
      return prepared;
    });
  };

const wireFile = (
  named: string,
  wirings: readonly Wiring[],
  tool: Tool,
  toolName: string,
  record: SetupRecord,
): PreparedChange => {
  const file = resolve(named);
  const { target, text } = readText(file, tool);
  if (target.missing.includes(homedir())) {
    throw new TokenctlError('refused', `there is no home directory ${homedir()}`, {
      hint: 'set HOME',
    });
  }
  const data = about(file, () => tool.format.parse(text));
  const dropped: Entry[] = [];
  const added: Omit<Entry, 'edit'>[] = [];
  let entries = record.entries.filter((entry) => entry.file === file);
  for (const { want, hosts } of wirings) {
    const before = entries.find((entry) => entry.want.slot === want.slot);
    const all = [...new Set([...(before?.hosts ?? []), ...hosts])];
    if (tool.format.isDone(data, want) && !tool.format.isOvertaken?.(data, want)) {
      // By us, or by hand: then it is not ours to take out again.
      entries = entries.map((entry) => (entry === before ? { ...entry, hosts: all } : entry));
    } else {
      dropped.push(...(before === undefined ? [] : [before]));
      added.push({ tool: toolName, file, hosts: all, want });
    }
  }
  return prepareChange(file, target, text, tool, record, { entries, dropped, added });
};

const unwireFile = (
  file: string,
  gone: readonly string[] | undefined,
  tool: Tool,
  record: SetupRecord,
): PreparedChange => {
  const { target, text } = readText(file, tool);
  const entries = record.entries
    .filter((entry) => entry.file === file)
    .map((entry) => ({
      ...entry,
      hosts: gone === undefined ? [] : entry.hosts.filter((host) => !gone.includes(host)),
    }));
  const dropped = entries.filter(({ hosts }) => hosts.length === 0);
  return prepareChange(file, target, text, tool, record, { entries, dropped, added: [] });
};

const surroundingsOf = ({ env, program }: SetupRequest, tool: Tool): Surroundings => ({
  env,
  home: homedir(),
  program,
  read: (path) => {
    const { text } = readText(resolve(path), tool);
    return about(path, () => tool.format.parse(text));
  },
});
