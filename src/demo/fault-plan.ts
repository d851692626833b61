import type { Fault } from './fault-modes.ts';

/** The fault of an endpoint, and for how many requests it still holds. */
export class FaultPlan {
  #fault: Fault | null = null;
  #left = 0;

  set(fault: Fault | null): void {
    this.#fault = fault;
    this.#left = fault?.times ?? Number.POSITIVE_INFINITY;
  }

  /** The fault for the next request. */
  take(): Fault | null {
    if (this.#left <= 0) {
      return null;
    }
    this.#left -= 1;
    return this.#fault;
  }
}
