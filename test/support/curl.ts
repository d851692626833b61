import { spawnSync } from 'node:child_process';

/** The curl that is installed, or false. */
export const hasCurl = spawnSync('curl', ['--disable', '--version']).status === 0;
