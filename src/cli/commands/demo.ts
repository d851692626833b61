import { Command } from 'commander';

export const command = (): Command =>
  new Command('demo').summary('see the problem and its end').action(async () => {});
