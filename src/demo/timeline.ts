/** One process in the timeline. Times in epoch milliseconds. */
export interface Lane {
  readonly label: string;
  readonly startedAt: number;
  readonly endedAt: number;
  /** When its request was at the token endpoint; null if it made none. */
  readonly refreshing: { readonly from: number; readonly to: number } | null;
  readonly end: 'served' | 'failed' | 'revoked' | 'killed';
}

const WIDTH = 50;
const END: Readonly<Record<Lane['end'], string>> = {
  served: '✓',
  failed: '✗',
  revoked: '✗',
  killed: '☠',
};

export const LEGEND = '· starting or waiting   █ at the token endpoint';

/** Draws each process as a line: `·` waiting, `█` refreshing, and how it ended. Pure. */
export const drawTimeline = (lanes: readonly Lane[]): string[] => {
  const from = Math.min(...lanes.map(({ startedAt }) => startedAt));
  const to = Math.max(...lanes.map(({ endedAt }) => endedAt));
  const cell = (at: number) => Math.round(((at - from) / Math.max(1, to - from)) * (WIDTH - 1));
  const labelWidth = Math.max(...lanes.map(({ label }) => label.length));
  const axis = `${' '.repeat(labelWidth)}  0${`${((to - from) / 1000).toFixed(1)} s`.padStart(WIDTH)}`;
  return [
    axis,
    ...lanes.map((lane) => `${lane.label.padStart(labelWidth)}  ${drawLane(lane, cell)}`),
  ];
};

const drawLane = (
  { startedAt, endedAt, refreshing, end }: Lane,
  cell: (at: number) => number,
): string => {
  const last = cell(endedAt);
  let line = '';
  for (let column = 0; column < last; column += 1) {
    const isRefreshing =
      refreshing !== null && column >= cell(refreshing.from) && column <= cell(refreshing.to);
    line += column < cell(startedAt) ? ' ' : isRefreshing ? '█' : '·';
  }
  return `${line}${END[end]} ${end}`;
};
