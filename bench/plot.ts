import type { Results } from './results.ts';
export const drawPlot = (results: Results): string => `${results.at}`;
