import { endLike, startChild } from '../../src/cli/child.ts';

/** Runs the program in its arguments, and ends as it ends. */
const [, , command = '', ...args] = process.argv;
const { ended } = startChild(command, args, { env: process.env });
await endLike(await ended);
process.exit();
