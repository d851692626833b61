import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from '../../src/demo/authorization-server.ts';
import { createMarksman, type Marksman } from './storm-marksman.ts';
import { LOGINS } from './storm-plan.ts';
import { type Processes, startProcesses } from './storm-processes.ts';
import { createSky, type Sky } from './storm-weather.ts';
import { type Witness, watch } from './storm-witness.ts';

export interface StormOptions {
  readonly seed: string;
  /** So many are started in the storm; some more in the calm after it. */
  readonly processes: number;
  readonly node: string;
  readonly bin: string;
  /** For the storm's own files, and the home. */
  readonly directory: string;
  readonly progress?: (started: number) => void;
}

/** All that a storm is made with. */
export interface Stage {
  readonly server: AuthorizationServer;
  readonly home: string;
  readonly sky: Sky;
  readonly witness: Witness;
  readonly marksman: Marksman;
  readonly processes: Processes;
}

/** Seconds that the first tokens live. */
export const FIRST_LIFETIME = 3;

export const setStage = async (options: StormOptions): Promise<Stage> => {
  const home = join(options.directory, 'home');
  mkdirSync(home, { mode: 0o700 });
  const server = await startAuthorizationServer({ accessTokenLifetime: FIRST_LIFETIME });
  const sky = createSky(server, FIRST_LIFETIME);
  return {
    server,
    home,
    sky,
    // Before anybody shoots: it notes who held the lease when the request came.
    witness: watch(server, home, sky.lifetime),
    marksman: createMarksman(home),
    processes: await startProcesses({ ...options, home }, LOGINS),
  };
};
