import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hashMachine, newLeaseName, parseLeaseName } from '../../src/lock/lease-name.ts';
import { currentProcess, type ProcessIdentity } from '../../src/platform/process-identity.ts';

const identity: fc.Arbitrary<ProcessIdentity> = fc.record({
  pid: fc.integer({ min: 1, max: 4_194_304 }),
  startTime: fc.option(fc.stringMatching(/^[A-Za-z0-9_]{1,40}$/)),
  machine: fc.string(),
  namespaces: fc.option(fc.stringMatching(/^\d{1,10}-\d{1,10}$/)),
});

it('a lease name says again what it was made of, the machine as a hash', () => {
  fc.assert(
    fc.property(identity, (owner) => {
      expect(parseLeaseName(newLeaseName(owner))).toEqual({
        pid: owner.pid,
        startTime: owner.startTime,
        machineHash: hashMachine(owner.machine),
        namespaces: owner.namespaces,
      });
    }),
  );
});

it('every lease of one process has a name of its own', () => {
  const names = Array.from({ length: 1000 }, () => newLeaseName(currentProcess()));
  expect(new Set(names).size).toBe(1000);
});

it('a lease name is a plain file name everywhere', () => {
  fc.assert(
    fc.property(identity, (owner) => {
      expect(newLeaseName(owner)).toMatch(/^[A-Za-z0-9._-]{1,200}$/);
    }),
  );
});

it('nothing else is taken for a lease name', () => {
  const name = newLeaseName(currentProcess());
  fc.assert(
    fc.property(fc.string(), (garbage) => {
      expect(parseLeaseName(garbage)).toBeNull();
      expect(parseLeaseName(`${name}${garbage}`) === null || garbage === '').toBe(true);
      expect(parseLeaseName(`${garbage}${name}`) === null || /^[1-9]?\d*$/.test(garbage)).toBe(
        true,
      );
    }),
  );
  for (const odd of [
    '',
    '.',
    '..',
    'next.json',
    '.nfs000',
    `${name}.dead`,
    `${name}.new`,
    `${name}\n`,
  ]) {
    expect(parseLeaseName(odd)).toBeNull();
  }
});
